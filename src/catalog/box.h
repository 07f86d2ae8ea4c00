// Box: an n-d interval, offset and shape, in the index space of one global array; and its
// arithmetic. Knows nothing of memory, files or element types.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace tsnap {

inline constexpr int kMaxDims = 8;
using Index = std::array<int64_t, kMaxDims>;  // unused entries are 0

struct Box {
  int ndim = 0;  // 0 dims = one element
  Index offset{};
  Index shape{};  // every entry >= 0

  bool operator==(const Box&) const = default;
};

// The box at the origin with this shape.
Box WholeBox(int ndim, const Index& shape);
// Number of elements; boxes that passed CheckBox cannot overflow.
uint64_t Volume(const Box& box) noexcept;
inline bool IsEmpty(const Box& box) noexcept { return Volume(box) == 0; }
// kInvalid when ndim is outside 0..8, an extent is negative or volume * item_bytes or offset +
// shape overflows int64.
Status CheckBox(const Box& box, int64_t item_bytes);
bool Contains(const Box& outer, const Box& inner) noexcept;
// The common part; empty (Volume 0) when they do not meet. Both have the same ndim.
Box Intersect(const Box& a, const Box& b) noexcept;
// a without b, as at most 2 * ndim disjoint non-empty boxes.
std::vector<Box> Subtract(const Box& a, const Box& b);
// "[0:4, 10:20]" (half-open), "[]" for 0 dims.
std::string ToString(const Box& box);
std::string ShapeToString(int ndim, const Index& shape);  // "4x10", "scalar"

}  // namespace tsnap
