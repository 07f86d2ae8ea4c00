#include "core/commit.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/protect.h"
#include "core/read_again.h"
#include "format/native/marker.h"
#include "format/native/names.h"
#include "format/one_file/one_file_store.h"

namespace tsnap {

namespace {

Result<native::CommitRecord> ReadRecordOnce(Store& store, Version* version, Bytes* out) {
  Result<Bytes> text = store.Get(native::kRecordKey, native::kMaxRecordBytes, version);
  if (!text.ok() && text.status().code() == Code::kNotFound) {
    if (store.traits().datasets)
      return NotFound(
          fmt::format("there is no snapshot at {}: there is no such file", store.url()));
    // An object store says whether it is the whole place that is missing: a bucket is never made.
    const std::string reason =
        store.traits().whole_objects() ? fmt::format(" ({})", text.status().message()) : "";
    return NotFound(fmt::format("there is no snapshot at {}: it holds no {}{}", store.url(),
                                native::kRecordKey, reason));
  }
  if (!text.ok())
    return std::move(text).status().While("reading the commit record of", store.url());
  Result<native::CommitRecord> record = native::DecodeRecord(*text);
  if (!record.ok())
    return std::move(record).status().While("reading the commit record of", store.url());
  if (record->datasets != store.traits().datasets)
    return Corrupt(
        fmt::format("the commit record of {} is damaged: it belongs to another kind of "
                    "place",
                    store.url()));
  *out = std::move(text).value();
  return record;
}

}  // namespace

Result<native::CommitRecord> ReadRecord(Store& store, Version* version) {
  Bytes text;
  return ReadRecord(store, version, &text);
}

Result<native::CommitRecord> ReadRecord(Store& store, Version* version, Bytes* out) {
  return ReadAgainIfDamaged(store, [&] { return ReadRecordOnce(store, version, out); });
}

bool IsForeign(Store& store, const Result<native::CommitRecord>& record) {
  if (record.ok()) return record->foreign;
  one_file::OneFileStore* const file = one_file::AsOneFile(store);
  return file != nullptr && record.status().code() == Code::kCorrupt && !file->MayBeOurs();
}

Status Committer::Look(const std::string& own_id, bool overwrite, bool* there) {
  Version seen;
  Result<native::CommitRecord> existing = ReadRecord(*store_, &seen);
  *there = existing.ok() && existing->id == own_id;
  if (*there) return Status::Ok();
  const bool damaged = !existing.ok() && existing.status().code() == Code::kCorrupt;
  if (IsForeign(*store_, existing)) {
    return Exists(
        fmt::format("{} {}: it is a file that tsnap has not written, which is never "
                    "replaced; {} to another place",
                    work_.action, store_->url(), work_.name));
  }
  if (existing.ok() && !overwrite) {
    return Exists(fmt::format(
        "{} {}: it holds a snapshot already; {} to another place, or switch overwrite on",
        work_.action, store_->url(), work_.name));
  }
  if (damaged && !overwrite) {
    return Exists(
        fmt::format("{} {}: it holds a damaged snapshot already ({}); switch overwrite on to "
                    "replace it",
                    work_.action, store_->url(), existing.status().message()));
  }
  if (!existing.ok() && !damaged && existing.status().code() != Code::kNotFound)
    return std::move(existing).status();
  if (existing.ok()) replaced_id_ = existing->id;
  seen_ = seen;
  return Status::Ok();
}

Status Committer::Open(bool overwrite) {
  std::string id = native::NewId();
  bool there = false;
  TSNAP_TRY(Look(id, overwrite, &there));
  id_ = std::move(id);
  return WriteMarker().While("writing the marker of the", work_.name);
}

Status Committer::LookForCopy(const std::string& id, bool overwrite, bool* there) {
  return Look(id, overwrite, there);
}

Status Committer::Claim(const std::string& id, const std::string& owner) {
  id_ = id;
  owner_ = owner;
  return WriteMarker().While("writing the marker of the copy");
}

Status Committer::WriteMarker() {
  refreshed_ = std::chrono::steady_clock::now();  // also when it fails: not again at once
  const std::string text = native::EncodeMarker(refresh_seconds_, owner_);
  return store_->Put(native::MarkerKey(id_), AsBytes(text), false);
}

bool Committer::MarkerIsOld() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - refreshed_).count() >=
         refresh_seconds_;
}

bool Committer::wants_refresh() const { return !id_.empty() && MarkerIsOld(); }

void Committer::Refresh() {
  if (!wants_refresh()) return;
  const Status refreshed = Protect([&] {
    TSNAP_TRY(CheckMarker());  // what gc removed stays removed
    return WriteMarker();
  });
  Warn(refreshed, IsCopy() ? "refreshing the marker of a copy" : "refreshing the marker of a take");
}

Status Committer::CheckMarker() const {
  const std::string key = native::MarkerKey(id_);
  Status found;
  std::string owner;
  if (owner_.empty()) {
    found = store_->Stat(key).status();
  } else {
    const Result<Bytes> text = store_->Get(key, native::kMaxMarkerBytes, nullptr);
    found = text.status();
    if (text.ok()) owner = native::MarkerOwner(AsText(*text));
  }
  if (found.ok() && owner == owner_) return found;
  if (found.ok()) {
    return Exists(
        fmt::format("{} {}: another copy of this snapshot to the same place has begun since, and "
                    "goes on instead of this one",
                    work_.action, store_->url()));
  }
  if (found.code() != Code::kNotFound) return found;
  return IoError(
      fmt::format("committing at {}: the marker of this {} was removed while it ran (by gc, or "
                  "by hand), so its data may be gone too; {} again",
                  store_->url(), work_.name, work_.name));
}

Status Committer::Commit(const native::CommitRecord& record) {
  TSNAP_ASSIGN(const std::string text, native::EncodeRecord(record));
  return Commit(AsBytes(text));
}

Status Committer::Commit(ConstByteSpan record_text) {
  TSNAP_TRY(CheckMarker());
  // After a long silence gc may be about to judge: it looks again before it removes.
  if (MarkerIsOld()) TSNAP_TRY(WriteMarker().While("refreshing the marker before the commit"));
  // Memory may run out in there when the record has its name already.
  Status written =
      Protect([&] { return store_->PutIf(native::kRecordKey, record_text, seen_, durable_); });
  if (written.ok()) return written;
  if (written.code() == Code::kExists) {
    return Exists(fmt::format(
        "committing at {}: another job committed or removed a snapshot there while this "
        "{} ran; what it left stands",
        store_->url(), work_.name));
  }
  return Settle(std::move(written));
}

// Of one file its name tells, and HDF5, which the application may be using by now, is not asked.
Result<bool> Committer::IsThere() {
  if (one_file::OneFileStore* const file = one_file::AsOneFile(*store_)) return file->HoldsTaken();
  const Result<native::CommitRecord> found = ReadRecord(*store_, nullptr);
  if (found.ok()) return found->id == id_;
  if (found.status().code() == Code::kNotFound) return false;
  return found.status();
}

// The record may or may not have been written: look.
Status Committer::Settle(Status failure) {
  const Result<bool> found = IsThere();
  if (found.ok() && *found) {
    return {failure.code(), fmt::format("committing at {}: the snapshot is there, but may not "
                                        "survive a crash of the machine: {}",
                                        store_->url(), failure.message())};
  }
  if (!found.ok()) {
    return {failure.code(),
            fmt::format("committing at {}: the snapshot may or may not be there, since its commit "
                        "record cannot be "
                        "read back ({}): {}",
                        store_->url(), found.status().message(), failure.message())};
  }
  if (store_->traits().whole_objects() && failure.code() == Code::kNetwork) {
    may_still_come_ = true;
    return {failure.code(),
            fmt::format("committing at {}: the snapshot is not there, but may still come, since "
                        "the server did not answer (what is left of it otherwise, gc removes): {}",
                        store_->url(), failure.message())};
  }
  return std::move(failure).While("committing at", store_->url());
}

void Committer::RemoveReplaced() {
  const Status removed = Protect([&] {
    TSNAP_TRY(store_->Remove(native::MarkerKey(id_)));
    return replaced_id_.empty() ? Status::Ok() : store_->RemoveAll(replaced_id_ + "/");
  });
  Warn(removed, "removing what a new snapshot replaced (tsnap gc does it later)");
}

void Committer::Abandon() {
  if (id_.empty() || may_still_come_) return;
  const Status abandoned = Protect([&] {
    const Result<bool> found = IsThere();
    if (found.ok() && *found) return Status::Ok();
    if (!found.ok() && found.status().code() != Code::kCorrupt) return found.status();
    return store_->RemoveAll(id_ + "/");
  });
  Warn(abandoned, IsCopy() ? "removing what a failed copy left (tsnap gc does it later)"
                           : "removing what a failed take left (tsnap gc does it later)");
}

Status CallWatched(Engine& engine, const std::shared_ptr<Committer>& committer,
                   void (Committer::*call)(), const std::shared_ptr<Store>& store) {
  return Protect([&] {
    return engine.Watched(
        [committer, call] {
          ((*committer).*call)();
          return Status::Ok();
        },
        store);
  });
}

void Committer::Warn(const Status& status, const char* action) {
  if (status.ok() || !log_.wants(LogLevel::kWarning)) return;
  // A warning that finds no memory is lost: it must not end the take on this rank only.
  static_cast<void>(Protect([&] {
    log_.Write(LogLevel::kWarning, fmt::format("{}: {}", action, status.message()));
    return Status::Ok();
  }));
}

}  // namespace tsnap
