// The memory that a state names, looked at before an operation touches it: whether it can be
// reached at all, and what the devices that hold it have still to do.
#pragma once

#include "base/log.h"
#include "base/status.h"
#include "core/describe.h"
#include "stage/device_order.h"

namespace tsnap {

// Local. stream: the one of the options, or nullptr. kUnsupported names the object that cannot be
// reached.
Status LookAtMemory(const Description& description, void* stream, DeviceOrder* order);

// At the end of an operation: what the stage has to tell about devices.
void TellDeviceNotes(const Log& log) noexcept;

}  // namespace tsnap
