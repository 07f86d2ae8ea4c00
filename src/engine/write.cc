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

  // The next segment is copied; or, when the other half has ended, there is nobody to copy it for.
  Status StageNext(StagingReport* report) {
    size_t number = 0;
    BufferPool::Lease room;
    {
      std::lock_guard lock(reserving);
      if (stop) return Status::Ok();
      number = next++;
      Result<BufferPool::Lease> reserved = ReserveWithin(number, report);
      if (!reserved.ok()) {
        const bool stopped = reserved.status().code() == Code::kCancelled;
        return stopped ? Status::Ok() : std::move(reserved).status();
      }
      room = std::move(reserved).value();
      if (over_budget) report->over_budget_bytes += writing.raw_bytes(number);
    }
    TSNAP_TRY(writing.Stage(number, &room));
    std::lock_guard lock(mutex);
    staged[number] = std::move(room);
    ready[number] = 1;
    changed.notify_all();
    return Status::Ok();
  }

  // Tries without waiting first: only when memory runs out do the writes begin before all is
  // copied.
  Result<BufferPool::Lease> ReserveWithin(size_t number, StagingReport* report) {
    const std::atomic<bool> at_once{true};
    double none = 0;
    Result<BufferPool::Lease> room = writing.Reserve(number, at_once, &none);
    if (room.ok() || room.status().code() != Code::kCancelled) return room;
    over_budget = true;
    {
      std::lock_guard lock(mutex);
      may_write = true;
    }
    changed.notify_all();
    const Timeline::Scope span(timeline.get(), Activity::kWaitMemory);
    return writing.Reserve(number, stop, &report->waited_seconds);
  }

  Status WriteOne(size_t number) {
    BufferPool::Lease lease;
    {
      const Timeline::Scope span(timeline.get(), Activity::kWaitStaging);
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return stop || (may_write && ready[number] != 0); });
      if (stop) return CopyOf(cancelled);
      lease = std::move(staged[number]);
    }
    Status written = Protect([&] { return writing.WriteStaged(number, std::move(lease)); });
    // At once: tasks that wait for bytes, and who copies them, would wait for what nobody writes.
    if (!written.ok()) Stop(CopyOf(written));
    return written;
  }

  // Made in advance: a take can be cancelled when memory has run out.
  const Status cancelled{Code::kCancelled, "the take was cancelled"};
  const std::shared_ptr<BufferPool> buffers;
  const std::shared_ptr<Timeline> timeline;
  SlabWriting writing;
  // Room is given out in the order of the segments, which is that of the writes: those that hold
  // memory are written, whatever the others wait for.
  std::mutex reserving;
  size_t next = 0;           // guarded by reserving
  bool over_budget = false;  // guarded by reserving, as the report is
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
  const auto stage = [shared, report, &engine = engine_](size_t) {
    Status staged = shared->StageNext(report);
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
  report->copied_bytes = shared->writing.meter().staged_bytes;
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
  // Whatever it is that fails: who copies must not wait for memory that nobody gives back.
  Status written = Protect([&] {
    return engine_.workers().Run(
        writing.segment_count(), engine_.ConcurrencyFor(writing.store()),
        [shared](size_t number) { return shared->WriteOne(number); }, watch);
  });
  if (!written.ok()) {
    shared->Stop(CopyOf(written));
    std::lock_guard lock(shared->mutex);
    if (written.code() != Code::kTimeout) written = CopyOf(shared->failure);
    // What was copied in vain; what a hung task holds stays with it.
    for (BufferPool::Lease& lease : shared->staged) lease = {};
    return written;
  }
  if (progress) watch.tick();
  return writing.TakeExtents();
}

void StagedWrite::Cancel() { shared_->Stop(CopyOf(shared_->cancelled)); }

}  // namespace tsnap
