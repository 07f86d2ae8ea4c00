// Box arithmetic against sets of points.
#include <criterion/criterion.h>

#include <cstdint>
#include <limits>
#include <set>
#include <vector>

#include "catalog/box.h"
#include "seeded.h"

using namespace tsnap;

namespace {

std::set<Index> PointsOf(const Box& box) {
  std::set<Index> points;
  if (IsEmpty(box)) return points;
  Index at = box.offset;
  for (;;) {
    points.insert(at);
    int axis = box.ndim;
    for (; axis > 0; --axis) {
      const auto a = static_cast<size_t>(axis - 1);
      if (++at[a] < box.offset[a] + box.shape[a]) break;
      at[a] = box.offset[a];
    }
    if (axis == 0) return points;
  }
}

Box RandomBox(test::Seeded* random, int ndim) {
  Box box;
  box.ndim = ndim;
  for (size_t axis = 0; axis < static_cast<size_t>(ndim); ++axis) {
    box.offset[axis] = random->Int(0, 4);
    box.shape[axis] = random->Int(0, 4);
  }
  return box;
}

}  // namespace

Test(box, arithmetic_agrees_with_sets_of_points) {
  test::Seeded random;
  for (int round = 0; round < 3000; ++round) {
    const int ndim = static_cast<int>(random.Int(0, 4));
    const Box a = RandomBox(&random, ndim), b = RandomBox(&random, ndim);
    const std::set<Index> in_a = PointsOf(a), in_b = PointsOf(b);
    std::set<Index> both, only_a;
    for (const Index& point : in_a) (in_b.count(point) != 0 ? both : only_a).insert(point);

    cr_assert_eq(Volume(a), in_a.size(), "seed %llu", random.seed());
    cr_assert(PointsOf(Intersect(a, b)) == both, "seed %llu: %s and %s", random.seed(),
              ToString(a).c_str(), ToString(b).c_str());
    cr_assert_eq(Contains(a, b), both.size() == in_b.size(), "seed %llu: %s and %s", random.seed(),
                 ToString(a).c_str(), ToString(b).c_str());
    const std::vector<Box> rest = Subtract(a, b);
    cr_assert_leq(rest.size(), 2 * static_cast<size_t>(ndim) + (only_a == in_a));
    std::set<Index> found;
    uint64_t volume = 0;
    for (const Box& part : rest) {
      cr_assert(!IsEmpty(part));
      volume += Volume(part);
      found.merge(PointsOf(part));
    }
    cr_assert(found == only_a, "seed %llu: %s without %s", random.seed(), ToString(a).c_str(),
              ToString(b).c_str());
    cr_assert_eq(volume, only_a.size(), "seed %llu: parts overlap", random.seed());
  }
}

Test(box, checks_refuse_what_would_overflow) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const auto box1 = [](int64_t offset, int64_t extent) { return Box{1, {offset}, {extent}}; };
  cr_assert(CheckBox(Box{}, 8).ok());
  cr_assert(CheckBox(box1(0, 0), 8).ok());
  cr_assert(CheckBox(box1(0, kMax), 1).ok());
  cr_assert(CheckBox(box1(0, kMax / 8), 8).ok());
  const Box bad_dims{9, {}, {}}, negative_dims{-1, {}, {}};
  const Box product{2, {}, {int64_t{1} << 40, int64_t{1} << 40}},
      empty_product{3, {}, {0, kMax, kMax}};
  cr_assert(CheckBox(bad_dims, 1).code() == Code::kInvalid);
  cr_assert(CheckBox(negative_dims, 1).code() == Code::kInvalid);
  cr_assert(CheckBox(box1(0, -1), 1).code() == Code::kInvalid);
  cr_assert(CheckBox(box1(-1, 1), 1).code() == Code::kInvalid);
  cr_assert(CheckBox(box1(0, kMax / 8 + 1), 8).code() == Code::kInvalid);
  cr_assert(CheckBox(box1(kMax, 1), 1).code() == Code::kInvalid);
  cr_assert(CheckBox(product, 1).code() == Code::kInvalid);
  cr_assert(CheckBox(empty_product, 1).code() == Code::kInvalid);
  cr_assert(CheckBox(box1(0, 1), 0).code() == Code::kInvalid);
}

Test(box, texts_read_as_half_open_intervals) {
  const Box box{2, {0, 10}, {4, 10}};
  cr_assert(ToString(box) == "[0:4, 10:20]");
  cr_assert(ToString(Box{}) == "[]");
  cr_assert(ShapeToString(2, {4, 10}) == "4x10");
  cr_assert(ShapeToString(0, {}) == "scalar");
}
