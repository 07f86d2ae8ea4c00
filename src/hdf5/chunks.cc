#include "hdf5/chunks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/bytes.h"
#include "hdf5/filters.h"
#include "hdf5/scope.h"

namespace tsnap::hdf5 {

namespace {

using namespace one_file;

Status CheckChunk(const Chunk& chunk, uint64_t chunk_bytes, uint64_t chunks, uint64_t chunks_end) {
  uint64_t end = 0;
  const bool ok = chunk.number < chunks && chunk.address >= kChunksBegin && chunk.bytes > 0 &&
                  CheckedAdd(chunk.address, chunk.bytes, &end) && end <= chunks_end &&
                  (chunk.as_it_is ? chunk.bytes == chunk_bytes : chunk.bytes <= UINT32_MAX);
  return ok ? Status::Ok()
            : Internal(fmt::format("chunk {} of {}: its {} bytes at {} cannot be", chunk.number,
                                   chunks, chunk.bytes, chunk.address));
}

// In the order of their numbers, each once.
Result<std::vector<Chunk>> Sorted(const std::vector<Chunk>& chunks) {
  std::vector<Chunk> sorted(chunks);
  std::sort(sorted.begin(), sorted.end(),
            [](const Chunk& a, const Chunk& b) { return a.number < b.number; });
  const auto twice =
      std::adjacent_find(sorted.begin(), sorted.end(),
                         [](const Chunk& a, const Chunk& b) { return a.number == b.number; });
  if (twice != sorted.end()) return Internal(fmt::format("chunk {} is there twice", twice->number));
  return sorted;
}

}  // namespace

Status SetChunked(hid_t creation, const DatasetSpec& spec, uint64_t item_bytes) {
  if (spec.content != Content::kArray || spec.ndim == 0)
    return Invalid("only arrays with dimensions can be compressed");
  std::array<hsize_t, kMaxDims> shape{};
  for (size_t axis = 0; axis < static_cast<size_t>(spec.ndim); ++axis) {
    if (spec.chunk_shape[axis] < 1 || spec.chunk_shape[axis] > spec.shape[axis])
      return Invalid(
          "a chunk has at least one element along each dimension, and at most as many "
          "as the array");
    shape[axis] = static_cast<hsize_t>(spec.chunk_shape[axis]);
  }
  const bool ok = H5Pset_layout(creation, H5D_CHUNKED) >= 0 &&
                  H5Pset_chunk(creation, spec.ndim, shape.data()) >= 0 &&
                  H5Pset_alloc_time(creation, H5D_ALLOC_TIME_INCR) >= 0 &&
                  H5Pset_fill_time(creation, H5D_FILL_TIME_IFSET) >= 0;
  if (!ok) return Failure(Code::kInternal, "setting its chunks");
  return AddFilters(creation, spec.codec, item_bytes);
}

Status InsertChunks(hid_t dataset, const DatasetSpec& spec, uint64_t item_bytes,
                    uint64_t chunks_end, Layout* layout, const std::function<void()>& progress) {
  if (spec.chunks.empty()) return Status::Ok();
  if (layout == nullptr) return Internal("chunks in a file that is to be new");
  Index grid{};
  for (size_t axis = 0; axis < static_cast<size_t>(spec.ndim); ++axis)
    grid[axis] = (spec.shape[axis] - 1) / spec.chunk_shape[axis] + 1;
  const uint64_t count = Volume(WholeBox(spec.ndim, grid));
  const uint64_t bytes = Volume(WholeBox(spec.ndim, spec.chunk_shape)) * item_bytes;
  const uint32_t all_filters = item_bytes > 1 ? 3 : 1;
  TSNAP_ASSIGN(const std::vector<Chunk> chunks, Sorted(spec.chunks));
  constexpr size_t kChunksPerProgress = 1024;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const Chunk& chunk = chunks[i];
    TSNAP_TRY(CheckChunk(chunk, bytes, count, chunks_end));
    std::array<hsize_t, kMaxDims> offset{};
    uint64_t rest = chunk.number;
    for (auto axis = static_cast<size_t>(spec.ndim); axis-- > 0;) {
      const auto along = static_cast<uint64_t>(grid[axis]);
      offset[axis] = rest % along * static_cast<uint64_t>(spec.chunk_shape[axis]);
      rest /= along;
    }
    layout->Expect(chunk.address, chunk.bytes);
    // HDF5 hands the bytes on to the layout's driver, which does not look at them.
    if (H5Dwrite_chunk(dataset, H5P_DEFAULT, chunk.as_it_is ? all_filters : 0, offset.data(),
                       static_cast<size_t>(chunk.bytes), offset.data()) < 0)
      return Failure(Code::kIo, fmt::format("inserting chunk {}", chunk.number));
    if (!layout->HasCome())
      return Internal(fmt::format("HDF5 has put chunk {} where it is not", chunk.number));
    if (i % kChunksPerProgress == kChunksPerProgress - 1) progress();
  }
  return Status::Ok();
}

}  // namespace tsnap::hdf5
