// Placement: in which index part an object, or a tile of a sharded array, is listed; the tile grid
// of an array; and which rank owns a part. Pure functions of values in the commit record, so a
// reader finds the part without asking anyone.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "catalog/index.h"

namespace tsnap {

struct Placement {
  uint64_t parts = 1;            // number of index parts
  uint64_t private_buckets = 1;  // each rank's private objects are spread over this many keys
  uint64_t tile_bytes = 0;       // bytes of array per tile; 0 = one tile per array
};

// Part of a private object: hash of (rank, hash(path) % private_buckets).
uint64_t PartOfPrivate(const Placement& placement, int64_t rank, std::string_view path);
// All parts (sorted, unique) that may list private objects of a rank.
std::vector<uint64_t> PartsOfRank(const Placement& placement, int64_t rank);
// Part of a replicated object or of a sharded object's own record.
uint64_t PartOfShared(const Placement& placement, std::string_view path);
uint64_t PartOfTile(const Placement& placement, std::string_view path, uint64_t tile);
// Part of any object's record.
uint64_t PartOf(const Placement& placement, const ObjectMeta& meta);

// Rank that owns a part among `size` ranks: spread evenly, several parts each when there are more
// parts than ranks.
int OwnerOf(uint64_t part, uint64_t parts, int size);
// Parts that a rank owns.
std::vector<uint64_t> PartsOwnedBy(int rank, uint64_t parts, int size);

// The tile grid: bisects the longest tile edge (in elements; ties: the first axis) until a tile has
// at most tile_bytes, at most 2^20 tiles.
TileCounts TileGrid(const ObjectMeta& meta, uint64_t tile_bytes);
uint64_t TileCount(const ObjectMeta& meta, const TileCounts& grid);
// The box of one tile: along each axis tile i of n covers [i*shape/n, (i+1)*shape/n).
Box TileBox(const ObjectMeta& meta, const TileCounts& grid, uint64_t tile);
// Numbers of all tiles that a non-empty box meets, ascending.
std::vector<uint64_t> TilesMeeting(const ObjectMeta& meta, const TileCounts& grid, const Box& box);

}  // namespace tsnap
