// The data of a conversion: chunk by chunk from one store into memory, checked and decoded, and
// from there into the other one. A batch of chunks is in memory at a time; to a store of slabs it
// goes as slabs of writer 0, to a file of datasets each to its place.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/knobs.h"
#include "base/status.h"
#include "core/convert_plan.h"
#include "engine/engine.h"
#include "engine/slab_writing.h"
#include "format/native/names.h"
#include "store/store.h"

namespace tsnap {

// How the budget is shared: so much holds a batch, and the rest is for what moves.
uint64_t BatchBytes(const Knobs& knobs);
uint64_t BytesBesideBatch(const Knobs& knobs);

struct ConvertJob {
  Engine& engine;
  std::shared_ptr<Store> from, to;
  native::SlabNames from_slabs, to_slabs;
  std::shared_ptr<const ConvertPlan> plan;
  // Of a file of datasets: parallel to the plan's chunks.
  std::vector<ExtentPlace> places;
  // While it waits, often: what is at the destination by now.
  std::function<void(uint64_t done_bytes)> watch;
};

struct ConvertedData {
  std::vector<Extent> extents;  // parallel to the plan's chunks
  uint32_t slabs = 0;           // 0 in a file of datasets
  uint64_t bytes = 0;
  bool reading = false;  // what failed, if something did
};

// Everything is written and durable, but for names; or the first failure. kTimeout when a store
// hangs: threads are left behind, and the memory that they use.
Status ConvertData(const ConvertJob& job, ConvertedData* out);

}  // namespace tsnap
