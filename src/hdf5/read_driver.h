// The driver through which HDF5 reads files: one whose failures HDF5 survives. After a close that
// the system reports as failed, HDF5's own driver leaves a file behind that crashes the process at
// its end; this one has nothing to lose and always closes.
#pragma once

#include <hdf5.h>

namespace tsnap::hdf5 {

// Sets it in a list of file access properties; negative when that failed.
herr_t UseReadDriver(hid_t file_access);
// The errno of this thread's last read that failed, once; 0: there was none.
int TakeReadError();

}  // namespace tsnap::hdf5
