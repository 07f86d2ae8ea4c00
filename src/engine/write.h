// Writing a plan: each segment is staged, compressed if asked, checksummed block by block and
// written, within the byte budget. Contiguous host memory is written without a copy where the store
// allows it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/array_view.h"
#include "catalog/extent.h"
#include "engine/engine.h"
#include "plan/batch.h"

namespace tsnap {

// The user's array that planned extents come from.
struct WriteSource {
  ArrayView memory;
  Box memory_box;
  std::string name;  // of the object, for messages
};

struct WriteJob {
  std::shared_ptr<Store> store;
  std::string id;  // of the snapshot
  uint32_t writer = 0;
  WritePlan plan;
  std::vector<WriteSource> sources;
  Codec codec = Codec::kNone;
  bool durable = true;
};

// Returns the extents as they lie in the slabs, in the order of plan.extents. All slabs are
// finished (and synced when durable). After kTimeout threads may still read the sources' memory.
Result<std::vector<Extent>> WriteSlabs(Engine& engine, WriteJob job,
                                       const ProgressCallback& progress);

}  // namespace tsnap
