#include "stage/cuda_context.h"

#include <utility>

#include <fmt/format.h>

namespace tsnap::cuda {

Result<ContextUse> ContextUse::Of(const Driver& driver, const PointerFacts& facts) {
  if (facts.context != nullptr) return ContextUse(driver, facts.context, -1);
  unsigned flags = 0;
  int active = 0;
  TSNAP_TRY(driver.Check(driver.DevicePrimaryCtxGetState(facts.device, &flags, &active),
                         "looking for the context of device memory"));
  if (active == 0)
    return Unsupported(fmt::format(
        "copying device memory: it belongs to no context (of a pool, or mapped by hand), and GPU "
        "{} has no active primary context: call cuDevicePrimaryCtxRetain for that GPU (the CUDA "
        "runtime does), or use memory of cuMemAlloc",
        facts.device));
  Context primary = nullptr;
  TSNAP_TRY(driver.Check(driver.DevicePrimaryCtxRetain(&primary, facts.device),
                         "holding the primary context of device memory"));
  return ContextUse(driver, primary, facts.device);
}

std::optional<ContextUse> ContextUse::OfCaller(const Driver& driver, Device device) {
  Context current = nullptr;
  Device there = -1;
  if (driver.CtxGetCurrent(&current) != kSuccess || current == nullptr ||
      driver.CtxGetDevice(&there) != kSuccess || there != device)
    return std::nullopt;
  return ContextUse(driver, current, -1);
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
  // Where that fails, a capture fails what comes next, and nothing else does.
  is_relaxed_ = driver_.ThreadExchangeStreamCaptureMode(&mode_) == kSuccess;
  return Status::Ok();
}

CurrentContext::~CurrentContext() {
  Context popped = nullptr;
  if (is_relaxed_) driver_.ThreadExchangeStreamCaptureMode(&mode_);
  if (pushed_) driver_.CtxPopCurrent(&popped);
}

}  // namespace tsnap::cuda
