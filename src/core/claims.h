// Claims: before a byte is written, the owners of tiles check that the boxes which ranks hold of
// each sharded array tile it as its coverage says (steps 2 of a take). No rank sees more than its
// own tiles.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "catalog/placement.h"
#include "comm/comm.h"
#include "core/describe.h"

namespace tsnap {

// A part of one of this rank's boxes that another rank stores (coverage with duplicates).
struct LocalOmission {
  uint32_t object = 0;  // index into the objects
  uint32_t box = 0;     // index into the object's boxes
  Box part;
};

// Collective. kMismatch on all ranks, naming the object and the boxes, when descriptions disagree
// or boxes overlap or leave a gap.
Status CheckClaims(Comm& comm, const Placement& placement, const std::vector<LocalObject>& objects,
                   Status local, std::vector<LocalOmission>* omissions);

}  // namespace tsnap
