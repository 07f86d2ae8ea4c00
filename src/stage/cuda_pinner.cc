#include "stage/cuda_pinner.h"

#include "base/protect.h"
#include "stage/cuda_pointer.h"

namespace tsnap::cuda {
namespace {

void UnpinBuffer(std::byte* data) noexcept {
  static_cast<void>(Protect([&]() -> Status {
    const Driver& driver = *FoundDriver();  // as long as the process
    TSNAP_ASSIGN(const PointerFacts facts, FactsOf(driver, data));
    if (facts.kind != MemoryKind::kPinned) return Status::Ok();
    TSNAP_ASSIGN(const ContextUse context, ContextUse::Of(driver, facts));
    CurrentContext current(driver);
    TSNAP_TRY(current.Push(context.get()));
    return driver.Check(driver.MemHostUnregister(data), "giving back a pinned buffer");
  }));
}

}  // namespace

bool CudaPinner::Pin(std::byte* data, uint64_t bytes) noexcept {
  if (refused_) return false;
  const Status pinned = Protect([&]() -> Status {
    TSNAP_ASSIGN(const PointerFacts facts, FactsOf(driver_, data));
    if (facts.kind == MemoryKind::kPinned) return Status::Ok();
    CurrentContext current(driver_);
    TSNAP_TRY(current.Push(context_.get()));
    return driver_.Check(driver_.MemHostRegister(data, bytes, kRegisterPortable),
                         "pinning a buffer");
  });
  if (!pinned.ok()) refused_ = true;
  return pinned.ok();
}

Pinner::Unpin CudaPinner::unpin() const noexcept { return UnpinBuffer; }

}  // namespace tsnap::cuda
