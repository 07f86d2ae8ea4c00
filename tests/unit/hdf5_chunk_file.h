// A file of compressed datasets as a take makes it: chunks are compressed and written first, in no order and with gaps between
// them; then HDF5 makes the structure. Knows no test framework: a program of tests/one_file makes it for other readers.
//
// Of every array, chunk n is left out where n % 7 is 3 (it reads as the fill value), and stored as it is where n % 5 is 2 or it
// would not shrink. Element i is i % 1000, or i % 251 where it has one byte.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "format/one_file/chunk_codec.h"
#include "format/one_file/dataset.h"

namespace tsnap::test {

inline void Must(bool ok, const std::string& what) {
  if (ok) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

struct CompressedArray {
  one_file::DatasetSpec spec;
  Bytes raw;  // what is to be read
};

inline Bytes ElementOf(const one_file::DatasetSpec& spec, uint64_t number) {
  Bytes item(static_cast<size_t>(spec.item_bytes));
  const uint64_t value = number % (item.size() == 1 ? 251 : 1000);
  const auto as_double = static_cast<double>(value);
  if (spec.dtype == Dtype::kFloat64) std::memcpy(item.data(), &as_double, 8);
  else std::memcpy(item.data(), &value, std::min<size_t>(item.size(), 8));
  return item;
}

class ChunkWriter {
 public:
  explicit ChunkWriter(const std::string& path) : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0666)) {
    Must(fd_ >= 0, "making " + path);
  }
  ChunkWriter(const ChunkWriter&) = delete;
  ChunkWriter& operator=(const ChunkWriter&) = delete;
  ~ChunkWriter() { close(fd_); }

  uint64_t end() const { return end_; }
  // Room that nobody writes into.
  void SkipTo(uint64_t address) { end_ = std::max(end_, address); }

  CompressedArray Write(std::string name, Dtype dtype, int64_t item_bytes, const std::vector<int64_t>& shape,
                        const std::vector<int64_t>& chunk_shape, Codec codec, Bytes fill = {}) {
    CompressedArray array;
    one_file::DatasetSpec& spec = array.spec;
    spec.name = std::move(name);
    spec.dtype = dtype;
    spec.item_bytes = item_bytes;
    spec.ndim = static_cast<int>(shape.size());
    std::copy(shape.begin(), shape.end(), spec.shape.begin());
    std::copy(chunk_shape.begin(), chunk_shape.end(), spec.chunk_shape.begin());
    spec.codec = codec;
    spec.fill = fill.empty() ? Bytes() : fill;
    if (fill.empty()) fill.resize(static_cast<size_t>(item_bytes));
    Index grid{};
    for (size_t axis = 0; axis < shape.size(); ++axis) grid[axis] = (shape[axis] - 1) / chunk_shape[axis] + 1;
    array.raw.resize(Volume(WholeBox(spec.ndim, spec.shape)) * static_cast<uint64_t>(item_bytes));
    // Backwards: their order is nobody's business.
    for (uint64_t number = Volume(WholeBox(spec.ndim, grid)); number-- > 0;) WriteChunk(&array, grid, number, fill);
    return array;
  }

 private:
  static Index At(uint64_t number, int ndim, const Index& shape) {
    Index at{};
    for (auto axis = static_cast<size_t>(ndim); axis-- > 0;) {
      at[axis] = static_cast<int64_t>(number % static_cast<uint64_t>(shape[axis]));
      number /= static_cast<uint64_t>(shape[axis]);
    }
    return at;
  }

  void WriteChunk(CompressedArray* array, const Index& grid, uint64_t number, const Bytes& fill) {
    one_file::DatasetSpec& spec = array->spec;
    const auto item = static_cast<size_t>(spec.item_bytes);
    const bool is_missing = number % 7 == 3;
    const Index chunk = At(number, spec.ndim, grid);
    // What lies behind the array's edge is anything.
    Bytes raw(Volume(WholeBox(spec.ndim, spec.chunk_shape)) * item, std::byte{0xee});
    for (uint64_t i = 0; i < raw.size() / item; ++i) {
      const Index inside = At(i, spec.ndim, spec.chunk_shape);
      uint64_t linear = 0;
      bool is_there = true;
      for (size_t axis = 0; axis < static_cast<size_t>(spec.ndim); ++axis) {
        const int64_t at = chunk[axis] * spec.chunk_shape[axis] + inside[axis];
        is_there = is_there && at < spec.shape[axis];
        linear = linear * static_cast<uint64_t>(spec.shape[axis]) + static_cast<uint64_t>(at);
      }
      if (!is_there) continue;
      const Bytes element = is_missing ? fill : ElementOf(spec, linear);
      std::memcpy(array->raw.data() + linear * item, element.data(), item);
      std::memcpy(raw.data() + i * item, element.data(), item);
    }
    if (is_missing) return;
    Bytes scratch(raw.size()), out(one_file::ChunkBound(spec.codec, raw.size()));
    Result<uint64_t> bytes = one_file::EncodeChunk(spec.codec, static_cast<uint64_t>(spec.item_bytes), raw, scratch, out);
    Must(bytes.ok(), bytes.status().message());
    one_file::Chunk made{number, end_, *bytes, number % 5 == 2 || *bytes == 0};
    if (made.as_it_is) made.bytes = raw.size();
    const std::byte* from = made.as_it_is ? raw.data() : out.data();
    Must(pwrite(fd_, from, made.bytes, static_cast<off_t>(end_)) == static_cast<ssize_t>(made.bytes), "writing a chunk");
    end_ += made.bytes + number * 13 % 64;
    spec.chunks.push_back(made);
  }

  int fd_;
  uint64_t end_ = one_file::kChunksBegin;
};

// Arrays of every kind, the same for each codec that there is, in a group of that name.
inline std::vector<CompressedArray> WriteArrays(ChunkWriter* writer) {
  std::vector<CompressedArray> arrays;
  const std::pair<const char*, Codec> codecs[] = {
      {"deflate", Codec::kDeflate},
#ifdef TSNAP_HAS_ZSTD
      {"zstd", Codec::kZstd},
#endif
#ifdef TSNAP_HAS_LZ4
      {"lz4", Codec::kLz4},
#endif
  };
  for (const auto& [group, codec] : codecs) {
    const std::string folder = std::string("/") + group + "/";
    const int32_t minus = -77;
    Bytes fill(4);
    std::memcpy(fill.data(), &minus, 4);
    arrays.push_back(writer->Write(folder + "line", Dtype::kFloat64, 8, {10000}, {700}, codec));
    arrays.push_back(writer->Write(folder + "plane", Dtype::kInt32, 4, {40, 50}, {16, 13}, codec));
    arrays.push_back(writer->Write(folder + "space", Dtype::kUint16, 2, {19, 20, 21}, {8, 20, 6}, codec));
    arrays.push_back(writer->Write(folder + "bytes", Dtype::kUint8, 1, {5000}, {1024}, codec));
    arrays.push_back(writer->Write(folder + "filled", Dtype::kInt32, 4, {300, 10}, {20, 10}, codec, fill));
    arrays.push_back(writer->Write(folder + "records", Dtype::kOpaque, 24, {500}, {64}, codec));
    arrays.push_back(writer->Write(folder + "large", Dtype::kInt64, 8, {500000}, {131072}, codec));
    arrays.push_back(writer->Write(folder + "one", Dtype::kInt64, 8, {1000}, {1000}, codec));
  }
  return arrays;
}

inline one_file::FilePlan PlanOf(const ChunkWriter& writer, const std::vector<CompressedArray>& arrays) {
  one_file::FilePlan plan;
  for (const CompressedArray& array : arrays) {
    plan.datasets.push_back(array.spec);
    plan.datasets.back().notes = {{"unit", std::string("kg")}, {"list", std::vector<std::string>{"a", "b"}}};
  }
  plan.chunks_end = writer.end();
  return plan;
}

}  // namespace tsnap::test
