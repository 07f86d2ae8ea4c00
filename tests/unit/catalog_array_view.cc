// Axis order, density, overlap, parts and chunks of arrays.
#include <criterion/criterion.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "catalog/array_view.h"
#include "seeded.h"

using namespace tsnap;

namespace {

ArrayView View(std::vector<int64_t> shape, std::vector<int64_t> strides, int64_t item_bytes = 8) {
  ArrayView view;
  view.dtype = Dtype::kOpaque;
  view.item_bytes = item_bytes;
  view.ndim = static_cast<int>(shape.size());
  std::copy(shape.begin(), shape.end(), view.shape.begin());
  std::copy(strides.begin(), strides.end(), view.strides_bytes.begin());
  return view;
}

// Linear number of a point in the serialisation of a box.
uint64_t LinearOf(const Box& box, const AxisOrder& order, const Index& at) {
  uint64_t linear = 0;
  for (size_t place = 0; place < static_cast<size_t>(box.ndim); ++place) {
    const size_t axis = order[place];
    linear = linear * static_cast<uint64_t>(box.shape[axis]) +
             static_cast<uint64_t>(at[axis] - box.offset[axis]);
  }
  return linear;
}

}  // namespace

Test(array_view, storage_order_follows_the_strides) {
  const auto order_of = [](const ArrayView& view) {
    const AxisOrder order = StorageOrder(view);
    return std::vector<int>(order.begin(), order.begin() + view.ndim);
  };
  cr_assert(order_of(View({3, 4, 5}, {160, 40, 8})) == std::vector<int>({0, 1, 2}));
  cr_assert(order_of(View({3, 4, 5}, {8, 24, 96})) == std::vector<int>({2, 1, 0}));
  cr_assert(order_of(View({3, 1, 5}, {8, 7, 24})) == std::vector<int>({2, 1, 0}));
  cr_assert(order_of(View({3, 4}, {-8, 24})) == std::vector<int>({1, 0}));
  cr_assert(order_of(View({3, 4}, {-32, 8})) == std::vector<int>({0, 1}));
  cr_assert(order_of(View({3, 4, 2}, {8, 8, 8})) == std::vector<int>({0, 1, 2}));
  cr_assert(order_of(View({3, 0, 2}, {8, 80, 800})) == std::vector<int>({0, 1, 2}));
  cr_assert(order_of(View({2, 2}, {8, std::numeric_limits<int64_t>::min()})) ==
            std::vector<int>({1, 0}));
  cr_assert(StorageOrder(View({}, {})) == RowMajor());
}

Test(array_view, axis_orders_are_permutations) {
  cr_assert(IsAxisOrder(RowMajor(), 8) && IsAxisOrder(RowMajor(), 0));
  cr_assert(IsAxisOrder({1, 0}, 2));
  cr_assert(!IsAxisOrder({1, 1}, 2));
  cr_assert(!IsAxisOrder({0, 2}, 2));
  cr_assert(!IsAxisOrder(RowMajor(), 9) && !IsAxisOrder(RowMajor(), -1));
}

Test(array_view, dense_means_without_gaps_in_that_order) {
  cr_assert(IsDense(View({3, 4}, {32, 8}), RowMajor()));
  cr_assert(!IsDense(View({3, 4}, {8, 24}), RowMajor()));
  cr_assert(IsDense(View({3, 4}, {8, 24}), {1, 0}));
  cr_assert(!IsDense(View({3, 4}, {40, 8}), RowMajor()));
  cr_assert(!IsDense(View({4}, {-8}), RowMajor()));
  cr_assert(IsDense(View({1}, {-8}), RowMajor()));
  cr_assert(IsDense(View({1, 4}, {999, 8}), RowMajor()));
  cr_assert(IsDense(View({}, {}), RowMajor()));
  cr_assert(IsDense(View({5, 0}, {1, 1}), RowMajor()));
  const ArrayView made = ContiguousView(Dtype::kFloat64, 8, 3, {2, 3, 4}, nullptr);
  cr_assert(IsDense(made, RowMajor()) && made.strides_bytes[0] == 96 && ViewBytes(made) == 192);
}

Test(array_view, overlap_is_never_missed) {
  cr_assert(Overlaps(View({4}, {0})));
  cr_assert(!Overlaps(View({1}, {0})));
  cr_assert(Overlaps(View({3, 4}, {32, 0})));
  cr_assert(!Overlaps(View({0, 4}, {0, 0})));
  cr_assert(Overlaps(View({4}, {4})));
  cr_assert(!Overlaps(View({4, 3}, {-24, 8})));
  cr_assert(Overlaps(
      View({std::numeric_limits<int64_t>::max(), 2}, {16, std::numeric_limits<int64_t>::max()})));
  test::Seeded random;
  for (int round = 0; round < 3000; ++round) {
    ArrayView view =
        View({random.Int(1, 3), random.Int(1, 3), random.Int(1, 3)},
             {random.Int(-20, 20), random.Int(-20, 20), random.Int(-20, 20)}, random.Int(1, 3));
    std::set<int64_t> bytes;
    bool overlaps = false;
    for (int64_t i = 0; i < view.shape[0]; ++i)
      for (int64_t j = 0; j < view.shape[1]; ++j)
        for (int64_t k = 0; k < view.shape[2]; ++k)
          for (int64_t b = 0; b < view.item_bytes; ++b)
            overlaps |= !bytes
                             .insert(i * view.strides_bytes[0] + j * view.strides_bytes[1] +
                                     k * view.strides_bytes[2] + b)
                             .second;
    if (overlaps) cr_assert(Overlaps(view), "seed %llu", random.seed());
  }
}

Test(array_view, a_part_begins_at_its_own_first_element) {
  std::vector<std::byte> memory(12 * 8);
  ArrayView view = View({3, 4}, {32, 8});
  view.data = memory.data();
  const Box whole{2, {10, 20}, {3, 4}}, part{2, {11, 22}, {2, 1}}, empty{2, {99, 99}, {0, 1}};
  const ArrayView result = Part(view, whole, part);
  cr_assert_eq(result.data, memory.data() + 32 + 16);
  cr_assert(result.shape[0] == 2 && result.shape[1] == 1 &&
            result.strides_bytes == view.strides_bytes);
  cr_assert_eq(Part(view, whole, empty).data, memory.data());
}

Test(array_view, chunks_tile_the_box_in_serial_order_and_fill_up) {
  test::Seeded random;
  for (int round = 0; round < 2000; ++round) {
    Box box;
    box.ndim = static_cast<int>(random.Int(0, 4));
    const auto ndim = static_cast<size_t>(box.ndim);
    AxisOrder order = RowMajor();
    std::shuffle(order.begin(), order.begin() + box.ndim, random.engine());
    for (size_t axis = 0; axis < ndim; ++axis) {
      box.offset[axis] = random.Int(0, 9);
      box.shape[axis] = random.Int(round % 8 == 0 ? 0 : 1, 6);
    }
    const int64_t item_bytes = random.Int(1, 9);
    const auto max_bytes = static_cast<uint64_t>(random.Int(0, 300));
    const std::vector<Box> chunks = CutIntoChunks(box, order, item_bytes, max_bytes);
    uint64_t next = 0;
    for (const Box& chunk : chunks) {
      cr_assert(!IsEmpty(chunk) && Contains(box, chunk), "seed %llu", random.seed());
      const uint64_t bytes = Volume(chunk) * static_cast<uint64_t>(item_bytes);
      cr_assert(bytes <= max_bytes || Volume(chunk) == 1, "seed %llu", random.seed());
      Index last = chunk.offset;
      for (size_t axis = 0; axis < ndim; ++axis) last[axis] += chunk.shape[axis] - 1;
      cr_assert_eq(LinearOf(box, order, chunk.offset), next, "seed %llu", random.seed());
      next += Volume(chunk);
      cr_assert_eq(LinearOf(box, order, last), next - 1, "seed %llu: not one run", random.seed());
    }
    cr_assert_eq(next, Volume(box), "seed %llu", random.seed());
  }
  const Box box{2, {}, {10, 4}};
  const std::vector<Box> chunks =
      CutIntoChunks(box, RowMajor(), 8, 100);  // three slices of 32 bytes
  cr_assert(chunks.size() == 4 && chunks[0].shape[0] == 3 && chunks[3].shape[0] == 1);
}
