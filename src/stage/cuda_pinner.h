// CudaPinner: pins buffers through a context of the application. What is pinned stays so while that
// context lives, and is a little slower afterwards.
#pragma once

#include <atomic>
#include <utility>

#include "stage/cuda_context.h"
#include "stage/pinner.h"

namespace tsnap::cuda {

class CudaPinner final : public Pinner {
 public:
  CudaPinner(const Driver& driver, ContextUse context)
      : driver_(driver), context_(std::move(context)) {}
  bool Pin(std::byte* data, uint64_t bytes) noexcept override;
  // Asks the driver itself what is to be undone, and where: the context may be gone by then.
  Unpin unpin() const noexcept override;

 private:
  const Driver& driver_;
  const ContextUse context_;
  std::atomic<bool> refused_{false};  // once is enough: asking again for each buffer costs time
};

}  // namespace tsnap::cuda
