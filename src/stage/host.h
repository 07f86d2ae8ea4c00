// HostStager: the stager for ordinary memory of the process, contiguous or strided. Stateless: any
// thread may use it.
#pragma once

#include "stage/stager.h"

namespace tsnap {

class HostStager : public Stager {
 public:
  Status Gather(const Mapping& mapping, uint64_t begin, ByteSpan out) override;
  Status Scatter(const Mapping& mapping, uint64_t begin, ConstByteSpan in) override;
  std::byte* Direct(const Mapping& mapping, uint64_t begin, uint64_t bytes) override;
  Status Fill(const ArrayView& memory, ConstByteSpan item) override;
  Status SwapByteOrder(const ArrayView& memory) override;
  Result<Hash128> Hash(const ArrayView& memory) override;
};

}  // namespace tsnap
