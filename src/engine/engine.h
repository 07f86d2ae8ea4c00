// Engine: what runs a plan: the buffers of the byte budget, the threads that move segments, and
// those that copy them out of the user's memory while he waits. One per context or snapshot, kept
// between operations.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "base/knobs.h"
#include "base/timeline.h"
#include "engine/staging_slots.h"
#include "engine/worker_pool.h"
#include "stage/buffer_pool.h"
#include "store/store.h"

namespace tsnap {

// What the user may watch: all three in bytes of user data. Called from the thread that waits for
// the transfers.
using ProgressCallback =
    std::function<void(uint64_t staged_bytes, uint64_t moved_bytes, uint64_t total_bytes)>;

class Engine {
 public:
  Engine(const Knobs& knobs, uint64_t budget_bytes)
      : knobs_(knobs),
        buffers_(std::make_shared<BufferPool>(budget_bytes, kTransferBytes)),
        staging_(std::make_shared<StagingSlots>(std::max(1, knobs.staging_threads))) {}

  const Knobs& knobs() const { return knobs_; }
  const std::shared_ptr<BufferPool>& buffers() const { return buffers_; }
  const std::shared_ptr<StagingSlots>& staging() const { return staging_; }
  WorkerPool& workers() { return workers_; }
  const WorkerPool& workers() const { return workers_; }
  WorkerPool& stagers() { return stagers_; }
  // May be null.
  const std::shared_ptr<Timeline>& timeline() const { return timeline_; }
  void set_timeline(std::shared_ptr<Timeline> timeline) { timeline_ = std::move(timeline); }
  // What one transfer moves at most: whole blocks, within the budget. To an object store never less
  // than a part needs, with what Batch cannot fill.
  uint64_t read_transfer_bytes(const Store& store) const {
    return TransferBytes(store, store.traits().read_transfer_bytes);
  }
  uint64_t write_transfer_bytes(const Store& store) const {
    const StoreTraits& traits = store.traits();
    const uint64_t bytes = TransferBytes(store, traits.write_transfer_bytes);
    if (!traits.whole_objects()) return bytes;
    return std::max(bytes, AlignUp(traits.least_part_bytes + kLargeExtentBytes, kBlockBytes));
  }
  int ConcurrencyFor(const Store& store) const {
    return knobs_.io_concurrency > 0 ? knobs_.io_concurrency : store.traits().io_concurrency;
  }
  // For transfers: what the store moves within a call is progress.
  WorkerPool::Watch WatchOf(const std::shared_ptr<Store>& store) const {
    WorkerPool::Watch watch;
    watch.stall_seconds = knobs_.io_timeout_seconds;
    watch.progress = [store] { return store->moved_bytes(); };
    return watch;
  }
  // Runs a store call that is no transfer (a record, a marker, the sync of a folder, a removal) on
  // a thread kept for such, and watches it like a transfer: kTimeout when it hangs. The closure
  // owns what it touches. With a store, what that one moves and removes is progress.
  Status Watched(std::function<Status()> call, const std::shared_ptr<Store>& store = nullptr) {
    WorkerPool::Watch watch;
    watch.stall_seconds = knobs_.io_timeout_seconds;
    if (store != nullptr)
      watch.progress = [store] { return store->moved_bytes() + store->counters().removed_names; };
    return records_.Run(
        1, 1, [call = std::move(call)](size_t) { return call(); }, watch);
  }
  // True after a stall: threads hang in the storage system and nothing can be moved any more.
  bool stuck() const { return workers_.stuck() || records_.stuck(); }

 private:
  // Where a store wants more than a buffer at a time, all that are in flight fit into the budget,
  // in sizes that the pool does not round up.
  uint64_t TransferBytes(const Store& store, uint64_t wanted_bytes) const {
    uint64_t bytes = buffers_->budget_bytes();
    if (wanted_bytes > 0) {
      bytes /= static_cast<uint64_t>(std::max(1, ConcurrencyFor(store)));
      bytes -= bytes % BufferPool::SizeStep(bytes);
    }
    const uint64_t most = std::max(kBlockBytes, wanted_bytes > 0 ? wanted_bytes : kTransferBytes);
    return std::clamp(bytes, kBlockBytes, most) / kBlockBytes * kBlockBytes;
  }

  const Knobs knobs_;
  std::shared_ptr<BufferPool> buffers_;
  std::shared_ptr<StagingSlots> staging_;
  std::shared_ptr<Timeline> timeline_;
  WorkerPool records_;
  WorkerPool stagers_;  // both are joined before the buffers go
  WorkerPool workers_;
};

// Bytes moved so far; shared by the tasks of one operation.
struct Meter {
  std::atomic<uint64_t> staged_bytes{0}, moved_bytes{0};
  uint64_t total_bytes = 0;
};

}  // namespace tsnap
