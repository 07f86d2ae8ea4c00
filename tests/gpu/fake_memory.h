// The memory of the stand-in: what is a device's is mapped twice, once without access at the address that programs see, once for
// the copy functions alone. Whoever else touches it crashes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace fake {

struct Context;

enum class Kind { kUnknown, kDevice, kManaged, kPool, kPinned, kRegistered };

struct Region {
  Kind kind = Kind::kUnknown;
  uintptr_t begin = 0;
  size_t bytes = 0;
  Context* context = nullptr;   // null for memory of a pool
  int device = -1;
  std::byte* reachable = nullptr;   // where the copy functions find it
  bool on_device() const { return kind == Kind::kDevice || kind == Kind::kManaged || kind == Kind::kPool; }
};

// Prints what was done wrong, and ends the process: a test that does it has failed.
[[noreturn]] void Misuse(const std::string& what);

class Memory {
 public:
  // 0 when the device has not that much left.
  uintptr_t Allocate(Kind kind, size_t bytes, Context* context, int device);
  uintptr_t AllocatePinned(size_t bytes, Context* context, int device);
  // False when a part of it is known already.
  bool Register(uintptr_t begin, size_t bytes, Context* context, int device);
  void Free(uintptr_t begin, Kind kind);   // misuse when there is no such region
  void DropContext(Context* context);      // what was registered or allocated in it is forgotten
  Region Find(uintptr_t address) const;    // kUnknown: not known
  bool OverlapsDevice(uintptr_t begin, size_t bytes) const;
  size_t free_bytes(int device) const;
  size_t total_bytes() const;
  size_t Count(Kind kind) const;

 private:
  const Region* FindLocked(uintptr_t address) const;
  static void Unmap(const Region& region);

  mutable std::mutex mutex_;
  std::map<uintptr_t, Region> regions_;   // guarded by mutex_
};

Memory& TheMemory();

}  // namespace fake
