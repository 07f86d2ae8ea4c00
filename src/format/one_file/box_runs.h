// Box runs: where the bytes of a box, packed row by row, lie in a whole array that is stored row by
// row. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/status.h"
#include "catalog/box.h"

namespace tsnap::one_file {

// An array as it is stored.
struct StoredArray {
  int64_t item_bytes = 1;
  int ndim = 0;
  Index shape{};
};

// One run: `bytes` at `packed` of the box's own are at `stored` of the array's.
using RunVisitor = std::function<Status(uint64_t packed, uint64_t stored, uint64_t bytes)>;

// True when the box lies inside the array, with as many dimensions.
bool Fits(const StoredArray& array, const Box& box) noexcept;
// The longest runs that packed bytes [begin, begin + bytes) of a box that fits are in; stops at the
// first status that is not OK.
Status ForEachRun(const StoredArray& array, const Box& box, uint64_t begin, uint64_t bytes,
                  const RunVisitor& visit);
// True when all of the box is one run; *stored: where it begins.
bool IsOneRun(const StoredArray& array, const Box& box, uint64_t* stored) noexcept;

// Elements [begin, begin + count) of a box, in row-major order, as the fewest boxes, in that order:
// at most two for each dimension.
std::vector<Box> BoxesOfRange(const Box& box, uint64_t begin, uint64_t count);

}  // namespace tsnap::one_file
