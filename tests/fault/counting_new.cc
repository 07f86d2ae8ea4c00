// See counting_new.h. A file of its own, so that the compiler does not see both ends of an allocation.
#include "counting_new.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace tsnap::test {
namespace {

constexpr int64_t kNever = INT64_MAX;
std::atomic<int64_t> seen{0};
std::atomic<int64_t> first{kNever};
std::atomic<bool> once{true};

bool Fails() {
  const int64_t chosen = first.load(std::memory_order_relaxed);
  if (chosen == kNever) return false;
  const int64_t number = seen.fetch_add(1, std::memory_order_relaxed) + 1;
  return once.load(std::memory_order_relaxed) ? number == chosen : number >= chosen;
}

void* Allocate(std::size_t bytes) noexcept { return Fails() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes); }

void* AllocateAligned(std::size_t bytes, std::align_val_t alignment) noexcept {
  const auto unit = static_cast<std::size_t>(alignment);
  return Fails() ? nullptr : std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
}

void* OrThrow(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void FailAllocation(int64_t nth, Shortage shortage) {
  once = shortage == Shortage::kOnce;
  seen = 0;
  first = nth;
}

int64_t AllocationsSeen() {
  first = kNever;
  return seen;
}

}  // namespace tsnap::test

using tsnap::test::Allocate;
using tsnap::test::AllocateAligned;
using tsnap::test::OrThrow;

void* operator new(std::size_t bytes) { return OrThrow(Allocate(bytes)); }
void* operator new[](std::size_t bytes) { return OrThrow(Allocate(bytes)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) { return OrThrow(AllocateAligned(bytes, alignment)); }
void* operator new[](std::size_t bytes, std::align_val_t alignment) { return OrThrow(AllocateAligned(bytes, alignment)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return Allocate(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return Allocate(bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return AllocateAligned(bytes, alignment);
}
void* operator new[](std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return AllocateAligned(bytes, alignment);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
