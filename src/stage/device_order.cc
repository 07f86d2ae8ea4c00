#include "stage/device_order.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "stage/cuda_context.h"
#include "stage/cuda_driver.h"
#include "stage/cuda_pointer.h"

namespace tsnap {

using cuda::ContextUse;
using cuda::CurrentContext;
using cuda::Driver;

struct DeviceOrder::State {
  explicit State(const Driver& of) : driver(of) {}
  ~State() {
    if (event == nullptr) return;
    CurrentContext current(driver);
    if (current.Push(stream_context).ok()) driver.EventDestroy(event);
  }

  const Driver& driver;
  cuda::Event event = nullptr;  // behind the work of the named stream
  cuda::Context stream_context = nullptr;
  std::vector<ContextUse> contexts;  // whose work so far is waited for
};

DeviceOrder::DeviceOrder() = default;
DeviceOrder::~DeviceOrder() = default;

Status DeviceOrder::NameStream(void* stream) {
#ifdef TSNAP_HAS_CUDA
  const Driver* driver = cuda::FoundDriver();
  if (driver == nullptr)
    return Unsupported(
        fmt::format("ordering copies behind a CUDA stream: {}", cuda::WhyNoDriver()));
  if (state_ == nullptr) state_ = std::make_unique<State>(*driver);
  auto* handle = static_cast<cuda::Stream>(stream);
  TSNAP_TRY(driver->Check(driver->StreamGetCtx(handle, &state_->stream_context),
                          "asking for the context of the stream in the options"));
  CurrentContext current(*driver);
  TSNAP_TRY(current.Push(state_->stream_context));
  const cuda::DriverCode code =
      driver->EventCreate(&state_->event, cuda::kEventBlockingSync | cuda::kEventDisableTiming);
  if (code != cuda::kSuccess) state_->event = nullptr;
  // No memory for an event: the stream is waited for at once.
  if (code == cuda::kOutOfMemory)
    return driver->Check(driver->StreamSynchronize(handle),
                         "waiting for the work of the stream in the options");
  TSNAP_TRY(driver->Check(code, "making an event for the stream in the options"));
  return driver->Check(driver->EventRecord(state_->event, handle),
                       "recording an event on the stream in the options");
#else
  static_cast<void>(stream);
  return Unsupported(
      "ordering copies behind a CUDA stream: this library was built without CUDA: build it with "
      "-Dcuda=auto, or leave stream NULL");
#endif
}

Status DeviceOrder::Add(const void* address) {
  const Driver* driver = cuda::FoundDriver();
  if (driver == nullptr || address == nullptr) return Status::Ok();
  TSNAP_ASSIGN(const cuda::PointerFacts facts, cuda::FactsOf(*driver, address));
  if (facts.kind == cuda::MemoryKind::kHost) return Status::Ok();
  if (state_ == nullptr) state_ = std::make_unique<State>(*driver);
  const auto is_known = [&](cuda::Context context) {
    return context == state_->stream_context ||
           std::any_of(state_->contexts.begin(), state_->contexts.end(),
                       [&](const ContextUse& use) { return use.get() == context; });
  };
  if (facts.context != nullptr && is_known(facts.context)) return Status::Ok();
  TSNAP_ASSIGN(ContextUse use, ContextUse::Of(*driver, facts));
  if (!is_known(use.get())) state_->contexts.push_back(std::move(use));
  if (facts.context != nullptr) return Status::Ok();
  // Where memory has no context the caller's is the one that has most likely worked on it.
  std::optional<ContextUse> callers = ContextUse::OfCaller(*driver, facts.device);
  if (callers && !is_known(callers->get())) state_->contexts.push_back(std::move(*callers));
  return Status::Ok();
}

Status DeviceOrder::Wait() {
  if (state_ == nullptr) return Status::Ok();
  const std::unique_ptr<State> state = std::move(state_);
  const Driver& driver = state->driver;
  for (const ContextUse& context : state->contexts) {
    CurrentContext current(driver);
    TSNAP_TRY(current.Push(context.get()));
    TSNAP_TRY(driver.Check(driver.CtxSynchronize(), "waiting for the work that a GPU was given"));
  }
  if (state->event == nullptr) return Status::Ok();
  CurrentContext current(driver);
  TSNAP_TRY(current.Push(state->stream_context));
  return driver.Check(driver.EventSynchronize(state->event),
                      "waiting for the work of the stream in the options");
}

}  // namespace tsnap
