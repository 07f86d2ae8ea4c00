// Removing a snapshot, and what takes that never committed left behind.
#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "core/commit.h"
#include "core/snapshot.h"
#include "format/native/marker.h"
#include "format/native/names.h"
#include "format/one_file/one_file_store.h"
#include "format/open_place.h"

namespace tsnap {

namespace {

constexpr double kRefreshesMissed = 5;

// Garbage at one place of snapshots: `prefix` is "" or "<folder>/".
class Collector {
 public:
  Collector(Store& store, double min_age_seconds, const GcOptions& options, GcResult* result)
      : store_(store), min_age_seconds_(min_age_seconds), options_(options), result_(result) {}

  Status Collect(const std::string& prefix) {
    const int64_t limit = Limit();  // before anything is listed: what begins later is younger
    alive_.clear();
    std::vector<std::string> ids;
    TSNAP_TRY(store_.ListParts(prefix, [&](const std::string& part) {
      if (native::IsId(part)) ids.push_back(part);
      return Status::Ok();
    }));
    for (const std::string& id : ids) TSNAP_TRY(CollectTake(prefix, id));
    if (options_.dry_run) return Status::Ok();
    return store_.RemoveLeftovers(prefix, limit, [this](std::string_view key) {
      const std::string part(key.substr(0, key.find('/')));
      return native::IsId(part) && !alive_.contains(part);
    });
  }

  // Of takes in folders that hold nothing else, and so were not listed. limit: from before they
  // were, since a take that has begun in a new folder meanwhile is alive.
  Status CollectUploads(const std::vector<std::string>& listed, int64_t limit) {
    return store_.RemoveLeftovers("", limit, [&](std::string_view key) {
      const std::string folder(key.substr(0, key.find('/')));
      const std::string_view rest = key.substr(std::min(key.size(), folder.size() + 1));
      return !native::IsId(folder) && native::IsId(std::string(rest.substr(0, rest.find('/')))) &&
             std::find(listed.begin(), listed.end(), folder) == listed.end();
    });
  }

  // What was last changed before then is old.
  int64_t Limit() const {
    return UnixSeconds() - static_cast<int64_t>(std::min(min_age_seconds_, 1e15));
  }

 private:
  // Asked anew before each removal: a take may commit while we look.
  Result<bool> IsCommitted(const std::string& prefix, const std::string& id) {
    Result<Bytes> text = store_.Get(prefix + native::kRecordKey, native::kMaxRecordBytes, nullptr);
    if (!text.ok() && text.status().code() == Code::kNotFound) return false;
    if (!text.ok()) return std::move(text).status();
    Result<native::CommitRecord> record = native::DecodeRecord(*text);
    if (!record.ok()) {
      return std::move(record).status().While(
          "collecting garbage: nothing is removed beside a commit record that cannot be read, at",
          store_.url() + "/" + prefix);
    }
    return record->id == id;
  }

  // However short the least age is, a take is dead only after it missed several refreshes. The
  // marker is looked at last: a take that was silent refreshes it before it commits.
  Result<bool> MayBeAlive(const std::string& prefix, const std::string& id, int64_t newest) {
    double least_age = min_age_seconds_;
    const std::string key = native::MarkerKey(prefix + id);
    Result<Bytes> text = store_.Get(key, native::kMaxMarkerBytes, nullptr);
    if (text.ok()) {
      least_age =
          std::max(least_age, kRefreshesMissed * native::MarkerRefreshSeconds(AsText(*text)));
      Result<Entry> marker = store_.Stat(key);
      if (marker.status().code() == Code::kNotFound) return true;  // it has just been committed
      TSNAP_TRY(marker.status());
      newest = std::max(newest, marker->modified_unix_seconds);
    } else if (text.status().code() != Code::kNotFound && text.status().code() != Code::kCorrupt) {
      return std::move(text).status();
    }
    return static_cast<double>(UnixSeconds() - newest) < least_age;
  }

  Status CollectTake(const std::string& prefix, const std::string& id) {
    uint64_t bytes = 0;
    int64_t newest = 0;
    bool any = false;
    std::vector<Entry> entries;  // for who wants to hear of each
    const std::string folder = prefix + id + "/";
    TSNAP_TRY(store_.List(folder, [&](const Entry& entry) {
      bytes += entry.bytes;
      newest =
          std::max(newest, entry.modified_unix_seconds);  // the marker's time, or a younger file's
      any = true;
      if (options_.removed) entries.push_back(entry);
      return Status::Ok();
    }));
    TSNAP_ASSIGN(const bool committed, IsCommitted(prefix, id));
    // Of one file nothing is left here when it has its name, unless its take died just then.
    if (committed && !store_.traits().datasets) return Status::Ok();
    // A folder that shows nothing may be a take that is about to write its marker, or one that died
    // then.
    if (!any) return options_.dry_run ? Status::Ok() : store_.RemoveEmptyFolders(folder, Limit());
    TSNAP_ASSIGN(const bool alive, MayBeAlive(prefix, id, newest));
    if (alive) {
      ++result_->takes_kept;
      alive_.insert(id);
      return Status::Ok();
    }
    if (!options_.dry_run) TSNAP_TRY(store_.RemoveAll(folder));
    ++result_->takes_removed;
    result_->bytes_removed += bytes;
    if (options_.removed) {
      for (const Entry& entry : entries) options_.removed(entry.key, entry.bytes);
    }
    return Status::Ok();
  }

  Store& store_;
  const double min_age_seconds_;
  const GcOptions& options_;
  GcResult* result_;
  std::set<std::string> alive_;  // takes in progress at the place that is looked at
};

// Only the record that was read: whoever replaced it meanwhile keeps what is there now.
Status RemoveRecord(Store& store, const Version& seen) {
  // One that is too large, or no file at all, has no version.
  Status removed = seen.tag.empty() ? store.Remove(native::kRecordKey)
                                    : store.RemoveIf(native::kRecordKey, seen);
  if (removed.code() == Code::kExists) {
    return Exists(
        fmt::format("removing the snapshot at {}: another job committed one there meanwhile, which "
                    "is left alone; remove it if that one is to go too",
                    store.url()));
  }
  if (removed.code() == Code::kNotFound)
    return NotFound(
        fmt::format("there is no snapshot at {} any more: another job removed it "
                    "meanwhile",
                    store.url()));
  return removed.ok() ? removed
                      : std::move(removed).While("removing the commit record of", store.url());
}

}  // namespace

Status RemoveSnapshot(const std::string& url, const Knobs& knobs, Log log) {
  const auto session = std::make_shared<StoreSession>(knobs, log);
  TSNAP_ASSIGN(std::unique_ptr<Store> store, OpenPlace(url, session, /*create=*/false));
  std::string id;
  Version seen;
  Result<native::CommitRecord> record = ReadRecord(*store, &seen);
  if (IsForeign(*store, record))
    return Invalid(
        fmt::format("removing {}: tsnap has not written this file; remove it by other means", url));
  if (record.ok()) {
    id = record->id;
  } else if (record.status().code() != Code::kCorrupt) {
    return std::move(record).status();
  }
  TSNAP_TRY(RemoveRecord(*store, seen));
  TSNAP_TRY(store->SyncFolder(""));
  // A damaged record names nothing that can be trusted: its data is left to gc.
  if (!id.empty())
    TSNAP_TRY(store->RemoveAll(id + "/").While("removing the data of", store->url()));
  bool empty = true;
  TSNAP_TRY(store->ListParts("", [&](const std::string&) {
    empty = false;
    return Status::Ok();
  }));
  if (empty) store->RemovePlace();
  return Status::Ok();
}

Status CollectGarbage(Store& store, double min_age_seconds, const GcOptions& options,
                      GcResult* result) {
  *result = GcResult();
  if (!store.HasPlace())
    return NotFound(fmt::format("collecting garbage at {}: there is no such place", store.url()));
  Collector collector(store, min_age_seconds, options, result);
  const int64_t limit = collector.Limit();
  std::vector<std::string> folders;
  TSNAP_TRY(store.ListParts("", [&](const std::string& part) {
    if (!native::IsId(part) && part != native::kRecordKey) folders.push_back(part);
    return Status::Ok();
  }));
  TSNAP_TRY(collector.Collect(""));
  for (const std::string& folder : folders) TSNAP_TRY(collector.Collect(folder + "/"));
  return options.dry_run ? Status::Ok() : collector.CollectUploads(folders, limit);
}

Status CollectGarbage(const std::string& url, const Knobs& knobs, Log log, const GcOptions& options,
                      GcResult* result) {
  const auto session = std::make_shared<StoreSession>(knobs, log);
  TSNAP_ASSIGN(std::unique_ptr<Store> store, OpenPlace(url, session, /*create=*/false));
  const double min_age =
      options.min_age_seconds > 0 ? options.min_age_seconds : knobs.gc_age_seconds;
  return CollectGarbage(*store, min_age, options, result);
}

}  // namespace tsnap
