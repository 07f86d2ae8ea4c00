// Where the native format keeps things, relative to the snapshot's place (docs/format.md has the
// grammar).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "catalog/extent.h"

namespace tsnap::native {

inline constexpr const char* kRecordKey = "tsnap.json";

std::string MarkerKey(const std::string& id);                // "<id>/taking"
std::string CopiedFolder(const std::string& id);             // "<id>/copied"
std::string IndexKey(const std::string& id, uint64_t part);  // "<id>/index/00000"

// Where the slabs of a snapshot are: in a folder for each 256 writers, whose name is its number, or
// a hash of it that spreads names over the partitions of an object store.
//
// In a file of datasets the slabs are these: an extent's writer is the number of its dataset, and
// its slab says how it lies there: kRun, its bytes one after the other from its offset on; or kBox,
// as its box does in the array, row by row, the first element at its offset.
struct SlabNames {
  static constexpr uint32_t kRun = 0, kBox = 1;

  std::string id;  // of the snapshot
  bool hashed = false;
  bool datasets = false;

  std::string Folder(uint32_t writer) const;              // "<id>/data/<folder>"
  std::string Key(uint32_t writer, uint32_t slab) const;  // "<id>/data/<folder>/<writer>.<slab>"
  // What the store is asked for, and where in it the extent begins.
  std::string Key(const Extent& extent) const;
  uint64_t Begin(const Extent& extent) const;
  // Whether both are in what one key names.
  bool Together(const Extent& a, const Extent& b) const;
};

// A key below "<id>/data/" of a file of datasets: the number of one, and, for a box of it, "/" and
// the box: "4,0:2,8".
struct DatasetKey {
  uint32_t number = 0;
  bool is_box = false;
  Box box;
};
std::string DatasetKeyText(const std::string& id, const DatasetKey& key);
// kNotFound when it is not such a key.
Result<DatasetKey> ParseDatasetKey(std::string_view key);

// A new snapshot id: 32 lower-case hexadecimal digits from the system's random source.
std::string NewId();
bool IsId(const std::string& text);

// An id as two numbers, for messages of fixed size.
struct IdWords {
  uint64_t high = 0, low = 0;
};
IdWords WordsOfId(const std::string& id) noexcept;
// Writes the 32 digits over those of *id, which has as many.
void WriteId(const IdWords& words, std::string* id) noexcept;

}  // namespace tsnap::native
