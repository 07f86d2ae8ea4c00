// Datasets: what a snapshot in one HDF5 file consists of, as plain values: what is to be made, and
// where in the file it lies then. Knows no HDF5.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "catalog/box.h"
#include "catalog/dtype.h"
#include "catalog/extent.h"
#include "catalog/object.h"

namespace tsnap::one_file {

// An attribute of a dataset or of the file. A list of texts becomes a one-dimensional array of
// variable-length strings, a text one variable-length string.
using NoteValue = std::variant<std::string, int64_t, std::vector<std::string>>;
struct Note {
  std::string name;
  NoteValue value;
};

// What the elements of a dataset are.
enum class Content : int32_t {
  kArray,     // of a dtype
  kString,    // one string of item_bytes bytes, UTF-8; 0 bytes: an empty one
  kRankRows,  // RankRow, one dimension
};

// A chunk of a dataset that is in the file already.
struct Chunk {
  uint64_t number = 0;  // in row-major order of the grid of chunks
  uint64_t address = 0;
  uint64_t bytes = 0;     // as they are stored
  bool as_it_is = false;  // its filters are left out: the elements of the whole chunk
};

// HDF5 keeps a fill value in the object's header, where there is no room for more. Of a larger one
// a contiguous dataset does not tell, and a chunked one cannot be made.
inline constexpr size_t kMostFillBytes = 60000;

// One dataset to be made: contiguous, allocated at once, never filled, but for one with a codec.
// Missing groups on the way to
// it are made.
struct DatasetSpec {
  std::string name;  // "/fluid/density"
  Content content = Content::kArray;
  Dtype dtype = Dtype::kUint8;
  int64_t item_bytes = 1;
  int ndim = 0;
  Index shape{};
  Bytes fill;  // one element: what the dataset says its fill value is; nobody is made to write it
  std::vector<Note> notes;
  // With a codec: in chunks of this shape, shuffled and compressed (chunk_codec.h), of which these
  // have been written; the others are made of the fill value.
  Codec codec = Codec::kNone;
  Index chunk_shape{};
  std::vector<Chunk> chunks;
};

// A row of the table beside a packed dataset: which elements of it are whose. Written as it lies in
// memory; HDF5 sees a compound with these members, `shape` an array of 8.
struct RankRow {
  int64_t rank = 0;
  int64_t begin = 0;  // first element in the packed dataset
  int64_t count = 0;  // elements
  int64_t ndim = 0;
  Index shape{};  // unused entries are 0
};

// A whole file to be made.
struct FilePlan {
  std::vector<DatasetSpec> datasets;
  std::vector<Note> notes;  // of the root group
  // The hidden group kHiddenGroup: the index parts (of so many bytes each; 0: none is made), the
  // names of the datasets, and room for the commit record.
  std::vector<uint64_t> index_bytes;
  uint64_t record_bytes = 0;
  uint64_t alignment = 4096;  // of datasets of 1 MiB and more
  // Not 0: the file is there, and chunks lie in [kChunksBegin, chunks_end). Everything that is made
  // but what has to be at the beginning lies behind.
  uint64_t chunks_end = 0;
};

inline constexpr uint64_t kChunksBegin = 4096;
// What tells that tsnap has written a file, however damaged. Attributes have that name; where the
// structure lies behind chunks, and could be cut off, it is written before them as well, into room
// that HDF5 has no use for.
inline constexpr std::string_view kMark = "tsnap_format_version";
inline constexpr uint64_t kMarkAddress = 2048;

// Where bytes lie in the file.
inline constexpr uint64_t kNoAddress = UINT64_MAX;
struct Place {
  uint64_t address = kNoAddress;  // none: empty, or not one run of bytes: only HDF5 can read it
  uint64_t bytes = 0;
};
// A dataset, and how its elements, in row-major order, tile the bytes.
struct DatasetPlace {
  Place place;
  int64_t item_bytes = 1;
  int64_t ndim = 0;
  Index shape{};
};
struct FileMap {
  std::vector<DatasetPlace> datasets;  // in the order of their numbers
  std::vector<Place> index;
  Place record;
  // Of a committed file: tells it from others of the same name.
  std::array<uint64_t, 4> version{};
};

// Names inside of the file.
inline constexpr const char* kHiddenGroup = "/.tsnap";
inline constexpr const char* kRecordName = "/.tsnap/record";   // one string, the rest blanks
inline constexpr const char* kNamesName = "/.tsnap/datasets";  // their names, each and a NUL
inline constexpr const char* kIndexGroup = "/.tsnap/index";    // "00000", ...: bytes
inline constexpr const char* kTablesGroup = "/.tsnap/ranks";   // tables of packed datasets

}  // namespace tsnap::one_file
