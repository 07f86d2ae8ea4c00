// ArrayView: where an n-d array lies in memory; AxisOrder: in which order its axes are laid out in
// a file. A view borrows the memory. It may be host or device memory: only src/stage dereferences
// it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "catalog/box.h"
#include "catalog/dtype.h"

namespace tsnap {

struct ArrayView {
  Dtype dtype = Dtype::kUint8;
  int64_t item_bytes = 1;
  int ndim = 0;
  Index shape{};
  Index strides_bytes{};  // always explicit here (never "all zero = contiguous")
  std::byte* data = nullptr;
};

// Axes from the slowest to the fastest varying one in the file. The first ndim entries are a
// permutation of 0..ndim-1.
using AxisOrder = std::array<uint8_t, kMaxDims>;
AxisOrder RowMajor() noexcept;
bool IsAxisOrder(const AxisOrder& order, int ndim) noexcept;

// A contiguous row-major view.
ArrayView ContiguousView(Dtype dtype, int64_t item_bytes, int ndim, const Index& shape,
                         std::byte* data);
uint64_t ViewBytes(const ArrayView& view) noexcept;
// The order in which writing the view needs the least shuffling: by |stride|, largest first; ties
// and axes of length <= 1 keep their natural place.
AxisOrder StorageOrder(const ArrayView& view) noexcept;
// True when the elements, visited in `order`, lie one after the other in memory without gaps.
bool IsDense(const ArrayView& view, const AxisOrder& order) noexcept;
// True when two indices of the view can name overlapping bytes (conservative only where an exact
// answer would be costly: sorts axes by |stride| and checks that each stride clears what lies
// inside it).
bool Overlaps(const ArrayView& view) noexcept;
// The part of a view that covers `part`, where the view itself covers `whole` (both in global
// coordinates).
ArrayView Part(const ArrayView& view, const Box& whole, const Box& part) noexcept;

// Cuts a box into chunks of at most max_bytes (at least one element each), each a box; consecutive
// in `order`: whole slices of the slowest axis first, finer only where one slice is too large.
std::vector<Box> CutIntoChunks(const Box& box, const AxisOrder& order, int64_t item_bytes,
                               uint64_t max_bytes);

}  // namespace tsnap
