// Copying into memory that is not looked at again soon: past the cache where the processor can,
// which saves reading each line of the destination before it is overwritten.
#pragma once

#include <cstddef>

namespace tsnap {

// From here on it pays; below, the caller's next steps may find the bytes in the cache.
inline constexpr size_t kLeastStreamBytes = 64 * 1024;

// dst and src do not overlap. Allocates nothing.
void StreamCopy(std::byte* dst, const std::byte* src, size_t bytes) noexcept;

}  // namespace tsnap
