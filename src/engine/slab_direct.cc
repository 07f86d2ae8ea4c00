// How SlabWriting writes segments from the memory of devices straight to their files. What a file
// holds afterwards is what it would hold otherwise, to the byte.
#include <array>
#include <span>
#include <utility>

#include "base/knobs.h"
#include "base/timeline.h"
#include "engine/slab_writing.h"

namespace tsnap {

// One piece of contiguous memory, whole pages of which go to whole pages of the file.
bool SlabWriting::MayBeDirect(const Segment& segment) const {
  return direct_.is_on() && job_.codec == Codec::kNone && segment.piece_count == 1 &&
         segment.bytes >= kDeviceFileAlignment &&
         (slabs_[segment.slab].begin + segment.offset) % kDeviceFileAlignment == 0 &&
         StagerOf(plan_.pieces[segment.first_piece])->is_device();
}

Status SlabWriting::TryDirect(const Segment& segment, SlabFile* slab, bool* done) {
  if (!MayBeDirect(segment)) return Status::Ok();
  const Piece& piece = plan_.pieces[segment.first_piece];
  const std::byte* memory =
      StagerOf(piece)->InDevice(MappingOf(plan_.extents[piece.extent]), piece.begin, piece.bytes);
  if (memory == nullptr) return Status::Ok();
  const uint64_t pages = piece.bytes / kDeviceFileAlignment * kDeviceFileAlignment;
  TSNAP_TRY(WriteDirect(segment, slab, memory, done,
                        [&](ByteSpan tail) { return GatherPart(piece, pages, tail); }));
  if (*done) meter_.staged_bytes += segment.bytes;
  return Status::Ok();
}

Status SlabWriting::WriteParked(size_t number, const DeviceRoom& room, uint64_t offset,
                                bool* done) {
  const Segment& segment = plan_.segments[number];
  if (IsWritten(segment) || !MayBeDirect(segment)) return Status::Ok();
  SlabFile& slab = slabs_[segment.slab];
  TSNAP_TRY(Open(segment.slab, &slab));
  const uint64_t pages = segment.bytes / kDeviceFileAlignment * kDeviceFileAlignment;
  TSNAP_TRY(WriteDirect(segment, &slab, room.At(offset), done, [&](ByteSpan tail) -> Status {
    TSNAP_ASSIGN(CopyQueues::Lease queue,
                 queues_.Take([&] { return stagers_[first_device_]->MakeQueue(); }));
    Status fetched = queue->Fetch(room, offset + pages, tail);
    if (fetched.ok()) fetched = queue->WaitForAll();
    if (!fetched.ok()) queue.Drop();
    return fetched;
  }));
  return *done ? FinishWhenLast(segment.slab, &slab) : Status::Ok();
}

Status SlabWriting::WriteDirect(const Segment& segment, SlabFile* slab, const std::byte* memory,
                                bool* done, const std::function<Status(ByteSpan)>& fetch_tail) {
  const Piece& piece = plan_.pieces[segment.first_piece];
  Status written = MoveDirect(piece, segment, slab, memory);
  if (!written.ok()) {
    // The same bytes go to the same place through the host.
    return direct_.Fail(std::move(written)).While("writing object", NameOf(piece));
  }
  const uint64_t pages = piece.bytes / kDeviceFileAlignment * kDeviceFileAlignment;
  TSNAP_TRY(WriteTail(segment, slab, pages, fetch_tail).While("writing object", NameOf(piece)));
  meter_.moved_bytes += segment.bytes;
  *done = true;
  return Status::Ok();
}

Status SlabWriting::MoveDirect(const Piece& piece, const Segment& segment, SlabFile* slab,
                               const std::byte* memory) {
  TSNAP_ASSIGN(DeviceFile * file, DirectFile(piece, slab));
  {
    const Timeline::Scope span(timeline_.get(), Activity::kStage, piece.bytes);
    TSNAP_ASSIGN(CopyQueues::Lease queue,
                 queues_.Take([&] { return StagerOf(piece)->MakeQueue(); }));
    const std::span<uint32_t> checksums(extents_[piece.extent].block_crcs);
    Status made = queue->Checksum(
        memory, piece.bytes,
        checksums.subspan(piece.begin / kBlockBytes, CeilDiv(piece.bytes, kBlockBytes)));
    if (!made.ok()) {
      queue.Drop();
      return made;
    }
  }
  note_progress_();
  const uint64_t pages = piece.bytes / kDeviceFileAlignment * kDeviceFileAlignment;
  const Timeline::Scope span(timeline_.get(), Activity::kWrite, pages);
  TSNAP_TRY(file->Write(memory, pages, slab->begin + segment.offset));
  DirectTransfers::CountWritten(job_.store.get(), pages);
  return Status::Ok();
}

// Less than a page, with the zeros behind it that the store wants. Not in a buffer of the budget:
// who writes what is staged must not wait for those.
Status SlabWriting::WriteTail(const Segment& segment, SlabFile* slab, uint64_t pages,
                              const std::function<Status(ByteSpan)>& fetch) {
  const uint64_t bytes = WrittenBytes(segment) - pages;
  if (bytes == 0) return Status::Ok();
  alignas(kDeviceFileAlignment) std::array<std::byte, kDeviceFileAlignment> page;
  const ByteSpan buffer(page);
  TSNAP_TRY(fetch(buffer.first(segment.bytes - pages)));
  ClearGap(buffer, segment.bytes - pages, bytes);
  return slab->writer->WriteAt(slab->begin + segment.offset + pages, buffer.first(bytes));
}

Result<DeviceFile*> SlabWriting::DirectFile(const Piece& piece, SlabFile* slab) {
  const std::lock_guard lock(slab->mutex);
  if (slab->device_file == nullptr) {
    TSNAP_ASSIGN(slab->device_file, direct_.Open(StagerOf(piece), slab->writer->descriptor()));
  }
  return slab->device_file.get();
}

}  // namespace tsnap
