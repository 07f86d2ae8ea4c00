// ChunkReader: boxes of compressed datasets, chunk by chunk, without HDF5's filters: those believe
// what a damaged file says of a chunk's size and of which filters were skipped, and HDF5 then reads
// beyond the chunk's memory. HDF5 finds the stored bytes; what they become is checked here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "catalog/box.h"
#include "catalog/extent.h"
#include "hdf5/chunk_cache.h"
#include "hdf5/found.h"

namespace tsnap::hdf5 {

// How a dataset's chunks are stored.
struct ChunkForm {
  Codec codec = Codec::kNone;
  bool shuffled = false;
  Index shape{};
  uint64_t bytes = 0;
  Bytes fill;  // an item where no chunk is
};

// Nothing where the dataset has no filters, or others than shuffle and a codec of ours in this
// order, or where its elements do not lie in the file as in memory: HDF5 is to read it.
Result<std::optional<ChunkForm>> FindChunkForm(const Found& found);

// Calls within a Scope.
class ChunkReader {
 public:
  // box: not empty, inside the dataset; out: as many bytes. kCorrupt when a chunk is not what its
  // form says.
  Status Read(const OpenedFile& file, const std::string& name, const Found& found,
              const ChunkForm& form, const Box& box, ByteSpan out);

 private:
  static constexpr uint64_t kCacheBytes = uint64_t{64} << 20;
  ChunkCache cache_{kCacheBytes};
};

}  // namespace tsnap::hdf5
