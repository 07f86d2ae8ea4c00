#include "stage/cuda_room.h"

#include <algorithm>

#include "stage/clipped_pieces.h"
#include "stage/cuda_copies.h"
#include "stage/cuda_kernels.h"

namespace tsnap::cuda {
namespace {

// What is left to the application, which may want to allocate while the copies wait: this part of
// the device's memory, and never less than so much.
constexpr uint64_t kKeptPart = 16;
constexpr uint64_t kLeastKeptBytes = 64 << 20;
constexpr uint64_t kMostCalls = 64;  // for the pieces of one transfer

}  // namespace

Result<std::unique_ptr<DeviceRoom>> CudaRoom::Make(const Driver& driver, const void* memory,
                                                   uint64_t most_bytes) {
  TSNAP_ASSIGN(const PointerFacts facts, FactsOf(driver, memory));
  TSNAP_ASSIGN(ContextUse context, ContextUse::Of(driver, facts));
  CurrentContext current(driver);
  TSNAP_TRY(current.Push(context.get()));
  std::unique_ptr<DeviceRoom> nothing;
  size_t free_bytes = 0, total_bytes = 0;
  if (driver.MemGetInfo(&free_bytes, &total_bytes) != kSuccess) return nothing;
  const uint64_t kept_bytes = std::max<uint64_t>(kLeastKeptBytes, total_bytes / kKeptPart);
  const uint64_t bytes =
      std::min<uint64_t>(most_bytes, free_bytes > kept_bytes ? free_bytes - kept_bytes : 0);
  DeviceAddress address = 0;
  if (bytes == 0 || driver.MemAlloc(&address, bytes) != kSuccess) return nothing;
  return std::unique_ptr<DeviceRoom>(
      std::make_unique<CudaRoom>(driver, std::move(context), address, bytes));
}

CudaRoom::~CudaRoom() {
  CurrentContext current(driver_);
  if (current.Push(context_.get()).ok()) driver_.MemFree(address_);
}

bool CudaRoom::Fits(const Mapping& mapping, uint64_t begin, uint64_t bytes) const {
  const Result<PointerFacts> facts = FactsOf(driver_, mapping.memory.data);
  if (!facts.ok() || facts->context != context_.get()) return false;
  const Result<Layout> layout = Layout::Make(mapping);
  if (!layout.ok() || !layout->inside_memory()) return false;
  const auto calls_for = [&](bool has_kernels) {
    uint64_t calls = 0;
    ForEachPiece(layout->axes(), begin, begin + bytes, [&](const LayoutPiece& piece) {
      ClippedPiece clipped;
      if (!Clip(*layout, piece, &clipped)) return;
      const DeviceBox box = DeviceBox::Of({clipped.axes.data(), clipped.count});
      calls += has_kernels && KernelParks(box) ? 1 : PitchedShape::Of(box).calls;
    });
    return calls;
  };
  if (calls_for(false) <= kMostCalls) return true;
  CurrentContext current(driver_);
  return current.Push(context_.get()).ok() && Kernels::Of(driver_, context_.get()).ok() &&
         calls_for(true) <= kMostCalls;
}

}  // namespace tsnap::cuda
