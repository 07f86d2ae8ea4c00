#include "core/index_io.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "base/checksum.h"
#include "core/read_again.h"
#include "format/native/index_part.h"
#include "format/native/names.h"

namespace tsnap {

namespace {

bool HoldsUnchecked(const IndexPart& part) {
  const auto any = [](const auto& records) {
    for (const auto& record : records)
      for (const Extent& extent : record.extents)
        if (extent.unchecked) return true;
    return false;
  };
  return any(part.objects) || any(part.tiles);
}

Result<IndexPart> LoadOnce(Store& store, const native::CommitRecord& record, uint64_t number) {
  const native::PartInfo& info = record.parts[number];
  if (info.bytes == 0) return IndexPart();
  const std::string key = native::IndexKey(record.id, number);
  TSNAP_ASSIGN(const Bytes bytes, store.Get(key, info.bytes, nullptr));
  if (bytes.size() != info.bytes || Crc32c(bytes) != info.crc32c) {
    return Corrupt(
        fmt::format("index part {} of {} does not match its checksum in the commit record: the "
                    "file is damaged; restore from "
                    "another snapshot",
                    key, store.url()));
  }
  Result<IndexPart> part = native::DecodeIndexPart(bytes);
  if (!part.ok()) return std::move(part).status().While("reading index part", key);
  // Only what was made of a foreign file goes unverified.
  if (!record.foreign && HoldsUnchecked(*part))
    return Corrupt(
        fmt::format("index part {} of {} lists extents without checksums", key, store.url()));
  return part;
}

}  // namespace

Result<IndexPart> LoadPart(Store& store, const native::CommitRecord& record, uint64_t number) {
  return ReadAgainIfDamaged(store, [&] { return LoadOnce(store, record, number); });
}

const ObjectRecord* FindObject(const IndexPart& part, const std::string& qualified_path) {
  const auto place = std::lower_bound(part.objects.begin(), part.objects.end(), qualified_path,
                                      [](const ObjectRecord& record, const std::string& path) {
                                        return QualifiedPath(record.meta) < path;
                                      });
  if (place == part.objects.end() || QualifiedPath(place->meta) != qualified_path) return nullptr;
  return &*place;
}

const TileRecord* FindTile(const IndexPart& part, const std::string& path, uint64_t tile) {
  const auto place = std::lower_bound(part.tiles.begin(), part.tiles.end(), std::tie(path, tile),
                                      [](const TileRecord& record, const auto& key) {
                                        return std::tie(record.path, record.tile) < key;
                                      });
  if (place == part.tiles.end() || place->path != path || place->tile != tile) return nullptr;
  return &*place;
}

}  // namespace tsnap
