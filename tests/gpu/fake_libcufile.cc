// A stand-in for libcufile.so.0, beside the one for the driver: only memory of that driver's living allocations, of the context
// that is current; only handles that are registered and files that are still open; without its compatibility mode only whole
// pages at whole pages. What a program must not do ends it with a message.
//
//   TSNAP_FAKE_CUFILE_FAIL=cuFileWrite:2=5011   its second call returns that code; =e28 is errno 28; :2+ and all behind it;
//                                               several with commas
//   TSNAP_FAKE_CUFILE_MODE=native | compatible | disks   what its properties say: no compatibility mode; that mode and no file
//                                               system served natively; that mode beside native service of local disks
//   TSNAP_FAKE_CUFILE_SHORT=8192                no call moves more
//   TSNAP_FAKE_CUFILE_SPOIL=1                   what is read is wrong in one bit
//   TSNAP_FAKE_CUFILE_DELAY_MS=100              of each transfer
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "stage/cuda_file_api.h"

using tsnap::cuda::FileDescription;
using tsnap::cuda::FileError;
using tsnap::cuda::FileProperties;

namespace {

[[noreturn]] void Misuse(const std::string& what) {
  std::fprintf(stderr, "stand-in for libcufile: misuse: %s\n", what.c_str());
  std::abort();
}

std::string Setting(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr ? text : "";
}

struct Handle {
  int descriptor = -1;
  dev_t device = 0;
  ino_t inode = 0;
};

struct Stand {
  std::mutex mutex;
  std::string orders = Setting("TSNAP_FAKE_CUFILE_FAIL");   // guarded by mutex, as all is
  std::map<std::string, uint64_t> counts;
  std::set<Handle*> handles;
  bool open = false;
};

Stand& TheStand() {
  static Stand* const stand = new Stand;
  return *stand;
}

// What the call is told to return: 0, a code, or minus an errno.
int Enter(const std::string& function) {
  Stand& stand = TheStand();
  const std::lock_guard lock(stand.mutex);
  const uint64_t number = ++stand.counts[function];
  for (size_t at = 0; at < stand.orders.size();) {
    const size_t end = std::min(stand.orders.find(',', at), stand.orders.size());
    const std::string one = stand.orders.substr(at, end - at);
    at = end + 1;
    const size_t colon = one.find(':'), equals = one.find('=');
    if (colon == std::string::npos || equals == std::string::npos) Misuse("TSNAP_FAKE_CUFILE_FAIL is not function:number[+]=code");
    if (one.substr(0, colon) != function) continue;
    const uint64_t which = std::strtoull(one.c_str() + colon + 1, nullptr, 10);
    if (one[equals - 1] == '+' ? number < which : number != which) continue;
    ++stand.counts["failures"];
    return one[equals + 1] == 'e' ? -std::atoi(one.c_str() + equals + 2) : std::atoi(one.c_str() + equals + 1);
  }
  return 0;
}

bool IsNative() { return Setting("TSNAP_FAKE_CUFILE_MODE") == "native"; }

std::byte* Reach(const void* address, size_t bytes) {
  using Function = void* (*)(uint64_t, size_t);
  static const auto reach = [] {
    void* driver = dlopen(Setting("TSNAP_TEST_STAND_IN").c_str(), RTLD_NOW | RTLD_NOLOAD);
    if (driver == nullptr) Misuse("the stand-in for the driver is not loaded");
    return reinterpret_cast<Function>(dlsym(driver, "tsnap_fake_cuda_reach"));
  }();
  return static_cast<std::byte*>(reach(reinterpret_cast<uintptr_t>(address), bytes));
}

int Check(void* given, size_t size, off_t file_offset) {
  Stand& stand = TheStand();
  const std::lock_guard lock(stand.mutex);
  auto* handle = static_cast<Handle*>(given);
  if (stand.handles.count(handle) == 0) Misuse("a transfer with a handle that is not registered");
  struct stat info {};
  if (fstat(handle->descriptor, &info) != 0 || info.st_dev != handle->device || info.st_ino != handle->inode)
    Misuse("a transfer with a file that was closed");
  if (IsNative() && (size % 4096 != 0 || file_offset % 4096 != 0)) Misuse("a transfer that is not aligned");
  if (size == 0) Misuse("a transfer of nothing");
  return handle->descriptor;
}

size_t Most(size_t size) {
  const std::string text = Setting("TSNAP_FAKE_CUFILE_SHORT");
  return text.empty() ? size : std::min<size_t>(size, std::strtoull(text.c_str(), nullptr, 10));
}

// In buffers that have the alignment of a file that is open for direct I/O.
template <class Call>
ssize_t Transfer(const char* function, void* handle, size_t size, off_t file_offset, Call call) {
  const int descriptor = Check(handle, size, file_offset);
  if (const std::string delay = Setting("TSNAP_FAKE_CUFILE_DELAY_MS"); !delay.empty())
    std::this_thread::sleep_for(std::chrono::milliseconds(std::atoi(delay.c_str())));
  if (const int told = Enter(function); told != 0) {
    if (told > 0) return -told;
    errno = -told;
    return -1;
  }
  const size_t most = Most(size);
  void* buffer = std::aligned_alloc(4096, (most + 4095) / 4096 * 4096);
  const ssize_t moved = call(descriptor, buffer, most);
  const int error = errno;
  std::free(buffer);
  errno = error;
  return moved;
}

}  // namespace

extern "C" {

#define API __attribute__((visibility("default")))

API void tsnap_fake_cufile_arm(const char* orders) {
  Stand& stand = TheStand();
  const std::lock_guard lock(stand.mutex);
  stand.orders = orders;
  stand.counts.clear();
}
API uint64_t tsnap_fake_cufile_count(const char* what) {
  Stand& stand = TheStand();
  const std::lock_guard lock(stand.mutex);
  return std::strcmp(what, "handles") == 0 ? stand.handles.size() : stand.counts[what];
}

API FileError cuFileDriverOpen() {
  if (const int told = Enter(__func__); told != 0) return {told, 0};
  Stand& stand = TheStand();
  const std::lock_guard lock(stand.mutex);
  if (stand.open) return {tsnap::cuda::kFileDriverAlreadyOpen, 0};
  stand.open = true;
  return {};
}
API FileError cuFileDriverGetProperties(FileProperties* properties) {
  if (const int told = Enter(__func__); told != 0) return {told, 0};
  *properties = {};
  properties->major = 2;
  properties->control = IsNative() ? 0 : tsnap::cuda::kFileAllowsCompatible;
  if (Setting("TSNAP_FAKE_CUFILE_MODE") == "disks") properties->status = tsnap::cuda::kFileNvme;
  return {};
}
API FileError cuFileHandleRegister(void** out, FileDescription* description) {
  if (const int told = Enter(__func__); told != 0) return {told, 0};
  if (description->type != tsnap::cuda::kFileOfDescriptor || description->operations != nullptr) Misuse("a handle of no descriptor");
  Stand& stand = TheStand();
  const std::lock_guard lock(stand.mutex);
  if (!stand.open) Misuse("a handle is registered before the driver is open");
  struct stat info {};
  if (fstat(description->handle.descriptor, &info) != 0) Misuse("a handle of a descriptor that is not open");
  for (const Handle* known : stand.handles)
    if (known->descriptor == description->handle.descriptor) return {5028, 0};
  auto* handle = new Handle{description->handle.descriptor, info.st_dev, info.st_ino};
  stand.handles.insert(handle);
  *out = handle;
  return {};
}
API void cuFileHandleDeregister(void* given) {
  Enter(__func__);
  Stand& stand = TheStand();
  const std::lock_guard lock(stand.mutex);
  auto* handle = static_cast<Handle*>(given);
  if (stand.handles.erase(handle) == 0) Misuse("a handle is given back that is not registered");
  struct stat info {};
  if (fstat(handle->descriptor, &info) != 0 || info.st_ino != handle->inode) Misuse("a file was closed before its handle was given back");
  delete handle;
}
API ssize_t cuFileRead(void* handle, void* memory, size_t size, off_t file_offset, off_t memory_offset) {
  return Transfer(__func__, handle, size, file_offset, [&](int descriptor, void* buffer, size_t most) {
    std::byte* to = Reach(static_cast<std::byte*>(memory) + memory_offset, size);
    const ssize_t moved = pread(descriptor, buffer, most, file_offset);
    if (moved > 0) std::memcpy(to, buffer, static_cast<size_t>(moved));
    if (moved > 0 && !Setting("TSNAP_FAKE_CUFILE_SPOIL").empty()) to[moved / 2] ^= std::byte{4};
    return moved;
  });
}
API ssize_t cuFileWrite(void* handle, const void* memory, size_t size, off_t file_offset, off_t memory_offset) {
  return Transfer(__func__, handle, size, file_offset, [&](int descriptor, void* buffer, size_t most) {
    std::memcpy(buffer, Reach(static_cast<const std::byte*>(memory) + memory_offset, size), most);
    return pwrite(descriptor, buffer, most, file_offset);
  });
}

}  // extern "C"
