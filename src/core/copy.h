// Copying a snapshot from one place to another, in any two stores. Not collective: one process does
// it.
//
//   1. Source: open it, read its commit record. The copy keeps the id and the names, so that its
//      record is the same, byte for byte.
//   2. Destination: the same snapshot is committed there: nothing is to be done. Another one is:
//      kExists, unless overwriting.
//   3. Claim: what an earlier copy of this snapshot finished there is noted anew (copy_journal.h),
//      the marker <id>/taking gets this copy's name, and what is not finished is removed.
//   4. Copy what is missing; refresh the marker and note what is finished meanwhile.
//   5. Sync the folders.
//   6. Check: every object is there, and the source still holds this snapshot.
//   7. With verify: read and check every block at the destination. What is damaged is removed
//   again.
//   8. Commit: remove the notes, then write the record as a take does (commit.h).
//   9. Clean: remove the marker and what was replaced.
//
// After a failure nothing is committed, and what was copied stays: the same copy goes on from
// there. gc removes it when it is old.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/knobs.h"
#include "base/log.h"
#include "base/status.h"
#include "store/store.h"

namespace tsnap {

struct CopyOptions {
  bool overwrite = false;
  bool verify = false;
  // What is at the destination by now, and what was verified. On the calling thread.
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> progress;
};

struct CopyResult {
  // Skipped: was at the destination before.
  int64_t objects_copied = 0, objects_skipped = 0;
  uint64_t bytes_copied = 0, bytes_skipped = 0;
  bool within_service = false;  // no byte of an object passed through this process
};

// One end of a copy.
struct CopyEnd {
  std::string url;
  // Two places with one URL are the same only where these are equal as well: "" or a server.
  std::string service;
  std::function<Result<std::unique_ptr<Store>>()> open;
};

// The budget, the timeouts and the number of transfers are those of `knobs`. *result is set on
// success only.
Status CopySnapshot(const CopyEnd& from, const CopyEnd& to, const Knobs& knobs, const Log& log,
                    const CopyOptions& options, CopyResult* result);

// The same by URL. What both ends share is that of the destination's knobs.
Status CopySnapshot(const std::string& from_url, const Knobs& from_knobs, const std::string& to_url,
                    const Knobs& to_knobs, const Log& log, const CopyOptions& options,
                    CopyResult* result);

}  // namespace tsnap
