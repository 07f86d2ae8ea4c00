// Three steps: merge what is contiguous on both sides, choose a loop for the two innermost axes by
// the size of the contiguous run, and walk the other axes around it. Where dst and src are fastest
// along different axes (a transpose), these two axes are walked in blocks, so that each cache line
// is loaded once on either side.
#include "stage/strided_copy.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace tsnap {
namespace {

constexpr int64_t kCacheLineBytes = 64;

// The two axes that a kernel walks, and the run of contiguous bytes at each of their indices.
struct Plane {
  CopyAxis outer{1, 0, 0}, inner{1, 0, 0};
  int64_t run_bytes = 1;
};
using Kernel = void (*)(std::byte* dst, const std::byte* src, const Plane& plane);

// A run size known at compile time turns memcpy into one load and one store.
template <size_t kRunBytes>
void CopyFixedRuns(std::byte* dst, const std::byte* src, const Plane& plane) {
  const CopyAxis outer = plane.outer, inner = plane.inner;
  for (int64_t i = 0; i < outer.count; ++i) {
    std::byte* to = dst + i * outer.dst_stride;
    const std::byte* from = src + i * outer.src_stride;
    for (int64_t j = 0; j < inner.count; ++j)
      std::memcpy(to + j * inner.dst_stride, from + j * inner.src_stride, kRunBytes);
  }
}

void CopyRuns(std::byte* dst, const std::byte* src, const Plane& plane) {
  const auto run_bytes = static_cast<size_t>(plane.run_bytes);
  for (int64_t i = 0; i < plane.outer.count; ++i)
    for (int64_t j = 0; j < plane.inner.count; ++j)
      std::memcpy(dst + i * plane.outer.dst_stride + j * plane.inner.dst_stride,
                  src + i * plane.outer.src_stride + j * plane.inner.src_stride, run_bytes);
}

Kernel KernelFor(int64_t run_bytes) {
  switch (run_bytes) {
    case 1:
      return CopyFixedRuns<1>;
    case 2:
      return CopyFixedRuns<2>;
    case 4:
      return CopyFixedRuns<4>;
    case 8:
      return CopyFixedRuns<8>;
    case 12:
      return CopyFixedRuns<12>;
    case 16:
      return CopyFixedRuns<16>;
    case 24:
      return CopyFixedRuns<24>;
    case 32:
      return CopyFixedRuns<32>;
    default:
      return CopyRuns;
  }
}

// The axes without those of one index, neighbours merged where an index of the outer one continues
// the inner one.
struct MergedAxes {
  std::array<CopyAxis, kMaxCopyAxes> axes;
  size_t count = 0;
  bool empty = false;
};

MergedAxes Merge(std::span<const CopyAxis> axes) {
  MergedAxes merged;
  for (const CopyAxis& axis : axes) {
    if (axis.count <= 0) merged.empty = true;
    if (axis.count <= 1) continue;
    if (merged.count > 0) {
      CopyAxis& outer = merged.axes[merged.count - 1];
      int64_t dst_bytes = 0, src_bytes = 0;
      if (!__builtin_mul_overflow(axis.count, axis.dst_stride, &dst_bytes) &&
          dst_bytes == outer.dst_stride &&
          !__builtin_mul_overflow(axis.count, axis.src_stride, &src_bytes) &&
          src_bytes == outer.src_stride) {
        outer = {outer.count * axis.count, axis.dst_stride, axis.src_stride};
        continue;
      }
    }
    merged.axes[merged.count++] = axis;
  }
  return merged;
}

// Takes the axis with the smallest stride on one side out of the list; the innermost of equals.
template <class StrideOf>
size_t Fastest(const MergedAxes& merged, StrideOf stride_of) {
  size_t best = merged.count - 1;
  for (size_t i = merged.count; i-- > 0;)
    if (std::llabs(stride_of(merged.axes[i])) < std::llabs(stride_of(merged.axes[best]))) best = i;
  return best;
}

CopyAxis TakeOut(MergedAxes* merged, size_t index) {
  const CopyAxis axis = merged->axes[index];
  std::move(merged->axes.begin() + static_cast<ptrdiff_t>(index) + 1,
            merged->axes.begin() + static_cast<ptrdiff_t>(merged->count),
            merged->axes.begin() + static_cast<ptrdiff_t>(index));
  --merged->count;
  return axis;
}

// One tile of a transpose, through a buffer in the first-level cache: reads and writes whole lines,
// so that strides of a power of two, whose lines crowd into few places of the cache, cost no more
// than others.
template <size_t kRunBytes, size_t kRows, size_t kColumns>
void CopyTile(std::byte* dst, const std::byte* src, const Plane& plane) {
  alignas(kCacheLineBytes) std::byte tile[kRows][kColumns][kRunBytes];
  for (size_t i = 0; i < kRows; ++i) {
    const std::byte* from = src + static_cast<int64_t>(i) * plane.outer.src_stride;
    __builtin_prefetch(from + 4 * sizeof(tile[i]));
    std::memcpy(tile[i], from, sizeof(tile[i]));
  }
  for (size_t j = 0; j < kColumns; ++j) {
    std::byte* to = dst + static_cast<int64_t>(j) * plane.inner.dst_stride;
    for (size_t i = 0; i < kRows; ++i) std::memcpy(to + i * kRunBytes, tile[i][j], kRunBytes);
  }
}

// plane.inner is the axis along which src is fastest, plane.outer that of dst.
template <size_t kRunBytes>
void CopyBlocked(std::byte* dst, const std::byte* src, const Plane& plane) {
  // A line to read, some 512 bytes to write, and not more than 8 KiB in between.
  constexpr size_t kColumns = kCacheLineBytes / kRunBytes,
                   kRows = std::min<size_t>(512 / kRunBytes, 128);
  constexpr auto kTileRows = static_cast<int64_t>(kRows),
                 kTileColumns = static_cast<int64_t>(kColumns);
  const bool contiguous =
      plane.inner.src_stride == kRunBytes && plane.outer.dst_stride == kRunBytes;
  Plane block = plane;
  for (int64_t i = 0; i < plane.outer.count; i += kTileRows) {
    block.outer.count = std::min(kTileRows, plane.outer.count - i);
    for (int64_t j = 0; j < plane.inner.count; j += kTileColumns) {
      block.inner.count = std::min(kTileColumns, plane.inner.count - j);
      std::byte* to = dst + i * plane.outer.dst_stride + j * plane.inner.dst_stride;
      const std::byte* from = src + i * plane.outer.src_stride + j * plane.inner.src_stride;
      if (contiguous && block.outer.count == kTileRows && block.inner.count == kTileColumns)
        CopyTile<kRunBytes, kRows, kColumns>(to, from, plane);
      else
        CopyFixedRuns<kRunBytes>(to, from, block);
    }
  }
}

Kernel BlockedKernelFor(int64_t run_bytes) {
  switch (run_bytes) {
    case 1:
      return CopyBlocked<1>;
    case 2:
      return CopyBlocked<2>;
    case 4:
      return CopyBlocked<4>;
    case 8:
      return CopyBlocked<8>;
    case 16:
      return CopyBlocked<16>;
    case 32:
      return CopyBlocked<32>;
    default:
      return nullptr;
  }
}

}  // namespace

void StridedCopy(std::byte* dst, const std::byte* src, std::span<const CopyAxis> axes) noexcept {
  MergedAxes rest = Merge(axes);
  if (rest.empty) return;
  Plane plane;
  if (rest.count > 0 && rest.axes[rest.count - 1].dst_stride == 1 &&
      rest.axes[rest.count - 1].src_stride == 1)
    plane.run_bytes = rest.axes[--rest.count].count;
  Kernel kernel = KernelFor(plane.run_bytes);

  if (rest.count > 0) {
    const size_t dst_fastest = Fastest(rest, [](const CopyAxis& axis) { return axis.dst_stride; });
    const size_t src_fastest = Fastest(rest, [](const CopyAxis& axis) { return axis.src_stride; });
    const bool is_transpose = std::llabs(rest.axes[src_fastest].src_stride) <
                                  std::llabs(rest.axes[dst_fastest].src_stride) &&
                              rest.axes[src_fastest].src_stride != 0;
    if (const Kernel blocked = BlockedKernelFor(plane.run_bytes);
        is_transpose && blocked != nullptr) {
      kernel = blocked;
      plane.inner = rest.axes[src_fastest];
      plane.outer = rest.axes[dst_fastest];
      TakeOut(&rest, std::max(src_fastest, dst_fastest));
      TakeOut(&rest, std::min(src_fastest, dst_fastest));
    } else {
      plane.inner = TakeOut(&rest, dst_fastest);
      if (rest.count > 0) plane.outer = TakeOut(&rest, rest.count - 1);
    }
  }

  std::array<int64_t, kMaxCopyAxes> index{};
  for (;;) {
    kernel(dst, src, plane);
    size_t i = rest.count;
    for (; i > 0; --i) {
      const CopyAxis& axis = rest.axes[i - 1];
      dst += axis.dst_stride;
      src += axis.src_stride;
      if (++index[i - 1] < axis.count) break;
      index[i - 1] = 0;
      dst -= axis.count * axis.dst_stride;
      src -= axis.count * axis.src_stride;
    }
    if (i == 0) return;
  }
}

}  // namespace tsnap
