// Geometry of arrays in memory; touches none of it.
#include "catalog/array_view.h"

#include <algorithm>
#include <span>

#include "base/bytes.h"

namespace tsnap {
namespace {

// |INT64_MIN| fits only into the unsigned type.
uint64_t Magnitude(int64_t value) noexcept {
  return value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

bool IsEmptyView(const ArrayView& view) noexcept {
  return std::any_of(view.shape.begin(), view.shape.begin() + view.ndim,
                     [](int64_t n) { return n == 0; });
}

}  // namespace

AxisOrder RowMajor() noexcept { return {0, 1, 2, 3, 4, 5, 6, 7}; }

bool IsAxisOrder(const AxisOrder& order, int ndim) noexcept {
  if (ndim < 0 || ndim > kMaxDims) return false;
  std::array<bool, kMaxDims> seen{};
  for (const uint8_t axis : std::span(order).first(static_cast<size_t>(ndim))) {
    if (axis >= ndim || seen[axis]) return false;
    seen[axis] = true;
  }
  return true;
}

ArrayView ContiguousView(Dtype dtype, int64_t item_bytes, int ndim, const Index& shape,
                         std::byte* data) {
  ArrayView view;
  view.dtype = dtype;
  view.item_bytes = item_bytes;
  view.ndim = ndim;
  view.data = data;
  int64_t stride = item_bytes;
  for (auto axis = static_cast<size_t>(ndim); axis-- > 0;) {
    view.shape[axis] = shape[axis];
    view.strides_bytes[axis] = stride;
    stride *= std::max<int64_t>(shape[axis], 1);
  }
  return view;
}

uint64_t ViewBytes(const ArrayView& view) noexcept {
  return Volume(WholeBox(view.ndim, view.shape)) * static_cast<uint64_t>(view.item_bytes);
}

AxisOrder StorageOrder(const ArrayView& view) noexcept {
  AxisOrder order = RowMajor();
  if (IsEmptyView(view)) return order;
  // Only the axes that are longer than 1 change places among themselves. Insertion sort: stable,
  // and allocates nothing.
  std::array<uint8_t, kMaxDims> axes{};
  size_t count = 0;
  for (uint8_t axis = 0; axis < view.ndim; ++axis) {
    if (view.shape[axis] <= 1) continue;
    size_t place = count++;
    for (; place > 0 &&
           Magnitude(view.strides_bytes[axes[place - 1]]) < Magnitude(view.strides_bytes[axis]);
         --place)
      axes[place] = axes[place - 1];
    axes[place] = axis;
  }
  size_t next = 0;
  for (uint8_t place = 0; place < view.ndim; ++place)
    if (view.shape[place] > 1) order[place] = axes[next++];
  return order;
}

bool IsDense(const ArrayView& view, const AxisOrder& order) noexcept {
  if (IsEmptyView(view)) return true;
  int64_t expected = view.item_bytes;
  for (auto place = static_cast<size_t>(view.ndim); place-- > 0;) {
    const int64_t length = view.shape[order[place]];
    if (length == 1) continue;
    if (view.strides_bytes[order[place]] != expected) return false;
    expected *= length;
  }
  return true;
}

bool Overlaps(const ArrayView& view) noexcept {
  if (IsEmptyView(view)) return false;
  const AxisOrder order = StorageOrder(view);
  auto inside_bytes =
      static_cast<uint64_t>(view.item_bytes);  // what one step of the next axis must clear
  for (auto place = static_cast<size_t>(view.ndim); place-- > 0;) {
    const auto length = static_cast<uint64_t>(view.shape[order[place]]);
    if (length <= 1) continue;
    const uint64_t stride = Magnitude(view.strides_bytes[order[place]]);
    if (stride < inside_bytes) return true;
    uint64_t span = 0;
    // More than the address space: whatever it is, its elements are not apart in memory.
    if (!CheckedMul(length - 1, stride, &span) || !CheckedAdd(span, inside_bytes, &inside_bytes))
      return true;
  }
  return false;
}

ArrayView Part(const ArrayView& view, const Box& whole, const Box& part) noexcept {
  ArrayView result = view;
  result.shape = part.shape;
  if (IsEmpty(part)) return result;
  for (size_t axis = 0; axis < static_cast<size_t>(view.ndim); ++axis)
    result.data += (part.offset[axis] - whole.offset[axis]) * view.strides_bytes[axis];
  return result;
}

std::vector<Box> CutIntoChunks(const Box& box, const AxisOrder& order, int64_t item_bytes,
                               uint64_t max_bytes) {
  if (IsEmpty(box)) return {};
  const auto ndim = static_cast<size_t>(box.ndim);
  // The slowest axis of which one slice fits is the one to cut; the axes before it are walked one
  // index at a time.
  uint64_t slice_bytes = Volume(box) * static_cast<uint64_t>(item_bytes);
  size_t place = 0;
  for (; place < ndim && slice_bytes > max_bytes; ++place)
    slice_bytes /= static_cast<uint64_t>(box.shape[order[place]]);
  if (place == 0) return {box};
  const size_t cut = order[place - 1];
  const uint64_t fitting = std::max<uint64_t>(max_bytes / std::max<uint64_t>(slice_bytes, 1), 1);
  const int64_t step =
      static_cast<int64_t>(std::min(fitting, static_cast<uint64_t>(box.shape[cut])));

  std::vector<Box> chunks;
  Box chunk = box;
  for (size_t outer = 0; outer + 1 < place; ++outer) chunk.shape[order[outer]] = 1;
  for (;;) {
    for (int64_t done = 0; done < box.shape[cut]; done += chunk.shape[cut]) {
      chunk.offset[cut] = box.offset[cut] + done;
      chunk.shape[cut] = std::min(step, box.shape[cut] - done);
      chunks.push_back(chunk);
    }
    size_t outer = place - 1;  // the next index of the outer axes, as an odometer counts
    for (; outer > 0; --outer) {
      const size_t axis = order[outer - 1];
      if (++chunk.offset[axis] < box.offset[axis] + box.shape[axis]) break;
      chunk.offset[axis] = box.offset[axis];
    }
    if (outer == 0) return chunks;
  }
}

}  // namespace tsnap
