// Placement is part of the format. In short, with H = XXH3 64 bits (seed 0), || = concatenation of
// bytes, u64(x) = x in 8 bytes, little-endian, path = the path's UTF-8 bytes without the rank,
// / = integer division:
//
//   part of a private object:  H(u64(rank) || u64(H(path) mod private_buckets)) mod parts
//   part of any other object:  H(path) mod parts
//   part of a tile:            H(path || 0x00 || u64(tile)) mod parts
//   tile i of n on an axis:    [i * shape / n, (i+1) * shape / n)
//   tile grid:                 n = 1 on every axis (and stays so for empty arrays or tile_bytes 0);
//                              while item_bytes * product of ceil(shape/n) exceeds tile_bytes: take
//                              the axis with the largest ceil(shape/n), the first of equals; stop
//                              if that is 1 or the grid would get more than 2^20 tiles; set
//                              n := min(2n, shape) there
#include "catalog/placement.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/bytes.h"
#include "base/checksum.h"

namespace tsnap {
namespace {

constexpr uint64_t kMaxTiles = 1 << 20;

uint64_t Parts(const Placement& placement) { return std::max<uint64_t>(placement.parts, 1); }
uint64_t Buckets(const Placement& placement) {
  return std::max<uint64_t>(placement.private_buckets, 1);
}

void StoreU64(uint64_t value, char* out) {
  for (int shift = 0; shift < 64; shift += 8) *out++ = static_cast<char>(value >> shift);
}

uint64_t PartOfBucket(const Placement& placement, int64_t rank, uint64_t bucket) {
  std::array<char, 16> key{};
  StoreU64(static_cast<uint64_t>(rank), key.data());
  StoreU64(bucket, key.data() + 8);
  return Hash64(std::string_view(key.data(), key.size())) % Parts(placement);
}

// i * shape / n without the product, which may overflow.
int64_t TileStart(int64_t shape, int64_t n, int64_t i) { return shape / n * i + shape % n * i / n; }

int64_t TilesAlong(const TileCounts& grid, size_t axis) { return std::max<int32_t>(grid[axis], 1); }

// The tile along an axis that holds an index: the last one that starts at or before it.
int64_t TileHolding(int64_t shape, int64_t n, int64_t index) {
  int64_t low = 0, high = n;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (TileStart(shape, n, middle) <= index ? low : high) = middle;
  }
  return low;
}

}  // namespace

uint64_t PartOfPrivate(const Placement& placement, int64_t rank, std::string_view path) {
  return PartOfBucket(placement, rank, Hash64(path) % Buckets(placement));
}

std::vector<uint64_t> PartsOfRank(const Placement& placement, int64_t rank) {
  std::vector<uint64_t> parts;
  // With so many keys nearly every part is met: all of them, in bounded time whatever a record
  // claims.
  if (Buckets(placement) / 8 >= Parts(placement)) {
    for (uint64_t part = 0; part < Parts(placement); ++part) parts.push_back(part);
    return parts;
  }
  for (uint64_t bucket = 0; bucket < Buckets(placement); ++bucket)
    parts.push_back(PartOfBucket(placement, rank, bucket));
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  return parts;
}

uint64_t PartOfShared(const Placement& placement, std::string_view path) {
  return Hash64(path) % Parts(placement);
}

uint64_t PartOfTile(const Placement& placement, std::string_view path, uint64_t tile) {
  std::string key(path);
  key.resize(path.size() + 1 + 8, '\0');
  StoreU64(tile, key.data() + path.size() + 1);
  return Hash64(key) % Parts(placement);
}

uint64_t PartOf(const Placement& placement, const ObjectMeta& meta) {
  return meta.kind == Kind::kPrivate ? PartOfPrivate(placement, meta.rank, meta.path)
                                     : PartOfShared(placement, meta.path);
}

int OwnerOf(uint64_t part, uint64_t parts, int size) {
  const auto ranks = static_cast<uint64_t>(size);
  return static_cast<int>(parts <= ranks ? part * ranks / parts : part % ranks);
}

std::vector<uint64_t> PartsOwnedBy(int rank, uint64_t parts, int size) {
  const auto self = static_cast<uint64_t>(rank), ranks = static_cast<uint64_t>(size);
  std::vector<uint64_t> owned;
  if (parts <= ranks) {
    const uint64_t part = CeilDiv(self * parts, ranks);  // the only candidate
    if (part < parts && OwnerOf(part, parts, size) == rank) owned.push_back(part);
    return owned;
  }
  for (uint64_t part = self; part < parts; part += ranks) owned.push_back(part);
  return owned;
}

TileCounts TileGrid(const ObjectMeta& meta, uint64_t tile_bytes) {
  TileCounts grid;
  grid.fill(1);
  const Box whole = WholeBox(meta.ndim, meta.shape);
  if (tile_bytes == 0 || IsEmpty(whole)) return grid;
  Index edges = whole.shape;  // of the largest tile
  for (uint64_t tiles = 1;;) {
    Box tile = whole;
    tile.shape = edges;
    if (Volume(tile) * static_cast<uint64_t>(meta.item_bytes) <= tile_bytes) return grid;
    const auto axis = static_cast<size_t>(
        std::max_element(edges.begin(), edges.begin() + meta.ndim) - edges.begin());
    if (meta.ndim == 0 || edges[axis] <= 1) return grid;
    const int64_t n = grid[axis], doubled = std::min(2 * n, meta.shape[axis]);
    tiles = tiles / static_cast<uint64_t>(n) * static_cast<uint64_t>(doubled);
    if (tiles > kMaxTiles) return grid;
    grid[axis] = static_cast<int32_t>(doubled);
    edges[axis] = static_cast<int64_t>(
        CeilDiv(static_cast<uint64_t>(meta.shape[axis]), static_cast<uint64_t>(doubled)));
  }
}

uint64_t TileCount(const ObjectMeta& meta, const TileCounts& grid) {
  uint64_t count = 1;
  for (size_t axis = 0; axis < static_cast<size_t>(meta.ndim); ++axis)
    count *= static_cast<uint64_t>(TilesAlong(grid, axis));
  return count;
}

Box TileBox(const ObjectMeta& meta, const TileCounts& grid, uint64_t tile) {
  Box box = WholeBox(meta.ndim, meta.shape);
  for (auto axis = static_cast<size_t>(meta.ndim); axis-- > 0;) {
    const int64_t n = TilesAlong(grid, axis);
    const auto i = static_cast<int64_t>(tile % static_cast<uint64_t>(n));
    tile /= static_cast<uint64_t>(n);
    box.offset[axis] = TileStart(meta.shape[axis], n, i);
    box.shape[axis] = TileStart(meta.shape[axis], n, i + 1) - box.offset[axis];
  }
  return box;
}

std::vector<uint64_t> TilesMeeting(const ObjectMeta& meta, const TileCounts& grid, const Box& box) {
  const Box common = Intersect(WholeBox(meta.ndim, meta.shape), box);
  if (IsEmpty(common)) return {};
  std::vector<uint64_t> tiles = {0};
  for (size_t axis = 0; axis < static_cast<size_t>(meta.ndim); ++axis) {
    const int64_t n = TilesAlong(grid, axis), shape = meta.shape[axis];
    const int64_t first = TileHolding(shape, n, common.offset[axis]);
    const int64_t last = TileHolding(shape, n, common.offset[axis] + common.shape[axis] - 1);
    std::vector<uint64_t> longer;
    for (const uint64_t prefix : tiles)
      for (int64_t i = first; i <= last; ++i)
        if (TileStart(shape, n, i) <
            TileStart(shape, n, i + 1))  // a foreign grid may have empty tiles
          longer.push_back(prefix * static_cast<uint64_t>(n) + static_cast<uint64_t>(i));
    tiles.swap(longer);
  }
  return tiles;
}

}  // namespace tsnap
