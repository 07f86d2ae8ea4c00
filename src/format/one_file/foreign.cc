#include "format/one_file/foreign.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "catalog/index.h"
#include "format/native/commit_record.h"
#include "format/native/index_part.h"
#include "format/native/names.h"

namespace tsnap::one_file {

namespace {

// An id that is always the same for the same file.
std::string IdOf(const std::string& path, const std::array<uint64_t, 4>& version) {
  const Hash128 hash = HashContent(AsBytes(
      fmt::format("{}\n{} {} {} {}", path, version[0], version[1], version[2], version[3])));
  return fmt::format("{:016x}{:016x}", hash.high, hash.low);
}

// Why tsnap cannot list a dataset; "" when it can. *meta gets its name: a first part of digits is a
// rank's, as everywhere.
std::string NameMeta(const std::string& name, ObjectMeta* meta) {
  const std::string path = name.substr(
      name.find_first_not_of('/') == std::string::npos ? name.size() : name.find_first_not_of('/'));
  if (!CheckPath(path, /*registering=*/false).ok()) return "its name is no path of tsnap";
  meta->kind = Kind::kReplicated;
  if (!SplitQualifiedPath(path, &meta->rank, &meta->path).ok())
    return "its name begins with a number that is too large";
  if (meta->rank >= 0) meta->kind = Kind::kPrivate;
  return QualifiedPath(*meta) == path ? "" : "its name begins with a number that has other zeros";
}

// More than what is stored could be by any filter; a shape costs nothing, and reading it would.
bool ClaimsTooMuch(const FoundDataset& found) {
  constexpr uint64_t kMostInflation = 1100, kFree = uint64_t{4} << 30;
  const uint64_t raw =
      Volume(WholeBox(found.ndim, found.shape)) * static_cast<uint64_t>(found.item_bytes);
  return raw > kFree && (raw - kFree) / kMostInflation > found.stored_bytes;
}

ObjectRecord RecordOf(const FoundDataset& found, ObjectMeta meta, uint32_t number) {
  ObjectRecord record;
  meta.type = found.type;
  meta.dtype = found.dtype;
  meta.item_bytes = found.item_bytes;
  meta.ndim = found.ndim;
  meta.shape = found.shape;
  meta.attributes = found.attributes;
  std::sort(meta.attributes.begin(), meta.attributes.end());
  // Names that differ only in what is no UTF-8 look alike: the first stays.
  const auto alike = [](const Attribute& a, const Attribute& b) { return a.first == b.first; };
  meta.attributes.erase(std::unique(meta.attributes.begin(), meta.attributes.end(), alike),
                        meta.attributes.end());
  record.meta = std::move(meta);
  record.box_count = 1;
  const Box whole = WholeBox(found.ndim, found.shape);
  record.raw_bytes = record.stored_bytes = Volume(whole) * static_cast<uint64_t>(found.item_bytes);
  if (record.raw_bytes == 0) return record;
  Extent& extent = record.extents.emplace_back();
  extent.writer = number;
  extent.slab = native::SlabNames::kRun;
  extent.raw_bytes = extent.stored_bytes = record.raw_bytes;
  extent.box = whole;
  extent.unchecked = true;
  return record;
}

}  // namespace

Result<ForeignCatalog> CatalogOf(File& file, const std::string& path,
                                 const std::array<uint64_t, 4>& version, const Log& log) {
  ForeignCatalog catalog;
  IndexPart part;
  uint64_t raw_bytes = 0, stored_bytes = 0;
  TSNAP_TRY(file.Walk([&](FoundDataset found) -> Status {
    ObjectMeta meta;
    std::string why_not = found.readable ? NameMeta(found.name, &meta) : found.why_not;
    if (why_not.empty() && ClaimsTooMuch(found))
      why_not = fmt::format("it claims to have the shape {}, but stores only {} bytes",
                            ShapeToString(found.ndim, found.shape), found.stored_bytes);
    if (!why_not.empty()) {
      if (log.wants(LogLevel::kWarning))
        log.Write(LogLevel::kWarning, fmt::format("reading {}: dataset \"{}\" is left out: {}",
                                                  path, found.name, why_not));
      return Status::Ok();
    }
    ObjectRecord record =
        RecordOf(found, std::move(meta), static_cast<uint32_t>(catalog.names.size()));
    if (!CheckedAdd(raw_bytes, record.raw_bytes, &raw_bytes) ||
        raw_bytes > static_cast<uint64_t>(INT64_MAX))
      return Corrupt(fmt::format("reading {}: the sizes of its datasets overflow", path));
    stored_bytes += found.stored_bytes;
    part.objects.push_back(std::move(record));
    catalog.names.push_back(std::move(found.name));
    return Status::Ok();
  }));
  std::sort(part.objects.begin(), part.objects.end(), ObjectLess);
  catalog.index = native::EncodeIndexPart(part);

  native::CommitRecord record;
  record.id = IdOf(path, version);
  record.byte_order = native::NativeByteOrder();
  record.world_size = 1;
  record.created_unix_seconds = std::max<int64_t>(0, static_cast<int64_t>(version[2]));
  record.object_count = static_cast<int64_t>(part.objects.size());
  record.raw_bytes = raw_bytes;
  record.stored_bytes = std::min<uint64_t>(stored_bytes, INT64_MAX);
  record.datasets = record.foreign = true;
  record.parts = {{catalog.index.size(), Crc32c(catalog.index)}};
  TSNAP_ASSIGN(const std::string text, native::EncodeRecord(record));
  const ConstByteSpan bytes = AsBytes(text);
  catalog.record.assign(bytes.begin(), bytes.end());
  return catalog;
}

}  // namespace tsnap::one_file
