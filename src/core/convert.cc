#include "core/convert.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/protect.h"
#include "core/commit.h"
#include "core/convert_batches.h"
#include "core/convert_layout.h"
#include "core/convert_source.h"
#include "core/copy_end.h"
#include "core/snapshot.h"
#include "engine/engine.h"
#include "format/native/index_part.h"
#include "format/native/marker.h"
#include "format/native/names.h"
#include "format/one_file/one_file_store.h"

namespace tsnap {

namespace {

// One conversion, step by step (convert.h). Whatever touches a store runs in calls that are
// watched, and owns what it touches.
class ConvertStory {
 public:
  ConvertStory(const CopyEnd& from, const CopyEnd& to, const Knobs& knobs, const Log& log,
               const CopyOptions& options)
      : from_end_(from),
        to_end_(to),
        knobs_(WithMachineDefaults(knobs, 1)),
        log_(log),
        options_(options),
        engine_(NewEngine()) {}

  Status Run(CopyResult* result) {
    TSNAP_TRY(CheckPlaces());
    TSNAP_ASSIGN(std::shared_ptr<Store> from, OpenEnd(*engine_, from_end_));
    TSNAP_TRY(source_.Open(*engine_, std::move(from)));
    Status made = Protect([&]() -> Status {
      TSNAP_TRY(OpenDestination());
      TSNAP_TRY(LayOut());
      TSNAP_TRY(CopyData());
      TSNAP_TRY(WriteIndexParts());
      TSNAP_TRY(MakeDurable());
      TSNAP_TRY(CheckSource());
      TSNAP_TRY(options_.verify ? Verify() : Status::Ok());
      return Commit();
    });
    Clean(made.ok() ? &Committer::RemoveReplaced : &Committer::Abandon);
    if (made.ok()) *result = result_;
    return made;
  }

 private:
  std::unique_ptr<Engine> NewEngine() const {
    return std::make_unique<Engine>(knobs_, BytesBesideBatch(knobs_));
  }

  Status CheckPlaces() const {
    // One place has many URLs.
    if (one_file::PathOfUrl(from_end_.url) != one_file::PathOfUrl(to_end_.url)) return Status::Ok();
    return Invalid(
        fmt::format("copying {} to {}: they are the same place", from_end_.url, to_end_.url));
  }

  // Step 2.
  Status OpenDestination() {
    TSNAP_ASSIGN(to_, OpenEnd(*engine_, to_end_));
    const native::CommitRecord& source = source_.record();
    if (to_->traits().datasets && source.byte_order != native::NativeByteOrder()) {
      return Unsupported(fmt::format(
          "copying {} to {}: the snapshot's bytes are in {}-endian order, which this machine would "
          "not write into an HDF5 file as they are: copy it on a machine of that order",
          from_end_.url, to_->url(), source.byte_order));
    }
    const auto committer = std::make_shared<Committer>(
        to_, log_, /*durable=*/true, MarkerRefreshSeconds(knobs_), Committer::kCopy);
    committer_ = committer;
    TSNAP_TRY(engine_->Watched(
        [committer, overwrite = options_.overwrite] { return committer->Open(overwrite); }, to_));
    record_ = source;
    record_.id = committer_->id();
    if (source.foreign) record_.library_version = TSNAP_VERSION_TEXT;  // else whoever took it
    record_.hashed_slab_names = to_->traits().hashed_slab_names;
    record_.datasets = to_->traits().datasets;
    record_.foreign = false;
    return Status::Ok();
  }

  // Step 3.
  Status LayOut() {
    if (!record_.datasets) return Status::Ok();
    TSNAP_TRY(layout_.Plan(*source_.plan()));
    return layout_.MakeFile(*engine_, to_, *source_.plan(), record_);
  }

  // Step 4.
  Status CopyData() {
    const ConvertJob job{*engine_,
                         source_.store(),
                         to_,
                         source_.record().slab_names(),
                         record_.slab_names(),
                         source_.plan(),
                         layout_.places(),
                         [this](uint64_t done_bytes) {
                           RefreshMarker();
                           Tell(done_bytes);
                         }};
    Status copied = ConvertData(job, &data_);
    if (!copied.ok() && data_.reading) copied = source_.Explained(*engine_, std::move(copied));
    TSNAP_TRY(std::move(copied));
    result_.bytes_copied = data_.bytes;
    result_.objects_copied = record_.datasets ? 1 : data_.slabs;
    return Status::Ok();
  }

  // Step 5.
  Status WriteIndexParts() {
    record_.parts.clear();
    record_.object_count = static_cast<int64_t>(source_.plan()->objects.size());
    record_.raw_bytes = record_.stored_bytes = 0;
    for (const IndexPart& part : IndexOf(record_.placement, *source_.plan(), data_.extents)) {
      native::PartInfo& info = record_.parts.emplace_back();
      if (part.objects.empty() && part.tiles.empty()) continue;
      for (const ObjectRecord& object : part.objects) {
        record_.raw_bytes += object.raw_bytes;
        record_.stored_bytes += object.stored_bytes;
      }
      const auto encoded = std::make_shared<const Bytes>(native::EncodeIndexPart(part));
      info = {encoded->size(), Crc32c(*encoded)};
      const std::string key = native::IndexKey(record_.id, record_.parts.size() - 1);
      TSNAP_TRY(
          engine_->Watched([to = to_, key, encoded] { return to->Put(key, *encoded, true); }, to_)
              .While("writing the index"));
      result_.bytes_copied += encoded->size();
      if (!record_.datasets) ++result_.objects_copied;
    }
    return Status::Ok();
  }

  Status MakeDurable() {
    return engine_->Watched(
        [to = to_, slabs = record_.slab_names()] {
          if (one_file::OneFileStore* const file = one_file::AsOneFile(*to))
            return file->SyncFile();
          const std::string& id = slabs.id;
          for (const std::string& folder :
               {slabs.Folder(0), id + "/data", id + "/index", id, std::string()}) {
            Status synced = to->SyncFolder(folder);
            // Without bytes there is no folder for them.
            if (!synced.ok() && synced.code() != Code::kNotFound) return synced;
          }
          return Status::Ok();
        },
        to_);
  }

  // What has checksums was what its index says. Without any, the file may have been written to.
  Status CheckSource() {
    return source_.record().foreign ? source_.CheckIsThere(*engine_) : Status::Ok();
  }

  // Step 6. In memory of its own: what was used for copying goes first.
  Status Verify() {
    engine_ = NewEngine();
    TSNAP_ASSIGN(const std::shared_ptr<Store> written, Written());
    const std::unique_ptr<Snapshot> snapshot = Snapshot::OverStore(written, record_, knobs_);
    snapshot->set_progress([this](uint64_t, uint64_t verified, uint64_t) {
      RefreshMarker();
      Tell(source_.plan()->bytes + std::min(verified, source_.plan()->bytes));
    });
    std::vector<std::string> bad_paths;
    Status verified = snapshot->Verify(&bad_paths);
    if (verified.ok()) Tell(2 * source_.plan()->bytes);
    if (verified.code() != Code::kCorrupt) return verified;
    return Corrupt(
        fmt::format("copying {}: nothing is committed, since the copy is damaged (copy again): {}",
                    from_end_.url, verified.message()));
  }

  // Where the copy can be read before it is committed.
  Result<std::shared_ptr<Store>> Written() {
    if (!record_.datasets) return to_;
    const std::string path = one_file::AsOneFile(*to_)->PathOfTake(record_.id);
    const CopyEnd end{path, "", [path, session = std::make_shared<StoreSession>(knobs_, log_)] {
                        return one_file::OpenOneFile(path, session);
                      }};
    return OpenEnd(*engine_, end);
  }

  // Step 7.
  Status Commit() {
    Status committed = engine_->Watched(
        [committer = committer_, record = record_] { return committer->Commit(record); }, to_);
    if (committed.code() != Code::kTimeout) return committed;
    return Timeout(fmt::format("committing at {}: the copy may or may not be there: {}", to_->url(),
                               committed.message()));
  }

  // A failure is only logged: gc does it later.
  void Clean(void (Committer::*removal)()) {
    if (!committer_ || committer_->id().empty() || engine_->stuck()) return;
    const Status cleaned = CallWatched(*engine_, committer_, removal, to_);
    if (cleaned.ok() || !log_.wants(LogLevel::kWarning)) return;
    static_cast<void>(Protect([&] {
      log_.Write(LogLevel::kWarning,
                 fmt::format("cleaning up after a copy: {}", cleaned.message()));
      return Status::Ok();
    }));
  }

  void RefreshMarker() {
    if (!committer_->wants_refresh()) return;
    static_cast<void>(CallWatched(*engine_, committer_, &Committer::Refresh, to_));
  }

  void Tell(uint64_t done_bytes) const {
    if (options_.progress)
      options_.progress(done_bytes, source_.plan()->bytes * (options_.verify ? 2 : 1));
  }

  const CopyEnd from_end_, to_end_;
  const Knobs knobs_;
  const Log log_;
  const CopyOptions options_;
  ConvertSource source_;
  std::shared_ptr<Store> to_;
  std::shared_ptr<Committer> committer_;
  native::CommitRecord record_;  // of the copy
  ConvertLayout layout_;         // of a file of datasets
  ConvertedData data_;
  CopyResult result_;
  std::unique_ptr<Engine> engine_;  // its threads are joined before the rest goes
};

}  // namespace

Status ConvertSnapshot(const CopyEnd& from, const CopyEnd& to, const Knobs& knobs, const Log& log,
                       const CopyOptions& options, CopyResult* result) {
  return Protect([&] { return ConvertStory(from, to, knobs, log, options).Run(result); });
}

}  // namespace tsnap
