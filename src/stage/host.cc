// Host memory: every operation is a walk over a Layout with a strided copy of each piece.
#include "stage/host.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "stage/clipped_pieces.h"
#include "stage/layout.h"
#include "stage/stream_copy.h"
#include "stage/strided_copy.h"

namespace tsnap {
namespace {

template <class Unit>
void SwapUnits(std::byte* data, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += static_cast<int64_t>(sizeof(Unit))) {
    Unit unit;
    std::memcpy(&unit, data + i, sizeof(unit));
    if constexpr (sizeof(Unit) == 2) unit = __builtin_bswap16(unit);
    if constexpr (sizeof(Unit) == 4) unit = __builtin_bswap32(unit);
    if constexpr (sizeof(Unit) == 8) unit = __builtin_bswap64(unit);
    std::memcpy(data + i, &unit, sizeof(unit));
  }
}

}  // namespace

Status HostStager::Gather(const Mapping& mapping, uint64_t begin, ByteSpan out) {
  TSNAP_ASSIGN(const Layout layout, Layout::Make(mapping));
  TSNAP_TRY(CheckRange(layout, begin, out.size()));
  if (out.empty()) return Status::Ok();
  TSNAP_TRY(CheckInside(layout, mapping));
  ForEachPiece(layout.axes(), begin, begin + out.size(), [&](const LayoutPiece& piece) {
    ClippedPiece clipped;
    if (!Clip(layout, piece, &clipped)) return;
    for (CopyAxis& axis : clipped.axes) std::swap(axis.dst_stride, axis.src_stride);
    StridedCopy(out.data() + (clipped.offset - begin), clipped.memory,
                {clipped.axes.data(), clipped.count});
  });
  return Status::Ok();
}

Status HostStager::Scatter(const Mapping& mapping, uint64_t begin, ConstByteSpan in) {
  TSNAP_ASSIGN(const Layout layout, Layout::Make(mapping));
  TSNAP_TRY(CheckRange(layout, begin, in.size()));
  if (!layout.meets_memory()) return Status::Ok();
  if (in.size() >= kLeastStreamBytes) {
    if (std::byte* memory = Direct(mapping, begin, in.size())) {
      StreamCopy(memory, in.data(), in.size());
      return Status::Ok();
    }
  }
  ForEachPiece(layout.axes(), begin, begin + in.size(), [&](const LayoutPiece& piece) {
    ClippedPiece clipped;
    if (Clip(layout, piece, &clipped))
      StridedCopy(clipped.memory, in.data() + (clipped.offset - begin),
                  {clipped.axes.data(), clipped.count});
  });
  return Status::Ok();
}

std::byte* HostStager::Direct(const Mapping& mapping, uint64_t begin, uint64_t bytes) {
  return Contiguous(mapping, begin, bytes);
}

Status HostStager::Fill(const ArrayView& memory, ConstByteSpan item) {
  if (item.size() != static_cast<uint64_t>(memory.item_bytes))
    return Internal(fmt::format("filling an array: the item has {} bytes instead of {}",
                                item.size(), memory.item_bytes));
  const AxisOrder order = StorageOrder(memory);
  if (IsDense(memory, order) &&
      std::all_of(item.begin(), item.end(), [&](std::byte b) { return b == item[0]; })) {
    const uint64_t bytes = ViewBytes(memory);
    if (bytes > 0) std::memset(memory.data, std::to_integer<int>(item[0]), bytes);
    return Status::Ok();
  }
  std::array<CopyAxis, kMaxCopyAxes> axes;
  const auto ndim = static_cast<size_t>(memory.ndim);
  for (size_t place = 0; place < ndim; ++place)
    axes[place] = {memory.shape[order[place]], memory.strides_bytes[order[place]], 0};
  axes[ndim] = {memory.item_bytes, 1, 1};
  StridedCopy(memory.data, item.data(), {axes.data(), ndim + 1});
  return Status::Ok();
}

Status HostStager::SwapByteOrder(const ArrayView& memory) {
  const int64_t unit_bytes = SwapUnitBytes(memory.dtype);
  if (unit_bytes == 1) return Status::Ok();
  if (memory.item_bytes % unit_bytes != 0)
    return Internal(fmt::format("swapping bytes: items of {} bytes are no {}", memory.item_bytes,
                                DtypeName(memory.dtype)));
  const auto swap = unit_bytes == 2   ? SwapUnits<uint16_t>
                    : unit_bytes == 4 ? SwapUnits<uint32_t>
                                      : SwapUnits<uint64_t>;
  TSNAP_ASSIGN(const Layout layout, Layout::Make(MappingOf(memory, StorageOrder(memory))));
  if (!layout.meets_memory()) return Status::Ok();
  const auto axes = layout.axes();
  const size_t outer = axes.size() - 1;  // the last axis is a run of whole items
  std::array<int64_t, kMaxDims + 1> index{};
  for (std::byte* data = layout.origin();;) {
    swap(data, axes[outer].length);
    size_t i = outer;
    for (; i > 0; --i) {
      const LayoutAxis& axis = axes[i - 1];
      data += axis.memory_stride;
      if (++index[i - 1] < axis.length) break;
      index[i - 1] = 0;
      data -= axis.length * axis.memory_stride;
    }
    if (i == 0) return Status::Ok();
  }
}

Result<Hash128> HostStager::Hash(const ArrayView& memory) {
  const uint64_t total_bytes = ViewBytes(memory);
  if (IsDense(memory, RowMajor())) return HashContent({memory.data, total_bytes});
  constexpr uint64_t kPieceBytes = 256 * 1024;
  Bytes piece(std::min(kPieceBytes, total_bytes));
  ContentHasher hasher;
  const Mapping mapping = MappingOf(memory, RowMajor());
  for (uint64_t begin = 0; begin < total_bytes; begin += piece.size()) {
    const ByteSpan part =
        ByteSpan(piece).first(std::min<uint64_t>(piece.size(), total_bytes - begin));
    TSNAP_TRY(Gather(mapping, begin, part));
    hasher.Add(part);
  }
  return hasher.Finish();
}

}  // namespace tsnap
