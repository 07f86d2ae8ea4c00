// The index of a take: entries go to their owners, each owner writes its parts, and rank 0 learns
// what the commit record lists (step 5). No rank ever holds the whole catalog.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/extent.h"
#include "catalog/placement.h"
#include "comm/comm.h"
#include "core/describe.h"
#include "core/write_plan.h"
#include "engine/engine.h"
#include "format/native/commit_record.h"
#include "store/store.h"

namespace tsnap {

struct IndexSummary {
  std::vector<native::PartInfo> parts;  // on rank 0
  int64_t object_count = 0;             // on all ranks, like the sums below
  uint64_t raw_bytes = 0, stored_bytes = 0;
};

struct IndexJob {
  Engine& engine;
  std::shared_ptr<Store> store;
  const std::string& id;
  Placement placement;
  bool durable = true;
  const std::vector<LocalObject>* objects = nullptr;
  const LocalWritePlan* plan = nullptr;
  const std::vector<Extent>* extents = nullptr;  // parallel to plan->plan.extents
  bool only_measure = false;                     // nothing is written: how long are the parts?
};

// Collective.
Status WriteIndex(Comm& comm, const IndexJob& job, Status local, IndexSummary* out);

}  // namespace tsnap
