#include "stage/cuda_room.h"

#include <algorithm>

#include <fmt/format.h>

#include "stage/clipped_pieces.h"
#include "stage/cuda_copies.h"
#include "stage/cuda_kernels.h"
#include "stage/device_notes.h"

namespace tsnap::cuda {
namespace {

// What is left to the application, which may want to allocate while the copies wait: this part of
// the device's memory, and never less than so much.
constexpr uint64_t kKeptPart = 16;
constexpr uint64_t kLeastKeptBytes = 64 << 20;
constexpr uint64_t kMostCalls = 64;  // for the pieces of one transfer

}  // namespace

Result<std::unique_ptr<DeviceRoom>> CudaRoom::Make(const Driver& driver, const void* memory) {
  TSNAP_ASSIGN(const PointerFacts facts, FactsOf(driver, memory));
  TSNAP_ASSIGN(ContextUse context, ContextUse::Of(driver, facts));
  return std::unique_ptr<DeviceRoom>(std::make_unique<CudaRoom>(driver, std::move(context)));
}

CudaRoom::~CudaRoom() {
  if (address_ == 0) return;
  CurrentContext current(driver_);
  Status freed = current.Push(context_.get());
  if (freed.ok()) freed = driver_.Check(driver_.MemFree(address_), "freeing it");
  if (freed.ok()) return;
  try {
    NoteOfDevices(true, fmt::format("{} bytes of spare GPU memory stay allocated: {}", bytes_,
                                    freed.message()));
  } catch (...) {  // no memory for the note
  }
}

uint64_t CudaRoom::SpareBytes() const {
  CurrentContext current(driver_);
  size_t free_bytes = 0, total_bytes = 0;
  if (!current.Push(context_.get()).ok() ||
      driver_.MemGetInfo(&free_bytes, &total_bytes) != kSuccess)
    return 0;
  const uint64_t kept_bytes = std::max<uint64_t>(kLeastKeptBytes, total_bytes / kKeptPart);
  return free_bytes > kept_bytes ? free_bytes - kept_bytes : 0;
}

bool CudaRoom::Allocate(uint64_t bytes) {
  CurrentContext current(driver_);
  if (!current.Push(context_.get()).ok() || driver_.MemAlloc(&address_, bytes) != kSuccess)
    return false;
  bytes_ = bytes;
  return true;
}

// Memory of a pool, or mapped by hand, has no context of its own.
bool CudaRoom::Fits(const Mapping& mapping, uint64_t begin, uint64_t bytes) const {
  const Result<PointerFacts> facts = FactsOf(driver_, mapping.memory.data);
  if (!facts.ok()) return false;
  const Result<ContextUse> use = ContextUse::Of(driver_, *facts);
  if (!use.ok() || use->get() != context_.get()) return false;
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
