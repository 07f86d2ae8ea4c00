// Box runs: whatever range of whatever box is asked for, its runs are the bytes that counting through
// the array one element at a time finds, and as few as can be.
#include <criterion/criterion.h>

#include <algorithm>
#include <vector>

#include "format/one_file/box_runs.h"
#include "seeded.h"

using namespace tsnap;
using namespace tsnap::one_file;

namespace {

// Where each byte of a box lies in the array, by counting.
std::vector<uint64_t> Positions(const StoredArray& array, const Box& box) {
  std::vector<uint64_t> positions;
  Index at = box.offset;
  for (uint64_t n = Volume(box); n-- > 0;) {
    uint64_t item = 0;
    for (int axis = 0; axis < box.ndim; ++axis)
      item = item * static_cast<uint64_t>(array.shape[static_cast<size_t>(axis)]) +
             static_cast<uint64_t>(at[static_cast<size_t>(axis)]);
    for (int64_t byte = 0; byte < array.item_bytes; ++byte)
      positions.push_back(item * static_cast<uint64_t>(array.item_bytes) + static_cast<uint64_t>(byte));
    for (int axis = box.ndim; axis-- > 0;) {
      const auto i = static_cast<size_t>(axis);
      if (++at[i] < box.offset[i] + box.shape[i]) break;
      at[i] = box.offset[i];
    }
  }
  return positions;
}

struct Sample {
  StoredArray array;
  Box box;
};

// Below n.
uint64_t Below(test::Seeded& random, uint64_t n) {
  return static_cast<uint64_t>(random.Int(0, static_cast<int64_t>(n) - 1));
}

Sample Draw(test::Seeded& random) {
  Sample sample;
  sample.array.ndim = sample.box.ndim = static_cast<int>(Below(random, 5));
  sample.array.item_bytes = 1 + static_cast<int64_t>(Below(random, 9));
  for (int axis = 0; axis < sample.box.ndim; ++axis) {
    const auto i = static_cast<size_t>(axis);
    sample.array.shape[i] = 1 + static_cast<int64_t>(Below(random, 5));
    if (Below(random, 3) == 0) {
      sample.box.shape[i] = sample.array.shape[i];
      continue;
    }
    sample.box.offset[i] = static_cast<int64_t>(Below(random, static_cast<uint64_t>(sample.array.shape[i])));
    sample.box.shape[i] =
        1 + static_cast<int64_t>(Below(random, static_cast<uint64_t>(sample.array.shape[i] - sample.box.offset[i])));
  }
  return sample;
}

}  // namespace

Test(box_runs, are_the_bytes_of_the_range_and_no_run_goes_on_in_the_next) {
  test::Seeded random;
  for (int round = 0; round < 3000; ++round) {
    const Sample sample = Draw(random);
    const std::vector<uint64_t> expected = Positions(sample.array, sample.box);
    const uint64_t begin = Below(random, expected.size());
    const uint64_t bytes = 1 + Below(random, expected.size() - begin);
    uint64_t next = begin, last_end = UINT64_MAX;
    const Status visited = ForEachRun(
        sample.array, sample.box, begin, bytes, [&](uint64_t packed, uint64_t stored, uint64_t length) {
          cr_assert_eq(packed, next);
          cr_assert_neq(stored, last_end, "two runs are one");
          for (uint64_t i = 0; i < length; ++i) cr_assert_eq(stored + i, expected[packed + i]);
          next += length;
          last_end = stored + length;
          return Status::Ok();
        });
    cr_assert(visited.ok());
    cr_assert_eq(next, begin + bytes);
  }
}

Test(box_runs, one_run_is_told_from_many) {
  test::Seeded random;
  for (int round = 0; round < 3000; ++round) {
    const Sample sample = Draw(random);
    const std::vector<uint64_t> positions = Positions(sample.array, sample.box);
    bool one = true;
    for (size_t i = 1; i < positions.size(); ++i) one = one && positions[i] == positions[i - 1] + 1;
    uint64_t stored = 0;
    cr_assert_eq(IsOneRun(sample.array, sample.box, &stored), one);
    if (one) cr_assert_eq(stored, positions.front());
  }
}

Test(box_runs, a_range_is_few_boxes_in_its_own_order) {
  test::Seeded random;
  for (int round = 0; round < 3000; ++round) {
    const Sample sample = Draw(random);
    StoredArray items = sample.array;
    items.item_bytes = 1;
    const std::vector<uint64_t> expected = Positions(items, sample.box);
    const uint64_t begin = Below(random, expected.size());
    const uint64_t count = 1 + Below(random, expected.size() - begin);
    const std::vector<Box> boxes = BoxesOfRange(sample.box, begin, count);
    cr_assert_leq(boxes.size(), static_cast<size_t>(std::max(1, 2 * sample.box.ndim)));
    std::vector<uint64_t> found;
    for (const Box& box : boxes) {
      cr_assert(Fits(items, box));
      const std::vector<uint64_t> part = Positions(items, box);
      found.insert(found.end(), part.begin(), part.end());
    }
    cr_assert_eq(found.size(), count);
    cr_assert(std::equal(found.begin(), found.end(), expected.begin() + static_cast<ptrdiff_t>(begin)));
  }
}

Test(box_runs, what_does_not_fit_is_told) {
  const StoredArray array{4, 2, {3, 5}};
  cr_assert(Fits(array, {2, {0, 0}, {3, 5}}));
  cr_assert(Fits(array, {2, {3, 5}, {0, 0}}));
  cr_assert_not(Fits(array, {1, {0}, {3}}));
  cr_assert_not(Fits(array, {2, {1, 0}, {3, 5}}));
  cr_assert_not(Fits(array, {2, {-1, 0}, {1, 1}}));
  cr_assert_not(Fits(array, {2, {0, 0}, {-1, 1}}));
  cr_assert_not(Fits(array, {2, {INT64_MAX, 0}, {INT64_MAX, 1}}));
}

Test(box_runs, an_empty_box_has_no_runs) {
  const StoredArray array{4, 2, {3, 5}};
  const Status none = ForEachRun(array, {2, {0, 0}, {0, 5}}, 0, 0, [](uint64_t, uint64_t, uint64_t) {
    return Internal("a run of nothing");
  });
  cr_assert(none.ok());
  cr_assert(BoxesOfRange({2, {0, 0}, {0, 5}}, 0, 0).empty());
}
