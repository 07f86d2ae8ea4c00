// Extent: a run of stored bytes that holds one box, or a chunk of it: which slab, where, how long,
// how encoded, and the CRC32C of each 256 KiB block of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/array_view.h"
#include "catalog/box.h"

namespace tsnap {

// kDeflate: of chunks in HDF5 files only, never of an extent.
enum class Codec : int32_t { kNone = 0, kZstd = 1, kLz4 = 2, kDeflate = 3 };

struct Extent {
  uint32_t writer = 0;  // whose slab
  uint32_t slab = 0;    // which of the writer's slabs
  uint64_t offset = 0;  // of the first stored byte in the slab
  uint64_t stored_bytes = 0;
  uint64_t raw_bytes = 0;  // volume of the box * item size
  Codec codec = Codec::kNone;
  Box box;  // in the object's index space
  AxisOrder order = {0, 1, 2, 3, 4, 5, 6, 7};
  std::vector<uint32_t> block_crcs;  // ceil(stored_bytes / 256 KiB), of the stored bytes
  bool unchecked = false;            // of a file that is not tsnap's: it has none

  bool operator==(const Extent&) const = default;
};

}  // namespace tsnap
