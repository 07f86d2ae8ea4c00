// Batch: lays one writer's extents out in slabs and cuts the slabs into segments, each of which one
// buffer holds and one write moves. Large extents start on 4 KiB and are cut into pieces; small
// ones are packed at 64 bytes, many to a segment. For file systems a large extent has segments of
// its own; for object stores segments are parts of an upload, of which the extents fill one after
// the other. In a file of datasets, where each extent has its place already, each is a slab of its
// own. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "catalog/extent.h"

namespace tsnap {

struct PlannedExtent {
  uint32_t source = 0;  // which of the caller's arrays it comes from
  Box box;              // never empty
  AxisOrder order{};
  uint64_t raw_bytes = 0;
  uint32_t slab = 0;    // set by Batch
  uint64_t offset = 0;  // set by Batch; without codec it is final
};

// Bytes [begin, begin + bytes) of an extent; begin is a multiple of the block size.
struct Piece {
  uint32_t extent = 0;
  uint64_t begin = 0;
  uint64_t bytes = 0;
  uint64_t buffer_offset = 0;  // where it lies in the segment
};

// [first_piece, first_piece + piece_count) lie in bytes [offset, offset + bytes) of a slab. The
// offset is a multiple of 4 KiB; segments of a slab do not share a 4 KiB page, and each begins less
// than 4 KiB behind the end of the one before it.
struct Segment {
  uint32_t slab = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;  // at most the transfer size (with codec: or one whole extent)
  uint32_t first_piece = 0;
  uint32_t piece_count = 0;
};

struct WritePlan {
  std::vector<PlannedExtent> extents;
  std::vector<Piece> pieces;
  std::vector<Segment> segments;
  std::vector<uint64_t> slab_bytes;  // per slab; the end of its last extent
};

struct BatchSizes {
  // A slab ends when the next extent would carry it past that; a larger extent has a slab of its
  // own.
  uint64_t slab_bytes = 0;
  uint64_t transfer_bytes = 0;  // whole blocks
  // Extents are never cut, so that each can be compressed as one frame.
  bool with_codec = false;
  // Not 0: for an object store. From where a segment begins to where the next one of its slab does
  // are at least so many bytes; transfer_bytes has room for 1 MiB more. With a codec, where nobody
  // knows how long a segment becomes, each slab is one segment.
  uint64_t least_part_bytes = 0;
  bool apart = false;  // each extent is a slab, in the order that they come in; for datasets
  bool operator==(const BatchSizes&) const = default;
};

// Extents keep their order, except that large ones (kLargeExtentBytes and more) come before small
// ones.
WritePlan Batch(std::vector<PlannedExtent> extents, const BatchSizes& sizes);

}  // namespace tsnap
