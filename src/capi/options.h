// Options of take, restore, read, gc and copy as the core's values.
#pragma once

#include "base/status.h"
#include "core/copy.h"
#include "core/restore.h"
#include "core/snapshot.h"
#include "core/take.h"
#include "tsnap/copy.h"
#include "tsnap/restore.h"
#include "tsnap/snapshot.h"
#include "tsnap/take.h"

namespace tsnap::capi {

// options may be null: all defaults.
Status ReadTakeOptions(const tsnap_take_options* options, TakeOptions* out);
Status ReadRestoreOptions(const tsnap_restore_options* options, RestoreOptions* out);
Status ReadReadOptions(const tsnap_read_options* options, ReadOptions* out);
Status ReadGcOptions(const tsnap_gc_options* options, GcOptions* out);
Status ReadCopyOptions(const tsnap_copy_options* options, CopyOptions* out);

}  // namespace tsnap::capi
