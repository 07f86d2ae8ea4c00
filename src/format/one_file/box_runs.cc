#include "format/one_file/box_runs.h"

#include <algorithm>

namespace tsnap::one_file {

namespace {

size_t At(int axis) { return static_cast<size_t>(axis); }

// Elements of a run, and how many axes, the slowest ones, count the runs.
struct RunShape {
  uint64_t items = 1;
  int outer_axes = 0;
};

// The fastest axes that the box covers whole, and the one before them, are one run.
RunShape ShapeOfRuns(const StoredArray& array, const Box& box) {
  RunShape shape;
  int axis = box.ndim;
  while (axis > 0) {
    --axis;
    shape.items *= static_cast<uint64_t>(box.shape[At(axis)]);
    if (box.shape[At(axis)] != array.shape[At(axis)]) break;
  }
  // Axes of length 1 do not interrupt a run.
  while (axis > 0 && box.shape[At(axis - 1)] == 1) --axis;
  shape.outer_axes = axis;
  return shape;
}

// Where run number `number` of the box begins in the array, in elements.
uint64_t StoredItem(const StoredArray& array, const Box& box, int outer_axes, uint64_t number) {
  uint64_t item = 0, stride = 1;
  for (int axis = array.ndim; axis-- > 0;) {
    auto index = static_cast<uint64_t>(box.offset[At(axis)]);
    if (axis < outer_axes) {
      const auto length = static_cast<uint64_t>(box.shape[At(axis)]);
      index += number % length;
      number /= length;
    }
    item += index * stride;
    stride *= static_cast<uint64_t>(array.shape[At(axis)]);
  }
  return item;
}

void AddBoxes(const Box& box, int axis, uint64_t begin, uint64_t end, std::vector<Box>* out) {
  while (axis < box.ndim && box.shape[At(axis)] == 1) ++axis;
  if (axis == box.ndim || (begin == 0 && end == Volume(box))) {
    out->push_back(box);
    return;
  }
  const uint64_t slice = Volume(box) / static_cast<uint64_t>(box.shape[At(axis)]);
  const auto slices = [&](uint64_t first, uint64_t count) {
    Box part = box;
    part.offset[At(axis)] += static_cast<int64_t>(first);
    part.shape[At(axis)] = static_cast<int64_t>(count);
    return part;
  };
  const uint64_t first = begin / slice, last = (end - 1) / slice;
  if (first == last) {
    AddBoxes(slices(first, 1), axis + 1, begin - first * slice, end - first * slice, out);
    return;
  }
  uint64_t whole = first;
  if (begin > first * slice) {
    AddBoxes(slices(first, 1), axis + 1, begin - first * slice, slice, out);
    ++whole;
  }
  const uint64_t whole_end = end == (last + 1) * slice ? last + 1 : last;
  if (whole_end > whole) out->push_back(slices(whole, whole_end - whole));
  if (whole_end == last) AddBoxes(slices(last, 1), axis + 1, 0, end - last * slice, out);
}

}  // namespace

bool Fits(const StoredArray& array, const Box& box) noexcept {
  if (box.ndim != array.ndim) return false;
  for (int axis = 0; axis < box.ndim; ++axis) {
    const int64_t offset = box.offset[At(axis)], length = box.shape[At(axis)];
    if (offset < 0 || length < 0 || offset > array.shape[At(axis)] ||
        length > array.shape[At(axis)] - offset)
      return false;
  }
  return true;
}

Status ForEachRun(const StoredArray& array, const Box& box, uint64_t begin, uint64_t bytes,
                  const RunVisitor& visit) {
  const RunShape shape = ShapeOfRuns(array, box);
  const auto item_bytes = static_cast<uint64_t>(array.item_bytes);
  const uint64_t run_bytes = shape.items * item_bytes;
  if (run_bytes == 0) return Status::Ok();
  for (uint64_t done = 0; done < bytes;) {
    const uint64_t number = (begin + done) / run_bytes, within = (begin + done) % run_bytes;
    const uint64_t length = std::min(run_bytes - within, bytes - done);
    const uint64_t item = StoredItem(array, box, shape.outer_axes, number);
    TSNAP_TRY(visit(begin + done, item * item_bytes + within, length));
    done += length;
  }
  return Status::Ok();
}

bool IsOneRun(const StoredArray& array, const Box& box, uint64_t* stored) noexcept {
  if (ShapeOfRuns(array, box).items != Volume(box)) return false;
  *stored = StoredItem(array, box, 0, 0) * static_cast<uint64_t>(array.item_bytes);
  return true;
}

std::vector<Box> BoxesOfRange(const Box& box, uint64_t begin, uint64_t count) {
  std::vector<Box> out;
  if (count > 0) AddBoxes(box, 0, begin, begin + count, &out);
  return out;
}

}  // namespace tsnap::one_file
