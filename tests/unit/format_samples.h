// Valid commit records and index parts drawn at random, for round trips and as seeds of the fuzzers. Only what a writer
// could write: every sample must decode.
#pragma once

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "base/knobs.h"
#include "catalog/index.h"
#include "catalog/placement.h"
#include "format/native/commit_record.h"
#include "format/native/names.h"

namespace tsnap::samples {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  // TSNAP_TEST_SEED when set, else a fresh one; printed, so that a failure can be repeated.
  static Random Printed(const char* test) {
    const char* given = std::getenv("TSNAP_TEST_SEED");
    const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::fprintf(stderr, "%s: TSNAP_TEST_SEED=%" PRIu64 "\n", test, seed);
    return Random(seed);
  }
  // In [low, high].
  int64_t Between(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine_); }
  bool OneIn(int64_t n) { return Between(1, n) == 1; }
  uint32_t Word() { return static_cast<uint32_t>(engine_()); }

 private:
  std::mt19937_64 engine_;
};

inline std::string RandomText(Random* random, int64_t max_bytes) {
  static constexpr const char* kPieces[] = {"a", "density", "x:y", "%41", " ", "\xc3\xa4", "\xf0\x9f\x8c\x8a", "_0", "\n"};
  std::string text;
  while (static_cast<int64_t>(text.size()) < max_bytes && !random->OneIn(4)) text += kPieces[random->Between(0, 8)];
  return text;
}

inline void Place(Random* random, Extent* extent) {
  extent->writer = static_cast<uint32_t>(random->Between(0, 5000));
  extent->slab = static_cast<uint32_t>(random->Between(0, 3));
  extent->offset = static_cast<uint64_t>(random->Between(0, int64_t{1} << 40)) * kSmallExtentAlignment;
  extent->stored_bytes = extent->raw_bytes;
  if (extent->raw_bytes > 0 && random->OneIn(4)) {
    extent->codec = random->OneIn(2) ? Codec::kZstd : Codec::kLz4;
    extent->stored_bytes = static_cast<uint64_t>(random->Between(1, static_cast<int64_t>(extent->raw_bytes)));
  }
  extent->block_crcs.resize(CeilDiv(extent->stored_bytes, kBlockBytes));
  for (uint32_t& crc : extent->block_crcs) crc = random->OneIn(8) ? 0 : random->Word();
}

inline std::vector<Extent> RandomExtents(Random* random, const ObjectMeta& meta) {
  AxisOrder order = RowMajor();
  if (random->OneIn(2)) std::shuffle(order.begin(), order.begin() + meta.ndim, std::mt19937(random->Word()));
  const Box whole = WholeBox(meta.ndim, meta.shape);
  const uint64_t bytes = Volume(whole) * static_cast<uint64_t>(meta.item_bytes);
  const uint64_t chunk = random->OneIn(2) ? std::max<uint64_t>(bytes, 1) : std::max<uint64_t>(bytes / 5, 1);
  std::vector<Extent> extents;
  for (const Box& box : CutIntoChunks(whole, order, meta.item_bytes, chunk)) {
    Extent& extent = extents.emplace_back();
    extent.box = box;
    extent.order = order;
    extent.raw_bytes = Volume(box) * static_cast<uint64_t>(meta.item_bytes);
    Place(random, &extent);
  }
  return extents;
}

inline ObjectMeta RandomMeta(Random* random, int number) {
  ObjectMeta meta;
  meta.path = "o" + std::to_string(number) + RandomText(random, 60);
  meta.kind = static_cast<Kind>(random->Between(1, 3));
  meta.rank = meta.kind == Kind::kPrivate ? random->Between(0, random->OneIn(3) ? 2147483646 : 12) : -1;
  const bool array = meta.kind == Kind::kSharded || random->OneIn(2);
  meta.type = array ? Type::kArray : static_cast<Type>(random->Between(1, 6));
  meta.dtype = static_cast<Dtype>(random->Between(1, 18));
  meta.ndim = static_cast<int>(random->Between(0, random->OneIn(5) ? 8 : 3));
  switch (meta.type) {
    case Type::kArray: break;
    case Type::kInt64: meta.dtype = Dtype::kInt64, meta.ndim = 0; break;
    case Type::kFloat64: meta.dtype = Dtype::kFloat64, meta.ndim = 0; break;
    case Type::kBool: meta.dtype = Dtype::kBool, meta.ndim = 0; break;
    case Type::kString:
    case Type::kBytes: meta.dtype = Dtype::kUint8, meta.ndim = 1; break;
  }
  meta.item_bytes = meta.dtype == Dtype::kOpaque ? random->Between(1, 100) : DtypeBytes(meta.dtype);
  for (int axis = 0; axis < meta.ndim; ++axis) {
    meta.shape[static_cast<size_t>(axis)] = random->OneIn(12) ? 0 : random->Between(1, meta.ndim > 4 ? 3 : 9);
  }
  if (meta.ndim == 1 && random->OneIn(3)) meta.shape[0] = random->Between(1, 3'000'000);
  if (meta.kind == Kind::kSharded) meta.coverage = static_cast<Coverage>(random->Between(1, 3));
  if (meta.coverage == Coverage::kSparse && random->OneIn(2)) {
    meta.fill.assign(static_cast<size_t>(meta.item_bytes), std::byte{0x5a});
  }
  for (int i = 0; random->OneIn(3); ++i) meta.attributes.emplace_back("name" + std::to_string(i), RandomText(random, 40));
  return meta;
}

inline IndexPart RandomPart(Random* random, int objects) {
  IndexPart part;
  for (int number = 0; number < objects; ++number) {
    ObjectRecord object;
    object.meta = RandomMeta(random, number);
    const std::vector<Extent> extents = RandomExtents(random, object.meta);
    for (const Extent& extent : extents) object.raw_bytes += extent.raw_bytes, object.stored_bytes += extent.stored_bytes;
    object.box_count = 1;
    if (object.meta.kind != Kind::kSharded) {
      object.extents = extents;
      part.objects.push_back(object);
      continue;
    }
    object.tiles = TileGrid(object.meta, random->OneIn(2) ? 0 : 64);
    object.box_count = static_cast<int64_t>(extents.size());
    std::vector<TileRecord> tiles(TileCount(object.meta, object.tiles));
    for (const Extent& extent : extents) {
      for (const uint64_t tile : TilesMeeting(object.meta, object.tiles, extent.box)) {
        if (tiles.size() > 5000) break;
        tiles[tile].extents.push_back(extent);
      }
    }
    for (size_t tile = 0; tile < tiles.size(); ++tile) {
      if (tiles[tile].extents.empty()) continue;
      tiles[tile].path = object.meta.path;
      tiles[tile].tile = tile;
      part.tiles.push_back(tiles[tile]);
    }
    // Tiles whose object is listed in another part are as common.
    if (random->OneIn(2)) part.objects.push_back(object);
  }
  std::sort(part.objects.begin(), part.objects.end(), ObjectLess);
  std::sort(part.tiles.begin(), part.tiles.end(), TileLess);
  return part;
}

inline bool Same(const ObjectRecord& a, const ObjectRecord& b) {
  return a.meta == b.meta && a.tiles == b.tiles && a.box_count == b.box_count && a.raw_bytes == b.raw_bytes &&
         a.stored_bytes == b.stored_bytes && a.extents == b.extents;
}
inline bool Same(const TileRecord& a, const TileRecord& b) {
  return a.path == b.path && a.tile == b.tile && a.extents == b.extents;
}
inline bool Same(const IndexPart& a, const IndexPart& b) {
  const auto same = [](const auto& x, const auto& y) { return Same(x, y); };
  return std::equal(a.objects.begin(), a.objects.end(), b.objects.begin(), b.objects.end(), same) &&
         std::equal(a.tiles.begin(), a.tiles.end(), b.tiles.begin(), b.tiles.end(), same);
}

inline native::CommitRecord RandomRecord(Random* random, size_t parts) {
  native::CommitRecord record;
  record.id = native::NewId();
  record.library_version = "0.1.0";
  record.byte_order = random->OneIn(2) ? "little" : "big";
  record.world_size = random->Between(1, 2147483647);
  record.created_unix_seconds = random->Between(0, int64_t{1} << 40);
  record.object_count = random->Between(1, int64_t{1} << 50);
  record.raw_bytes = static_cast<uint64_t>(random->Between(0, int64_t{1} << 60));
  record.stored_bytes = static_cast<uint64_t>(random->Between(0, int64_t{1} << 60));
  record.has_metadata = random->OneIn(2);
  if (record.has_metadata) record.metadata = RandomText(random, 500) + std::string("\"\\\0\x1f", 4);
  record.placement = {parts, static_cast<uint64_t>(random->Between(1, 64)), uint64_t{1} << random->Between(0, 40)};
  for (size_t part = 0; part < parts; ++part) record.parts.push_back({static_cast<uint64_t>(random->Between(1, 9999999)), random->Word()});
  return record;
}

}  // namespace tsnap::samples
