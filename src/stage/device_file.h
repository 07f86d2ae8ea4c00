// DeviceFile: a file that is read into the memory of devices and written from it without buffers of
// the host. Knows nothing of stores: somebody else has opened it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace tsnap {

// Of places in the file and of lengths.
inline constexpr uint64_t kDeviceFileAlignment = 4096;

// Any thread may use it.
class DeviceFile {
 public:
  virtual ~DeviceFile() = default;
  // All of contiguous memory of one device. After a failure any part may have been moved: kIo and
  // its like for the file's, kDevice for the device's, kCorrupt where the file has ended.
  virtual Status Write(const std::byte* memory, uint64_t bytes, uint64_t offset) = 0;
  virtual Status Read(std::byte* memory, uint64_t bytes, uint64_t offset) = 0;
};

}  // namespace tsnap
