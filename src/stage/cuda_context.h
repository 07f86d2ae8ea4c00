// Making a context current and putting the caller's back. Contexts are the application's: they are
// borrowed for as long as the memory in them is.
#pragma once

#include <optional>

#include "base/status.h"
#include "stage/cuda_driver.h"
#include "stage/cuda_pointer.h"

namespace tsnap::cuda {

// The context in which the memory of a pointer is copied; held where it has to be.
class ContextUse {
 public:
  // That of the memory; where the memory has none, the device's primary one, on whichever thread it
  // is asked for. kUnsupported when that is not active.
  static Result<ContextUse> Of(const Driver& driver, const PointerFacts& facts);
  // The one that is current, if it is of that device.
  static std::optional<ContextUse> OfCaller(const Driver& driver, Device device);
  ContextUse(ContextUse&& other) noexcept;
  ContextUse& operator=(ContextUse&&) = delete;
  ~ContextUse();  // other uses of a primary context keep it

  Context get() const { return context_; }

 private:
  ContextUse(const Driver& driver, Context context, Device retained)
      : driver_(driver), context_(context), retained_(retained) {}

  const Driver& driver_;
  Context context_;
  Device retained_;  // whose primary context is retained; -1: none
};

// Current from Push to the end of the scope. What is done in it, on streams of tsnap's own, does
// not spoil a graph that another thread captures meanwhile.
class CurrentContext {
 public:
  explicit CurrentContext(const Driver& driver) : driver_(driver) {}
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;
  ~CurrentContext();
  Status Push(Context context);

 private:
  const Driver& driver_;
  bool pushed_ = false;
  bool is_relaxed_ = false;
  CaptureMode mode_ = kCaptureRelaxed;  // while it is relaxed: the thread's own
};

}  // namespace tsnap::cuda
