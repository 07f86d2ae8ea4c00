// Who reaches the memory that an address names: the processor, a device's driver, or nobody that
// tsnap knows. Asked once for each array and operation, so that an address of a GPU that cannot be
// served is an error and not a crash.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"

namespace tsnap {

// At the beginning of an operation: device memory that has come into the process since the last one
// is known from here on.
void LookForDevices() noexcept;

// Of arrays: kUnsupported when neither processor nor device driver reach one of the addresses, or
// the build lacks what it takes; *failed is its number.
Status CheckReach(std::span<const void* const> addresses, size_t* failed);

// Of what the processor itself reads and writes (strings, bools, sizes).
Status CheckHostValue(const void* address);

}  // namespace tsnap
