#include "stage/cuda_context.h"

#include <utility>

#include <fmt/format.h>

namespace tsnap::cuda {

Result<ContextUse> ContextUse::Of(const Driver& driver, const PointerFacts& facts) {
  if (facts.context != nullptr) return ContextUse(driver, facts.context, -1);
  Context current = nullptr;
  Device device = -1;
  if (driver.CtxGetCurrent(&current) == kSuccess && current != nullptr &&
      driver.CtxGetDevice(&device) == kSuccess && device == facts.device)
    return ContextUse(driver, current, -1);
  unsigned flags = 0;
  int active = 0;
  TSNAP_TRY(driver.Check(driver.DevicePrimaryCtxGetState(facts.device, &flags, &active),
                         "looking for the context of device memory"));
  if (active == 0)
    return Status(Code::kDevice,
                  fmt::format("copying device memory: it belongs to no context, and GPU {} has no "
                              "active primary context: make a context of that GPU current",
                              facts.device));
  TSNAP_TRY(driver.Check(driver.DevicePrimaryCtxRetain(&current, facts.device),
                         "holding the primary context of device memory"));
  return ContextUse(driver, current, facts.device);
}

ContextUse::ContextUse(ContextUse&& other) noexcept
    : driver_(other.driver_),
      context_(other.context_),
      retained_(std::exchange(other.retained_, -1)) {}

ContextUse::~ContextUse() {
  if (retained_ >= 0) driver_.DevicePrimaryCtxRelease(retained_);
}

Status CurrentContext::Push(Context context) {
  TSNAP_TRY(driver_.Check(driver_.CtxPushCurrent(context), "making a CUDA context current"));
  pushed_ = true;
  return Status::Ok();
}

CurrentContext::~CurrentContext() {
  Context popped = nullptr;
  if (pushed_) driver_.CtxPopCurrent(&popped);
}

}  // namespace tsnap::cuda
