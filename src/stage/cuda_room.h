// CudaRoom: a DeviceRoom in a context of the application, which must outlive it.
#pragma once

#include <memory>

#include "stage/cuda_context.h"
#include "stage/device_room.h"

namespace tsnap::cuda {

class CudaRoom final : public DeviceRoom {
 public:
  // Beside the memory, at most so many bytes, and only what the device can spare; nullptr when that
  // is nothing.
  static Result<std::unique_ptr<DeviceRoom>> Make(const Driver& driver, const void* memory,
                                                  uint64_t most_bytes);
  CudaRoom(const Driver& driver, ContextUse context, DeviceAddress address, uint64_t bytes)
      : driver_(driver), context_(std::move(context)), address_(address), bytes_(bytes) {}
  ~CudaRoom() override;

  uint64_t bytes() const override { return bytes_; }
  bool Fits(const Mapping& mapping, uint64_t begin, uint64_t bytes) const override;
  std::byte* At(uint64_t offset) const override {
    return reinterpret_cast<std::byte*>(address_ + offset);
  }
  DeviceAddress address() const { return address_; }

 private:
  const Driver& driver_;
  const ContextUse context_;
  const DeviceAddress address_;
  const uint64_t bytes_;
};

}  // namespace tsnap::cuda
