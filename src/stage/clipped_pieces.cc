#include "stage/clipped_pieces.h"

#include <algorithm>

#include <fmt/format.h>

namespace tsnap {

bool Clip(const Layout& layout, const LayoutPiece& piece, ClippedPiece* out) {
  out->memory = layout.origin();
  out->offset = 0;
  const auto axes = layout.axes();
  out->count = axes.size() - piece.axis;
  for (size_t i = 0; i < axes.size(); ++i) {
    const LayoutAxis& axis = axes[i];
    const int64_t begin = i <= piece.axis ? piece.index[i] : 0;
    const int64_t end = i < piece.axis    ? begin + 1
                        : i == piece.axis ? begin + piece.count
                                          : axis.length;
    const int64_t low = std::max(begin, axis.low), high = std::min(end, axis.high);
    if (low >= high) return false;
    out->memory += (low - axis.low) * axis.memory_stride;
    out->offset += static_cast<uint64_t>(low * axis.slice_bytes);
    if (i >= piece.axis)
      out->axes[i - piece.axis] = {high - low, axis.memory_stride, axis.slice_bytes};
  }
  return true;
}

Status CheckRange(const Layout& layout, uint64_t begin, uint64_t bytes) {
  if (begin <= layout.total_bytes() && bytes <= layout.total_bytes() - begin) return Status::Ok();
  return Internal(fmt::format("staging bytes {} to {}: the extent has {}", begin, begin + bytes,
                              layout.total_bytes()));
}

Status CheckInside(const Layout& layout, const Mapping& mapping) {
  if (layout.inside_memory()) return Status::Ok();
  return Internal(fmt::format("staging {}: the memory of {} has only a part of it",
                              ToString(mapping.extent_box), ToString(mapping.memory_box)));
}

std::byte* Contiguous(const Mapping& mapping, uint64_t begin, uint64_t bytes) {
  const Result<Layout> layout = Layout::Make(mapping);
  if (!layout.ok() || !CheckRange(*layout, begin, bytes).ok()) return nullptr;
  if (bytes == 0) return mapping.memory.data;
  if (!layout->meets_memory()) return nullptr;
  // Merging has left one run of contiguous bytes as the last axis: the range must lie in one such
  // run.
  const auto axes = layout->axes();
  const uint64_t run_bytes = static_cast<uint64_t>(axes.back().length);
  if (axes.back().memory_stride != 1 || begin / run_bytes != (begin + bytes - 1) / run_bytes)
    return nullptr;
  std::byte* address = layout->origin();
  uint64_t rest = begin;
  for (const LayoutAxis& axis : axes) {
    const auto index = static_cast<int64_t>(rest / static_cast<uint64_t>(axis.slice_bytes));
    rest %= static_cast<uint64_t>(axis.slice_bytes);
    const int64_t last = &axis == &axes.back() ? index + static_cast<int64_t>(bytes) - 1 : index;
    if (index < axis.low || last >= axis.high) return nullptr;
    address += (index - axis.low) * axis.memory_stride;
  }
  return address;
}

Mapping MappingOf(const ArrayView& memory, const AxisOrder& order) {
  const Box whole = WholeBox(memory.ndim, memory.shape);
  return {memory, whole, whole, order};
}

}  // namespace tsnap
