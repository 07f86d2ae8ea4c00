// The commit record: the small JSON object whose existence is the snapshot's existence. Everything
// read from it is checked before use; its own CRC32C is its last member.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "catalog/placement.h"
#include "format/native/names.h"

namespace tsnap::native {

// The newest that is read; what is written has the oldest that says all of it.
inline constexpr int kFormatVersion = 3;
inline constexpr uint64_t kMaxRecordBytes = 64u << 20;

struct PartInfo {
  uint64_t bytes = 0;  // 0 = the part is empty and has no file
  uint32_t crc32c = 0;
};

struct CommitRecord {
  int format_version = 1;  // as it was read; when written it follows from the rest
  std::string id;
  std::string library_version;
  std::string byte_order;  // "little" or "big": of everything in the slabs
  int64_t world_size = 0;
  int64_t created_unix_seconds = 0;
  std::string metadata;  // the user's, any UTF-8 text
  bool has_metadata = false;
  int64_t object_count = 0;  // private objects count once per rank
  uint64_t raw_bytes = 0, stored_bytes = 0;
  Placement placement;
  std::vector<PartInfo> parts;     // placement.parts of them
  bool hashed_slab_names = false;  // from version 2 on
  bool datasets = false;           // from version 3 on: the slabs are the datasets of one file
  bool foreign = false;            // which tsnap has not written: nothing is verified

  SlabNames slab_names() const { return {id, hashed_slab_names, datasets}; }
};

std::string NativeByteOrder();
// JSON text; metadata that is not UTF-8 is kInvalid.
Result<std::string> EncodeRecord(const CommitRecord& record);
// kCorrupt when it is damaged or malformed, kUnsupported when it is of a newer format version.
Result<CommitRecord> DecodeRecord(ConstByteSpan text);

}  // namespace tsnap::native
