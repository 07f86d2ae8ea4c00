// DeviceRoom: spare memory of a device, in which copies of arrays wait until they are written.
// First it is asked what fits, then the memory is taken. Given back when it is destroyed.
#pragma once

#include <cstdint>

#include "stage/stager.h"

namespace tsnap {

class DeviceRoom {
 public:
  virtual ~DeviceRoom() = default;
  // The range lies on this device, in few pieces: parking it takes the device little time.
  virtual bool Fits(const Mapping& mapping, uint64_t begin, uint64_t bytes) const = 0;
  // What the device can spare now; 0 where it does not say.
  virtual uint64_t SpareBytes() const = 0;
  // Once; false when the device does not give so much.
  virtual bool Allocate(uint64_t bytes) = 0;
  // The device's address of a byte of it.
  virtual std::byte* At(uint64_t offset) const = 0;
};

}  // namespace tsnap
