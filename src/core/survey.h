// Survey: the few numbers that all ranks must know before they plan: who writes how much, how large
// the index will be, and whether the replicated set is the same everywhere (step 2 of a take).
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "catalog/placement.h"
#include "comm/comm.h"
#include "core/describe.h"

namespace tsnap {

struct Survey {
  Placement placement;
  std::vector<uint64_t> loads;  // bytes of private and sharded data, per rank
  bool replicated_orders_agree =
      false;  // replicated arrays lie in the same axis order on all ranks
  bool any_sharded = false;
};

// Collective. kMismatch when replicated objects differ between ranks (in their contents too, if
// check_contents).
Status TakeSurvey(Comm& comm, const std::vector<LocalObject>& objects, uint64_t chunk_bytes,
                  bool check_contents, Status local, Survey* out);

// Collective: are the listed objects (paths, types, shapes) the same on all ranks? kMismatch names
// the first rank and object that differ from rank 0's.
Status AgreeOnReplicated(Comm& comm, const std::vector<const ObjectMeta*>& replicated,
                         Status local);

}  // namespace tsnap
