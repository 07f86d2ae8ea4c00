// Kernels: what tsnap lets a GPU compute: copies of strided rows within it, and the checksums of
// blocks. They are tried in each context before they are used there (docs/adr/0026).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "stage/cuda_driver.h"
#include "stage/cuda_kernels/bodies.h"

namespace tsnap::cuda {

class Kernels {
 public:
  // Those of a context, which is current. kUnsupported says why there are none; what is wrong for
  // good is noted once (device_notes.h). They live as long as the process, and may be used as long
  // as the context.
  static Result<const Kernels*> Of(const Driver& driver, Context context);

  // All of these are begun on a stream of the context, which is current. kNoMemory: the GPU has
  // none left to begin it, and all is as it was. unit_bytes: 1, 2, 4, 8 or 16; addresses and
  // strides are multiples of it.
  Status Copy(const kernel::BoxTask& task, uint64_t unit_bytes, Stream stream) const;
  // Leaves at `scratch`, which has ScratchBytes, the raw checksum of each block of the bytes.
  Status Checksum(DeviceAddress data, uint64_t bytes, DeviceAddress scratch, Stream stream) const;
  static uint64_t ScratchBytes(uint64_t bytes);
  // Makes CRC32C of raw checksums, once they are on the host.
  static void Finish(uint64_t bytes, std::span<uint32_t> checksums);

 private:
  static constexpr size_t kCopies = 5;  // by the logarithm of unit_bytes

  explicit Kernels(const Driver& driver) : driver_(driver) {}
  Status Load();
  // kNoMemory when that is what the driver lacks.
  Status Check(DriverCode code, const char* action) const;
  Status Launch(Function function, uint64_t threads, void** arguments, Stream stream) const;

  const Driver& driver_;
  std::array<Function, kCopies> copies_{};
  Function checksum_ = nullptr, fold_ = nullptr;
};

}  // namespace tsnap::cuda
