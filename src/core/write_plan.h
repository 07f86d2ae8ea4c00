// What this rank writes: its private objects, its boxes of sharded arrays and its share of the
// replicated ones (step 3 of a take). Local; every rank computes the same shares.
#pragma once

#include <cstdint>
#include <vector>

#include "base/knobs.h"
#include "core/claims.h"
#include "core/describe.h"
#include "core/survey.h"
#include "engine/slab_writing.h"
#include "plan/batch.h"
#include "store/store.h"

namespace tsnap {

// Which object and box a source of the plan is.
struct SourceRef {
  uint32_t object = 0;
  uint32_t box = 0;
};

// Good for every state of the same structure: it holds no addresses.
struct LocalWritePlan {
  WritePlan plan;
  std::vector<SourceRef> refs;  // what plan.extents[i].source counts
};

struct WriteSizes {
  uint64_t chunk_bytes = 0;
  BatchSizes batch;  // its transfer_bytes are this rank's
  bool operator==(const WriteSizes&) const = default;
};

// The size of a slab or a chunk: what was asked for, or (0) what the store wants.
uint64_t SizeOrDefault(uint64_t asked_bytes, uint64_t store_bytes, const StoreTraits& traits);

LocalWritePlan PlanWrites(const std::vector<LocalObject>& objects,
                          const std::vector<LocalOmission>& omissions, const Survey& survey,
                          int rank, int size, const WriteSizes& sizes);
// Where the plan's bytes lie now, parallel to its refs.
std::vector<WriteSource> SourcesOf(const LocalWritePlan& plan,
                                   const std::vector<LocalObject>& objects);

}  // namespace tsnap
