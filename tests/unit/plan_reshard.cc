// Reshard against the definition: mark every stored byte of an extent whose element is wanted, then
// look at the blocks.
#include <criterion/criterion.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "base/bytes.h"
#include "base/knobs.h"
#include "plan/reshard.h"
#include "plan/reshard_detail.h"
#include "seeded.h"

using namespace tsnap;

namespace {

Box RandomBox(test::Seeded* random, int ndim, int64_t longest, int64_t farthest) {
  Box box;
  box.ndim = ndim;
  for (size_t axis = 0; axis < static_cast<size_t>(ndim); ++axis) {
    box.offset[axis] = random->Int(0, farthest);
    box.shape[axis] = random->Int(1, longest);
  }
  return box;
}

bool Holds(const Box& box, const Index& index) {
  for (size_t axis = 0; axis < static_cast<size_t>(box.ndim); ++axis)
    if (index[axis] < box.offset[axis] || index[axis] >= box.offset[axis] + box.shape[axis])
      return false;
  return true;
}

// For each stored byte whether its element is wanted, counting through the box in the extent's
// order.
std::vector<bool> MarkBytes(const Extent& extent, const Box& wanted, int64_t item_bytes) {
  std::vector<bool> marks;
  Index index = extent.box.offset;
  for (uint64_t element = 0; element < Volume(extent.box); ++element) {
    marks.insert(marks.end(), static_cast<size_t>(item_bytes), Holds(wanted, index));
    for (int i = extent.box.ndim; i-- > 0;) {
      const size_t axis = extent.order[static_cast<size_t>(i)];
      if (++index[axis] < extent.box.offset[axis] + extent.box.shape[axis]) break;
      index[axis] = extent.box.offset[axis];
    }
  }
  return marks;
}

struct Case {
  Extent extent;
  Box wanted;
  int64_t item_bytes = 1;
};

Case RandomCase(test::Seeded* random) {
  static constexpr int64_t kItems[] = {1, 2, 4, 8, 12, 16, 24};
  Case c;
  const int ndim = static_cast<int>(random->Int(0, kMaxDims));
  const int64_t longest =
      std::vector<int64_t>{1, 400, 30, 12, 7, 5, 4, 3, 3}[static_cast<size_t>(ndim)];
  c.item_bytes = kItems[random->Int(0, 6)];
  c.extent.box = RandomBox(random, ndim, longest, 5);
  c.wanted = RandomBox(random, ndim, longest + 2, random->Chance(0.8) ? 7 : longest + 7);
  for (size_t axis = 0; axis < static_cast<size_t>(ndim); ++axis)
    if (random->Chance(0.4)) {  // the whole axis
      c.wanted.offset[axis] = c.extent.box.offset[axis];
      c.wanted.shape[axis] = c.extent.box.shape[axis];
    }
  std::shuffle(c.extent.order.begin(), c.extent.order.begin() + ndim, random->engine());
  c.extent.raw_bytes = c.extent.stored_bytes =
      Volume(c.extent.box) * static_cast<uint64_t>(c.item_bytes);
  return c;
}

bool AnyMarked(const std::vector<bool>& marks, uint64_t begin, uint64_t end) {
  return std::find(marks.begin() + static_cast<long>(begin), marks.begin() + static_cast<long>(end),
                   true) != marks.begin() + static_cast<long>(end);
}

Extent ExtentOf(int ndim, const Index& shape, int64_t item_bytes) {
  Extent extent;
  extent.box = WholeBox(ndim, shape);
  extent.raw_bytes = extent.stored_bytes = Volume(extent.box) * static_cast<uint64_t>(item_bytes);
  return extent;
}

}  // namespace

Test(plan_reshard, needed_runs_are_the_blocks_with_wanted_bytes) {
  test::Seeded random;
  for (int round = 0; round < 4000; ++round) {
    const Case c = RandomCase(&random);
    const auto block = static_cast<uint64_t>(
        std::vector<int>{1, 8, 16, 32, 64, 100, 512}[static_cast<size_t>(random.Int(0, 6))]);
    const uint64_t transfer = block * static_cast<uint64_t>(random.Int(1, 6));
    const std::vector<bool> marks = MarkBytes(c.extent, c.wanted, c.item_bytes);
    std::vector<bool> blocks;
    for (uint64_t begin = 0; begin < marks.size(); begin += block)
      blocks.push_back(AnyMarked(marks, begin, std::min<uint64_t>(begin + block, marks.size())));

    std::vector<bool> found(blocks.size(), false);
    uint64_t end = 0;
    for (const ByteRun& run :
         detail::NeededRuns(c.extent, c.wanted, c.item_bytes, transfer, block)) {
      cr_assert(run.begin % block == 0 && run.bytes > 0 && run.bytes <= transfer, "round %d",
                round);
      cr_assert(run.begin >= end, "round %d", round);
      end = run.begin + run.bytes;
      cr_assert(end <= marks.size() && (end % block == 0 || end == marks.size()), "round %d",
                round);
      for (uint64_t i = run.begin / block; i * block < end; ++i) found[i] = true;
    }
    cr_assert(found == blocks, "round %d: ndim %d, item %ld, block %lu", round, c.extent.box.ndim,
              static_cast<long>(c.item_bytes), static_cast<unsigned long>(block));
  }
}

Test(plan_reshard, runs_that_touch_are_one_up_to_the_transfer_size) {
  test::Seeded random;
  for (int round = 0; round < 1000; ++round) {
    const Case c = RandomCase(&random);
    const std::vector<ByteRun> runs = detail::NeededRuns(c.extent, c.wanted, c.item_bytes, 64, 16);
    for (size_t i = 1; i < runs.size(); ++i)
      cr_assert(runs[i].begin > runs[i - 1].begin + runs[i - 1].bytes || runs[i - 1].bytes == 64,
                "round %d", round);
  }
}

Test(plan_reshard, a_run_is_wanted_when_each_of_its_bytes_is) {
  test::Seeded random;
  int wanted = 0;
  for (int round = 0; round < 1000; ++round) {
    const Case c = RandomCase(&random);
    const std::vector<bool> marks = MarkBytes(c.extent, c.wanted, c.item_bytes);
    for (int i = 0; i < 40; ++i) {
      const auto begin =
          static_cast<uint64_t>(random.Int(0, static_cast<int64_t>(marks.size()) - 1));
      const auto most = std::min<int64_t>(static_cast<int64_t>(marks.size() - begin),
                                          random.Chance(0.5) ? 40 : 1 << 20);
      const ByteRun run = {begin, static_cast<uint64_t>(random.Int(1, most))};
      const auto first = marks.begin() + static_cast<long>(run.begin);
      const bool expected = std::find(first, first + static_cast<long>(run.bytes), false) ==
                            first + static_cast<long>(run.bytes);
      cr_assert_eq(RunIsWanted(c.extent, c.wanted, c.item_bytes, run), expected, "round %d", round);
      wanted += expected;
    }
  }
  cr_assert_gt(wanted, 1000, "the cases must show both answers");
}

Test(plan_reshard, a_compressed_extent_is_needed_whole_or_not_at_all) {
  Extent extent = ExtentOf(2, {1000, 1000}, 8);
  extent.codec = Codec::kZstd;
  extent.stored_bytes = 12345;
  Box wanted = WholeBox(2, {1, 1});
  const std::vector<ByteRun> runs = NeededRuns(extent, wanted, 8, kTransferBytes);
  cr_assert_eq(runs.size(), 1u);
  cr_assert_eq(runs[0].begin, 0u);
  cr_assert_eq(runs[0].bytes, 12345u);
  cr_assert(!RunIsWanted(extent, wanted, 8, runs[0]));
  cr_assert(RunIsWanted(extent, extent.box, 8, runs[0]));
  wanted.offset = {1000, 0};
  cr_assert(NeededRuns(extent, wanted, 8, kTransferBytes).empty());
}

Test(plan_reshard, one_row_of_a_matrix_costs_its_blocks_and_no_more) {
  const Extent extent = ExtentOf(2, {1024, 1 << 20}, 1);
  Box wanted = extent.box;
  wanted.offset[0] = 5;
  wanted.shape[0] = 1;
  const std::vector<ByteRun> runs = NeededRuns(extent, wanted, 1, kTransferBytes);
  cr_assert_eq(runs.size(), 1u);
  cr_assert_eq(runs[0].begin, 5u << 20);
  cr_assert_eq(runs[0].bytes, 1u << 20);
}

// 2^40 elements: an algorithm that visits elements, or even rows, would not come to an end here.
Test(plan_reshard, work_does_not_grow_with_elements, .timeout = 20) {
  const Extent extent = ExtentOf(2, {int64_t{1} << 39, 2}, 1);
  Box column = extent.box;
  column.shape[1] = 1;
  column.shape[0] = int64_t{1} << 30;
  uint64_t bytes = 0;
  for (const ByteRun& run : NeededRuns(extent, column, 1, kTransferBytes)) bytes += run.bytes;
  cr_assert_eq(bytes, uint64_t{1} << 31);
}
