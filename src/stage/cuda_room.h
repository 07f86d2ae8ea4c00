// CudaRoom: a DeviceRoom in a context of the application, which must outlive it.
#pragma once

#include <memory>

#include "stage/cuda_context.h"
#include "stage/device_room.h"

namespace tsnap::cuda {

class CudaRoom final : public DeviceRoom {
 public:
  // In the context in which the memory is copied.
  static Result<std::unique_ptr<DeviceRoom>> Make(const Driver& driver, const void* memory);
  CudaRoom(const Driver& driver, ContextUse context)
      : driver_(driver), context_(std::move(context)) {}
  ~CudaRoom() override;

  bool Fits(const Mapping& mapping, uint64_t begin, uint64_t bytes) const override;
  uint64_t SpareBytes() const override;
  bool Allocate(uint64_t bytes) override;
  std::byte* At(uint64_t offset) const override {
    return reinterpret_cast<std::byte*>(address_ + offset);
  }
  DeviceAddress address() const { return address_; }

 private:
  const Driver& driver_;
  const ContextUse context_;
  DeviceAddress address_ = 0;  // 0: none is taken
  uint64_t bytes_ = 0;
};

}  // namespace tsnap::cuda
