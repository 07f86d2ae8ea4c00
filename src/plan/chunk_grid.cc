#include "plan/chunk_grid.h"

#include <algorithm>

#include "base/bytes.h"

namespace tsnap {

namespace {

int64_t CountAlong(const ChunkGrid& grid, size_t axis) noexcept {
  return static_cast<int64_t>(
      CeilDiv(static_cast<uint64_t>(grid.shape[axis]), static_cast<uint64_t>(grid.chunk[axis])));
}

// The length of the longer part when it is cut once more.
int64_t Cut(int64_t length) noexcept {
  for (const int64_t divisor : {2, 3, 5, 7})
    if (length % divisor == 0) return length / divisor;
  return length / 2 + 1;
}

}  // namespace

uint64_t ChunkCount(const ChunkGrid& grid) noexcept {
  uint64_t count = 1;
  for (size_t i = 0; i < static_cast<size_t>(grid.ndim); ++i)
    count *= static_cast<uint64_t>(CountAlong(grid, i));
  return count;
}

Box ChunkBox(const ChunkGrid& grid, uint64_t number) noexcept {
  Box box = WholeBox(grid.ndim, grid.chunk);
  for (size_t i = static_cast<size_t>(grid.ndim); i-- > 0;) {
    const auto count = static_cast<uint64_t>(CountAlong(grid, i));
    box.offset[i] = static_cast<int64_t>(number % count) * grid.chunk[i];
    number /= count;
  }
  return box;
}

void ForEachChunk(const ChunkGrid& grid, const Box& box,
                  const std::function<void(uint64_t number)>& visit) {
  if (IsEmpty(box)) return;
  const auto ndim = static_cast<size_t>(grid.ndim);
  Index first{}, last{}, at{};
  for (size_t i = 0; i < ndim; ++i) {
    first[i] = at[i] = box.offset[i] / grid.chunk[i];
    last[i] = (box.offset[i] + box.shape[i] - 1) / grid.chunk[i];
  }
  for (;;) {
    uint64_t number = 0;
    for (size_t i = 0; i < ndim; ++i)
      number = number * static_cast<uint64_t>(CountAlong(grid, i)) + static_cast<uint64_t>(at[i]);
    visit(number);
    size_t axis = ndim;
    while (axis > 0 && at[axis - 1] == last[axis - 1]) {
      at[axis - 1] = first[axis - 1];
      --axis;
    }
    if (axis == 0) return;
    ++at[axis - 1];
  }
}

Index ChunkShapeWithin(int ndim, const Index& box_shape, int64_t item_bytes,
                       uint64_t target_bytes) {
  Index shape = box_shape;
  const auto end = shape.begin() + ndim;
  for (auto length = shape.begin(); length != end; ++length)
    *length = std::max<int64_t>(1, *length);
  while (Volume(WholeBox(ndim, shape)) * static_cast<uint64_t>(item_bytes) > target_bytes) {
    const auto longest = std::max_element(shape.begin(), end);
    if (longest == end || *longest == 1) break;
    *longest = Cut(*longest);
  }
  return shape;
}

Index ChunkShapeOfRuns(int ndim, const Index& shape, int64_t item_bytes, uint64_t target_bytes) {
  Index chunk{};
  auto bytes = static_cast<uint64_t>(item_bytes);  // of an index of axis i
  for (auto i = static_cast<size_t>(ndim); i-- > 0;) {
    const auto length = static_cast<uint64_t>(std::max<int64_t>(1, shape[i]));
    const uint64_t most = std::max<uint64_t>(1, target_bytes / bytes);
    chunk[i] = static_cast<int64_t>(std::min(length, most));
    // What is slower than an axis that is cut has one index a chunk.
    bytes = length <= most ? bytes * length : UINT64_MAX;
  }
  return chunk;
}

}  // namespace tsnap
