// Committing: from the marker of a take or copy in progress to the record that makes it a snapshot.
// Run by one rank.
//
//   1. Open: read what is committed at the place (kExists unless overwriting), draw an id, write
//   the marker <id>/taking.
//   2. Refresh: now and then while the take runs, so that gc knows it is alive.
//   3. Commit: sync the folders; make sure that the marker is still there; write the record
//   atomically, only over what was seen
//      in 1. When the answer is lost, read the record back: its id tells whether it is ours.
//   4. Clean: remove the marker and what was replaced; or, after a failure, everything of this
//   take. But what a server was asked for and did not answer it may still do: then the record could
//   come when its data is gone. The data stays, and gc decides when the request is long dead.
//
// A copy keeps the id of its source, so that what an interrupted one has copied serves the next one
// (core/copy.h): LookForCopy and Claim stand in for Open. Its marker names its owner; whoever finds
// another's name there has lost the place. A copy that converts (core/convert.h) is opened as a
// take is.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/status.h"
#include "engine/engine.h"
#include "format/native/commit_record.h"
#include "store/store.h"

namespace tsnap {

// What was read of the record at a place belongs to a file that tsnap has not written: such are
// neither replaced nor removed.
bool IsForeign(Store& store, const Result<native::CommitRecord>& record);

class Committer {
 public:
  // What is committed, for messages.
  struct Work {
    const char* action;
    const char* name;
  };
  static constexpr Work kTake = {"taking a snapshot at", "take"};
  static constexpr Work kCopy = {"copying a snapshot to", "copy"};

  Committer(std::shared_ptr<Store> store, Log log, bool durable, double refresh_seconds,
            const Work& work = kTake)
      : store_(std::move(store)),
        log_(log),
        durable_(durable),
        refresh_seconds_(refresh_seconds),
        work_(work) {}

  Status Open(bool overwrite);
  // Writes nothing. *there: the snapshot with this id is committed at the place already.
  Status LookForCopy(const std::string& id, bool overwrite, bool* there);
  // Writes the marker with the owner's name over whatever copy of this id was at work.
  Status Claim(const std::string& id, const std::string& owner);
  const std::string& id() const { return id_; }
  // Whether it is time for Refresh, which writes the marker: once in refresh_seconds. A failure is
  // only logged: the check before the commit decides.
  bool wants_refresh() const;
  void Refresh();
  // kIo when the marker is gone, kExists when it is another's by now. Any thread.
  Status CheckMarker() const;
  // The record's id is id(). After a failure other than kExists the snapshot may exist: the text
  // says so.
  Status Commit(const native::CommitRecord& record);
  Status Commit(ConstByteSpan record_text);
  void RemoveReplaced();
  // After a failed take; keeps everything if the record turns out to be committed.
  void Abandon();

 private:
  Status Look(const std::string& own_id, bool overwrite, bool* there);
  Status WriteMarker();
  bool MarkerIsOld() const;
  bool IsCopy() const { return work_.name == kCopy.name; }
  Status Settle(Status failure);
  // Whether what is committed there is this.
  Result<bool> IsThere();
  void Warn(const Status& status, const char* action);

  std::shared_ptr<Store> store_;
  const Log log_;
  const bool durable_;
  const double refresh_seconds_;
  const Work work_;
  std::string id_;
  std::string owner_;        // of a copy
  std::string replaced_id_;  // "" = none
  Version seen_;
  bool may_still_come_ = false;  // the record, by a request that nobody answered
  std::chrono::steady_clock::time_point refreshed_{};
};

// One of the calls that only log what goes wrong, watched: not OK when it hangs, or was not begun
// for want of memory. Does not throw.
Status CallWatched(Engine& engine, const std::shared_ptr<Committer>& committer,
                   void (Committer::*call)(), const std::shared_ptr<Store>& store);

// Reads and checks the commit record of a place. kNotFound when there is none. *text: as it is
// stored.
Result<native::CommitRecord> ReadRecord(Store& store, Version* version, Bytes* text);
Result<native::CommitRecord> ReadRecord(Store& store, Version* version);

}  // namespace tsnap
