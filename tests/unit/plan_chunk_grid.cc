// Chunk grid: every element is in one chunk, and chunks tile the boxes that they were cut from.
#include <criterion/criterion.h>

#include <vector>

#include "plan/chunk_grid.h"
#include "seeded.h"

using namespace tsnap;

namespace {

ChunkGrid RandomGrid(test::Seeded* random) {
  ChunkGrid grid;
  grid.ndim = static_cast<int>(random->Int(1, 4));
  for (size_t i = 0; i < static_cast<size_t>(grid.ndim); ++i) {
    grid.shape[i] = random->Int(1, 12);
    grid.chunk[i] = random->Int(1, grid.shape[i]);
  }
  return grid;
}

uint64_t BytesOf(int ndim, const Index& chunk, int64_t item_bytes) {
  return Volume(WholeBox(ndim, chunk)) * static_cast<uint64_t>(item_bytes);
}

}  // namespace

Test(plan_chunk_grid, chunks_tile_the_array_in_their_order) {
  test::Seeded random;
  for (int round = 0; round < 200; ++round) {
    const ChunkGrid grid = RandomGrid(&random);
    const Box whole = WholeBox(grid.ndim, grid.shape);
    uint64_t volume = 0;
    for (uint64_t number = 0; number < ChunkCount(grid); ++number) {
      const Box part = Intersect(ChunkBox(grid, number), whole);
      cr_assert(!IsEmpty(part));
      volume += Volume(part);
      std::vector<uint64_t> met;
      ForEachChunk(grid, part, [&](uint64_t one) { met.push_back(one); });
      cr_assert(met == std::vector<uint64_t>{number});
    }
    cr_assert_eq(volume, Volume(whole));
  }
}

Test(plan_chunk_grid, a_box_meets_those_chunks_that_have_a_part_of_it) {
  test::Seeded random;
  for (int round = 0; round < 200; ++round) {
    const ChunkGrid grid = RandomGrid(&random);
    Box box = WholeBox(grid.ndim, grid.shape);
    for (size_t i = 0; i < static_cast<size_t>(grid.ndim); ++i) {
      box.offset[i] = random.Int(0, grid.shape[i] - 1);
      box.shape[i] = random.Int(0, grid.shape[i] - box.offset[i]);
    }
    std::vector<uint64_t> expected, met;
    for (uint64_t number = 0; number < ChunkCount(grid); ++number)
      if (!IsEmpty(Intersect(ChunkBox(grid, number), box))) expected.push_back(number);
    ForEachChunk(grid, box, [&](uint64_t one) { met.push_back(one); });
    cr_assert(met == expected, "%s", ToString(box).c_str());
  }
}

Test(plan_chunk_grid, chunks_of_even_boxes_do_not_cross_them) {
  for (const int64_t length : {500, 512, 1000, 96, 21}) {
    const Index chunk = ChunkShapeWithin(3, {length, length, length}, 8, 1 << 16);
    cr_assert_leq(BytesOf(3, chunk, 8), uint64_t{1} << 16);
    cr_assert_geq(BytesOf(3, chunk, 8), uint64_t{1} << 10);
    for (size_t i = 0; i < 3; ++i) cr_assert_eq(length % chunk[i], 0, "%ld", length);
  }
  // One element is never cut, and no length is 0.
  cr_assert(ChunkShapeWithin(2, {0, 7}, 100, 10) == Index({1, 1}));
}

Test(plan_chunk_grid, runs_are_contiguous_and_long) {
  cr_assert(ChunkShapeOfRuns(3, {100, 10, 10}, 8, 1600) == Index({2, 10, 10}));
  cr_assert(ChunkShapeOfRuns(3, {100, 10, 10}, 8, 1599) == Index({1, 10, 10}));
  cr_assert(ChunkShapeOfRuns(3, {100, 10, 10}, 8, 799) == Index({1, 9, 10}));
  cr_assert(ChunkShapeOfRuns(3, {100, 10, 10}, 8, 40) == Index({1, 1, 5}));
  cr_assert(ChunkShapeOfRuns(1, {100}, 8, 1) == Index({1}));
  cr_assert(ChunkShapeOfRuns(2, {4, 4}, 8, 1 << 20) == Index({4, 4}));
}
