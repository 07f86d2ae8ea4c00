// Reading extents: finds the blocks that hold what is wanted, reads neighbours together, verifies
// every block that it read, decodes, and puts the bytes into the user's memory. Where a call to the
// store is cheap, block by block through a buffer of the budget; else whole transfers, in place
// where the memory is contiguous. The store is told in advance what comes, never more than is
// wanted. What comes damaged from an object store is read once more before it is called corrupt: it
// may have been damaged on its way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/array_view.h"
#include "catalog/extent.h"
#include "engine/engine.h"
#include "format/native/names.h"

namespace tsnap {

// A part of one extent that goes to one array. Without memory (data == nullptr) the bytes are only
// verified.
struct ReadItem {
  Extent extent;
  Box wanted;  // in the object's index space; must meet extent.box
  ArrayView memory;
  Box memory_box;  // what memory covers; contains the wanted part
  int64_t item_bytes = 1;
  uint32_t object = 0;  // index into names
};

struct ReadJob {
  std::shared_ptr<Store> store;
  native::SlabNames slabs;
  std::vector<ReadItem> items;
  std::vector<std::string> names;  // of the objects, for messages
  bool verify = true;
  std::vector<ReadItem> soon;  // of the next job: announced to the store, not read
};

// Reads everything it can: (*objects)[i] is the first failure of object i (an empty list: nothing
// was read). Returns the failure of the lowest object, or what stopped the whole (kTimeout: threads
// may still write to the memory).
Status ReadExtents(Engine& engine, ReadJob job, const ProgressCallback& progress,
                   std::vector<Status>* objects);

}  // namespace tsnap
