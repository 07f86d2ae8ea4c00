// The posix store: keys are files below a root folder. How files become durable and appear is told
// in publish.h and posix_writer.h; durable slabs are synced as they are finished, their names when
// the folders are (SyncFolder).
#pragma once

#include <memory>
#include <string>

#include "base/knobs.h"
#include "store/store.h"

namespace tsnap {

// create: the root folder is made when it is missing.
Result<std::unique_ptr<Store>> OpenPosixStore(const std::string& root, const Knobs& knobs,
                                              bool create);

}  // namespace tsnap
