// Lays extents out one after the other: a cursor in the current slab, and the segment that still
// takes small extents. Knows sizes only: not where the bytes come from, nor how they are written.
#include "plan/batch.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/knobs.h"

namespace tsnap {
namespace {

bool IsLarge(const PlannedExtent& extent) { return extent.raw_bytes >= kLargeExtentBytes; }

// Large extents before small ones, both in their order. The large ones are few (1 MiB each): only
// they are set aside.
void PutLargeFirst(std::vector<PlannedExtent>* extents) {
  if (std::is_partitioned(extents->begin(), extents->end(), IsLarge)) return;
  std::vector<PlannedExtent> large;
  std::copy_if(extents->begin(), extents->end(), std::back_inserter(large), IsLarge);
  auto hole = extents->end();
  for (auto it = extents->end(); it != extents->begin();) {
    --it;
    if (!IsLarge(*it)) *--hole = std::move(*it);
  }
  std::move(large.begin(), large.end(), extents->begin());
}

class Layout {
 public:
  Layout(WritePlan* plan, const BatchSizes& sizes)
      : plan_(*plan),
        with_codec_(sizes.with_codec),
        in_parts_(sizes.least_part_bytes > 0),
        transfer_bytes_(std::max(sizes.transfer_bytes / kBlockBytes * kBlockBytes, kBlockBytes)),
        slab_bytes_(in_parts_ && with_codec_ ? std::min(sizes.slab_bytes, transfer_bytes_)
                                             : sizes.slab_bytes) {}

  void Place(uint32_t number) {
    const uint64_t bytes = plan_.extents[number].raw_bytes;
    if (in_parts_) {
      PlaceInParts(number);
    } else if (IsLarge(plan_.extents[number]) || bytes > transfer_bytes_) {
      open_ = false;
      PlaceAlone(number);
    } else {
      PlacePacked(number);
    }
  }

 private:
  // Segments of its own, so that it can be written straight from where it lies.
  void PlaceAlone(uint32_t number) {
    const uint64_t bytes = plan_.extents[number].raw_bytes;
    const uint64_t offset = Reserve(number, AlignUp(end_, kExtentAlignment));
    const uint64_t step = with_codec_ ? bytes : transfer_bytes_;
    for (uint64_t begin = 0; begin < bytes; begin += step) {
      OpenSegment(offset + begin);
      AddPiece(number, begin, std::min(step, bytes - begin));
    }
    open_ = false;
  }

  void PlacePacked(uint32_t number) {
    const uint64_t bytes = plan_.extents[number].raw_bytes;
    uint64_t offset = AlignUp(end_, kSmallExtentAlignment);
    if (open_ && offset + bytes - plan_.segments.back().offset > transfer_bytes_) open_ = false;
    if (!open_) offset = AlignUp(end_, kExtentAlignment);
    offset = Reserve(number, offset);
    if (!open_) OpenSegment(offset);
    open_ = true;
    AddPiece(number, 0, bytes);
  }

  // Behind the last one, cut where a segment is full. What is left free of a segment is less than a
  // small extent or a block, so that each but the last of a slab is large enough for a part.
  void PlaceInParts(uint32_t number) {
    const PlannedExtent& extent = plan_.extents[number];
    const uint64_t bytes = extent.raw_bytes;
    uint64_t offset =
        AlignUp(end_, IsLarge(extent) || !open_ ? kExtentAlignment : kSmallExtentAlignment);
    if (open_ && !IsLarge(extent) && RoomAt(offset) < bytes) {
      open_ = false;
      offset = AlignUp(end_, kExtentAlignment);
    }
    offset = Reserve(number, offset);
    for (uint64_t begin = 0; begin < bytes;) {
      uint64_t piece_bytes = open_ ? RoomAt(offset + begin) : 0;
      if (with_codec_ && open_) piece_bytes = bytes;  // the slab would have ended
      if (piece_bytes < bytes - begin) piece_bytes = piece_bytes / kBlockBytes * kBlockBytes;
      if (piece_bytes > 0) {
        piece_bytes = std::min(piece_bytes, bytes - begin);
        AddPiece(number, begin, piece_bytes);
        begin += piece_bytes;
      } else {
        OpenSegment(offset + begin);
        open_ = true;
      }
    }
  }

  // Of the last segment, from there on.
  uint64_t RoomAt(uint64_t offset) const {
    const uint64_t end = plan_.segments.back().offset + transfer_bytes_;
    return end > offset ? end - offset : 0;
  }

  // Gives the extent its place: at `offset` of the current slab, or at the start of the next one.
  uint64_t Reserve(uint32_t number, uint64_t offset) {
    PlannedExtent& extent = plan_.extents[number];
    if (plan_.slab_bytes.empty() ||
        (end_ > 0 && (offset > slab_bytes_ || extent.raw_bytes > slab_bytes_ - offset))) {
      plan_.slab_bytes.push_back(0);
      open_ = false;
      offset = 0;
    }
    extent.slab = static_cast<uint32_t>(plan_.slab_bytes.size() - 1);
    extent.offset = offset;
    end_ = plan_.slab_bytes.back() = offset + extent.raw_bytes;
    return offset;
  }

  void OpenSegment(uint64_t offset) {
    plan_.segments.push_back({static_cast<uint32_t>(plan_.slab_bytes.size() - 1), offset, 0,
                              static_cast<uint32_t>(plan_.pieces.size()), 0});
  }

  void AddPiece(uint32_t number, uint64_t begin, uint64_t bytes) {
    Segment& segment = plan_.segments.back();
    const uint64_t at = plan_.extents[number].offset + begin - segment.offset;
    plan_.pieces.push_back({number, begin, bytes, at});
    segment.bytes = at + bytes;
    ++segment.piece_count;
  }

  WritePlan& plan_;
  const bool with_codec_;
  const bool in_parts_;
  const uint64_t transfer_bytes_;
  const uint64_t slab_bytes_;
  uint64_t end_ = 0;   // of what lies in the current slab
  bool open_ = false;  // the last segment takes more extents
};

// Pieces of one transfer, each a segment.
WritePlan Apart(std::vector<PlannedExtent> extents, uint64_t transfer_bytes) {
  WritePlan plan;
  plan.extents = std::move(extents);
  const uint64_t step = std::max(transfer_bytes / kBlockBytes * kBlockBytes, kBlockBytes);
  for (uint32_t number = 0; number < plan.extents.size(); ++number) {
    PlannedExtent& extent = plan.extents[number];
    extent.slab = number;
    extent.offset = 0;
    plan.slab_bytes.push_back(extent.raw_bytes);
    for (uint64_t begin = 0; begin < extent.raw_bytes; begin += step) {
      const uint64_t bytes = std::min(step, extent.raw_bytes - begin);
      plan.segments.push_back({number, begin, bytes, static_cast<uint32_t>(plan.pieces.size()), 1});
      plan.pieces.push_back({number, begin, bytes, 0});
    }
  }
  return plan;
}

}  // namespace

WritePlan Batch(std::vector<PlannedExtent> extents, const BatchSizes& sizes) {
  if (sizes.apart) return Apart(std::move(extents), sizes.transfer_bytes);
  WritePlan plan;
  plan.extents = std::move(extents);
  PutLargeFirst(&plan.extents);
  plan.pieces.reserve(plan.extents.size());
  Layout layout(&plan, sizes);
  for (size_t number = 0; number < plan.extents.size(); ++number)
    layout.Place(static_cast<uint32_t>(number));
  return plan;
}

}  // namespace tsnap
