#include "engine/write.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/knobs.h"
#include "engine/codec.h"
#include "format/native/names.h"
#include "stage/stager.h"

namespace tsnap {

namespace {

constexpr uint64_t kLeastCodedBytes =
    4096;  // a frame's header eats what a smaller extent could save

// One slab while it is written: opened by the first segment that needs it, finished by the last.
struct SlabFile {
  std::mutex mutex;
  std::unique_ptr<StoreWriter> writer;  // guarded by mutex until set
  uint64_t cursor = 0;                  // with codec: where the next segment goes; guarded by mutex
  uint64_t end = 0;                     // end of the last extent; guarded by mutex
  size_t segments_left = 0;             // guarded by mutex
};

class SlabWriting {
 public:
  SlabWriting(WriteJob job, const Engine& engine)
      : job_(std::move(job)),
        buffers_(engine.buffers()),
        staging_(engine.staging()),
        slabs_(job_.plan.slab_bytes.size()) {
    extents_.reserve(job_.plan.extents.size());
    for (const PlannedExtent& planned : job_.plan.extents) {
      Extent& extent = extents_.emplace_back();
      extent.writer = job_.writer;
      extent.slab = planned.slab;
      extent.offset = planned.offset;
      extent.raw_bytes = extent.stored_bytes = planned.raw_bytes;
      extent.box = planned.box;
      extent.order = planned.order;
      extent.block_crcs.resize(CeilDiv(planned.raw_bytes, kBlockBytes));
      meter_.total_bytes += planned.raw_bytes;
    }
    for (const Segment& segment : job_.plan.segments) ++slabs_[segment.slab].segments_left;
  }

  size_t segment_count() const { return job_.plan.segments.size(); }
  std::vector<Extent> TakeExtents() { return std::move(extents_); }
  const Meter& meter() const { return meter_; }
  const Store& store() const { return *job_.store; }

  Status WriteSegment(size_t number) {
    const Segment& segment = job_.plan.segments[number];
    SlabFile& slab = slabs_[segment.slab];
    TSNAP_TRY(Open(segment.slab, &slab));
    TSNAP_TRY(job_.codec == Codec::kNone ? WritePlain(segment, &slab) : WriteCoded(segment, &slab));
    return FinishWhenLast(segment.slab, &slab);
  }

 private:
  Status Open(uint32_t number, SlabFile* slab) {
    std::lock_guard lock(slab->mutex);
    if (slab->writer) return Status::Ok();
    const uint64_t expected = job_.codec == Codec::kNone ? job_.plan.slab_bytes[number] : 0;
    TSNAP_ASSIGN(slab->writer,
                 job_.store->Create(native::SlabKey(job_.id, job_.writer, number), expected));
    slab->end = expected;
    return Status::Ok();
  }

  Status FinishWhenLast(uint32_t number, SlabFile* slab) {
    {
      std::lock_guard lock(slab->mutex);
      if (--slab->segments_left != 0) return Status::Ok();
    }
    Status finished = slab->writer->Finish(slab->end, job_.durable);
    slab->writer.reset();
    return std::move(finished).While("finishing", native::SlabKey(job_.id, job_.writer, number));
  }

  Mapping MappingOf(const PlannedExtent& planned) const {
    const WriteSource& source = job_.sources[planned.source];
    return {source.memory, source.memory_box, planned.box, planned.order};
  }

  const std::string& NameOf(const Piece& piece) const {
    return job_.sources[job_.plan.extents[piece.extent].source].name;
  }

  void Checksum(const Piece& piece, uint64_t begin, ConstByteSpan block) {
    extents_[piece.extent].block_crcs[(piece.begin + begin) / kBlockBytes] = Crc32c(block);
  }

  // Copies a piece into the buffer block by block, so that each is still in the cache for its
  // checksum.
  Status StagePiece(const Piece& piece, ByteSpan out) {
    const PlannedExtent& planned = job_.plan.extents[piece.extent];
    TSNAP_ASSIGN(Stager * stager, StagerFor(job_.sources[planned.source].memory.data));
    const Mapping mapping = MappingOf(planned);
    for (uint64_t begin = 0; begin < piece.bytes; begin += kBlockBytes) {
      const ByteSpan block = out.subspan(begin, std::min(kBlockBytes, piece.bytes - begin));
      TSNAP_TRY(
          stager->Gather(mapping, piece.begin + begin, block).While("staging", NameOf(piece)));
      Checksum(piece, begin, block);
    }
    return Status::Ok();
  }

  void ChecksumInPlace(const Piece& piece, ConstByteSpan bytes) {
    const StagingSlots::Hold hold(*staging_);
    for (uint64_t begin = 0; begin < bytes.size(); begin += kBlockBytes) {
      Checksum(piece, begin, bytes.subspan(begin, std::min(kBlockBytes, bytes.size() - begin)));
    }
  }

  // Returns where the last piece ends in the buffer.
  Result<uint64_t> StagePieces(std::span<const Piece> pieces, ByteSpan buffer) {
    const StagingSlots::Hold hold(*staging_);
    uint64_t end = 0;
    for (const Piece& piece : pieces) {
      std::fill(buffer.begin() + static_cast<ptrdiff_t>(end),
                buffer.begin() + static_cast<ptrdiff_t>(piece.buffer_offset), std::byte{0});
      TSNAP_TRY(StagePiece(piece, buffer.subspan(piece.buffer_offset, piece.bytes)));
      end = piece.buffer_offset + piece.bytes;
    }
    return end;
  }

  // Where the segment is one piece of contiguous host memory that the store can take as it is, else
  // nullptr.
  Result<const std::byte*> InPlace(const Segment& segment) {
    const std::byte* nowhere = nullptr;
    if (segment.piece_count != 1 || job_.store->traits().write_alignment > 1) return nowhere;
    const Piece& piece = job_.plan.pieces[segment.first_piece];
    const PlannedExtent& planned = job_.plan.extents[piece.extent];
    TSNAP_ASSIGN(Stager * stager, StagerFor(job_.sources[planned.source].memory.data));
    return static_cast<const std::byte*>(
        stager->Direct(MappingOf(planned), piece.begin, piece.bytes));
  }

  Status WritePlain(const Segment& segment, SlabFile* slab) {
    const std::span<const Piece> pieces(job_.plan.pieces.data() + segment.first_piece,
                                        segment.piece_count);
    TSNAP_ASSIGN(const std::byte* in_place, InPlace(segment));
    if (in_place != nullptr) {
      const ConstByteSpan bytes(in_place, segment.bytes);
      ChecksumInPlace(pieces[0], bytes);
      return Write(segment, slab, segment.offset, bytes);
    }
    TSNAP_ASSIGN(BufferPool::Lease lease, buffers_->Acquire(segment.bytes));
    const ByteSpan buffer = lease.padded();
    TSNAP_ASSIGN(const uint64_t end, StagePieces(pieces, buffer));
    return WritePadded(segment, slab, segment.offset, buffer, end);
  }

  // Compresses each extent of the segment into one frame, where that saves something, and packs the
  // frames.
  Status WriteCoded(const Segment& segment, SlabFile* slab) {
    const std::span<const Piece> pieces(job_.plan.pieces.data() + segment.first_piece,
                                        segment.piece_count);
    uint64_t largest = 0, packed = 0;
    for (const Piece& piece : pieces) {
      largest = std::max(largest, piece.bytes);
      packed += AlignUp(piece.bytes, kSmallExtentAlignment);
    }
    const uint64_t slack = CompressBound(job_.codec, largest) -
                           largest;  // the last frame may have to be tried in vain
    largest = AlignUp(largest, kExtentAlignment);
    TSNAP_ASSIGN(BufferPool::Lease lease, buffers_->Acquire(largest + packed + slack));
    const ByteSpan raw = lease.padded().first(largest);
    const ByteSpan out = lease.padded().subspan(largest);
    TSNAP_ASSIGN(const uint64_t end, EncodePieces(pieces, raw, out));
    uint64_t offset = 0;
    {
      std::lock_guard lock(slab->mutex);
      offset = slab->cursor;
      slab->cursor = AlignUp(offset + end, kExtentAlignment);
      slab->end = std::max(slab->end, offset + end);
    }
    for (const Piece& piece : pieces) extents_[piece.extent].offset += offset;
    return WritePadded(segment, slab, offset, out, end);
  }

  // Returns where the last frame ends in the buffer.
  Result<uint64_t> EncodePieces(std::span<const Piece> pieces, ByteSpan raw, ByteSpan out) {
    const StagingSlots::Hold hold(*staging_);
    uint64_t end = 0;
    for (const Piece& piece : pieces) {
      const uint64_t begin = AlignUp(end, kSmallExtentAlignment);
      std::fill(out.begin() + static_cast<ptrdiff_t>(end),
                out.begin() + static_cast<ptrdiff_t>(begin), std::byte{0});
      TSNAP_TRY(EncodePiece(piece, raw.first(piece.bytes), out.subspan(begin), begin));
      end = begin + extents_[piece.extent].stored_bytes;
    }
    return end;
  }

  Status EncodePiece(const Piece& piece, ByteSpan raw, ByteSpan out, uint64_t offset) {
    TSNAP_TRY(StagePiece(piece, raw));
    Extent& extent = extents_[piece.extent];
    extent.offset = offset;
    uint64_t stored = 0;
    if (raw.size() >= kLeastCodedBytes) {
      TSNAP_ASSIGN(stored, Compress(job_.codec, raw, out));
    }
    if (stored == 0 || stored >= raw.size()) {
      std::copy(raw.begin(), raw.end(), out.begin());
      return Status::Ok();
    }
    extent.codec = job_.codec;
    extent.stored_bytes = stored;
    extent.block_crcs.resize(CeilDiv(stored, kBlockBytes));
    for (uint64_t begin = 0; begin < stored; begin += kBlockBytes) {
      extent.block_crcs[begin / kBlockBytes] =
          Crc32c(out.subspan(begin, std::min(kBlockBytes, stored - begin)));
    }
    return Status::Ok();
  }

  Status WritePadded(const Segment& segment, SlabFile* slab, uint64_t offset, ByteSpan buffer,
                     uint64_t bytes) {
    const uint64_t padded = AlignUp(bytes, job_.store->traits().write_alignment);
    std::fill(buffer.begin() + static_cast<ptrdiff_t>(bytes),
              buffer.begin() + static_cast<ptrdiff_t>(padded), std::byte{0});
    return Write(segment, slab, offset, buffer.first(padded));
  }

  Status Write(const Segment& segment, SlabFile* slab, uint64_t offset, ConstByteSpan bytes) {
    uint64_t raw = 0;
    for (uint32_t i = 0; i < segment.piece_count; ++i)
      raw += job_.plan.pieces[segment.first_piece + i].bytes;
    meter_.staged_bytes += raw;
    TSNAP_TRY(slab->writer->WriteAt(offset, bytes)
                  .While("writing object", NameOf(job_.plan.pieces[segment.first_piece])));
    meter_.moved_bytes += raw;
    return Status::Ok();
  }

  WriteJob job_;
  std::shared_ptr<BufferPool> buffers_;
  std::shared_ptr<StagingSlots> staging_;
  std::vector<SlabFile> slabs_;
  std::vector<Extent>
      extents_;  // each piece writes its own extent's checksums: no two threads meet
  Meter meter_;
};

}  // namespace

Result<std::vector<Extent>> WriteSlabs(Engine& engine, WriteJob job,
                                       const ProgressCallback& progress) {
  TSNAP_TRY(CheckCodec(job.codec));
  const int concurrency = engine.ConcurrencyFor(*job.store);
  auto writing = std::make_shared<SlabWriting>(std::move(job), engine);
  WorkerPool::Watch watch;
  watch.stall_seconds = engine.knobs().io_timeout_seconds;
  watch.tick = [&] {
    const Meter& meter = writing->meter();
    if (progress) progress(meter.staged_bytes, meter.moved_bytes, meter.total_bytes);
  };
  TSNAP_TRY(engine.workers().Run(
      writing->segment_count(), concurrency,
      [writing](size_t number) { return writing->WriteSegment(number); }, watch));
  if (progress) watch.tick();
  return writing->TakeExtents();
}

}  // namespace tsnap
