// What memory has of a range of an extent's serialisation, as few boxes of bytes as possible: the
// walk that all kinds of memory share. Copies nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "catalog/array_view.h"
#include "catalog/box.h"
#include "stage/layout.h"
#include "stage/strided_copy.h"

namespace tsnap {

// What memory has of a piece: the indices, clipped, and where the first of them lies.
struct ClippedPiece {
  std::array<CopyAxis, kMaxCopyAxes> axes;  // dst = memory, src = serialisation
  size_t count = 0;
  std::byte* memory = nullptr;
  uint64_t offset = 0;  // in the serialisation
};

// False when memory has nothing of the piece.
bool Clip(const Layout& layout, const LayoutPiece& piece, ClippedPiece* out);

// kInternal when the extent has no such bytes.
Status CheckRange(const Layout& layout, uint64_t begin, uint64_t bytes);
// kInternal when the memory has only a part of the extent.
Status CheckInside(const Layout& layout, const Mapping& mapping);

// The address where the range lies contiguously in memory, and wholly inside memory_box, or
// nullptr.
std::byte* Contiguous(const Mapping& mapping, uint64_t begin, uint64_t bytes);

// Maps the whole of a view in an order of its axes.
Mapping MappingOf(const ArrayView& memory, const AxisOrder& order);

}  // namespace tsnap
