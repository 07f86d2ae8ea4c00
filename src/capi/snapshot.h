// What the functions on an opened snapshot share: the check of the handle and the look-up of an
// object.
#pragma once

#include "base/status.h"
#include "capi/handles.h"

namespace tsnap::capi {

// Any number of threads may be in a snapshot at once, so no flag on it can tell a call from inside
// its callback: the thread remembers in whose callback it is.
Status CheckSnapshot(const tsnap_snapshot* snapshot);
// Also checks the path.
Status FindObject(tsnap_snapshot* snapshot, const char* path, const ObjectRecord** out);

}  // namespace tsnap::capi
