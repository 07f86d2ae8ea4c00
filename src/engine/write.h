// Writing a plan, within the byte budget: straight from the user's memory while he waits
// (WriteSlabs), or in two halves that overlap (StagedWrite): his thread copies, the background
// writes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "catalog/extent.h"
#include "engine/engine.h"
#include "engine/slab_writing.h"

namespace tsnap {

// Returns the extents as they lie in the slabs, in the order of plan.extents. All slabs are
// finished (and synced when durable). After kTimeout threads may still read the sources' memory.
Result<std::vector<Extent>> WriteSlabs(Engine& engine, WriteJob job,
                                       const ProgressCallback& progress);

// How the copying went.
struct StagingReport {
  double waited_seconds = 0;  // for memory: the budget was used up
  uint64_t copied_bytes = 0;
  uint64_t over_budget_bytes = 0;  // of user data: found room only where others had been written
};

class StagedWrite {
 public:
  // parks: what lies on a device is staged there, as far as it has memory to spare.
  StagedWrite(Engine& engine, WriteJob job, bool parks = false);
  ~StagedWrite();

  // The first half, by one thread: returns when everything is copied, and the sources' memory is
  // not needed any more. It waits for the other half only where the budget is used up. A failure is
  // the other half's to return; so is what ends this one early.
  void Stage(const ProgressCallback& progress, StagingReport* report);
  // The other half, by another thread, at any time: writes what is staged, as soon as all is
  // (copies are not slowed down by writes) or the budget is used up. As WriteSlabs; kCancelled soon
  // after Cancel.
  Result<std::vector<Extent>> Write(const ProgressCallback& progress);
  // By any thread.
  void Cancel();

 private:
  struct Shared;  // with the tasks, which may outlive this when they hang

  Engine& engine_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace tsnap
