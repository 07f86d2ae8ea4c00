// CudaStager: the stager for memory that the CUDA driver copies: of devices, and managed.
// Stateless: any thread may use it.
#pragma once

#include "stage/cuda_driver.h"
#include "stage/cuda_file.h"
#include "stage/cuda_room.h"
#include "stage/stager.h"

namespace tsnap::cuda {

class CudaStager final : public Stager {
 public:
  explicit CudaStager(const Driver& driver) : driver_(driver) {}
  Status Gather(const Mapping& mapping, uint64_t begin, ByteSpan out) override;
  Status Scatter(const Mapping& mapping, uint64_t begin, ConstByteSpan in) override;
  std::byte* Direct(const Mapping&, uint64_t, uint64_t) override { return nullptr; }
  Status Fill(const ArrayView& memory, ConstByteSpan item) override;
  Status SwapByteOrder(const ArrayView& memory) override;
  Result<Hash128> Hash(const ArrayView& memory) override;
  bool is_device() const override { return true; }
  Result<std::unique_ptr<CopyQueue>> MakeQueue() override;
  Result<std::shared_ptr<Pinner>> MakePinner(const void* memory) override;
  Result<std::unique_ptr<DeviceRoom>> MakeRoom(const void* memory) override {
    return CudaRoom::Make(driver_, memory);
  }
  std::byte* InDevice(const Mapping& mapping, uint64_t begin, uint64_t bytes) override;
  Status CheckFiles(const void* memory, bool checksums, bool insists) override;
  Result<std::unique_ptr<DeviceFile>> OpenFile(int descriptor, bool insists) override {
    return OpenCudaFile(driver_, descriptor, insists);
  }

 private:
  const Driver& driver_;
};

// True for such memory; kDevice when the driver cannot say.
Result<bool> IsCudaMemory(const void* pointer);
// The stager for it; kUnsupported in a build without CUDA.
Result<Stager*> CudaStagerHere();

}  // namespace tsnap::cuda
