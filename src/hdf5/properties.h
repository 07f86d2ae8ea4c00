// Property lists: how tsnap opens files and follows names in them.
#pragma once

#include <hdf5.h>

#include <cstdint>

#include "hdf5/scope.h"

namespace tsnap::hdf5 {

// Plain files without locks. alignment: of what has 1 MiB and more, when one is made.
Handle FileAccess(uint64_t alignment);
// The same, to read a file that is there.
Handle ReadAccess();
// UTF-8 names.
Handle LinkCreation();
// Follows no link that leads out of the file. kind: H5P_LINK_ACCESS, H5P_GROUP_ACCESS or
// H5P_DATASET_ACCESS, whatever a call asks for.
Handle LinkAccess(hid_t kind);

}  // namespace tsnap::hdf5
