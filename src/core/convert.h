// Converting a snapshot: copying it where one of the two places is an HDF5 file, so that its bytes
// lie otherwise at the copy. Not collective: one process does it.
//
//   1. Source: open it, read its whole index. An HDF5 file that tsnap has not written is a
//      snapshot, too; what it holds is not checked, for nothing is recorded.
//   2. Destination: a new snapshot is begun there, as a take begins one (commit.h).
//   3. Lay out: where the copy's extents will lie; an HDF5 file is made now.
//   4. Copy: each extent is read, checked, decoded and written, in batches that fit into memory.
//      Only what is too large for that is cut. The copy has no codec.
//   5. Write the index; sync.
//   6. With verify: read and check every block at the destination.
//   7. Commit as a take does, or remove everything.
//
// The copy has an id of its own, since its files are others. Everything else stays: the objects,
// which rank they belong to, their attributes, the metadata, the time and the number of ranks.
#pragma once

#include "base/knobs.h"
#include "base/log.h"
#include "base/status.h"
#include "core/copy.h"

namespace tsnap {

// As CopySnapshot, for places one of which is one file.
Status ConvertSnapshot(const CopyEnd& from, const CopyEnd& to, const Knobs& knobs, const Log& log,
                       const CopyOptions& options, CopyResult* result);

}  // namespace tsnap
