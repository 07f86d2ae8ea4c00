#include "engine/slab_writing.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/checksum.h"
#include "base/knobs.h"
#include "base/timeline.h"
#include "engine/codec.h"

namespace tsnap {

namespace {

constexpr uint64_t kLeastCodedBytes =
    4096;  // a frame's header eats what a smaller extent could save

constexpr uint64_t kPushBytes = uint64_t{256} << 20;

}  // namespace

Extent UnwrittenExtent(const ExtentPlace& place, const Box& box, const AxisOrder& order,
                       uint64_t raw_bytes) {
  Extent extent;
  extent.writer = place.writer;
  extent.slab = place.slab;
  extent.offset = place.offset;
  extent.raw_bytes = extent.stored_bytes = raw_bytes;
  extent.box = box;
  extent.order = order;
  extent.block_crcs.resize(CeilDiv(raw_bytes, kBlockBytes));
  return extent;
}

SlabWriting::SlabWriting(WriteJob job, const Engine& engine)
    : job_(std::move(job)),
      plan_(*job_.plan),
      buffers_(engine.buffers()),
      slots_(engine.staging()),
      note_progress_(engine.workers().ProgressNote()),
      timeline_(engine.timeline()),
      direct_(engine.knobs().gpu_direct_storage),
      slabs_(plan_.slab_bytes.size()) {
  extents_.reserve(plan_.extents.size());
  for (size_t i = 0; i < plan_.extents.size(); ++i) {
    const PlannedExtent& planned = plan_.extents[i];
    const ExtentPlace place =
        job_.places.empty()
            ? ExtentPlace{job_.writer, job_.first_slab + planned.slab, planned.offset}
            : job_.places[i];
    extents_.push_back(UnwrittenExtent(place, planned.box, planned.order, planned.raw_bytes));
    meter_.total_bytes += planned.raw_bytes;
  }
  for (size_t i = 0; i < plan_.segments.size(); ++i) {
    SlabFile& slab = slabs_[plan_.segments[i].slab];
    if (slab.segments_left++ > 0) continue;
    slab.first_segment = i;
    if (!job_.places.empty())
      slab.begin = job_.slabs.Begin(extents_[plan_.pieces[plan_.segments[i].first_piece].extent]);
  }
}

Status SlabWriting::WriteSegment(size_t number) {
  const Segment& segment = plan_.segments[number];
  if (IsWritten(segment)) {
    TSNAP_TRY(ChecksumOnly(segment));
    meter_.moved_bytes += RawBytesOf(segment);
    return Status::Ok();
  }
  SlabFile& slab = slabs_[segment.slab];
  TSNAP_TRY(Open(segment.slab, &slab));
  TSNAP_TRY(job_.codec == Codec::kNone ? WritePlain(segment, &slab) : WriteCoded(segment, &slab));
  return FinishWhenLast(segment.slab, &slab);
}

// With a codec there is room for the frames behind the copy: a thread that holds a lease must not
// wait for another one.
uint64_t SlabWriting::StagedBytes(size_t number) const {
  const Segment& segment = plan_.segments[number];
  if (IsWritten(segment)) return 0;
  const uint64_t frames = job_.codec == Codec::kNone ? 0 : CodedBytes(segment);
  return AlignUp(segment.bytes, kExtentAlignment) + AlignUp(frames, kExtentAlignment);
}

// No checksums yet: whoever waits for the copy should not wait for them.
Status SlabWriting::Stage(size_t number, const StagedSegment& room, Gathering* gathering) {
  const Segment& segment = plan_.segments[number];
  if (IsWritten(segment)) return ChecksumOnly(segment);
  TSNAP_ASSIGN(const ByteSpan whole, room.room->Map());
  const Timeline::Scope span(timeline_.get(), Activity::kStage, RawBytesOf(segment));
  const ByteSpan buffer = whole.subspan(room.offset, room.bytes);
  TSNAP_TRY(BeginGathering(segment, buffer, gathering));
  uint64_t end = 0;
  for (const Piece& piece : PiecesOf(segment)) {
    ClearGap(buffer, end, piece.buffer_offset);
    if (!StagerOf(piece)->is_device())
      TSNAP_TRY(GatherPiece(piece, buffer.subspan(piece.buffer_offset, piece.bytes)));
    end = piece.buffer_offset + piece.bytes;
  }
  return Status::Ok();
}

Status SlabWriting::FinishStaging(size_t number, Gathering* gathering) {
  const Segment& segment = plan_.segments[number];
  TSNAP_TRY(gathering->AwaitAll().While("staging", NameOf(plan_.pieces[segment.first_piece])));
  meter_.staged_bytes += RawBytesOf(segment);
  return Status::Ok();
}

Status SlabWriting::WriteStaged(size_t number, StagedSegment staged) {
  const Segment& segment = plan_.segments[number];
  if (IsWritten(segment)) {
    meter_.moved_bytes += RawBytesOf(segment);
    return Status::Ok();
  }
  SlabFile& slab = slabs_[segment.slab];
  TSNAP_TRY(Open(segment.slab, &slab));
  TSNAP_ASSIGN(const ByteSpan whole, staged.room->Map());
  const ByteSpan buffer = whole.subspan(staged.offset, staged.bytes);
  if (job_.codec == Codec::kNone) {
    {
      const StagingSlots::Hold hold(*slots_);
      const Timeline::Scope span(timeline_.get(), Activity::kStage);
      for (const Piece& piece : PiecesOf(segment))
        ChecksumPiece(piece, buffer.subspan(piece.buffer_offset, piece.bytes));
    }
    TSNAP_TRY(
        WritePadded(segment, &slab, segment.offset, buffer, segment.bytes, WrittenBytes(segment)));
  } else {
    const ByteSpan out = buffer.subspan(AlignUp(segment.bytes, kExtentAlignment));
    TSNAP_TRY(WriteFrames(segment, &slab, buffer.data(), {}, out));
  }
  staged = {};  // others may wait for it, while the slab is synced
  return FinishWhenLast(segment.slab, &slab);
}

Status SlabWriting::Open(uint32_t number, SlabFile* slab) {
  std::lock_guard lock(slab->mutex);
  if (slab->writer) return Status::Ok();
  const WriteLayout layout = LayoutOf(number);
  TSNAP_ASSIGN(slab->writer, job_.store->Create(KeyOf(number), layout));
  slab->end = layout.bytes;
  return Status::Ok();
}

// With a codec nothing is known in advance, but that for object stores a slab is one segment.
WriteLayout SlabWriting::LayoutOf(uint32_t number) const {
  WriteLayout layout;
  if (job_.codec != Codec::kNone) {
    if (job_.store->traits().whole_objects()) layout.offsets = {0};
    return layout;
  }
  layout.bytes = plan_.slab_bytes[number];
  for (size_t i = slabs_[number].first_segment;
       i < plan_.segments.size() && plan_.segments[i].slab == number; ++i)
    layout.offsets.push_back(plan_.segments[i].offset);
  return layout;
}

Status SlabWriting::FinishWhenLast(uint32_t number, SlabFile* slab) {
  {
    std::lock_guard lock(slab->mutex);
    if (--slab->segments_left != 0) return Status::Ok();
  }
  const Timeline::Scope span(timeline_.get(), Activity::kWrite);
  // In pieces, each of which is progress: a sync of many GiB at once would look like a hang.
  for (uint64_t begin = 0; job_.durable && begin < slab->end; begin += kPushBytes) {
    slab->writer->Push(slab->begin + begin, std::min(kPushBytes, slab->end - begin));
    note_progress_();
  }
  slab->device_file.reset();
  Status finished = slab->writer->Finish(slab->begin + slab->end, job_.durable);
  slab->writer.reset();
  return std::move(finished).While("finishing", KeyOf(number));
}

std::string SlabWriting::KeyOf(uint32_t number) const {
  if (job_.places.empty()) return job_.slabs.Key(job_.writer, job_.first_slab + number);
  const Segment& first = plan_.segments[slabs_[number].first_segment];
  return job_.slabs.Key(extents_[plan_.pieces[first.first_piece].extent]);
}

uint64_t SlabWriting::RawBytesOf(const Segment& segment) const {
  uint64_t bytes = 0;
  for (const Piece& piece : PiecesOf(segment)) bytes += piece.bytes;
  return bytes;
}

uint64_t SlabWriting::WrittenBytes(const Segment& segment) const {
  const StoreTraits& traits = job_.store->traits();
  if (!traits.whole_objects()) return AlignUp(segment.bytes, traits.write_alignment);
  const auto next = static_cast<size_t>(&segment - plan_.segments.data()) + 1;
  const bool is_last = next == plan_.segments.size() || plan_.segments[next].slab != segment.slab;
  return is_last ? segment.bytes : plan_.segments[next].offset - segment.offset;
}

Mapping SlabWriting::MappingOf(const PlannedExtent& planned) const {
  const WriteSource& source = job_.sources[planned.source];
  return {source.memory, source.memory_box, planned.box, planned.order};
}

const std::string& SlabWriting::NameOf(const Piece& piece) const {
  return job_.sources[plan_.extents[piece.extent].source].name;
}

uint64_t SlabWriting::CodedBytes(const Segment& segment) const {
  uint64_t largest = 0, packed = 0;
  for (const Piece& piece : PiecesOf(segment)) {
    largest = std::max(largest, piece.bytes);
    packed += AlignUp(piece.bytes, kSmallExtentAlignment);
  }
  return packed + CompressBound(job_.codec, largest) - largest;
}

void SlabWriting::Checksum(const Piece& piece, uint64_t begin, ConstByteSpan block) {
  extents_[piece.extent].block_crcs[(piece.begin + begin) / kBlockBytes] = Crc32c(block);
}

void SlabWriting::ChecksumPiece(const Piece& piece, ConstByteSpan bytes) {
  for (uint64_t begin = 0; begin < bytes.size(); begin += kBlockBytes)
    Checksum(piece, begin, bytes.subspan(begin, std::min(kBlockBytes, bytes.size() - begin)));
}

Status SlabWriting::ChecksumOnly(const Segment& segment) {
  Bytes block(kBlockBytes);
  const StagingSlots::Hold hold(*slots_);
  const Timeline::Scope span(timeline_.get(), Activity::kStage, RawBytesOf(segment));
  for (const Piece& piece : PiecesOf(segment)) {
    for (uint64_t begin = 0; begin < piece.bytes; begin += kBlockBytes) {
      const ByteSpan out = ByteSpan(block).first(std::min(kBlockBytes, piece.bytes - begin));
      TSNAP_TRY(GatherPart(piece, begin, out));
      Checksum(piece, begin, out);
    }
  }
  meter_.staged_bytes += RawBytesOf(segment);
  return Status::Ok();
}

// Where the segment is one piece of contiguous host memory that the store can take as it is, else
// nullptr.
const std::byte* SlabWriting::InPlace(const Segment& segment) {
  if (segment.piece_count != 1 || job_.store->traits().write_alignment > 1 ||
      WrittenBytes(segment) != segment.bytes)
    return nullptr;
  const Piece& piece = plan_.pieces[segment.first_piece];
  return StagerOf(piece)->Direct(MappingOf(plan_.extents[piece.extent]), piece.begin, piece.bytes);
}

Status SlabWriting::WritePlain(const Segment& segment, SlabFile* slab) {
  bool done = false;
  TSNAP_TRY(TryDirect(segment, slab, &done));
  if (done) return Status::Ok();
  if (const std::byte* in_place = InPlace(segment); in_place != nullptr) {
    const ConstByteSpan bytes(in_place, segment.bytes);
    {
      const StagingSlots::Hold hold(*slots_);
      const Timeline::Scope span(timeline_.get(), Activity::kStage);
      ChecksumPiece(plan_.pieces[segment.first_piece], bytes);
    }
    meter_.staged_bytes += segment.bytes;
    return Write(segment, slab, segment.offset, bytes);
  }
  TSNAP_ASSIGN(BufferPool::Lease lease, buffers_->Acquire(segment.bytes));
  const ByteSpan buffer = lease.padded();
  {
    // What devices copy takes no processor: it is under way while this one waits for its turn.
    Gathering gathering(&queues_);
    TSNAP_TRY(BeginGathering(segment, buffer, &gathering));
    const StagingSlots::Hold hold(*slots_);
    const Timeline::Scope span(timeline_.get(), Activity::kStage, RawBytesOf(segment));
    uint64_t end = 0;
    for (const Piece& piece : PiecesOf(segment)) {
      ClearGap(buffer, end, piece.buffer_offset);
      const ByteSpan bytes = buffer.subspan(piece.buffer_offset, piece.bytes);
      TSNAP_TRY(StagerOf(piece)->is_device() ? AwaitAndChecksum(piece, bytes, &gathering)
                                             : GatherAndChecksum(piece, bytes));
      end = piece.buffer_offset + piece.bytes;
    }
  }
  meter_.staged_bytes += RawBytesOf(segment);
  return WritePadded(segment, slab, segment.offset, buffer, segment.bytes, WrittenBytes(segment));
}

Status SlabWriting::WriteCoded(const Segment& segment, SlabFile* slab) {
  uint64_t largest = 0;
  for (const Piece& piece : PiecesOf(segment)) largest = std::max(largest, piece.bytes);
  largest = AlignUp(largest, kExtentAlignment);
  TSNAP_ASSIGN(BufferPool::Lease lease, buffers_->Acquire(largest + CodedBytes(segment)));
  const ByteSpan scratch = lease.padded().first(largest);
  const ByteSpan out = lease.padded().subspan(largest);
  TSNAP_TRY(WriteFrames(segment, slab, nullptr, scratch, out));
  meter_.staged_bytes += RawBytesOf(segment);
  return Status::Ok();
}

// Compresses each extent of the segment into one frame, where that saves something, packs the
// frames and puts them where the slab ends.
Status SlabWriting::WriteFrames(const Segment& segment, SlabFile* slab, Raw staged,
                                ByteSpan scratch, ByteSpan out) {
  const std::span<const Piece> pieces = PiecesOf(segment);
  TSNAP_ASSIGN(const uint64_t end, EncodePieces(pieces, staged, scratch, out));
  uint64_t offset = 0;
  {
    std::lock_guard lock(slab->mutex);
    offset = slab->cursor;
    slab->cursor = AlignUp(offset + end, kExtentAlignment);
    slab->end = std::max(slab->end, offset + end);
  }
  for (const Piece& piece : pieces) extents_[piece.extent].offset += offset;
  return WritePadded(segment, slab, offset, out, end,
                     AlignUp(end, job_.store->traits().write_alignment));
}

// Returns where the last frame ends in `out`.
Result<uint64_t> SlabWriting::EncodePieces(std::span<const Piece> pieces, Raw staged,
                                           ByteSpan scratch, ByteSpan out) {
  const StagingSlots::Hold hold(*slots_);
  const Timeline::Scope span(timeline_.get(), Activity::kStage);
  uint64_t end = 0;
  for (const Piece& piece : pieces) {
    const uint64_t begin = AlignUp(end, kSmallExtentAlignment);
    ClearGap(out, end, begin);
    if (staged == nullptr) TSNAP_TRY(GatherPiece(piece, scratch.first(piece.bytes)));
    const std::byte* raw = staged == nullptr ? scratch.data() : staged + piece.buffer_offset;
    TSNAP_TRY(EncodePiece(piece, {raw, piece.bytes}, out.subspan(begin), begin));
    end = begin + extents_[piece.extent].stored_bytes;
  }
  return end;
}

Status SlabWriting::EncodePiece(const Piece& piece, ConstByteSpan raw, ByteSpan out,
                                uint64_t offset) {
  Extent& extent = extents_[piece.extent];
  extent.offset = offset;
  uint64_t stored = 0;
  if (raw.size() >= kLeastCodedBytes) {
    TSNAP_ASSIGN(stored, Compress(job_.codec, raw, out));
  }
  if (stored == 0 || stored >= raw.size()) {
    std::copy(raw.begin(), raw.end(), out.begin());
    stored = raw.size();
  } else {
    extent.codec = job_.codec;
    extent.stored_bytes = stored;
    extent.block_crcs.resize(CeilDiv(stored, kBlockBytes));
  }
  ChecksumPiece(piece, out.first(stored));
  return Status::Ok();
}

// What lies between the blocks, and behind them, is zeros, less than a page at a time.
uint32_t SlabWriting::ChecksumOf(const Segment& segment, uint64_t offset,
                                 uint64_t written_bytes) const {
  static constexpr std::array<std::byte, kExtentAlignment> kZeros{};
  uint32_t crc = 0;
  uint64_t end = 0;
  const auto append_zeros = [&](uint64_t bytes) {
    crc = Crc32cExtend(crc, ConstByteSpan(kZeros).first(bytes));
  };
  for (const Piece& piece : PiecesOf(segment)) {
    const Extent& extent = extents_[piece.extent];
    const uint64_t begin = extent.offset + piece.begin - offset;
    const uint64_t bytes = job_.codec == Codec::kNone ? piece.bytes : extent.stored_bytes;
    append_zeros(begin - end);
    for (uint64_t at = 0; at < bytes; at += kBlockBytes)
      crc = Crc32cCombine(crc, extent.block_crcs[(piece.begin + at) / kBlockBytes],
                          std::min(kBlockBytes, bytes - at));
    end = begin + bytes;
  }
  append_zeros(written_bytes - end);
  return crc;
}

Status SlabWriting::WritePadded(const Segment& segment, SlabFile* slab, uint64_t offset,
                                ByteSpan buffer, uint64_t bytes, uint64_t written_bytes) {
  ClearGap(buffer, bytes, written_bytes);
  return Write(segment, slab, offset, buffer.first(written_bytes));
}

Status SlabWriting::Write(const Segment& segment, SlabFile* slab, uint64_t offset,
                          ConstByteSpan bytes) {
  std::optional<uint32_t> crc32c;
  if (job_.store->traits().wants_checksums) crc32c = ChecksumOf(segment, offset, bytes.size());
  {
    const Timeline::Scope span(timeline_.get(), Activity::kWrite, bytes.size());
    TSNAP_TRY(slab->writer->WriteAt(slab->begin + offset, bytes, crc32c)
                  .While("writing object", NameOf(plan_.pieces[segment.first_piece])));
  }
  meter_.moved_bytes += RawBytesOf(segment);
  return Status::Ok();
}

}  // namespace tsnap
