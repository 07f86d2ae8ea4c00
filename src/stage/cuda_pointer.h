// What the CUDA driver knows of an address.
#pragma once

#include "base/status.h"
#include "stage/cuda_driver.h"

namespace tsnap::cuda {

enum class MemoryKind {
  kHost,     // the driver does not know it: ordinary memory
  kPinned,   // the host's, known to the driver; the processor reads it like any other
  kManaged,  // moves between host and device; the driver copies it without moving it
  kDevice,
};

struct PointerFacts {
  MemoryKind kind = MemoryKind::kHost;
  Context context = nullptr;  // may be null where memory comes from a pool or is mapped by hand
  Device device = -1;
};

// Needs no context.
Result<PointerFacts> FactsOf(const Driver& driver, const void* pointer);

// Memory that tsnap lets the driver copy.
inline bool IsDeviceKind(MemoryKind kind) {
  return kind == MemoryKind::kManaged || kind == MemoryKind::kDevice;
}

inline DeviceAddress AddressOf(const void* pointer) {
  return static_cast<DeviceAddress>(reinterpret_cast<uintptr_t>(pointer));
}

}  // namespace tsnap::cuda
