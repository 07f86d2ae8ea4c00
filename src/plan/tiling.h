// Tiling: do the boxes that ranks claim cover one tile of a sharded array as its coverage says?
// Finds gaps and overlaps before a byte is written, and for duplicates decides who leaves out what.
// Pure; near-linear in the number of claims.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "catalog/box.h"
#include "catalog/object.h"

namespace tsnap {

struct Claim {
  Box box;  // as registered, not clipped
  int rank = 0;
  uint32_t box_index = 0;  // which of the rank's boxes of this object
};

// kMismatch when two claims overlap inside the tile (exact, sparse) or a part of the tile is
// claimed by none (exact, duplicates). The message names the object, the boxes and their ranks, or
// the gap.
Status CheckTiling(const ObjectMeta& meta, const Box& tile, std::span<const Claim> claims);

// For duplicates: what a claim must leave out because a claim of lower (rank, box_index) stores it.
// Clipped to the tile, disjoint per claim.
struct Omission {
  int rank = 0;
  uint32_t box_index = 0;
  Box part;
};
std::vector<Omission> ResolveDuplicates(const Box& tile, std::span<const Claim> claims);

}  // namespace tsnap
