// Copies between two n-d arrays of bytes in host memory that differ only in strides, near memory
// speed. Knows nothing of boxes, items or files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tsnap {

struct CopyAxis {
  int64_t count = 0;
  int64_t dst_stride = 0;  // bytes
  int64_t src_stride = 0;
};

inline constexpr size_t kMaxCopyAxes = 9;  // eight of an array and the bytes of an item

// Copies one byte for each index of the axes (at most kMaxCopyAxes, outermost first); an axis of
// contiguous bytes comes last. Each byte of dst is named once; src may repeat (stride 0). dst and
// src do not overlap. Allocates nothing.
void StridedCopy(std::byte* dst, const std::byte* src, std::span<const CopyAxis> axes) noexcept;

}  // namespace tsnap
