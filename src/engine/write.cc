#include "engine/write.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <list>
#include <mutex>
#include <utility>

#include "base/knobs.h"
#include "base/protect.h"
#include "base/timeline.h"
#include "engine/codec.h"
#include "engine/parking.h"

namespace tsnap {

namespace {

WorkerPool::Watch WatchOf(const Engine& engine, const SlabWriting& writing,
                          const ProgressCallback& progress) {
  WorkerPool::Watch watch;
  watch.stall_seconds = engine.knobs().io_timeout_seconds;
  watch.progress = [&writing] { return writing.store().moved_bytes(); };
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
  TSNAP_TRY(writing->Prepare(true));
  const WorkerPool::Watch watch = WatchOf(engine, *writing, progress);
  Status written = engine.workers().Run(
      writing->segment_count(), concurrency,
      [writing](size_t number) { return writing->WriteSegment(number); }, watch);
  writing->LetSourcesGo();
  TSNAP_TRY(std::move(written));
  if (progress) watch.tick();
  return writing->TakeExtents();
}

// What the two halves tell each other about each segment.
struct StagedWrite::Shared {
  Shared(WriteJob job, const Engine& engine, bool parks_on_devices)
      : parks(parks_on_devices),
        buffers(engine.buffers()),
        timeline(engine.timeline()),
        transfer_bytes(engine.write_transfer_bytes(*job.store)),
        writing(std::move(job), engine),
        staged(writing.segment_count()),
        ready(writing.segment_count(), 0) {}

  // A segment whose copies are under way, and the room that they go to.
  struct Flying {
    size_t number = 0;
    StagedSegment segment;
    std::shared_ptr<Parking> parking;
    std::unique_ptr<Gathering> gathering;  // gone before its room is
  };

  // Nobody waits any more, for bytes or for memory. The first reason stands.
  void Stop(Status reason) {
    {
      std::lock_guard lock(mutex);
      if (!stop) failure = std::move(reason);
      stop = true;
    }
    changed.notify_all();
    buffers->Wake();
    if (const std::shared_ptr<Parking> here = TheParking()) here->Wake();
  }

  std::shared_ptr<Parking> TheParking() {
    std::lock_guard lock(mutex);
    return parking;
  }
  void SetParking(std::shared_ptr<Parking> value) {
    std::lock_guard lock(mutex);
    parking.swap(value);
  }
  Status Prepare() {
    TSNAP_TRY(writing.Prepare(parks));
    if (parks) SetParking(Parking::Plan(writing, buffers));
    return Status::Ok();
  }

  // The next segment is copied; or, when the other half has ended, there is nobody to copy it for.
  Status StageNext(StagingReport* report) {
    size_t number = 0;
    StagedSegment segment;
    const std::shared_ptr<Parking> here = TheParking();
    {
      std::lock_guard lock(reserving);
      if (stop) return Status::Ok();
      number = next++;
      if (next == ready.size()) keeps_none_back = true;
      segment.is_parked = here != nullptr && here->holds(number);
      if (segment.is_parked) {
        // Needs no room.
      } else if (Status reserved = ReserveRoom(number, here.get(), &segment, report);
                 !reserved.ok()) {
        return reserved.code() == Code::kCancelled ? Status::Ok() : std::move(reserved);
      }
    }
    auto gathering = writing.NewGathering();
    TSNAP_TRY(segment.is_parked ? here->Park(number, gathering.get())
                                : writing.Stage(number, segment, gathering.get()));
    Flying copies{number, std::move(segment), here, std::move(gathering)};
    if (!copies.gathering->has_begun()) {
      TSNAP_TRY(HandOver(std::move(copies)));
    } else {
      std::lock_guard lock(flying_mutex);
      flying.push_back(std::move(copies));
    }
    return FinishFlying(keeps_none_back ? 0 : kMostFlying);
  }

  // The segment's part of a room; reserving is held.
  Status ReserveRoom(size_t number, const Parking* here, StagedSegment* segment,
                     StagingReport* report) {
    segment->bytes = writing.StagedBytes(number);
    if (segment->bytes > open_bytes) TSNAP_TRY(OpenRoom(number, here, report));
    segment->room = open_room;
    segment->offset = open_offset;
    open_offset += segment->bytes;
    open_bytes -= segment->bytes;
    if (open_bytes == 0) open_room = nullptr;
    if (over_budget) report->over_budget_bytes += writing.raw_bytes(number);
    return Status::Ok();
  }

  // Waits for the copies of the oldest segments until no more than so many are under way, and hands
  // them over. Where memory has run out none may be kept back: what is written gives it back.
  Status FinishFlying(size_t most) {
    for (;;) {
      Flying oldest;
      {
        std::lock_guard lock(flying_mutex);
        if (flying.size() <= most) return Status::Ok();
        oldest = std::move(flying.front());
        flying.pop_front();
      }
      TSNAP_TRY(HandOver(std::move(oldest)));
    }
  }

  // To the other half, when the copies are there.
  Status HandOver(Flying copies) {
    TSNAP_TRY(writing.FinishStaging(copies.number, copies.gathering.get()));
    copies.gathering.reset();
    std::lock_guard lock(mutex);
    staged[copies.number] = std::move(copies.segment);
    ready[copies.number] = 1;
    changed.notify_all();
    return Status::Ok();
  }

  // Room for this segment, and for as many of the next as fit into one buffer.
  Status OpenRoom(size_t number, const Parking* here, StagingReport* report) {
    open_room = nullptr;
    open_offset = open_bytes = 0;
    uint64_t bytes = writing.StagedBytes(number);
    for (size_t i = number + 1; i < writing.segment_count(); ++i) {
      if (here != nullptr && here->holds(i)) continue;
      const uint64_t more = writing.StagedBytes(i);
      if (more > transfer_bytes || bytes > transfer_bytes - more) break;
      bytes += more;
    }
    TSNAP_ASSIGN(BufferPool::Lease reserved, ReserveWithin(bytes, report));
    open_room = std::make_shared<StagingRoom>(buffers, std::move(reserved));
    open_bytes = bytes;
    return Status::Ok();
  }

  // Tries without waiting first: only when memory runs out do the writes begin before all is
  // copied.
  Result<BufferPool::Lease> ReserveWithin(uint64_t bytes, StagingReport* report) {
    const std::atomic<bool> at_once{true};
    double none = 0;
    Result<BufferPool::Lease> room = buffers->Reserve(bytes, at_once, &none);
    if (room.ok() || room.status().code() != Code::kCancelled) return room;
    over_budget = keeps_none_back = true;
    {
      std::lock_guard lock(mutex);
      may_write = true;
    }
    changed.notify_all();
    TSNAP_TRY(FinishFlying(0));
    const Timeline::Scope span(timeline.get(), Activity::kWaitMemory);
    return buffers->Reserve(bytes, stop, &report->waited_seconds);
  }

  // After this nothing of the user's is touched any more, however the copying ended.
  void LetSourcesGo() {
    std::list<Flying> left;
    {
      std::lock_guard lock(flying_mutex);
      left.swap(flying);
    }
    left.clear();
    writing.LetSourcesGo();
  }

  Status WriteOne(size_t number) {
    StagedSegment segment;
    {
      const Timeline::Scope span(timeline.get(), Activity::kWaitStaging);
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return stop || (may_write && ready[number] != 0); });
      if (stop) return CopyOf(cancelled);
      segment = std::move(staged[number]);
    }
    Status written = Protect([&]() -> Status {
      if (segment.is_parked) {
        const std::shared_ptr<Parking> here = TheParking();
        bool done = false;
        TSNAP_TRY(here->WriteDirect(number, &done));
        if (done) return Status::Ok();
        TSNAP_ASSIGN(segment, Parking::Land(here, number, stop));
      }
      return writing.WriteStaged(number, std::move(segment));
    });
    if (written.code() == Code::kCancelled) return CopyOf(cancelled);
    // At once: tasks that wait for bytes, and who copies them, would wait for what nobody writes.
    if (!written.ok()) Stop(CopyOf(written));
    return written;
  }

  // Made in advance: a take can be cancelled when memory has run out.
  const Status cancelled{Code::kCancelled, "the take was cancelled"};
  const bool parks;
  const std::shared_ptr<BufferPool> buffers;
  const std::shared_ptr<Timeline> timeline;
  const uint64_t transfer_bytes;
  SlabWriting writing;
  // Room is given out in the order of the segments, which is that of the writes: those that hold
  // memory are written, whatever the others wait for.
  std::mutex reserving;
  size_t next = 0;                           // guarded by reserving
  std::shared_ptr<StagingRoom> open_room;    // of the last segment, with the next; so is it
  uint64_t open_offset = 0, open_bytes = 0;  // what is left of it; so are they
  bool over_budget = false;                  // guarded by reserving, as the report is
  // No copies are left under way for the next segment to wait for: there is no memory for it, or no
  // such segment. Set with reserving held.
  std::atomic<bool> keeps_none_back{false};
  static constexpr size_t kMostFlying = 4;
  std::mutex flying_mutex;
  std::list<Flying> flying;  // guarded by flying_mutex; moved without memory
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<StagedSegment> staged;  // guarded by mutex
  std::vector<char> ready;            // guarded by mutex
  std::shared_ptr<Parking> parking;   // while something is parked; guarded by mutex
  bool may_write = false;             // guarded by mutex
  std::atomic<bool> stop{false};      // set with mutex held
  Status failure;                     // why it stopped; guarded by mutex
};

StagedWrite::StagedWrite(Engine& engine, WriteJob job, bool parks)
    : engine_(engine), shared_(std::make_shared<Shared>(std::move(job), engine, parks)) {}

StagedWrite::~StagedWrite() = default;

void StagedWrite::Stage(const ProgressCallback& progress, StagingReport* report) {
  const std::shared_ptr<Shared> shared = shared_;
  const size_t count = shared->writing.segment_count();
  const int threads = std::max(1, engine_.knobs().staging_threads);
  const auto stage = [shared, report, &engine = engine_](size_t) {
    Status staged = Protect([&] { return shared->StageNext(report); });
    // At once: other copies may wait for memory that is only given back after this one.
    if (!staged.ok()) shared->Stop(CopyOf(staged));
    engine.workers().NoteProgress();  // who waits for bytes is not hung
    return staged;
  };
  Status status = Protect([&] { return shared->Prepare(); });
  if (status.ok() && threads == 1 && !progress) {
    for (size_t i = 0; i < count && status.ok(); ++i) status = Protect([&] { return stage(i); });
  } else if (status.ok()) {
    WorkerPool::Watch watch = WatchOf(engine_, shared->writing, progress);
    watch.stall_seconds = std::numeric_limits<double>::infinity();  // the other half has a watch
    status = Protect([&] { return engine_.stagers().Run(count, threads, stage, watch); });
  }
  shared->LetSourcesGo();
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
  if (!engine_.stuck()) {
    writing.LetRoomsGo();
    shared->SetParking(nullptr);
  }
  if (!written.ok()) {
    shared->Stop(CopyOf(written));
    std::lock_guard lock(shared->mutex);
    if (written.code() != Code::kTimeout) written = CopyOf(shared->failure);
    // What was copied in vain; what a hung task holds stays with it.
    for (StagedSegment& segment : shared->staged) segment = {};
    return written;
  }
  if (progress) watch.tick();
  return writing.TakeExtents();
}

void StagedWrite::Cancel() { shared_->Stop(CopyOf(shared_->cancelled)); }

}  // namespace tsnap
