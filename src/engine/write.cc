#include "engine/write.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <utility>

#include "base/knobs.h"
#include "base/protect.h"
#include "base/timeline.h"
#include "engine/codec.h"

namespace tsnap {

namespace {

WorkerPool::Watch WatchOf(const Engine& engine, const SlabWriting& writing,
                          const ProgressCallback& progress) {
  WorkerPool::Watch watch;
  watch.stall_seconds = engine.knobs().io_timeout_seconds;
  if (progress) {
    watch.tick = [&writing, &progress] {
      const Meter& meter = writing.meter();
      progress(meter.staged_bytes, meter.moved_bytes, meter.total_bytes);
    };
  }
  return watch;
}

}  // namespace

Result<std::vector<Extent>> WriteSlabs(Engine& engine, WriteJob job,
                                       const ProgressCallback& progress) {
  TSNAP_TRY(CheckCodec(job.codec));
  const int concurrency = engine.ConcurrencyFor(*job.store);
  auto writing = std::make_shared<SlabWriting>(std::move(job), engine);
  const WorkerPool::Watch watch = WatchOf(engine, *writing, progress);
  TSNAP_TRY(engine.workers().Run(
      writing->segment_count(), concurrency,
      [writing](size_t number) { return writing->WriteSegment(number); }, watch));
  if (progress) watch.tick();
  return writing->TakeExtents();
}

// What the two halves tell each other about each segment.
struct StagedWrite::Shared {
  Shared(WriteJob job, const Engine& engine)
      : buffers(engine.buffers()),
        timeline(engine.timeline()),
        writing(std::move(job), engine),
        staged(writing.segment_count()),
        ready(writing.segment_count(), 0) {}

  // Nobody waits any more, for bytes or for memory. The first reason stands.
  void Stop(Status reason) {
    {
      std::lock_guard lock(mutex);
      if (!stop) failure = std::move(reason);
      stop = true;
    }
    changed.notify_all();
    buffers->Wake();
  }

  // A segment is copied; or, when the other half has ended, there is nobody to copy it for.
  Status StageOne(size_t number, StagingReport* report) {
    if (stop) return Status::Ok();
    double waited_seconds = 0;
    Result<BufferPool::Lease> lease = StageWithin(number, &waited_seconds);
    if (!lease.ok())
      return lease.status().code() == Code::kCancelled ? Status::Ok() : std::move(lease).status();
    std::lock_guard lock(mutex);
    if (waited_seconds > 0) {
      report->waited_seconds += waited_seconds;
      report->over_budget_bytes += lease->bytes().size();
    }
    staged[number] = std::move(lease).value();
    ready[number] = 1;
    changed.notify_all();
    return Status::Ok();
  }

  // Tries without waiting first: only when memory runs out do the writes begin before all is
  // copied.
  Result<BufferPool::Lease> StageWithin(size_t number, double* waited_seconds) {
    const std::atomic<bool> at_once{true};
    double none = 0;
    Result<BufferPool::Lease> lease = writing.Stage(number, at_once, &none);
    if (lease.ok() || lease.status().code() != Code::kCancelled) return lease;
    {
      std::lock_guard lock(mutex);
      may_write = true;
    }
    changed.notify_all();
    return writing.Stage(number, stop, waited_seconds);
  }

  Status WriteOne(size_t number) {
    BufferPool::Lease lease;
    {
      const Timeline::Scope span(timeline, Activity::kWaitStaging);
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return stop || (may_write && ready[number] != 0); });
      if (stop) return {Code::kCancelled, "the take was cancelled"};
      lease = std::move(staged[number]);
    }
    Status written = Protect([&] { return writing.WriteStaged(number, std::move(lease)); });
    // At once: tasks that wait for bytes, and who copies them, would wait for what nobody writes.
    if (!written.ok()) Stop(written);
    return written;
  }

  const std::shared_ptr<BufferPool> buffers;
  Timeline* const timeline;
  SlabWriting writing;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<BufferPool::Lease> staged;  // guarded by mutex
  std::vector<char> ready;                // guarded by mutex
  bool may_write = false;                 // guarded by mutex
  std::atomic<bool> stop{false};          // set with mutex held
  Status failure;                         // why it stopped; guarded by mutex
};

StagedWrite::StagedWrite(Engine& engine, WriteJob job)
    : engine_(engine), shared_(std::make_shared<Shared>(std::move(job), engine)) {}

StagedWrite::~StagedWrite() = default;

void StagedWrite::Stage(const ProgressCallback& progress, StagingReport* report) {
  const std::shared_ptr<Shared> shared = shared_;
  const size_t count = shared->writing.segment_count();
  const int threads = std::max(1, engine_.knobs().staging_threads);
  const auto stage = [shared, report, &engine = engine_](size_t number) {
    Status staged = shared->StageOne(number, report);
    engine.workers().NoteProgress();  // who waits for bytes is not hung
    return staged;
  };
  Status status;
  if (threads == 1 && !progress) {
    for (size_t i = 0; i < count && status.ok(); ++i) status = Protect([&] { return stage(i); });
  } else {
    WorkerPool::Watch watch = WatchOf(engine_, shared->writing, progress);
    watch.stall_seconds = std::numeric_limits<double>::infinity();  // the other half has a watch
    status = Protect([&] { return engine_.stagers().Run(count, threads, stage, watch); });
  }
  if (!status.ok()) shared->Stop(std::move(status));
  {
    std::lock_guard lock(shared->mutex);
    shared->may_write = true;
  }
  shared->changed.notify_all();
}

Result<std::vector<Extent>> StagedWrite::Write(const ProgressCallback& progress) {
  const std::shared_ptr<Shared> shared = shared_;
  SlabWriting& writing = shared->writing;
  const WorkerPool::Watch watch = WatchOf(engine_, writing, progress);
  Status written = engine_.workers().Run(
      writing.segment_count(), engine_.ConcurrencyFor(writing.store()),
      [shared](size_t number) { return shared->WriteOne(number); }, watch);
  if (!written.ok()) {
    shared->Stop(written);
    std::lock_guard lock(shared->mutex);
    if (written.code() != Code::kTimeout) written = shared->failure;
    // What was copied in vain; what a hung task holds stays with it.
    for (BufferPool::Lease& lease : shared->staged) lease = {};
    return written;
  }
  if (progress) watch.tick();
  return writing.TakeExtents();
}

void StagedWrite::Cancel() { shared_->Stop({Code::kCancelled, "the take was cancelled"}); }

}  // namespace tsnap
