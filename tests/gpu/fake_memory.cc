#include "fake_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace fake {

namespace {

constexpr size_t kPageBytes = 4096;

size_t PagesOf(size_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

}  // namespace

void Misuse(const std::string& what) {
  std::fprintf(stderr, "stand-in for libcuda: misuse: %s\n", what.c_str());
  std::abort();
}

Memory& TheMemory() {
  static Memory* const memory = new Memory;
  return *memory;
}

size_t Memory::total_bytes() const {
  const char* text = std::getenv("TSNAP_FAKE_CUDA_MEMORY_MIB");
  return (text != nullptr ? std::strtoull(text, nullptr, 10) : 512) << 20;
}

size_t Memory::free_bytes(int device) const {
  const std::lock_guard lock(mutex_);
  size_t used = 0;
  for (const auto& [begin, region] : regions_)
    if (region.on_device() && region.device == device) used += region.bytes;
  return used < total_bytes() ? total_bytes() - used : 0;
}

uintptr_t Memory::Allocate(Kind kind, size_t bytes, Context* context, int device) {
  if (bytes == 0 || bytes > free_bytes(device)) return 0;
  const int file = memfd_create("stand-in", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, static_cast<off_t>(PagesOf(bytes))) != 0) Misuse("the machine gives the stand-in no memory");
  void* seen = mmap(nullptr, PagesOf(bytes), PROT_NONE, MAP_SHARED, file, 0);
  void* reachable = mmap(nullptr, PagesOf(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (seen == MAP_FAILED || reachable == MAP_FAILED) Misuse("the machine maps no memory for the stand-in");
  const std::lock_guard lock(mutex_);
  const auto begin = reinterpret_cast<uintptr_t>(seen);
  regions_[begin] = {kind, begin, bytes, kind == Kind::kPool ? nullptr : context, device, static_cast<std::byte*>(reachable)};
  return begin;
}

uintptr_t Memory::AllocatePinned(size_t bytes, Context* context, int device) {
  void* data = mmap(nullptr, PagesOf(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return 0;
  const std::lock_guard lock(mutex_);
  const auto begin = reinterpret_cast<uintptr_t>(data);
  regions_[begin] = {Kind::kPinned, begin, bytes, context, device, static_cast<std::byte*>(data)};
  return begin;
}

bool Memory::Register(uintptr_t begin, size_t bytes, Context* context, int device) {
  const std::lock_guard lock(mutex_);
  const auto next = regions_.lower_bound(begin);
  if (next != regions_.end() && next->first < begin + bytes) return false;
  if (FindLocked(begin) != nullptr) return false;
  regions_[begin] = {Kind::kRegistered, begin, bytes, context, device, reinterpret_cast<std::byte*>(begin)};
  return true;
}

void Memory::Unmap(const Region& region) {
  if (region.on_device()) munmap(reinterpret_cast<void*>(region.begin), PagesOf(region.bytes));
  if (region.kind != Kind::kRegistered) munmap(region.reachable, PagesOf(region.bytes));
}

void Memory::Free(uintptr_t begin, Kind kind) {
  const std::lock_guard lock(mutex_);
  const auto found = regions_.find(begin);
  if (found == regions_.end()) Misuse("something is given back that was never allocated, or twice");
  const bool fits = kind == Kind::kDevice ? found->second.on_device() : found->second.kind == kind;
  if (!fits) Misuse("memory is given back as another kind than it is");
  Unmap(found->second);
  regions_.erase(found);
}

void Memory::DropContext(Context* context) {
  const std::lock_guard lock(mutex_);
  for (auto it = regions_.begin(); it != regions_.end();) {
    if (it->second.context != context) {
      ++it;
      continue;
    }
    Unmap(it->second);
    it = regions_.erase(it);
  }
}

const Region* Memory::FindLocked(uintptr_t address) const {
  auto next = regions_.upper_bound(address);
  if (next == regions_.begin()) return nullptr;
  const Region& region = std::prev(next)->second;
  return address < region.begin + region.bytes ? &region : nullptr;
}

Region Memory::Find(uintptr_t address) const {
  const std::lock_guard lock(mutex_);
  const Region* region = FindLocked(address);
  return region != nullptr ? *region : Region();
}

bool Memory::OverlapsDevice(uintptr_t begin, size_t bytes) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [at, region] : regions_)
    if (region.on_device() && at < begin + bytes && begin < at + region.bytes) return true;
  return false;
}

size_t Memory::Count(Kind kind) const {
  const std::lock_guard lock(mutex_);
  size_t count = 0;
  for (const auto& [at, region] : regions_) count += region.kind == kind;
  return count;
}

}  // namespace fake
