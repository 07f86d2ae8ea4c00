// The posix store: keys are files below a root folder. What is written survives a crash by these
// steps:
//   1. the root folder is made when it is missing, and the folders above it
//   2. a slab is a new file (posix_writer.h): made exclusively in folders made on demand,
//   preallocated, written by many threads,
//      cut to size, synced, closed. One that is not finished is removed
//   3. SyncFolder makes the names of slabs and folders durable, once for many; of the root, also
//   its name in its parent
//   4. small files are published (publish.h): written beside the name, synced, then linked or
//   renamed to it, the folder synced
// It knows nothing of which files make a snapshot, nor in which order they are asked for.
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
