#include "cli/report/snapshot_page.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cli/failure.h"
#include "cli/report/balance.h"
#include "cli/snapshot.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMostObjects = 20;
constexpr size_t kMostWritersShown = 1 << 20;
constexpr size_t kMostMetadataBytes = 20'000;

struct Size {
  uint64_t objects = 0, bytes = 0, stored_bytes = 0;

  void Add(uint64_t more_bytes, uint64_t more_stored_bytes) {
    ++objects;
    bytes = AddBytes(bytes, more_bytes);
    stored_bytes = AddBytes(stored_bytes, more_stored_bytes);
  }
};

// A private object of all ranks is one row.
struct Row {
  Size size;
  std::string kind, element, shape;
};

std::string CodecName(int32_t codec) {
  switch (codec) {
    case TSNAP_CODEC_NONE:
      return "none";
    case TSNAP_CODEC_ZSTD:
      return "zstd";
    case TSNAP_CODEC_LZ4:
      return "lz4";
    default:
      return "codec " + std::to_string(codec);
  }
}

class Counts {
 public:
  explicit Counts(const Snapshot& snapshot) : snapshot_(snapshot) {}

  void Add(const tsnap_object_info& object) {
    by_kind_[KindName(object.kind)].Add(object.bytes, object.stored_bytes);
    by_element_[ElementOf(object)].Add(object.bytes, object.stored_bytes);
    std::string_view path = object.path;
    if (object.kind == TSNAP_PRIVATE) path.remove_prefix(path.find('/') + 1);
    Row& row = rows_[{object.kind, std::string(path)}];
    const std::string shape = ShapeText(object);
    row.shape = row.size.objects == 0 || row.shape == shape ? shape : "various";
    row.element = ElementName(object);
    row.kind = KindName(object.kind);
    row.size.Add(object.bytes, object.stored_bytes);
    AddExtents(object);
  }

  ordered_json Rows() const {
    using Entry = std::pair<const std::pair<int32_t, std::string>, Row>;
    std::vector<const Entry*> sorted;
    for (const Entry& entry : rows_) sorted.push_back(&entry);
    const auto larger = [](const Entry* a, const Entry* b) {
      if (a->second.size.bytes != b->second.size.bytes)
        return a->second.size.bytes > b->second.size.bytes;
      return a->first < b->first;
    };
    const size_t shown = std::min(sorted.size(), kMostObjects);
    std::partial_sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(shown),
                      sorted.end(), larger);
    sorted.resize(shown);
    auto json = ordered_json::array();
    for (const Entry* entry : sorted) {
      const Row& row = entry->second;
      json.push_back({{"path", Printable(entry->first.second)},
                      {"kind", row.kind},
                      {"element", row.element},
                      {"shape", row.shape},
                      {"ranks", row.kind == "private" ? row.size.objects : 0},
                      {"bytes", row.size.bytes},
                      {"stored_bytes", row.size.stored_bytes}});
    }
    return json;
  }

  ordered_json Writers(int64_t world_size) const {
    const auto most_writers = static_cast<int64_t>(kMostWritersShown);
    const int64_t ranks = std::clamp<int64_t>(world_size, 1, most_writers);
    std::vector<double> bytes(static_cast<size_t>(ranks));
    for (const auto& [writer, written] : by_writer_)
      if (writer >= 0 && writer < ranks)
        bytes[static_cast<size_t>(writer)] = static_cast<double>(written);
    const Lanes lanes(ranks);
    return {{"ranks", ranks},
            {"ranks_a_lane", lanes.ranks_a_lane},
            {"bytes", LoadsByLane(bytes, lanes)}};
  }

  ordered_json ByKind() const { return Sizes(by_kind_); }
  ordered_json ByElement() const { return Sizes(by_element_); }
  ordered_json ByCodec() const { return Sizes(by_codec_); }
  size_t rows() const { return rows_.size(); }
  size_t files() const { return files_.size(); }
  uint64_t extents() const { return extents_; }

 private:
  static std::string ElementOf(const tsnap_object_info& object) {
    if (object.type == TSNAP_OBJECT_ARRAY) return DtypeName(object.dtype);
    return TypeName(object.type) + " value";
  }

  void AddExtents(const tsnap_object_info& object) {
    tsnap_extent_info extent = TSNAP_EXTENT_INFO_INIT;
    int32_t status = TSNAP_OK;
    for (int64_t i = 0;
         (status = tsnap_snapshot_extent(snapshot_.get(), object.path, i, &extent)) == TSNAP_OK;
         ++i) {
      uint64_t& written = by_writer_[extent.writer];
      written = AddBytes(written, extent.stored_bytes);
      by_codec_[CodecName(extent.codec)].Add(extent.bytes, extent.stored_bytes);
      files_.insert(extent.file);
      ++extents_;
    }
    if (status != TSNAP_E_NOT_FOUND) Check(status);
  }

  static ordered_json Sizes(const std::map<std::string, Size>& sizes) {
    std::vector<std::pair<std::string, Size>> sorted(sizes.begin(), sizes.end());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
    auto json = ordered_json::array();
    for (const auto& [name, size] : sorted)
      json.push_back({{"name", name},
                      {"count", size.objects},
                      {"bytes", size.bytes},
                      {"stored_bytes", size.stored_bytes}});
    return json;
  }

  const Snapshot& snapshot_;
  std::map<std::string, Size> by_kind_, by_element_, by_codec_;
  std::map<std::pair<int32_t, std::string>, Row> rows_;
  std::unordered_map<int64_t, uint64_t> by_writer_;
  std::set<const char*> files_;  // the library names each file once
  uint64_t extents_ = 0;
};

// Metadata has lines; what else is no text shows as \x1b.
std::string Lines(std::string_view text) {
  std::string out;
  const std::string_view shown = text.substr(0, kMostMetadataBytes);
  for (size_t start = 0; start <= shown.size();) {
    const size_t end = std::min(shown.find('\n', start), shown.size());
    out += Printable(shown.substr(start, end - start));
    if (end < shown.size()) out += '\n';
    start = end + 1;
  }
  if (shown.size() < text.size()) out += "\n... (" + HumanBytes(text.size()) + " in all)";
  return out;
}

}  // namespace

ordered_json SnapshotPage(const std::string& url, Progress* progress) {
  const Snapshot snapshot(url);
  const tsnap_snapshot_info info = snapshot.info();
  Counts counts(snapshot);
  uint64_t done = 0;
  snapshot.ForEach([&](const tsnap_object_info& object) {
    counts.Add(object);
    done = AddBytes(done, object.stored_bytes);
    progress->Set(done, info.stored_bytes);
  });
  return {{"kind", "snapshot"},
          {"source", Printable(url)},
          {"id", Printable(info.id)},
          {"format", Printable(info.format)},
          {"version", Printable(info.library_version)},
          {"created", UtcTime(info.created_unix_seconds)},
          {"ranks", info.world_size},
          {"objects", info.object_count},
          {"bytes", info.bytes},
          {"stored_bytes", info.stored_bytes},
          {"files", counts.files()},
          {"extents", counts.extents()},
          {"metadata", Lines(info.metadata)},
          {"largest", counts.Rows()},
          {"rows", counts.rows()},
          {"kinds", counts.ByKind()},
          {"elements", counts.ByElement()},
          {"codecs", counts.ByCodec()},
          {"writers", counts.Writers(info.world_size)}};
}

}  // namespace tsnap::cli
