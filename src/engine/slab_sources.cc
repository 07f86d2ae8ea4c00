// How SlabWriting reaches the memory of its sources, that of devices as well: everything between
// the user's arrays and the buffers of segments.
#include <algorithm>
#include <utility>

#include "base/knobs.h"
#include "base/timeline.h"
#include "engine/slab_writing.h"

namespace tsnap {

// Buffers are pinned through the first device that there is, and then good for all.
Status SlabWriting::Prepare(bool may_be_direct) {
  stagers_.reserve(job_.sources.size());
  first_device_ = job_.sources.size();
  for (const WriteSource& source : job_.sources) {
    TSNAP_ASSIGN(Stager * stager, StagerFor(source.memory.data));
    if (stager->is_device()) first_device_ = std::min(first_device_, stagers_.size());
    stagers_.push_back(stager);
  }
  if (first_device_ == stagers_.size()) return Status::Ok();
  TSNAP_ASSIGN(std::shared_ptr<Pinner> pinner,
               stagers_[first_device_]->MakePinner(job_.sources[first_device_].memory.data));
  pinning_ = BufferPool::Pinning(buffers_, std::move(pinner));
  if (!may_be_direct && !direct_.insists()) return Status::Ok();
  if (job_.codec != Codec::kNone)
    return direct_.insists() ? direct_.Refuse("the take compresses, which the processor does")
                             : Status::Ok();
  return direct_.Prepare(stagers_[first_device_], job_.sources[first_device_].memory.data,
                         *job_.store, true);
}

uint64_t SlabWriting::DeviceBytes(size_t number) const {
  const Segment& segment = plan_.segments[number];
  if (IsWritten(segment)) return 0;
  const auto pieces = PiecesOf(segment);
  const bool all = std::all_of(pieces.begin(), pieces.end(),
                               [&](const Piece& piece) { return StagerOf(piece)->is_device(); });
  return all ? segment.bytes : 0;
}

Result<std::unique_ptr<DeviceRoom>> SlabWriting::MakeRoom() {
  if (first_device_ == stagers_.size()) return std::unique_ptr<DeviceRoom>();
  return stagers_[first_device_]->MakeRoom(job_.sources[first_device_].memory.data);
}

bool SlabWriting::Fits(size_t number, const DeviceRoom& room) const {
  const auto pieces = PiecesOf(plan_.segments[number]);
  return std::all_of(pieces.begin(), pieces.end(), [&](const Piece& piece) {
    return room.Fits(MappingOf(plan_.extents[piece.extent]), piece.begin, piece.bytes);
  });
}

Status SlabWriting::Park(size_t number, const DeviceRoom& room, uint64_t offset,
                         Gathering* gathering) {
  const Timeline::Scope span(timeline_.get(), Activity::kStage, RawBytesOf(plan_.segments[number]));
  for (const Piece& piece : PiecesOf(plan_.segments[number]))
    TSNAP_TRY(gathering
                  ->Park(StagerOf(piece), MappingOf(plan_.extents[piece.extent]), piece.begin,
                         piece.bytes, room, offset + piece.buffer_offset)
                  .While("staging", NameOf(piece)));
  return Status::Ok();
}

Status SlabWriting::Fetch(size_t number, const DeviceRoom& room, uint64_t offset,
                          const StagedSegment& to) {
  const Segment& segment = plan_.segments[number];
  TSNAP_ASSIGN(const ByteSpan whole, to.room->Map());
  const ByteSpan buffer = whole.subspan(to.offset, to.bytes);
  const Timeline::Scope span(timeline_.get(), Activity::kStage);
  {
    TSNAP_ASSIGN(CopyQueues::Lease queue,
                 queues_.Take([&] { return stagers_[first_device_]->MakeQueue(); }));
    Status fetched = queue->Fetch(room, offset, buffer.first(segment.bytes));
    if (fetched.ok()) fetched = queue->WaitForAll();
    if (!fetched.ok()) {
      queue.Drop();
      return std::move(fetched).While("staging", NameOf(plan_.pieces[segment.first_piece]));
    }
  }
  uint64_t end = 0;  // between the pieces the room holds what was there before
  for (const Piece& piece : PiecesOf(segment)) {
    ClearGap(buffer, end, piece.buffer_offset);
    end = piece.buffer_offset + piece.bytes;
  }
  return Status::Ok();
}

void SlabWriting::LetSourcesGo() {
  queues_.Clear();
  pinning_ = {};
}

Status SlabWriting::GatherPart(const Piece& piece, uint64_t begin, ByteSpan out) {
  const Mapping mapping = MappingOf(plan_.extents[piece.extent]);
  Stager* stager = StagerOf(piece);
  if (!stager->is_device())
    return stager->Gather(mapping, piece.begin + begin, out).While("staging", NameOf(piece));
  Gathering gathering(&queues_);
  TSNAP_TRY(gathering.Begin(stager, mapping, piece.begin + begin, out, 0)
                .While("staging", NameOf(piece)));
  return gathering.AwaitAll().While("staging", NameOf(piece));
}

Status SlabWriting::GatherPiece(const Piece& piece, ByteSpan out) {
  return GatherPart(piece, 0, out);
}

// Block by block, so that each is still in the cache for its checksum.
Status SlabWriting::GatherAndChecksum(const Piece& piece, ByteSpan out) {
  Stager* stager = StagerOf(piece);
  const Mapping mapping = MappingOf(plan_.extents[piece.extent]);
  for (uint64_t begin = 0; begin < piece.bytes; begin += kBlockBytes) {
    const ByteSpan block = out.subspan(begin, std::min(kBlockBytes, piece.bytes - begin));
    TSNAP_TRY(stager->Gather(mapping, piece.begin + begin, block).While("staging", NameOf(piece)));
    Checksum(piece, begin, block);
  }
  return Status::Ok();
}

Status SlabWriting::BeginGathering(const Segment& segment, ByteSpan buffer, Gathering* gathering) {
  for (const Piece& piece : PiecesOf(segment)) {
    if (!StagerOf(piece)->is_device()) continue;
    TSNAP_TRY(gathering
                  ->Begin(StagerOf(piece), MappingOf(plan_.extents[piece.extent]), piece.begin,
                          buffer.subspan(piece.buffer_offset, piece.bytes), piece.buffer_offset)
                  .While("staging", NameOf(piece)));
  }
  return Status::Ok();
}

// Block by block as well: the next ones are on their way.
Status SlabWriting::AwaitAndChecksum(const Piece& piece, ConstByteSpan bytes,
                                     Gathering* gathering) {
  for (uint64_t begin = 0; begin < piece.bytes; begin += kBlockBytes) {
    const uint64_t size = std::min(kBlockBytes, piece.bytes - begin);
    TSNAP_TRY(gathering->Await(piece.buffer_offset + begin + size).While("staging", NameOf(piece)));
    Checksum(piece, begin, bytes.subspan(begin, size));
  }
  return Status::Ok();
}

}  // namespace tsnap
