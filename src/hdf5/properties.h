// Property lists: how tsnap opens files and follows names in them.
#pragma once

#include <cstdint>

#include "hdf5/scope.h"

namespace tsnap::hdf5 {

// Plain files without locks. alignment: of what has 1 MiB and more, when one is made.
Handle FileAccess(uint64_t alignment);
// UTF-8 names.
Handle LinkCreation();
// Follows no link that leads out of the file.
Handle LinkAccess();

}  // namespace tsnap::hdf5
