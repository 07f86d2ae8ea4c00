// Where the native format keeps things, relative to the snapshot's place (docs/format.md has the
// grammar).
#pragma once

#include <cstdint>
#include <string>

namespace tsnap::native {

inline constexpr const char* kRecordKey = "tsnap.json";

std::string MarkerKey(const std::string& id);                // "<id>/taking"
std::string CopiedFolder(const std::string& id);             // "<id>/copied"
std::string IndexKey(const std::string& id, uint64_t part);  // "<id>/index/00000"

// Where the slabs of a snapshot are: in a folder for each 256 writers, whose name is its number, or
// a hash of it that spreads names over the partitions of an object store.
struct SlabNames {
  std::string id;  // of the snapshot
  bool hashed = false;

  std::string Folder(uint32_t writer) const;              // "<id>/data/<folder>"
  std::string Key(uint32_t writer, uint32_t slab) const;  // "<id>/data/<folder>/<writer>.<slab>"
};

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
