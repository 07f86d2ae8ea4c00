// Restoring a state from a snapshot, on any number of ranks.
#pragma once

#include <string>

#include "base/status.h"
#include "core/context.h"
#include "core/state.h"
#include "engine/engine.h"

namespace tsnap {

enum class NewRanks { kError, kCopyRank0, kLeave };
enum class LostRanks { kError, kIgnore };

struct RestoreOptions {
  bool strict = true;
  NewRanks new_ranks = NewRanks::kError;
  LostRanks lost_ranks = LostRanks::kError;
  bool verify = true;
  ProgressCallback progress;
  void* cuda_stream = nullptr;  // of this rank; nullptr: everything that its devices were given
};

// Collective. Fills context.report(). `argument` as in Take.
Status Restore(Context& context, const std::string& url, State& state,
               const RestoreOptions& options, const Status& argument);

}  // namespace tsnap
