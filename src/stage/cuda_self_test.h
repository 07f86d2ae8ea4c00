// Whether the kernels compute what the host does, on a few patterns in memory of the GPU at hand.
#pragma once

#include "base/status.h"
#include "stage/cuda_kernels.h"

namespace tsnap::cuda {

// With the context of the kernels current. False: they ran, and their results are wrong. A failure:
// it could not be tried now.
Result<bool> KernelsAreRight(const Driver& driver, const Kernels& kernels);

}  // namespace tsnap::cuda
