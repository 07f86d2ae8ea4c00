// Committing: from the marker of a take in progress to the record that makes it a snapshot. Run by
// one rank.
//
//   1. Open: read what is committed at the place (kExists unless overwriting), draw an id, write
//   the marker <id>/taking.
//   2. Refresh: now and then while the take runs, so that gc knows it is alive.
//   3. Commit: sync the folders; make sure that the marker is still there; write the record
//   atomically, only over what was seen
//      in 1. When the answer is lost, read the record back: its id tells whether it is ours.
//   4. Clean: remove the marker and what was replaced; or, after a failure, everything of this
//   take.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/status.h"
#include "format/native/commit_record.h"
#include "store/store.h"

namespace tsnap {

class Committer {
 public:
  Committer(std::shared_ptr<Store> store, Log log, bool durable, double refresh_seconds)
      : store_(std::move(store)), log_(log), durable_(durable), refresh_seconds_(refresh_seconds) {}

  Status Open(bool overwrite);
  const std::string& id() const { return id_; }
  // Whether it is time for Refresh, which writes the marker: once in refresh_seconds. A failure is
  // only logged: the check before the commit decides.
  bool wants_refresh() const;
  void Refresh();
  // The record's id is id(). After a failure other than kExists the snapshot may exist: the text
  // says so.
  Status Commit(const native::CommitRecord& record);
  void RemoveReplaced();
  // After a failed take; keeps everything if the record turns out to be committed.
  void Abandon();

 private:
  Status CheckMarker();
  Status WriteMarker();
  bool MarkerIsOld() const;
  Status Settle(Status failure);
  void Warn(const Status& status, const char* action);

  std::shared_ptr<Store> store_;
  const Log log_;
  const bool durable_;
  const double refresh_seconds_;
  std::string id_;
  std::string replaced_id_;  // "" = none
  Version seen_;
  std::chrono::steady_clock::time_point refreshed_{};
};

// Reads and checks the commit record of a place. kNotFound when there is none.
Result<native::CommitRecord> ReadRecord(Store& store, Version* version);

}  // namespace tsnap
