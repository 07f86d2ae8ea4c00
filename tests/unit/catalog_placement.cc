// Placement is format: golden values, spread, inverses, and tile grids that tile.
#include <criterion/criterion.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "catalog/placement.h"
#include "seeded.h"

using namespace tsnap;

namespace {

ObjectMeta Sharded(int ndim, const Index& shape, int64_t item_bytes) {
  ObjectMeta meta;
  meta.kind = Kind::kSharded;
  meta.ndim = ndim;
  meta.shape = shape;
  meta.item_bytes = item_bytes;
  return meta;
}

}  // namespace

Test(placement, values_never_change) {
  const Placement placement{1000003, 16, 1 << 20};
  cr_assert_eq(PartOfShared(placement, "fluid/density"), 401611u);
  cr_assert_eq(PartOfPrivate(placement, 12, "fluid/density"), 526989u);
  cr_assert_eq(PartOfTile(placement, "fluid/density", 7), 875764u);
  const TileCounts expected = {4, 2, 2, 1, 1, 1, 1, 1};
  cr_assert(TileGrid(Sharded(3, {1000, 600, 500}, 8), 150 << 20) == expected);
}

Test(placement, the_record_of_any_object_is_where_its_kind_says) {
  const Placement placement{97, 4, 0};
  ObjectMeta meta;
  meta.path = "a";
  meta.rank = 5;
  cr_assert_eq(PartOf(placement, meta), PartOfPrivate(placement, 5, "a"));
  meta.kind = Kind::kReplicated;
  cr_assert_eq(PartOf(placement, meta), PartOfShared(placement, "a"));
  const std::vector<uint64_t> parts = PartsOfRank(placement, 5);
  cr_assert_leq(parts.size(), 4u);
  for (int i = 0; i < 500; ++i)
    cr_assert(std::binary_search(parts.begin(), parts.end(),
                                 PartOfPrivate(placement, 5, std::to_string(i))));
}

Test(placement, one_part_and_hostile_values_are_safe) {
  const Placement one{};
  cr_assert_eq(PartOfShared(one, "x"), 0u);
  cr_assert_eq(PartOfTile(one, "x", 9), 0u);
  cr_assert(PartsOfRank(one, 3) == std::vector<uint64_t>{0});
  const Placement hostile{3, std::numeric_limits<uint64_t>::max(), 0};
  cr_assert_eq(PartsOfRank(hostile, 0).size(), 3u);
  const Placement zero{0, 0, 0};
  cr_assert_eq(PartOfPrivate(zero, 0, "x"), 0u);
}

Test(placement, objects_and_tiles_spread_evenly) {
  const Placement placement{50, 8, 0};
  std::vector<int> shared(50), tiles(50), owned(50);
  for (int i = 0; i < 50000; ++i) {
    ++shared[PartOfShared(placement, "layer/" + std::to_string(i))];
    ++tiles[PartOfTile(placement, "density", static_cast<uint64_t>(i))];
    ++owned[PartOfPrivate(placement, i, "x")];
  }
  for (const std::vector<int>* counts : {&shared, &tiles, &owned}) {
    cr_assert_gt(*std::min_element(counts->begin(), counts->end()), 800);
    cr_assert_lt(*std::max_element(counts->begin(), counts->end()), 1200);
  }
}

Test(placement, owners_and_their_parts_are_inverse_and_even) {
  for (int size = 1; size <= 20; ++size)
    for (uint64_t parts = 1; parts <= 45; ++parts) {
      std::vector<uint64_t> seen;
      size_t most = 0, least = parts;
      for (int rank = 0; rank < size; ++rank) {
        const std::vector<uint64_t> owned = PartsOwnedBy(rank, parts, size);
        for (const uint64_t part : owned) cr_assert_eq(OwnerOf(part, parts, size), rank);
        seen.insert(seen.end(), owned.begin(), owned.end());
        most = std::max(most, owned.size());
        least = std::min(least, owned.size());
      }
      std::sort(seen.begin(), seen.end());
      cr_assert_eq(seen.size(), parts);
      for (uint64_t part = 0; part < parts; ++part) cr_assert_eq(seen[part], part);
      cr_assert_leq(most - least, 1u);
    }
}

Test(placement, tile_grids_tile_exactly_and_meetings_agree_with_brute_force) {
  test::Seeded random;
  for (int round = 0; round < 1000; ++round) {
    ObjectMeta meta = Sharded(static_cast<int>(random.Int(0, 4)), {}, random.Int(1, 16));
    for (size_t axis = 0; axis < static_cast<size_t>(meta.ndim); ++axis)
      meta.shape[axis] = random.Int(round % 10 == 0 ? 0 : 1, 20);
    const auto tile_bytes = static_cast<uint64_t>(random.Int(0, 2000));
    const TileCounts grid = TileGrid(meta, tile_bytes);
    const uint64_t count = TileCount(meta, grid);
    const Box whole = WholeBox(meta.ndim, meta.shape);
    Box wanted = whole;
    for (size_t axis = 0; axis < static_cast<size_t>(meta.ndim); ++axis) {
      wanted.offset[axis] = random.Int(0, meta.shape[axis]);
      wanted.shape[axis] = random.Int(0, meta.shape[axis] - wanted.offset[axis]);
    }
    uint64_t volume = 0;
    std::vector<uint64_t> meeting;
    std::vector<Box> tiles;
    for (uint64_t tile = 0; tile < count; ++tile) {
      const Box box = TileBox(meta, grid, tile);
      cr_assert(Contains(whole, box));
      volume += Volume(box);
      cr_assert(IsEmpty(box) == IsEmpty(whole), "seed %llu: an empty tile", random.seed());
      if (tile_bytes > 0 && Volume(box) > 1)
        cr_assert_leq(Volume(box) * static_cast<uint64_t>(meta.item_bytes), tile_bytes, "seed %llu",
                      random.seed());
      if (!IsEmpty(Intersect(box, wanted))) meeting.push_back(tile);
      if (count <= 64) tiles.push_back(box);
    }
    cr_assert_eq(volume, Volume(whole), "seed %llu", random.seed());
    for (size_t i = 0; i < tiles.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        cr_assert(IsEmpty(Intersect(tiles[i], tiles[j])), "seed %llu", random.seed());
    cr_assert(TilesMeeting(meta, grid, wanted) == meeting, "seed %llu: %s of %s", random.seed(),
              ToString(wanted).c_str(), ToString(whole).c_str());
  }
}

Test(placement, huge_arrays_do_not_overflow) {
  const int64_t huge = std::numeric_limits<int64_t>::max() / 8;
  const ObjectMeta meta = Sharded(1, {huge}, 8);
  const TileCounts grid = TileGrid(meta, 1);
  cr_assert_eq(TileCount(meta, grid), 1u << 20);
  int64_t next = 0;
  for (uint64_t tile = 0; tile < (1u << 20); ++tile) {
    const Box box = TileBox(meta, grid, tile);
    cr_assert(box.offset[0] == next && box.shape[0] > 0);
    next += box.shape[0];
  }
  cr_assert_eq(next, huge);
  const Box last{1, {huge - 1}, {1}};
  cr_assert(TilesMeeting(meta, grid, last) == std::vector<uint64_t>{(1u << 20) - 1});
}
