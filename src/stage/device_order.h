// DeviceOrder: the copies of an operation come after what the application has given its devices to
// do before: the work of the stream that it names, or of everything that the devices of the memory
// were given.
#pragma once

#include <memory>

#include "base/status.h"

namespace tsnap {

class DeviceOrder {
 public:
  DeviceOrder();
  ~DeviceOrder();
  DeviceOrder(const DeviceOrder&) = delete;
  DeviceOrder& operator=(const DeviceOrder&) = delete;

  // A CUstream (cudaStream_t): what it was given up to this call is waited for, and other work in
  // its context is not. kUnsupported where there is no CUDA.
  Status NameStream(void* stream);
  // The operation reads or writes this memory: of a device, or pinned, which devices write too.
  Status Add(const void* address);
  // Before the first byte is touched; later calls find nothing to wait for.
  Status Wait();

 private:
  struct State;
  std::unique_ptr<State> state_;  // null: nothing to wait for
};

}  // namespace tsnap
