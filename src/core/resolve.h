// Resolving: what is stored for each registered object, and whether everything fits as the options
// demand. Before a byte of user memory is touched all ranks agree on the answer; the context's
// report lists what does not fit.
#pragma once

#include <vector>

#include "base/status.h"
#include "core/context.h"
#include "core/describe.h"
#include "core/owned_index.h"
#include "core/restore.h"
#include "format/native/commit_record.h"

namespace tsnap {

struct Resolution {
  std::vector<ObjectRecord> records;  // per object; an empty path = not stored, and left alone
  std::vector<bool> together;         // per object: all ranks read this replicated object
};

// Collective. kMismatch on all ranks when anything does not fit on any rank.
Status Resolve(Context& context, OwnedIndex& index, const native::CommitRecord& record,
               const Description& description, const RestoreOptions& options, Resolution* out);

}  // namespace tsnap
