// Chunk grid: an array cut into equal boxes, numbered row by row; those at its far edges reach
// beyond it. Pure.
#pragma once

#include <cstdint>
#include <functional>

#include "catalog/box.h"

namespace tsnap {

struct ChunkGrid {
  int ndim = 0;
  Index shape{};  // of the array
  Index chunk{};  // of a chunk; every entry is at least 1
};

uint64_t ChunkCount(const ChunkGrid& grid) noexcept;
// The whole chunk, perhaps beyond the array.
Box ChunkBox(const ChunkGrid& grid, uint64_t number) noexcept;
// Calls visit(number) for the chunks that a box of the array meets, in their order.
void ForEachChunk(const ChunkGrid& grid, const Box& box,
                  const std::function<void(uint64_t number)>& visit);

// A shape of at most target_bytes, or of one element, into which a box of that shape can be cut:
// evenly where its lengths have small divisors, so that the chunks of neighbours do not meet.
Index ChunkShapeWithin(int ndim, const Index& box_shape, int64_t item_bytes, uint64_t target_bytes);
// The same, such that each chunk of the array is one run of its elements.
Index ChunkShapeOfRuns(int ndim, const Index& shape, int64_t item_bytes, uint64_t target_bytes);

}  // namespace tsnap
