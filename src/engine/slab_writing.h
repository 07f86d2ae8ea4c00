// SlabWriting: how the segments of one writer's plan become slabs in a store. A segment is gathered
// out of the user's memory, compressed if asked, checksummed block by block and written; all at
// once (WriteSegment), or first copied into a buffer of its own (Stage) and written from
// there later (WriteStaged), when the user's memory may have changed. Any thread may do any
// segment, once.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/array_view.h"
#include "catalog/extent.h"
#include "engine/direct_transfers.h"
#include "engine/engine.h"
#include "engine/gathering.h"
#include "format/native/names.h"
#include "plan/batch.h"
#include "stage/buffer_pool.h"
#include "stage/copy_queue.h"
#include "stage/device_file.h"
#include "stage/device_room.h"
#include "stage/stager.h"
#include "store/store.h"

namespace tsnap {

// The user's array that planned extents come from.
struct WriteSource {
  ArrayView memory;
  Box memory_box;
  std::string name;  // of the object, for messages
};

// Where an extent lies: the members of Extent (for a file of datasets see native::SlabNames).
struct ExtentPlace {
  uint32_t writer = 0;
  uint32_t slab = 0;
  uint64_t offset = 0;
};

// What a plan says of an extent: where it will lie, uncompressed and without checksums, which are
// as many as there will be.
Extent UnwrittenExtent(const ExtentPlace& place, const Box& box, const AxisOrder& order,
                       uint64_t raw_bytes);

struct WriteJob {
  std::shared_ptr<Store> store;
  native::SlabNames slabs;
  uint32_t writer = 0;
  std::shared_ptr<const WritePlan> plan;
  std::vector<WriteSource> sources;
  Codec codec = Codec::kNone;
  bool durable = true;
  // In a file of datasets: parallel to the plan's extents, each of which is a slab of the plan.
  std::vector<ExtentPlace> places;
  // As long, or empty: not 0 for those whose bytes are in the file by another way: of them only the
  // checksums are made.
  std::vector<char> written;
  uint32_t first_slab = 0;  // the number of the plan's first slab among the writer's
};

// A buffer of the pool that neighbouring segments share: those that are smaller than a buffer would
// each hold a whole one otherwise. It goes back when the last of them is written.
class StagingRoom {
 public:
  StagingRoom(std::shared_ptr<BufferPool> pool, BufferPool::Lease reserved)
      : pool_(std::move(pool)), lease_(std::move(reserved)) {}
  // Its memory, which whoever comes first maps.
  Result<ByteSpan> Map() {
    std::lock_guard lock(mutex_);
    TSNAP_TRY(pool_->Map(&lease_));
    return lease_.padded();
  }

 private:
  const std::shared_ptr<BufferPool> pool_;
  std::mutex mutex_;
  BufferPool::Lease lease_;  // guarded by mutex_
};

// Where a segment is copied to: its part of a room.
struct StagedSegment {
  std::shared_ptr<StagingRoom> room;
  uint64_t offset = 0, bytes = 0;
  bool is_parked = false;  // on its device instead: see Parking
};

// What lies between the pieces of a segment is zeros.
inline void ClearGap(ByteSpan buffer, uint64_t begin, uint64_t end) {
  std::fill(buffer.begin() + static_cast<ptrdiff_t>(begin),
            buffer.begin() + static_cast<ptrdiff_t>(end), std::byte{0});
}

class SlabWriting {
 public:
  SlabWriting(WriteJob job, const Engine& engine);

  size_t segment_count() const { return plan_.segments.size(); }
  Store& store() const { return *job_.store; }
  const Meter& meter() const { return meter_; }
  // After the last segment: the extents as they lie in the slabs, in the order of plan.extents.
  std::vector<Extent> TakeExtents() { return std::move(extents_); }

  // Before the first segment: how the sources' memory is reached. may_be_direct: it stays as it is
  // until it is written, so that devices may write it themselves.
  Status Prepare(bool may_be_direct);
  // Straight from the user's memory; contiguous host memory without a copy where the store allows
  // it.
  Status WriteSegment(size_t number);

  // In two halves: the copy of a segment, for which the user's memory is not needed afterwards; it
  // needs so many bytes, a multiple of 4 KiB.
  uint64_t StagedBytes(size_t number) const;
  // The copies of what lies on devices are under way when Stage returns; FinishStaging waits.
  Status Stage(size_t number, const StagedSegment& room, Gathering* gathering);
  Status FinishStaging(size_t number, Gathering* gathering);
  std::unique_ptr<Gathering> NewGathering() { return std::make_unique<Gathering>(&queues_); }
  // The sources' memory is not needed any more, and may go with its devices.
  void LetSourcesGo();
  // What is parked is not needed any more either.
  void LetRoomsGo() { queues_.Clear(); }

  // For those that wait on their device between the halves (Parking): what a segment holds, 0
  // unless all of it lies on devices.
  uint64_t DeviceBytes(size_t number) const;
  Result<std::unique_ptr<DeviceRoom>> MakeRoom();
  bool Fits(size_t number, const DeviceRoom& room) const;
  Status Park(size_t number, const DeviceRoom& room, uint64_t offset, Gathering* gathering);
  Status Fetch(size_t number, const DeviceRoom& room, uint64_t offset, const StagedSegment& to);
  // Straight to the file from there, where that can be: *done.
  Status WriteParked(size_t number, const DeviceRoom& room, uint64_t offset, bool* done);
  Status WriteStaged(size_t number, StagedSegment staged);
  uint64_t raw_bytes(size_t number) const { return RawBytesOf(plan_.segments[number]); }

 private:
  // One slab while it is written: opened by the first segment that needs it, finished by the last.
  struct SlabFile {
    std::mutex mutex;
    std::unique_ptr<StoreWriter> writer;      // guarded by mutex until set
    std::unique_ptr<DeviceFile> device_file;  // on it; likewise
    size_t first_segment = 0;                 // of the plan
    uint64_t begin = 0;        // of the slab in what its key names; not 0 only in datasets
    uint64_t cursor = 0;       // with codec: where the next segment goes; guarded by mutex
    uint64_t end = 0;          // end of the last extent; guarded by mutex
    size_t segments_left = 0;  // guarded by mutex
  };
  // Where a piece's bytes are: in a staged segment, or still with the user (nullptr).
  using Raw = const std::byte*;

  // True: what the segment has needs only checksums.
  bool IsWritten(const Segment& segment) const {
    return !job_.written.empty() && job_.written[plan_.pieces[segment.first_piece].extent] != 0;
  }
  Status ChecksumOnly(const Segment& segment);
  Status Open(uint32_t number, SlabFile* slab);
  std::string KeyOf(uint32_t number) const;
  WriteLayout LayoutOf(uint32_t number) const;
  Status FinishWhenLast(uint32_t number, SlabFile* slab);

  std::span<const Piece> PiecesOf(const Segment& segment) const {
    return {plan_.pieces.data() + segment.first_piece, segment.piece_count};
  }
  uint64_t RawBytesOf(const Segment& segment) const;
  // What is written of a segment without a codec: with zeros behind it, as the store wants it.
  uint64_t WrittenBytes(const Segment& segment) const;
  Mapping MappingOf(const PlannedExtent& planned) const;
  const std::string& NameOf(const Piece& piece) const;
  // Room for the frames of a segment, the last of which may have to be tried in vain.
  uint64_t CodedBytes(const Segment& segment) const;

  void Checksum(const Piece& piece, uint64_t begin, ConstByteSpan block);
  void ChecksumPiece(const Piece& piece, ConstByteSpan bytes);
  Stager* StagerOf(const Piece& piece) const {
    return stagers_[plan_.extents[piece.extent].source];
  }
  Status GatherPart(const Piece& piece, uint64_t begin, ByteSpan out);
  Status GatherPiece(const Piece& piece, ByteSpan out);
  Status GatherAndChecksum(const Piece& piece, ByteSpan out);
  Status BeginGathering(const Segment& segment, ByteSpan buffer, Gathering* gathering);
  Status AwaitAndChecksum(const Piece& piece, ConstByteSpan bytes, Gathering* gathering);
  const std::byte* InPlace(const Segment& segment);

  bool MayBeDirect(const Segment& segment) const;
  // Where it is not done, and has not failed, it is to be done through the host.
  Status TryDirect(const Segment& segment, SlabFile* slab, bool* done);
  Status WriteDirect(const Segment& segment, SlabFile* slab, const std::byte* memory, bool* done,
                     const std::function<Status(ByteSpan)>& fetch_tail);
  Status MoveDirect(const Piece& piece, const Segment& segment, SlabFile* slab,
                    const std::byte* memory);
  Status WriteTail(const Segment& segment, SlabFile* slab, uint64_t pages,
                   const std::function<Status(ByteSpan)>& fetch);
  Result<DeviceFile*> DirectFile(const Piece& piece, SlabFile* slab);

  Status WritePlain(const Segment& segment, SlabFile* slab);
  Status WriteCoded(const Segment& segment, SlabFile* slab);
  Status WriteFrames(const Segment& segment, SlabFile* slab, Raw staged, ByteSpan scratch,
                     ByteSpan out);
  Result<uint64_t> EncodePieces(std::span<const Piece> pieces, Raw staged, ByteSpan scratch,
                                ByteSpan out);
  Status EncodePiece(const Piece& piece, ConstByteSpan raw, ByteSpan out, uint64_t offset);
  // Of the segment as it is written there, from the checksums of its blocks.
  uint32_t ChecksumOf(const Segment& segment, uint64_t offset, uint64_t written_bytes) const;
  Status WritePadded(const Segment& segment, SlabFile* slab, uint64_t offset, ByteSpan buffer,
                     uint64_t bytes, uint64_t written_bytes);
  Status Write(const Segment& segment, SlabFile* slab, uint64_t offset, ConstByteSpan bytes);

  const WriteJob job_;
  const WritePlan& plan_;
  std::shared_ptr<BufferPool> buffers_;
  std::shared_ptr<StagingSlots> slots_;
  const std::function<void()> note_progress_;
  std::shared_ptr<Timeline> timeline_;
  std::vector<Stager*> stagers_;  // of the sources
  size_t first_device_ = 0;       // the first source on a device; their number: none is
  BufferPool::Pinning pinning_;   // while something of them lies on a device
  CopyQueues queues_;
  DirectTransfers direct_;
  std::vector<SlabFile> slabs_;
  std::vector<Extent>
      extents_;  // each piece writes its own extent's checksums: no two threads meet
  Meter meter_;
};

}  // namespace tsnap
