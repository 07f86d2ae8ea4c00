// DeviceRoom: spare memory of a device, in which copies of arrays wait until they are written.
// Given back when it is destroyed.
#pragma once

#include <cstdint>

#include "stage/stager.h"

namespace tsnap {

class DeviceRoom {
 public:
  virtual ~DeviceRoom() = default;
  virtual uint64_t bytes() const = 0;
  // The device's address of a byte of it.
  virtual std::byte* At(uint64_t offset) const = 0;
  // The range lies on this device, in few pieces: parking it takes the device little time.
  virtual bool Fits(const Mapping& mapping, uint64_t begin, uint64_t bytes) const = 0;
};

}  // namespace tsnap
