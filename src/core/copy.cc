#include "core/copy.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/protect.h"
#include "core/commit.h"
#include "core/convert.h"
#include "core/copy_end.h"
#include "core/copy_journal.h"
#include "core/snapshot.h"
#include "engine/copy_objects.h"
#include "engine/engine.h"
#include "format/native/marker.h"
#include "format/native/names.h"
#include "format/one_file/one_file_store.h"
#include "format/open_place.h"

namespace tsnap {

namespace {

using Clock = std::chrono::steady_clock;

// A note is written when so much is finished, or after so long.
constexpr size_t kNotedObjects = 64;
constexpr uint64_t kNotedBytes = uint64_t{1} << 30;
constexpr auto kNotedInterval = std::chrono::seconds(10);

// Later than whatever clock a store has says that it is.
int64_t SoonUnixSeconds() { return UnixSeconds() + 24 * 60 * 60; }

Result<ObjectSizes> SizesBelow(Store& store, const std::string& prefix) {
  ObjectSizes sizes;
  TSNAP_TRY(store.List(prefix, [&](const Entry& entry) {
    if (entry.key.starts_with(prefix)) sizes[entry.key] = entry.bytes;
    return Status::Ok();
  }));
  return sizes;
}

// One copy, step by step (copy.h). Whatever touches a store runs in calls that are watched, and
// owns what it touches: a store that hangs is left behind.
class CopyStory {
 public:
  CopyStory(const CopyEnd& from, const CopyEnd& to, const Knobs& knobs, const Log& log,
            const CopyOptions& options)
      : from_end_(from),
        to_end_(to),
        knobs_(WithMachineDefaults(knobs, 1)),
        log_(log),
        options_(options),
        engine_(NewEngine()) {}

  Status Run(CopyResult* result) {
    TSNAP_TRY(ReadSource());
    bool there = false;
    TSNAP_TRY(LookAtDestination(&there));
    TSNAP_TRY(ListSource());
    if (there) {
      result_.objects_skipped = static_cast<int64_t>(source_sizes_.size());
      result_.bytes_skipped = total_bytes_;
      Tell(total_bytes_);
      TSNAP_TRY(options_.verify ? Verify() : Status::Ok());
    } else {
      TSNAP_TRY(Resumable(CopyAll()));
      TSNAP_TRY(options_.verify ? VerifyOrRemove() : Status::Ok());
      TSNAP_TRY(Resumable(Commit()));
      Clean();
    }
    *result = result_;
    return Status::Ok();
  }

 private:
  std::unique_ptr<Engine> NewEngine() const {
    return std::make_unique<Engine>(knobs_, knobs_.memory_budget_bytes);
  }

  // Step 1.
  Status ReadSource() {
    struct Opened {
      std::shared_ptr<Store> store;
      Bytes text;
      native::CommitRecord record;
    };
    const auto opened = std::make_shared<Opened>();
    TSNAP_ASSIGN(from_, OpenEnd(*engine_, from_end_));
    opened->store = from_;
    TSNAP_TRY(engine_->Watched(
        [opened] {
          TSNAP_ASSIGN(opened->record, ReadRecord(*opened->store, nullptr, &opened->text));
          return Status::Ok();
        },
        from_));
    record_ = std::make_shared<const native::CommitRecord>(std::move(opened->record));
    record_text_ = std::make_shared<const Bytes>(std::move(opened->text));
    id_ = record_->id;
    return Status::Ok();
  }

  // Step 2.
  Status LookAtDestination(bool* there) {
    TSNAP_ASSIGN(to_, OpenEnd(*engine_, to_end_));
    if (from_end_.service == to_end_.service && to_->url() == from_->url()) {
      return Invalid(
          fmt::format("copying {} to {}: they are the same place", from_->url(), to_->url()));
    }
    committer_ = std::make_shared<Committer>(to_, log_, /*durable=*/true,
                                             MarkerRefreshSeconds(knobs_), Committer::kCopy);
    const auto found = std::make_shared<bool>(false);
    TSNAP_TRY(engine_->Watched(
        [found, to = to_, committer = committer_, id = id_, overwrite = options_.overwrite] {
          TSNAP_TRY(committer->LookForCopy(id, overwrite, found.get()));
          // It may have failed to do so when it was committed.
          return *found ? to->SyncFolder("") : Status::Ok();
        },
        to_));
    *there = *found;
    return Status::Ok();
  }

  // What is to be at the destination in the end.
  Status ListSource() {
    const auto sizes = std::make_shared<ObjectSizes>();
    TSNAP_TRY(engine_->Watched(
        [sizes, from = from_, id = id_] {
          TSNAP_ASSIGN(*sizes, SizesBelow(*from, id + "/"));
          sizes->erase(native::MarkerKey(id));
          std::erase_if(*sizes, [prefix = native::CopiedFolder(id) + "/"](const auto& object) {
            return object.first.starts_with(prefix);
          });
          return Status::Ok();
        },
        from_));
    source_sizes_ = std::move(*sizes);
    for (const auto& [key, bytes] : source_sizes_) total_bytes_ += bytes;
    return Status::Ok();
  }

  // Steps 3 to 6.
  Status CopyAll() {
    TSNAP_TRY(Claim());
    CopyJob job{from_, to_, {}, {}};
    for (const auto& [key, bytes] : source_sizes_) {
      if (finished_.contains(key)) {
        ++result_.objects_skipped;
        result_.bytes_skipped += bytes;
      } else {
        ++result_.objects_copied;
        result_.bytes_copied += bytes;
        job.objects.push_back({key, bytes, 0});
      }
    }
    // A name that is given out exclusively is not given to two copies that are at work.
    if (keeps_journal())
      job.may_begin = [committer = committer_] { return committer->CheckMarker(); };
    Tell(result_.bytes_skipped);
    Status copied = CopyObjects(
        *engine_, std::move(job),
        [this](std::vector<Entry> finished, uint64_t arrived_bytes) {
          RefreshMarker();
          Note(std::move(finished));
          Tell(result_.bytes_skipped + arrived_bytes);
        },
        &result_.within_service);
    if (!copied.ok()) {
      if (!engine_->stuck()) WriteNote();
      return ExplainMissing(*engine_, from_, record_text_, std::move(copied));
    }
    TSNAP_TRY(MakeDurable());
    TSNAP_TRY(CheckDestination());
    return CheckIsThere(*engine_, from_, record_text_);
  }

  // Object stores show an object only when it is whole: there its size says enough.
  bool keeps_journal() const { return !to_->traits().whole_objects(); }

  // Step 3.
  Status Claim() {
    const std::string owner = native::NewId();
    journal_ = std::make_shared<CopyJournal>(to_, id_, owner);
    const auto finished = std::make_shared<ObjectSizes>();
    TSNAP_TRY(engine_->Watched(
        [finished, owner, journal = journal_, committer = committer_, to = to_, id = id_,
         wanted = source_sizes_, keeps_journal = keeps_journal()] {
          TSNAP_ASSIGN(const ObjectSizes there, SizesBelow(*to, id + "/"));
          TSNAP_ASSIGN(const ObjectSizes noted, ReadNotes(*to, id, *journal));
          std::vector<Entry> entries;
          for (const auto& [key, bytes] : wanted) {
            if (!Has(there, key, bytes) || (keeps_journal && !Has(noted, key, bytes))) continue;
            finished->emplace(key, bytes);
            entries.push_back({key, bytes, 0});
          }
          // Before the marker says whose notes count.
          if (!entries.empty() && keeps_journal) TSNAP_TRY(journal->Write(entries));
          TSNAP_TRY(committer->Claim(id, owner));
          for (const auto& [key, bytes] : there) {
            if (!finished->contains(key) && key != native::MarkerKey(id))
              TSNAP_TRY(to->Remove(key));
          }
          return to->RemoveLeftovers(id + "/", SoonUnixSeconds(),
                                     [](std::string_view) { return true; });
        },
        to_));
    finished_ = std::move(*finished);
    noted_ = Clock::now();
    return Status::Ok();
  }

  // Of the copy that owned the marker last.
  static Result<ObjectSizes> ReadNotes(Store& to, const std::string& id, CopyJournal& journal) {
    const Result<Bytes> marker = to.Get(native::MarkerKey(id), native::kMaxMarkerBytes, nullptr);
    if (marker.ok()) return journal.ReadNotesOf(native::MarkerOwner(AsText(*marker)));
    const Code code = marker.status().code();
    if (code == Code::kNotFound || code == Code::kCorrupt) return ObjectSizes();
    return marker.status();
  }

  static bool Has(const ObjectSizes& sizes, const std::string& key, uint64_t bytes) {
    const auto found = sizes.find(key);
    return found != sizes.end() && found->second == bytes;
  }

  void RefreshMarker() {
    if (!committer_->wants_refresh()) return;
    static_cast<void>(CallWatched(*engine_, committer_, &Committer::Refresh, to_));
  }

  void Note(std::vector<Entry> finished) {
    if (!keeps_journal()) return;
    for (Entry& entry : finished) {
      unnoted_bytes_ += entry.bytes;
      unnoted_.push_back(std::move(entry));
    }
    const bool due = unnoted_.size() >= kNotedObjects || unnoted_bytes_ >= kNotedBytes ||
                     Clock::now() - noted_ >= kNotedInterval;
    if (due) WriteNote();
  }

  // What cannot be noted is only copied again after an interruption.
  void WriteNote() {
    noted_ = Clock::now();
    if (unnoted_.empty()) return;
    Status noted = Protect([&] {
      return engine_->Watched(
          [journal = journal_, finished = std::make_shared<const std::vector<Entry>>(std::exchange(
                                   unnoted_, {}))] { return journal->Write(*finished); },
          to_);
    });
    unnoted_bytes_ = 0;
    Warn(std::move(noted), "noting what is copied (it is copied again after an interruption)");
  }

  // Step 5: objects were synced as they were finished; now their names.
  Status MakeDurable() {
    std::set<std::string> folders = {""};
    for (const auto& [key, bytes] : source_sizes_) {
      for (size_t end = key.rfind('/'); end != std::string::npos && end > 0;
           end = key.rfind('/', end - 1))
        folders.insert(key.substr(0, end));
    }
    folders.insert(id_);
    return engine_->Watched(
        [to = to_, folders = std::move(folders)] {
          for (const std::string& folder : folders) TSNAP_TRY(to->SyncFolder(folder));
          return Status::Ok();
        },
        to_);
  }

  // Step 6: gc, which may have judged the place just before it was claimed, or another copy may
  // have removed something.
  Status CheckDestination() {
    const auto wanted = std::make_shared<const ObjectSizes>(source_sizes_);
    return engine_->Watched(
        [to = to_, id = id_, wanted] {
          TSNAP_ASSIGN(const ObjectSizes there, SizesBelow(*to, id + "/"));
          for (const auto& [key, bytes] : *wanted) {
            if (Has(there, key, bytes)) continue;
            return IoError(
                fmt::format("copying a snapshot to {}: {} was copied, but is not there any more: "
                            "somebody removes "
                            "things there (gc, or another copy); copy again",
                            to->url(), key));
          }
          return Status::Ok();
        },
        to_);
  }

  // Step 7. In memory of its own: what was used for copying goes first.
  Status Verify() {
    engine_ = NewEngine();
    const std::unique_ptr<Snapshot> snapshot = Snapshot::OverStore(to_, *record_, knobs_);
    snapshot->set_progress([this](uint64_t, uint64_t verified, uint64_t) {
      if (!committer_->id().empty()) RefreshMarker();
      Tell(total_bytes_ + std::min(verified, record_->stored_bytes));
    });
    std::vector<std::string> bad_paths;
    Status verified = snapshot->Verify(&bad_paths);
    if (verified.ok()) Tell(total_bytes_ + record_->stored_bytes);
    return verified;
  }

  Status VerifyOrRemove() {
    Status verified = Verify();
    if (verified.code() != Code::kCorrupt) return Resumable(std::move(verified));
    // Else the next copy would take it for good.
    Status removed = engine_->Watched(
        [to = to_, id = id_, committer = committer_] {
          TSNAP_TRY(committer->CheckMarker());
          return to->RemoveAll(id + "/");
        },
        to_);
    Warn(std::move(removed), "removing a damaged copy (tsnap gc does it later)");
    return Corrupt(fmt::format(
        "copying {}: nothing is committed, since the copy is damaged (if the source is not, as "
        "tsnap verify says, copy again; without verify a damaged snapshot is copied as it is): {}",
        from_->url(), verified.message()));
  }

  // Step 8.
  Status Commit() {
    Status committed = engine_->Watched(
        [committer = committer_, journal = journal_, to = to_, text = record_text_,
         keeps_journal = keeps_journal()] {
          TSNAP_TRY(committer->CheckMarker());
          if (keeps_journal) TSNAP_TRY(journal->RemoveAll());
          return committer->Commit(*text);
        },
        to_);
    if (committed.code() != Code::kTimeout) return committed;
    return Timeout(fmt::format("committing at {}: the copy may or may not be there: {}", to_->url(),
                               committed.message()));
  }

  // Step 9. A failure is only logged: gc does it later.
  void Clean() {
    Warn(CallWatched(*engine_, committer_, &Committer::RemoveReplaced, to_),
         "cleaning up after a copy");
  }

  // What a failure leaves.
  Status Resumable(Status status) {
    if (status.ok() || committer_->id().empty()) return status;
    const bool source_is_gone = status.code() == Code::kNotFound;
    return {status.code(),
            fmt::format("{}; what was copied is {}", status.message(),
                        source_is_gone ? "of no use any more: tsnap gc removes it after a day"
                                       : "kept: the same copy goes on from there, or tsnap gc "
                                         "removes it after a day")};
  }

  void Tell(uint64_t done_bytes) const {
    if (!options_.progress) return;
    const uint64_t total = total_bytes_ + (options_.verify ? record_->stored_bytes : 0);
    options_.progress(done_bytes, total);
  }

  void Warn(Status status, const char* action) const {
    if (status.ok() || !log_.wants(LogLevel::kWarning)) return;
    static_cast<void>(Protect([&] {
      log_.Write(LogLevel::kWarning, fmt::format("{}: {}", action, status.message()));
      return Status::Ok();
    }));
  }

  const CopyEnd from_end_, to_end_;
  const Knobs knobs_;
  const Log log_;
  const CopyOptions options_;
  std::shared_ptr<Store> from_, to_;
  std::shared_ptr<const native::CommitRecord> record_;
  std::shared_ptr<const Bytes> record_text_;
  std::string id_;
  std::shared_ptr<Committer> committer_;
  std::shared_ptr<CopyJournal> journal_;
  ObjectSizes source_sizes_;
  ObjectSizes finished_;  // by an earlier copy
  uint64_t total_bytes_ = 0;
  std::vector<Entry> unnoted_;
  uint64_t unnoted_bytes_ = 0;
  Clock::time_point noted_;
  CopyResult result_;
  std::unique_ptr<Engine> engine_;  // its threads are joined before the rest goes
};

std::string ServiceOf(const Knobs& knobs) { return knobs.s3_endpoint + " " + knobs.gcs_endpoint; }

}  // namespace

Status CopySnapshot(const CopyEnd& from, const CopyEnd& to, const Knobs& knobs, const Log& log,
                    const CopyOptions& options, CopyResult* result) {
  if (one_file::IsOneFile(from.url) || one_file::IsOneFile(to.url))
    return ConvertSnapshot(from, to, knobs, log, options, result);
  return Protect([&] { return CopyStory(from, to, knobs, log, options).Run(result); });
}

Status CopySnapshot(const std::string& from_url, const Knobs& from_knobs, const std::string& to_url,
                    const Knobs& to_knobs, const Log& log, const CopyOptions& options,
                    CopyResult* result) {
  const CopyEnd from{from_url, ServiceOf(from_knobs), [=] {
                       return OpenPlace(from_url, std::make_shared<StoreSession>(from_knobs),
                                        /*create=*/false);
                     }};
  const CopyEnd to{
      to_url, ServiceOf(to_knobs),
      [=] { return OpenPlace(to_url, std::make_shared<StoreSession>(to_knobs), /*create=*/true); }};
  return CopySnapshot(from, to, to_knobs, log, options, result);
}

}  // namespace tsnap
