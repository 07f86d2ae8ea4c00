// Taking a snapshot: the nine steps of the design, in order, while the caller waits or in two
// halves.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "catalog/extent.h"
#include "core/background.h"
#include "core/context.h"
#include "core/state.h"
#include "engine/engine.h"

namespace tsnap {

enum class ReplicatedCheck { kShape, kContent, kNone };

struct TakeOptions {
  bool overwrite = false;
  Codec codec = Codec::kNone;
  ReplicatedCheck replicated_check = ReplicatedCheck::kShape;
  bool durable = true;
  uint64_t chunk_bytes = 0, slab_bytes = 0;  // 0 = by store
  bool has_metadata = false;
  std::string metadata;
  ProgressCallback progress;
  void* cuda_stream = nullptr;  // of this rank; nullptr: everything that its devices were given
  bool device_staging = false;  // of this rank
};

// Collective. `argument` is a failure that the caller met before (bad arguments): it is agreed on
// like any other.
Status Take(Context& context, const std::string& url, State& state, const TakeOptions& options,
            const Status& argument);

// Collective. Returns when the state's memory may change; *out is the rest of it. Failures up to
// step 3 are returned here, later ones by the pending take, on all ranks alike.
Status TakeAsync(Context& context, const std::string& url, State& state, const TakeOptions& options,
                 const Status& argument, std::shared_ptr<PendingTake>* out);

}  // namespace tsnap
