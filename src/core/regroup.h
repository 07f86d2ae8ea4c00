// Regrouping: arrays of which the ranks hold boxes of any shape come together in the chunks of a
// grid. A chunk that one rank holds all of is put together there; one of which several hold parts
// on the rank that its number tells, to which the others send theirs. In rounds, so that what is
// in memory at a time is bounded whatever the boxes are.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "catalog/array_view.h"
#include "catalog/box.h"
#include "comm/comm.h"
#include "engine/engine.h"
#include "plan/chunk_grid.h"
#include "store/store.h"

namespace tsnap {

// An array as all ranks know it.
struct RegroupArray {
  ChunkGrid grid;
  int64_t item_bytes = 1;
  Bytes fill;  // one item, for what nobody holds; empty: zeros
};

// What this rank holds of it; no two ranks hold the same element.
struct RegroupPart {
  uint32_t array = 0;
  Box box;  // in the array's index space
  // Where it is, as in Mapping: `extent_box` in the index space that memory_box is of. That is the
  // array's, or (one dimension of the array holds other arrays one after the other) it has as many
  // elements, in row-major order.
  ArrayView memory;
  Box memory_box, extent_box;
};

// A chunk that has come together.
struct RegroupedChunk {
  uint32_t array = 0;
  uint64_t number = 0;       // in its grid
  ByteSpan bytes;            // of the whole chunk, row by row, beyond the array as well
  ByteSpan room;             // RoomBytes, for who uses it
  ConstByteSpan result;      // what Work leaves for EndRound, if anything, in bytes or room
  std::vector<Box> covered;  // what of it the ranks hold, disjoint; the rest is the fill item
};

class RegroupUse {
 public:
  virtual ~RegroupUse() = default;
  virtual uint64_t RoomBytes(const RegroupArray& array) const = 0;
  // Of each chunk, by any thread, while others work on other chunks.
  virtual Status Work(RegroupedChunk* chunk) = 0;
  // Collective, by the thread that regroups, behind the work on a round's chunks, of which there
  // may be none. `local` is how that went; returns the same on all ranks. The chunks keep their
  // memory: a task that may hang holds on to them.
  virtual Status EndRound(const Status& local,
                          std::shared_ptr<const std::vector<RegroupedChunk>> chunks) = 0;
};

struct RegroupJob {
  std::shared_ptr<Store> store;      // whose concurrency and whose stalls count
  std::vector<RegroupArray> arrays;  // the same on all ranks
  std::vector<RegroupPart> parts;
  std::function<void()> tick;  // about ten times a second while chunks are worked on; may be empty
};

// Collective, with the same outcome on all ranks. After kTimeout threads may still read the parts'
// memory.
Status Regroup(Comm& comm, Engine& engine, RegroupJob job, std::shared_ptr<RegroupUse> use,
               const Status& local);

}  // namespace tsnap
