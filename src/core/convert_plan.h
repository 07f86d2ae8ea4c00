// What a conversion moves: every stored byte of a snapshot once, in chunks that fit into memory,
// and the index that the copy gets. Local.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "catalog/index.h"
#include "core/snapshot.h"

namespace tsnap {

// One extent of the copy.
struct ConvertChunk {
  uint32_t object = 0;  // among the objects of the plan
  Box box;
  std::vector<const Extent*> sources;  // what holds it now; mostly one
  uint64_t bytes = 0;
};

struct ConvertPlan {
  std::vector<const ObjectRecord*> objects;  // the snapshot's, sorted by qualified path
  std::vector<const Extent*> first_extents;  // parallel; null: it has none
  std::vector<ConvertChunk> chunks;          // in the order of the objects, row-major in themselves
  uint64_t bytes = 0;
};

// Reads the whole index; kCorrupt when it does not list each object whole. What is larger than
// max_bytes is cut. The plan borrows from the snapshot.
Status PlanConversion(Snapshot& snapshot, uint64_t max_bytes, ConvertPlan* plan);

// The index parts, by number, when the chunks lie in these extents (parallel to them).
std::vector<IndexPart> IndexOf(const Placement& placement, const ConvertPlan& plan,
                               const std::vector<Extent>& extents);

}  // namespace tsnap
