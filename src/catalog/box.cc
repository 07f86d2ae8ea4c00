// Arithmetic of boxes: axis by axis, since a box is a product of intervals.
#include "catalog/box.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"

namespace tsnap {
namespace {

// First index after the box along an axis.
int64_t End(const Box& box, size_t axis) noexcept { return box.offset[axis] + box.shape[axis]; }
size_t Dims(const Box& box) noexcept { return static_cast<size_t>(box.ndim); }

}  // namespace

Box WholeBox(int ndim, const Index& shape) {
  Box box;
  box.ndim = ndim;
  std::copy_n(shape.begin(), ndim, box.shape.begin());
  return box;
}

uint64_t Volume(const Box& box) noexcept {
  uint64_t volume = 1;
  for (size_t axis = 0; axis < Dims(box); ++axis) volume *= static_cast<uint64_t>(box.shape[axis]);
  return volume;
}

Status CheckBox(const Box& box, int64_t item_bytes) {
  if (box.ndim < 0 || box.ndim > kMaxDims)
    return Invalid(fmt::format("checking a box: it has {} dimensions, 0 to {} are possible",
                               box.ndim, kMaxDims));
  if (item_bytes < 1)
    return Invalid(
        fmt::format("checking a box: its items have {} bytes, at least 1 is needed", item_bytes));
  int64_t bytes = item_bytes;
  for (size_t axis = 0; axis < Dims(box); ++axis) {
    const int64_t offset = box.offset[axis], extent = box.shape[axis];
    if (extent < 0 || offset < 0)
      return Invalid(fmt::format(
          "checking a box: axis {} has offset {} and extent {}, neither may be negative", axis,
          offset, extent));
    // An extent of 0 counts as 1: the strides of an empty box must not overflow either.
    int64_t end = 0;
    if (!CheckedMul(bytes, std::max<int64_t>(extent, 1), &bytes) ||
        !CheckedAdd(offset, extent, &end))
      return Invalid(fmt::format(
          "checking a box: axis {} with offset {} and extent {} exceeds 2^63 bytes or indices",
          axis, offset, extent));
  }
  return Status::Ok();
}

bool Contains(const Box& outer, const Box& inner) noexcept {
  if (outer.ndim != inner.ndim) return false;
  if (IsEmpty(inner)) return true;
  for (size_t axis = 0; axis < Dims(outer); ++axis)
    if (inner.offset[axis] < outer.offset[axis] || End(inner, axis) > End(outer, axis))
      return false;
  return true;
}

Box Intersect(const Box& a, const Box& b) noexcept {
  Box common;
  common.ndim = a.ndim;
  for (size_t axis = 0; axis < Dims(a); ++axis) {
    const int64_t begin = std::max(a.offset[axis], b.offset[axis]);
    common.offset[axis] = begin;
    common.shape[axis] = std::max<int64_t>(std::min(End(a, axis), End(b, axis)) - begin, 0);
  }
  return common;
}

std::vector<Box> Subtract(const Box& a, const Box& b) {
  std::vector<Box> rest;
  if (IsEmpty(a)) return rest;
  const Box common = Intersect(a, b);
  if (IsEmpty(common)) return {a};
  // Cut off what lies before and after b along one axis after the other; what remains ends as the
  // common part.
  Box core = a;
  for (size_t axis = 0; axis < Dims(a); ++axis) {
    Box before = core, after = core;
    before.shape[axis] = common.offset[axis] - core.offset[axis];
    after.offset[axis] = End(common, axis);
    after.shape[axis] = End(core, axis) - End(common, axis);
    if (before.shape[axis] > 0) rest.push_back(before);
    if (after.shape[axis] > 0) rest.push_back(after);
    core.offset[axis] = common.offset[axis];
    core.shape[axis] = common.shape[axis];
  }
  return rest;
}

std::string ToString(const Box& box) {
  std::string text = "[";
  for (size_t axis = 0; axis < Dims(box); ++axis)
    text += fmt::format("{}{}:{}", axis == 0 ? "" : ", ", box.offset[axis], End(box, axis));
  return text + "]";
}

std::string ShapeToString(int ndim, const Index& shape) {
  if (ndim == 0) return "scalar";
  const auto used = std::span(shape).first(static_cast<size_t>(ndim));
  return fmt::format("{}", fmt::join(used, "x"));
}

}  // namespace tsnap
