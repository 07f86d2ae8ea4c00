// GPUDirect Storage by cuFile, whose library is loaded when it is first wanted.
#pragma once

#include <memory>

#include "stage/cuda_driver.h"
#include "stage/device_file.h"

namespace tsnap::cuda {

// The library is there and its driver open; kUnsupported says why not. A context is current.
// insists: also where cuFile would only do what the host does, through buffers of its own.
Status OpenFileDriver(bool insists);
// After OpenFileDriver; the descriptor stays open as long as the file. kUnsupported says why not.
Result<std::unique_ptr<DeviceFile>> OpenCudaFile(const Driver& driver, int descriptor,
                                                 bool insists);

}  // namespace tsnap::cuda
