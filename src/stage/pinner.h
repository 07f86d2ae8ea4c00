// Pinner: makes host buffers known to a device's driver, so that the device copies from and to them
// by itself, at full speed. Without that copies are slower and no less right.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tsnap {

// Any thread may call it.
class Pinner {
 public:
  virtual ~Pinner() = default;
  // Once and for all; a buffer that is pinned stays so. False when the system does not give it.
  virtual bool Pin(std::byte* data, uint64_t bytes) noexcept = 0;
  // What undoes that before a buffer is unmapped, whenever that is; it does nothing where the
  // buffer is not pinned (any more).
  using Unpin = void (*)(std::byte* data) noexcept;
  virtual Unpin unpin() const noexcept = 0;
};

}  // namespace tsnap
