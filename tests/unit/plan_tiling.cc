// Tiling against a count of every element: exact is once everywhere, sparse at most once,
// duplicates at least once.
#include <criterion/criterion.h>

#include <algorithm>
#include <string>
#include <vector>

#include "plan/box_pairs.h"
#include "plan/tiling.h"
#include "seeded.h"

using namespace tsnap;

namespace {

ObjectMeta MetaOf(const std::string& path, int ndim, const Index& shape,
                  Coverage coverage = Coverage::kExact) {
  ObjectMeta meta;
  meta.path = path;
  meta.kind = Kind::kSharded;
  meta.ndim = ndim;
  meta.shape = shape;
  meta.coverage = coverage;
  return meta;
}

Box BoxOf(std::vector<int64_t> offset, std::vector<int64_t> shape) {
  Box box;
  box.ndim = static_cast<int>(offset.size());
  std::copy(offset.begin(), offset.end(), box.offset.begin());
  std::copy(shape.begin(), shape.end(), box.shape.begin());
  return box;
}

// How often each element of the tile is held, in row-major order.
std::vector<int> Count(const Box& tile, const std::vector<Box>& boxes) {
  std::vector<int> counts(Volume(tile), 0);
  for (size_t element = 0; element < counts.size(); ++element) {
    Box one = tile;
    size_t rest = element;
    for (auto axis = static_cast<size_t>(tile.ndim); axis-- > 0;) {
      const auto length = static_cast<size_t>(tile.shape[axis]);
      one.offset[axis] = tile.offset[axis] + static_cast<int64_t>(rest % length);
      one.shape[axis] = 1;
      rest /= length;
    }
    for (const Box& box : boxes) counts[element] += Contains(box, one);
  }
  return counts;
}

void CutAtRandom(test::Seeded* random, const Box& box, int depth, std::vector<Box>* out) {
  if (depth == 0 || box.ndim == 0) return out->push_back(box);
  const auto axis = static_cast<size_t>(random->Int(0, box.ndim - 1));
  if (box.shape[axis] < 2) return CutAtRandom(random, box, depth - 1, out);
  Box low = box, high = box;
  low.shape[axis] = random->Int(1, box.shape[axis] - 1);
  high.offset[axis] += low.shape[axis];
  high.shape[axis] -= low.shape[axis];
  CutAtRandom(random, low, depth - 1, out);
  CutAtRandom(random, high, depth - 1, out);
}

struct Case {
  ObjectMeta meta;
  Box tile;
  std::vector<Claim> claims;
  std::vector<Box> boxes() const {
    std::vector<Box> boxes;
    for (const Claim& claim : claims) boxes.push_back(claim.box);
    return boxes;
  }
};

Box RandomPart(test::Seeded* random, const Box& whole) {
  Box part = whole;
  for (size_t axis = 0; axis < static_cast<size_t>(whole.ndim); ++axis) {
    part.offset[axis] = random->Int(0, whole.shape[axis] - 1);
    part.shape[axis] = random->Int(1, whole.shape[axis] - part.offset[axis]);
  }
  return part;
}

// A true tiling, which in half of the cases is then spoiled: a box dropped, grown, doubled or
// shrunk.
Case RandomCase(test::Seeded* random, Coverage coverage) {
  Case c;
  const int ndim = static_cast<int>(random->Int(0, 4));
  Index shape{};
  for (size_t axis = 0; axis < static_cast<size_t>(ndim); ++axis)
    shape[axis] = random->Int(1, std::vector<int64_t>{1, 60, 12, 7, 5}[static_cast<size_t>(ndim)]);
  c.meta = MetaOf("x", ndim, shape, coverage);
  const Box whole = WholeBox(ndim, shape);
  std::vector<Box> boxes;
  CutAtRandom(random, whole, static_cast<int>(random->Int(0, 6)), &boxes);
  for (int64_t spoils = random->Chance(0.5) ? random->Int(1, 3) : 0; spoils > 0 && !boxes.empty();
       --spoils) {
    const auto i = static_cast<size_t>(random->Int(0, static_cast<int64_t>(boxes.size()) - 1));
    switch (random->Int(0, 3)) {
      case 0:
        boxes.erase(boxes.begin() + static_cast<long>(i));
        break;
      case 1:
        boxes.push_back(RandomPart(random, whole));
        break;
      case 2:
        boxes.push_back(boxes[i]);
        break;
      default:
        if (ndim > 0) boxes[i].shape[0] -= boxes[i].shape[0] > 0;
    }
  }
  std::shuffle(boxes.begin(), boxes.end(), random->engine());
  for (uint32_t i = 0; i < boxes.size(); ++i)
    c.claims.push_back({boxes[i], static_cast<int>(random->Int(0, 5)), i});
  c.tile = random->Chance(0.5) ? whole : RandomPart(random, whole);
  return c;
}

std::vector<Claim> GridOfSticks(int64_t a, int64_t b, int64_t length) {
  std::vector<Claim> claims;
  for (int64_t i = 0; i < a; ++i)
    for (int64_t j = 0; j < b; ++j)
      claims.push_back({BoxOf({i, j, 0}, {1, 1, length}), static_cast<int>(i * b + j), 0});
  return claims;
}

void ExpectMessage(const Status& status, const std::string& text) {
  cr_assert(status.code() == Code::kMismatch, "%s", status.message().c_str());
  cr_assert(status.message().starts_with(text), "%s", status.message().c_str());
  cr_assert(status.message().find('\n') == std::string::npos);
}

}  // namespace

Test(plan_tiling, says_what_counting_every_element_says) {
  test::Seeded random;
  int bad = 0;
  for (const Coverage coverage : {Coverage::kExact, Coverage::kSparse, Coverage::kDuplicates}) {
    for (int round = 0; round < 1500; ++round) {
      const Case c = RandomCase(&random, coverage);
      const std::vector<int> counts = Count(c.tile, c.boxes());
      const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
      const bool expected = (coverage == Coverage::kSparse || *least >= 1) &&
                            (coverage == Coverage::kDuplicates || *most <= 1);
      const Status status = CheckTiling(c.meta, c.tile, c.claims);
      cr_assert_eq(status.ok(), expected, "round %d of coverage %d: %s", round,
                   static_cast<int>(coverage), status.message().c_str());
      bad += !expected;
    }
  }
  cr_assert_gt(bad, 500, "the cases must show both answers");
}

Test(plan_tiling, duplicates_are_stored_once_and_by_the_first_claim) {
  test::Seeded random;
  for (int round = 0; round < 1500; ++round) {
    Case c = RandomCase(&random, Coverage::kDuplicates);
    for (int64_t i = random.Int(0, 5); i > 0; --i)
      c.claims.push_back({RandomPart(&random, WholeBox(c.meta.ndim, c.meta.shape)),
                          static_cast<int>(random.Int(0, 5)),
                          static_cast<uint32_t>(c.claims.size())});
    const std::vector<Omission> omissions = ResolveDuplicates(c.tile, c.claims);

    std::vector<Claim> by_order = c.claims;
    std::sort(by_order.begin(), by_order.end(), [](const Claim& a, const Claim& b) {
      return a.rank != b.rank ? a.rank < b.rank : a.box_index < b.box_index;
    });
    std::vector<int> before(Volume(c.tile), 0);
    for (const Claim& claim : by_order) {
      std::vector<Box> parts;
      for (const Omission& omission : omissions)
        if (omission.rank == claim.rank && omission.box_index == claim.box_index)
          parts.push_back(omission.part);
      for (const Box& part : parts)
        cr_assert(!IsEmpty(part) && Contains(claim.box, part) && Contains(c.tile, part));
      const std::vector<int> held = Count(c.tile, {claim.box}), omitted = Count(c.tile, parts);
      for (size_t i = 0; i < held.size(); ++i) {
        cr_assert_eq(omitted[i], held[i] == 1 && before[i] > 0 ? 1 : 0, "round %d", round);
        before[i] += held[i];
      }
    }
    std::shuffle(c.claims.begin(), c.claims.end(), random.engine());
    const std::vector<Omission> again = ResolveDuplicates(c.tile, c.claims);
    cr_assert_eq(again.size(), omissions.size());
    for (size_t i = 0; i < again.size(); ++i)
      cr_assert(again[i].rank == omissions[i].rank &&
                    again[i].box_index == omissions[i].box_index &&
                    again[i].part == omissions[i].part,
                "the order of the claims must not matter");
  }
}

namespace {

Box RandomCell(test::Seeded* random) {
  Index shape{};
  const int ndim = static_cast<int>(random->Int(0, 4));
  for (size_t axis = 0; axis < static_cast<size_t>(ndim); ++axis) shape[axis] = random->Int(1, 40);
  return WholeBox(ndim, shape);
}

// Of any size, or thin ones of at most three elements (and no fewer than that) along each axis.
std::vector<Box> RandomParts(test::Seeded* random, const Box& cell, int64_t most, int64_t fewest) {
  std::vector<Box> boxes(static_cast<size_t>(random->Int(0, most)));
  const bool thin = random->Chance(0.5);
  for (Box& box : boxes) {
    box = RandomPart(random, cell);
    for (size_t axis = 0; thin && axis < static_cast<size_t>(cell.ndim); ++axis)
      box.shape[axis] = std::min<int64_t>(box.shape[axis], random->Int(fewest, 3));
  }
  return boxes;
}

}  // namespace

Test(plan_tiling, pairs_are_those_that_meet_each_once) {
  test::Seeded random;
  for (int round = 0; round < 200; ++round) {
    const Box cell = RandomCell(&random);
    const std::vector<Box> boxes = RandomParts(&random, cell, 120, 1);
    std::vector<std::pair<uint32_t, uint32_t>> expected, found;
    for (uint32_t i = 0; i < boxes.size(); ++i)
      for (uint32_t j = i + 1; j < boxes.size(); ++j)
        if (!IsEmpty(Intersect(boxes[i], boxes[j]))) expected.emplace_back(i, j);
    ForEachPair(cell, boxes, [&](uint32_t i, uint32_t j) {
      found.emplace_back(i, j);
      return true;
    });
    std::sort(found.begin(), found.end());
    cr_assert(found == expected, "round %d", round);
  }
}

Test(plan_tiling, boxes_of_two_lists_that_meet_are_each_found_once) {
  test::Seeded random;
  for (int round = 0; round < 200; ++round) {
    const Box cell = RandomCell(&random);
    const std::vector<Box> lists[] = {RandomParts(&random, cell, 80, 0),
                                      RandomParts(&random, cell, 80, 0)};
    std::vector<std::pair<uint32_t, uint32_t>> expected, found;
    for (uint32_t i = 0; i < lists[0].size(); ++i)
      for (uint32_t j = 0; j < lists[1].size(); ++j)
        if (!IsEmpty(Intersect(lists[0][i], lists[1][j]))) expected.emplace_back(i, j);
    ForEachMeeting(lists[0], lists[1], [&](uint32_t i, uint32_t j) {
      found.emplace_back(i, j);
      return true;
    });
    std::sort(found.begin(), found.end());
    cr_assert(found == expected, "round %d", round);
  }
}

Test(plan_tiling, a_gap_is_named_and_nobody_holds_any_of_it) {
  test::Seeded random;
  for (int round = 0; round < 1000; ++round) {
    Index shape{};
    const int ndim = static_cast<int>(random.Int(1, 4));
    for (size_t axis = 0; axis < static_cast<size_t>(ndim); ++axis) shape[axis] = random.Int(2, 8);
    const Box cell = WholeBox(ndim, shape);
    std::vector<Box> boxes;
    CutAtRandom(&random, cell, 6, &boxes);
    for (int64_t drops = random.Int(1, 3); drops > 0 && !boxes.empty(); --drops)
      boxes.erase(boxes.begin() + random.Int(0, static_cast<int64_t>(boxes.size()) - 1));
    const Box gap = FindGap(cell, boxes);
    cr_assert(!IsEmpty(gap) && Contains(cell, gap));
    for (const Box& box : boxes) cr_assert(IsEmpty(Intersect(box, gap)), "round %d", round);
  }
}

Test(plan_tiling, messages_name_the_object_the_boxes_and_the_ranks) {
  const ObjectMeta density = MetaOf("fluid/density", 2, {6, 8});
  const std::vector<Claim> overlap = {{BoxOf({3, 0}, {3, 8}), 2, 0}, {BoxOf({0, 0}, {4, 8}), 1, 0}};
  ExpectMessage(CheckTiling(density, WholeBox(2, {6, 8}), overlap),
                "object \"fluid/density\": boxes [0:4, 0:8] of rank 1 and [3:6, 0:8] of rank 2 "
                "overlap in [3:4, 0:8]");
  const std::vector<Claim> gap = {{BoxOf({0, 0}, {4, 8}), 0, 0}, {BoxOf({6, 0}, {2, 8}), 1, 0}};
  ExpectMessage(CheckTiling(MetaOf("x", 2, {8, 8}), WholeBox(2, {8, 8}), gap),
                "object \"x\": [4:6, 0:8] of its global shape 8x8 is held by no rank");
  ExpectMessage(CheckTiling(MetaOf("x", 2, {8, 8}), WholeBox(2, {8, 8}), {}),
                "object \"x\": [0:8, 0:8] of its global shape 8x8 is held by no rank");
}

Test(plan_tiling, an_array_of_one_element_is_held_once) {
  const ObjectMeta meta = MetaOf("s", 0, {});
  const Box tile = WholeBox(0, {});
  const Claim zero = {tile, 0, 0}, one = {tile, 1, 0};
  cr_assert(CheckTiling(meta, tile, std::vector{zero}).ok());
  ExpectMessage(CheckTiling(meta, tile, std::vector{zero, one}),
                "object \"s\": boxes [] of rank 0 and [] of rank 1 overlap in []");
  ExpectMessage(CheckTiling(meta, tile, {}),
                "object \"s\": [] of its global shape scalar is held by no rank");
  const std::vector<Omission> omissions = ResolveDuplicates(tile, std::vector{one, zero});
  cr_assert_eq(omissions.size(), 1u);
  cr_assert_eq(omissions[0].rank, 1);
}

Test(plan_tiling, an_empty_array_needs_nobody) {
  cr_assert(CheckTiling(MetaOf("e", 2, {0, 4}), WholeBox(2, {0, 4}), {}).ok());
  const std::vector<Claim> claims = {{BoxOf({0, 0}, {0, 4}), 0, 0}};
  cr_assert(CheckTiling(MetaOf("e", 2, {0, 4}), WholeBox(2, {0, 4}), claims).ok());
}

Test(plan_tiling, many_claims_that_span_an_axis_are_checked, .timeout = 60) {
  std::vector<Claim> claims = GridOfSticks(100, 100, 1000);
  const ObjectMeta meta = MetaOf("sticks", 3, {100, 100, 1000});
  const Box tile = WholeBox(3, meta.shape);
  cr_assert(CheckTiling(meta, tile, claims).ok());
  claims[5000].box.shape[2] = 999;
  ExpectMessage(CheckTiling(meta, tile, claims),
                "object \"sticks\": [50:51, 0:1, 999:1000] of its global shape 100x100x1000 is "
                "held by no rank");
  claims[5000].box.shape = {1, 2, 1000};
  cr_assert(CheckTiling(meta, tile, claims).code() == Code::kMismatch);
}

Test(plan_tiling, one_array_that_all_ranks_hold_is_left_out_by_all_but_one, .timeout = 60) {
  std::vector<Claim> claims;
  for (int rank = 0; rank < 100'000; ++rank) claims.push_back({BoxOf({0}, {1000}), rank, 0});
  cr_assert_eq(ResolveDuplicates(WholeBox(1, {1000}), claims).size(), 99'999u);
}
