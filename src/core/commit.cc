#include "core/commit.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/protect.h"
#include "format/native/marker.h"
#include "format/native/names.h"

namespace tsnap {

Result<native::CommitRecord> ReadRecord(Store& store, Version* version) {
  Result<Bytes> text = store.Get(native::kRecordKey, native::kMaxRecordBytes, version);
  if (!text.ok() && text.status().code() == Code::kNotFound) {
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
  return record;
}

Status Committer::Open(bool overwrite) {
  Version seen;
  Result<native::CommitRecord> existing = ReadRecord(*store_, &seen);
  if (existing.ok() && !overwrite) {
    return Exists(
        fmt::format("taking a snapshot at {}: it holds a snapshot already; take to another place, "
                    "or switch overwrite on",
                    store_->url()));
  }
  const bool damaged = !existing.ok() && existing.status().code() == Code::kCorrupt;
  if (damaged && !overwrite) {
    return Exists(
        fmt::format("taking a snapshot at {}: it holds a damaged snapshot already ({}); switch "
                    "overwrite on to replace it",
                    store_->url(), existing.status().message()));
  }
  if (!existing.ok() && !damaged && existing.status().code() != Code::kNotFound)
    return std::move(existing).status();
  if (existing.ok()) replaced_id_ = existing->id;
  seen_ = seen;
  id_ = native::NewId();
  return WriteMarker().While("writing the marker of the take");
}

Status Committer::WriteMarker() {
  refreshed_ = std::chrono::steady_clock::now();  // also when it fails: not again at once
  const std::string text = native::EncodeMarker(refresh_seconds_);
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
  Warn(refreshed, "refreshing the marker of a take");
}

Status Committer::CheckMarker() {
  Result<Entry> marker = store_->Stat(native::MarkerKey(id_));
  if (marker.ok()) return Status::Ok();
  if (marker.status().code() != Code::kNotFound) return std::move(marker).status();
  return IoError(
      fmt::format("committing at {}: the marker of this take was removed while it ran (by gc, or "
                  "by hand), so its data may "
                  "be gone too; take again",
                  store_->url()));
}

Status Committer::Commit(const native::CommitRecord& record) {
  TSNAP_ASSIGN(const std::string text, native::EncodeRecord(record));
  TSNAP_TRY(CheckMarker());
  // After a long silence gc may be about to judge: it looks again before it removes.
  if (MarkerIsOld()) TSNAP_TRY(WriteMarker().While("refreshing the marker of the take"));
  // Memory may run out in there when the record has its name already.
  Status written =
      Protect([&] { return store_->PutIf(native::kRecordKey, AsBytes(text), seen_, durable_); });
  if (written.ok()) return written;
  if (written.code() == Code::kExists) {
    return Exists(fmt::format(
        "committing at {}: another job committed or removed a snapshot there while this "
        "take ran; what it left stands",
        store_->url()));
  }
  return Settle(std::move(written));
}

// The record may or may not have been written: look.
Status Committer::Settle(Status failure) {
  Result<native::CommitRecord> found = ReadRecord(*store_, nullptr);
  if (found.ok() && found->id == id_) {
    return {failure.code(), fmt::format("committing at {}: the snapshot is there, but may not "
                                        "survive a crash of the machine: {}",
                                        store_->url(), failure.message())};
  }
  if (!found.ok() && found.status().code() != Code::kNotFound) {
    return {failure.code(),
            fmt::format("committing at {}: the snapshot may or may not be there, since its commit "
                        "record cannot be "
                        "read back ({}): {}",
                        store_->url(), found.status().message(), failure.message())};
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
  if (id_.empty()) return;
  const Status abandoned = Protect([&] {
    Result<native::CommitRecord> found = ReadRecord(*store_, nullptr);
    if (found.ok() && found->id == id_) return Status::Ok();
    if (!found.ok() && found.status().code() != Code::kNotFound &&
        found.status().code() != Code::kCorrupt) {
      return std::move(found).status();
    }
    return store_->RemoveAll(id_ + "/");
  });
  Warn(abandoned, "removing what a failed take left (tsnap gc does it later)");
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
