#include "engine/copy_objects.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/protect.h"

namespace tsnap {

namespace {

constexpr uint64_t kPieceAlignment = 4096;  // direct I/O
constexpr uint64_t kPartBytes = 16 << 20;   // of an object store: a request costs a round trip
constexpr uint64_t kPiecesInBudget = 4;

// One object while it is copied: opened by its first piece, finished by its last.
struct Target {
  std::mutex mutex;
  std::unique_ptr<StoreWriter> writer;  // guarded by mutex until set
  uint64_t piece_bytes = 0;
  size_t pieces_left = 0;  // guarded by mutex
};

struct Piece {
  size_t object = 0;
  uint64_t offset = 0, bytes = 0;
};

class Copying {
 public:
  Copying(CopyJob job, const Engine& engine)
      : job_(std::move(job)),
        buffers_(engine.buffers()),
        reads_ahead_(engine.knobs().read_ahead_bytes > 0),
        note_progress_(engine.workers().ProgressNote()),
        targets_(job_.objects.size()) {}

  size_t object_count() const { return job_.objects.size(); }
  size_t piece_count() const { return pieces_.size(); }
  bool streams() const { return streams_; }
  uint64_t arrived_bytes() const { return arrived_bytes_; }
  Store& from() const { return *job_.from; }
  Store& to() const { return *job_.to; }

  // An object within the service; nothing when it turns out that these two cannot.
  Status CopyWithin(size_t number) {
    if (streams_) return Status::Ok();
    const Entry& object = job_.objects[number];
    TSNAP_TRY(MayBegin());
    Status copied = job_.to->CopyFrom(*job_.from, object.key, object.bytes);
    // Who may write there need not be allowed to read the source: those are two sets of
    // credentials.
    if (copied.code() == Code::kUnsupported || copied.code() == Code::kAuth) {
      streams_ = true;
      return Status::Ok();
    }
    TSNAP_TRY(std::move(copied));
    arrived_bytes_ += object.bytes;
    Finished(number);
    return Status::Ok();
  }

  // What is not there yet, in pieces.
  void CutRest() {
    for (size_t i = 0; i < targets_.size(); ++i) {
      if (done_[i]) continue;
      Target& target = targets_[i];
      const uint64_t bytes = job_.objects[i].bytes;
      target.piece_bytes = PieceBytes(bytes);
      target.pieces_left = std::max<uint64_t>(1, CeilDiv(bytes, target.piece_bytes));
      for (size_t piece = 0; piece < target.pieces_left; ++piece) {
        const uint64_t offset = piece * target.piece_bytes;
        pieces_.push_back({i, offset, std::min(target.piece_bytes, bytes - offset)});
      }
    }
  }

  Status CopyPiece(size_t number) {
    const Piece& piece = pieces_[number];
    const Entry& object = job_.objects[piece.object];
    Target& target = targets_[piece.object];
    TSNAP_TRY(Open(piece.object, &target));
    if (piece.bytes > 0) {
      TSNAP_ASSIGN(const BufferPool::Lease lease, buffers_->Acquire(piece.bytes));
      Announce(number + 1);
      TSNAP_TRY(job_.from->ReadAt(object.key, piece.offset, lease.bytes()));
      note_progress_();
      TSNAP_TRY(Write(piece, target, lease));
    }
    arrived_bytes_ += piece.bytes;
    note_progress_();
    return FinishWhenLast(piece.object, &target);
  }

  std::vector<Entry> TakeFinished() {
    std::lock_guard lock(mutex_);
    return std::exchange(finished_, {});
  }

 private:
  Status MayBegin() const { return job_.may_begin ? job_.may_begin() : Status::Ok(); }

  // Several within the budget, and no smaller than the stores like it; an object store takes so
  // many parts and no more.
  uint64_t PieceBytes(uint64_t object_bytes) const {
    const StoreTraits &from = job_.from->traits(), &to = job_.to->traits();
    uint64_t bytes = std::max({kTransferBytes, from.read_transfer_bytes,
                               to.whole_objects() ? kPartBytes : to.write_transfer_bytes});
    bytes = std::min(bytes, buffers_->budget_bytes() / kPiecesInBudget);
    bytes = std::max(bytes, kBlockBytes);
    if (to.whole_objects())
      bytes = std::max({bytes, to.least_part_bytes, CeilDiv(object_bytes, kMostParts)});
    return AlignUp(bytes, kPieceAlignment);
  }

  Status Open(size_t number, Target* target) {
    const Entry& object = job_.objects[number];
    std::lock_guard lock(target->mutex);
    if (target->writer != nullptr) return Status::Ok();
    TSNAP_TRY(MayBegin());
    WriteLayout layout;
    layout.bytes = object.bytes;
    for (uint64_t offset = 0; offset < object.bytes; offset += target->piece_bytes)
      layout.offsets.push_back(offset);
    TSNAP_ASSIGN(target->writer, job_.to->Create(object.key, layout));
    return Status::Ok();
  }

  // Only a hint: what is wrong shows when the bytes are read.
  void Announce(size_t number) {
    if (!reads_ahead_ || number >= pieces_.size()) return;
    const Piece& next = pieces_[number];
    job_.from->WillRead(job_.objects[next.object].key, next.offset, next.bytes);
  }

  Status Write(const Piece& piece, const Target& target, const BufferPool::Lease& lease) {
    const StoreTraits& traits = job_.to->traits();
    ByteSpan bytes = lease.bytes();
    if (const uint64_t padded = AlignUp(piece.bytes, traits.write_alignment);
        padded != piece.bytes) {
      bytes = lease.padded().first(padded);
      std::fill(bytes.begin() + static_cast<ptrdiff_t>(piece.bytes), bytes.end(), std::byte{0});
    }
    std::optional<uint32_t> crc32c;
    if (traits.wants_checksums) crc32c = Crc32c(bytes);
    return target.writer->WriteAt(piece.offset, bytes, crc32c);
  }

  Status FinishWhenLast(size_t number, Target* target) {
    {
      std::lock_guard lock(target->mutex);
      if (--target->pieces_left > 0) return Status::Ok();
    }
    TSNAP_TRY(target->writer->Finish(job_.objects[number].bytes, /*durable=*/true));
    target->writer.reset();
    Finished(number);
    return Status::Ok();
  }

  void Finished(size_t number) {
    std::lock_guard lock(mutex_);
    done_[number] = true;
    finished_.push_back(job_.objects[number]);
  }

  const CopyJob job_;
  const std::shared_ptr<BufferPool> buffers_;
  const bool reads_ahead_;
  const std::function<void()> note_progress_;
  std::vector<Target> targets_;
  std::vector<Piece> pieces_;
  std::atomic<bool> streams_{false};
  std::atomic<uint64_t> arrived_bytes_{0};
  std::mutex mutex_;
  std::vector<bool> done_ = std::vector<bool>(targets_.size());  // guarded by mutex_
  std::vector<Entry> finished_;                                  // guarded by mutex_
};

int ConcurrencyOf(const Engine& engine, const Store& from, const Store& to) {
  return std::max(engine.ConcurrencyFor(from), engine.ConcurrencyFor(to));
}

}  // namespace

Status CopyObjects(Engine& engine, CopyJob job, const CopyWatch& watch, bool* within_service) {
  auto copying = std::make_shared<Copying>(std::move(job), engine);
  const int concurrency = ConcurrencyOf(engine, copying->from(), copying->to());
  WorkerPool::Watch worker_watch;
  worker_watch.stall_seconds = engine.knobs().io_timeout_seconds;
  worker_watch.progress = [copying] {
    return copying->from().moved_bytes() + copying->to().moved_bytes();
  };
  worker_watch.tick = [&] { watch(copying->TakeFinished(), copying->arrived_bytes()); };
  Status copied = engine.workers().Run(
      copying->object_count(), concurrency,
      [copying](size_t number) { return copying->CopyWithin(number); }, worker_watch);
  if (copied.ok() && copying->streams()) {
    copying->CutRest();
    copied = engine.workers().Run(
        copying->piece_count(), concurrency,
        [copying](size_t number) { return copying->CopyPiece(number); }, worker_watch);
  }
  *within_service = copied.ok() && copying->object_count() > 0 && !copying->streams();
  static_cast<void>(Protect([&] {
    worker_watch.tick();
    return Status::Ok();
  }));
  return copied;
}

}  // namespace tsnap
