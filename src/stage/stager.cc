// The table of stagers. A new kind of memory is one file and one line here, before the host's,
// which takes any pointer.
#include "stage/stager.h"

#include <array>

#include "stage/cuda_stager.h"
#include "stage/device_file.h"
#include "stage/device_room.h"
#include "stage/host.h"

namespace tsnap {
namespace {

struct Entry {
  Result<bool> (*owns)(const void* pointer);
  Result<Stager*> (*stager)();
};

Result<bool> IsHostMemory(const void*) { return true; }

Result<Stager*> Host() {
  static HostStager stager;
  return &stager;
}

constexpr std::array<Entry, 2> kStagers = {{
    {cuda::IsCudaMemory, cuda::CudaStagerHere},
    {IsHostMemory, Host},
}};

}  // namespace

Result<std::unique_ptr<CopyQueue>> Stager::MakeQueue() {
  return Internal("staging an array: its memory needs no queue");
}

Result<std::shared_ptr<Pinner>> Stager::MakePinner(const void*) {
  return std::shared_ptr<Pinner>();
}

Result<std::unique_ptr<DeviceRoom>> Stager::MakeRoom(const void*) {
  return std::unique_ptr<DeviceRoom>();
}

std::byte* Stager::InDevice(const Mapping&, uint64_t, uint64_t) { return nullptr; }

Status Stager::CheckFiles(const void*, bool, bool) {
  return Unsupported("its memory is the host's, not a GPU's");
}

Result<std::unique_ptr<DeviceFile>> Stager::OpenFile(int, bool) {
  return Internal("staging an array: its memory needs no files");
}

Result<Stager*> StagerFor(const void* pointer) {
  for (const Entry& entry : kStagers) {
    TSNAP_ASSIGN(const bool owns, entry.owns(pointer));
    if (owns) return entry.stager();
  }
  return Unsupported(
      "staging an array: no stager of this build knows the kind of memory that its address names");
}

}  // namespace tsnap
