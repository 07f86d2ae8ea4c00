// The table of stagers. A new kind of memory is one file and one line here, before the host's,
// which takes any pointer.
#include "stage/stager.h"

#include <array>

#include "stage/host.h"

namespace tsnap {
namespace {

struct Entry {
  bool (*owns)(const void* pointer);
  Stager* (*stager)();
};

bool IsHostMemory(const void*) { return true; }

Stager* Host() {
  static HostStager stager;
  return &stager;
}

constexpr std::array<Entry, 1> kStagers = {{
    {IsHostMemory, Host},
}};

}  // namespace

Result<Stager*> StagerFor(const void* pointer) {
  for (const Entry& entry : kStagers)
    if (entry.owns(pointer)) return entry.stager();
  return Unsupported(
      "staging an array: no stager of this build knows the kind of memory that its address names");
}

}  // namespace tsnap
