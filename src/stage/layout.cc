// Lays an extent over memory: intersects the boxes, permutes the axes, merges those that memory
// continues.
#include "stage/layout.h"

#include <algorithm>

#include <fmt/format.h>

namespace tsnap {

Result<Layout> Layout::Make(const Mapping& mapping) {
  const ArrayView& view = mapping.memory;
  const Box& extent = mapping.extent_box;
  const auto ndim = static_cast<size_t>(view.ndim);
  if (view.ndim < 0 || view.ndim > kMaxDims || view.item_bytes < 1 ||
      mapping.memory_box.ndim != view.ndim || extent.ndim != view.ndim ||
      !IsAxisOrder(mapping.order, view.ndim) ||
      !std::equal(view.shape.begin(), view.shape.begin() + view.ndim,
                  mapping.memory_box.shape.begin()))
    return Internal(fmt::format("staging {}: it does not fit the memory of {}", ToString(extent),
                                ToString(mapping.memory_box)));
  Layout layout;
  layout.total_bytes_ = Volume(extent) * static_cast<uint64_t>(view.item_bytes);
  const Box common = Intersect(extent, mapping.memory_box);
  layout.meets_memory_ = !IsEmpty(common);
  if (!layout.meets_memory_) return layout;

  layout.origin_ = Part(view, mapping.memory_box, common).data;
  auto slice_bytes = static_cast<int64_t>(layout.total_bytes_);
  for (size_t place = 0; place < ndim; ++place) {
    const size_t axis = mapping.order[place];
    slice_bytes /= extent.shape[axis];
    const int64_t low = common.offset[axis] - extent.offset[axis];
    layout.Append(
        {extent.shape[axis], view.strides_bytes[axis], slice_bytes, low, low + common.shape[axis]});
  }
  layout.Append({view.item_bytes, 1, 1, 0, view.item_bytes});
  if (layout.count_ == 0) layout.axes_[layout.count_++] = {1, 1, 1, 0, 1};
  return layout;
}

void Layout::Append(const LayoutAxis& axis) {
  if (axis.length == 1) return;  // its one index is in memory, or nothing would be
  const bool is_full = axis.low == 0 && axis.high == axis.length;
  int64_t memory_bytes = 0;
  if (count_ > 0 && is_full &&
      !__builtin_mul_overflow(axis.length, axis.memory_stride, &memory_bytes) &&
      memory_bytes == axes_[count_ - 1].memory_stride) {
    LayoutAxis& outer = axes_[count_ - 1];
    outer = {outer.length * axis.length, axis.memory_stride, axis.slice_bytes,
             outer.low * axis.length, outer.high * axis.length};
    return;
  }
  axes_[count_++] = axis;
}

bool Layout::inside_memory() const {
  return meets_memory_ && std::all_of(axes().begin(), axes().end(), [](const LayoutAxis& axis) {
           return axis.low == 0 && axis.high == axis.length;
         });
}

}  // namespace tsnap
