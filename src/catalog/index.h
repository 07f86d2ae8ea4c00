// What an index part holds, as plain values: objects with their totals, and for sharded arrays the
// extents tile by tile. The same values travel between ranks: a contribution to an owner, a
// question to it and its answer are small index parts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "catalog/extent.h"
#include "catalog/object.h"

namespace tsnap {

// How many tiles a sharded array's index space is cut into along each axis (all 1 for 0 dims).
using TileCounts = std::array<int32_t, kMaxDims>;

struct ObjectRecord {
  ObjectMeta meta;
  TileCounts tiles{};     // sharded only
  int64_t box_count = 0;  // boxes that the application registered (sharded), else 1
  uint64_t raw_bytes = 0;
  uint64_t stored_bytes = 0;
  std::vector<Extent> extents;  // private and replicated objects
};

struct TileRecord {
  std::string path;             // of the sharded object
  uint64_t tile = 0;            // row-major number of the tile in the object's grid
  std::vector<Extent> extents;  // every extent whose box meets the tile
};

struct IndexPart {
  std::vector<ObjectRecord> objects;  // sorted by (kind private: rank, path), see ObjectLess
  std::vector<TileRecord> tiles;      // sorted by (path, tile)
};

// The order of an index, so that the same state gives the same one whoever spoke first.
void SortExtents(std::vector<Extent>* extents);
bool ObjectLess(const ObjectRecord& a, const ObjectRecord& b);  // by QualifiedPath, bytewise
bool TileLess(const TileRecord& a, const TileRecord& b);

}  // namespace tsnap
