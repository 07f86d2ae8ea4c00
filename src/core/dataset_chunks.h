// Compressed datasets of an HDF5 file: they are written before the file is laid out, since nobody
// knows before where a compressed chunk ends. Each chunk is put together on one rank (regroup.h),
// shuffled, compressed and written behind those of the ranks before it in its round; HDF5 is told
// where they are when the structure is made.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "comm/comm.h"
#include "core/dataset_naming.h"
#include "core/regroup.h"
#include "engine/engine.h"
#include "format/one_file/dataset.h"

namespace tsnap {

// Which of the datasets are compressed, and in which chunks: those of arrays that are worth it, in
// boxes that tile those of the ranks where that can be. records: parallel to the first specs.
void ChooseChunks(const std::vector<DatasetRecord>& records, Codec codec, uint64_t chunk_bytes,
                  std::vector<one_file::DatasetSpec>* specs);

struct ChunkWriting {
  Codec codec = Codec::kNone;
  RegroupJob regroup;
  std::vector<uint32_t> datasets;  // parallel to its arrays: their numbers
};

struct WrittenChunks {
  uint64_t end = 0;        // in the file
  uint64_t own_bytes = 0;  // this rank's
  // On rank 0, by the number of the dataset: all chunks, as the ranks have told of them.
  std::vector<std::vector<one_file::Chunk>> chunks;
};

// Collective; the take's file has been opened (OneFileStore::OpenBegun).
Status WriteChunks(Comm& comm, Engine& engine, ChunkWriting job, const Status& local,
                   WrittenChunks* written);

}  // namespace tsnap
