// The GPU as the tests see it: the driver's own functions, found as any program without the toolkit finds them. They are the
// stand-in's, unless TSNAP_TEST_REAL_CUDA says that the machine has a driver. Then cuFile is the machine's as well, and neither is
// looked into: where the library path leads to the stand-ins, that is a rehearsal of what a real driver would be given.
#pragma once

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "check.h"

namespace tsnap::test {

inline constexpr int kSkipped = 77;   // what meson takes for a skipped test

struct Cuda {
  int (*Init)(unsigned);
  int (*DeviceGetCount)(int*);
  int (*DeviceGet)(int*, int);
  int (*CtxCreate)(void**, unsigned, int);
  int (*CtxDestroy)(void*);
  int (*CtxSetCurrent)(void*);
  int (*CtxGetCurrent)(void**);
  int (*CtxPushCurrent)(void*);
  int (*CtxPopCurrent)(void**);
  int (*CtxSynchronize)();
  int (*DevicePrimaryCtxRetain)(void**, int);
  int (*DevicePrimaryCtxRelease)(int);
  int (*ThreadExchangeStreamCaptureMode)(int*);
  int (*StreamCreate)(void**, unsigned);
  int (*StreamDestroy)(void*);
  int (*StreamSynchronize)(void*);
  int (*MemAlloc)(uint64_t*, size_t);
  int (*MemAllocManaged)(uint64_t*, size_t, unsigned);
  int (*MemAllocAsync)(uint64_t*, size_t, void*);
  int (*MemFree)(uint64_t);
  int (*MemHostAlloc)(void**, size_t, unsigned);
  int (*MemFreeHost)(void*);
  int (*MemGetInfo)(size_t*, size_t*);
  int (*MemcpyHtoD)(uint64_t, const void*, size_t);
  int (*MemcpyDtoH)(void*, uint64_t, size_t);
  int (*MemcpyDtoDAsync)(uint64_t, uint64_t, size_t, void*);
  int (*MemcpyDtoHAsync)(void*, uint64_t, size_t, void*);
  int (*MemsetD8Async)(uint64_t, unsigned char, size_t, void*);
  // Of the stand-in alone, else null.
  void (*Arm)(const char*);
  uint64_t (*CountOf)(const char*);
  bool is_rehearsal;   // the stand-in, used as the machine's driver
  void (*Capture)(int is_under_way);

  bool is_stand_in() const { return Arm != nullptr; }
  // What the stand-in has counted since it was armed; 0 with a real driver.
  uint64_t Count(const char* what) const { return CountOf != nullptr ? CountOf(what) : 0; }
};

#define CHECK_CUDA(call)                                                                                                   \
  do {                                                                                                                     \
    const int check_cuda = (call);                                                                                         \
    if (check_cuda != 0) ::tsnap::test::FailCheck(__FILE__, __LINE__, #call, "error " + std::to_string(check_cuda)); \
  } while (false)

// Ends the process as a skipped test where there is no driver, or no GPU.
inline const Cuda& TheCuda() {
  static const Cuda cuda = [] {
    const char* stand_in = std::getenv("TSNAP_TEST_STAND_IN");
    const bool real = std::getenv("TSNAP_TEST_REAL_CUDA") != nullptr || stand_in == nullptr;
    const char* library = real ? "libcuda.so.1" : stand_in;
    if (real) unsetenv("TSNAP_CUFILE_LIBRARY");   // the stand-in's name
    void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      std::fprintf(stderr, "no CUDA driver: %s\n", dlerror());
      std::_Exit(real ? kSkipped : 1);
    }
    Cuda found{};
    const auto load = [&](auto& function, const char* symbol) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(handle, symbol));
    };
    const auto need = [&](auto& function, const char* symbol) {
      load(function, symbol);
      CHECK_TEXT(function != nullptr, symbol);
    };
    need(found.Init, "cuInit");
    need(found.DeviceGetCount, "cuDeviceGetCount");
    need(found.DeviceGet, "cuDeviceGet");
    need(found.CtxCreate, "cuCtxCreate_v2");
    need(found.CtxDestroy, "cuCtxDestroy_v2");
    need(found.CtxSetCurrent, "cuCtxSetCurrent");
    need(found.CtxGetCurrent, "cuCtxGetCurrent");
    need(found.CtxPushCurrent, "cuCtxPushCurrent_v2");
    need(found.CtxPopCurrent, "cuCtxPopCurrent_v2");
    need(found.CtxSynchronize, "cuCtxSynchronize");
    need(found.DevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain");
    need(found.DevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2");
    need(found.ThreadExchangeStreamCaptureMode, "cuThreadExchangeStreamCaptureMode");
    need(found.StreamCreate, "cuStreamCreate");
    need(found.StreamDestroy, "cuStreamDestroy_v2");
    need(found.StreamSynchronize, "cuStreamSynchronize");
    need(found.MemAlloc, "cuMemAlloc_v2");
    need(found.MemAllocManaged, "cuMemAllocManaged");
    need(found.MemAllocAsync, "cuMemAllocAsync");
    need(found.MemFree, "cuMemFree_v2");
    need(found.MemHostAlloc, "cuMemHostAlloc");
    need(found.MemFreeHost, "cuMemFreeHost");
    need(found.MemGetInfo, "cuMemGetInfo_v2");
    need(found.MemcpyHtoD, "cuMemcpyHtoD_v2");
    need(found.MemcpyDtoH, "cuMemcpyDtoH_v2");
    need(found.MemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2");
    need(found.MemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2");
    need(found.MemsetD8Async, "cuMemsetD8Async");
    if (!real) need(found.Arm, "tsnap_fake_cuda_arm");
    if (!real) need(found.CountOf, "tsnap_fake_cuda_count");
    if (!real) need(found.Capture, "tsnap_fake_cuda_capture");
    found.is_rehearsal = real && dlsym(handle, "tsnap_fake_cuda_arm") != nullptr;
    int devices = 0;
    if (found.Init(0) != 0 || found.DeviceGetCount(&devices) != 0 || devices == 0) {
      std::fprintf(stderr, "the CUDA driver has no GPU\n");
      std::_Exit(kSkipped);
    }
    return found;
  }();
  return cuda;
}

// Ends the process as a skipped test where something is to be seen or made fail inside.
inline const Cuda& TheStandIn() {
  if (!TheCuda().is_stand_in()) std::_Exit(kSkipped);
  return TheCuda();
}

// A context on the GPU of this number, or on the last one where there are fewer. Current on nobody's thread.
class GpuContext {
 public:
  explicit GpuContext(int device = 0) {
    int devices = 0;
    CHECK_CUDA(TheCuda().DeviceGetCount(&devices));
    CHECK_CUDA(TheCuda().CtxCreate(&context_, 0, device < devices ? device : devices - 1));
    void* popped = nullptr;
    CHECK_CUDA(TheCuda().CtxPopCurrent(&popped));
  }
  ~GpuContext() { CHECK_CUDA(TheCuda().CtxDestroy(context_)); }
  GpuContext(const GpuContext&) = delete;
  GpuContext& operator=(const GpuContext&) = delete;
  void* handle() const { return context_; }

 private:
  void* context_ = nullptr;
};

// Current in this scope.
class Within {
 public:
  explicit Within(const GpuContext& context) { CHECK_CUDA(TheCuda().CtxPushCurrent(context.handle())); }
  ~Within() {
    void* popped = nullptr;
    CHECK_CUDA(TheCuda().CtxPopCurrent(&popped));
  }
  Within(const Within&) = delete;
  Within& operator=(const Within&) = delete;
};

enum class GpuKind { kDevice, kManaged, kPool };

// Memory of a GPU, and its contents on the way in and out. The host never touches it, managed or not.
class GpuMemory {
 public:
  GpuMemory(const GpuContext& context, size_t bytes, GpuKind kind = GpuKind::kDevice) : context_(context), bytes_(bytes) {
    const Within within(context);
    if (kind == GpuKind::kDevice) CHECK_CUDA(TheCuda().MemAlloc(&address_, bytes));
    if (kind == GpuKind::kManaged) CHECK_CUDA(TheCuda().MemAllocManaged(&address_, bytes, 1));
    if (kind == GpuKind::kPool) {
      void* stream = nullptr;
      CHECK_CUDA(TheCuda().StreamCreate(&stream, 0));
      CHECK_CUDA(TheCuda().MemAllocAsync(&address_, bytes, stream));
      CHECK_CUDA(TheCuda().StreamSynchronize(stream));
      CHECK_CUDA(TheCuda().StreamDestroy(stream));
    }
  }
  ~GpuMemory() {
    const Within within(context_);
    CHECK_CUDA(TheCuda().MemFree(address_));
  }
  GpuMemory(const GpuMemory&) = delete;
  GpuMemory& operator=(const GpuMemory&) = delete;

  size_t bytes() const { return bytes_; }
  uint64_t address() const { return address_; }
  void* data() const { return reinterpret_cast<void*>(address_); }
  void Put(size_t offset, const void* from, size_t bytes) const {
    const Within within(context_);
    CHECK_CUDA(TheCuda().MemcpyHtoD(address_ + offset, from, bytes));
    CHECK_CUDA(TheCuda().CtxSynchronize());
  }
  void Get(size_t offset, void* to, size_t bytes) const {
    const Within within(context_);
    CHECK_CUDA(TheCuda().MemcpyDtoH(to, address_ + offset, bytes));
  }
  template <class Value>
  void Put(const std::vector<Value>& values) const {
    Put(0, values.data(), values.size() * sizeof(Value));
  }
  template <class Value>
  std::vector<Value> Values() const {
    std::vector<Value> values(bytes_ / sizeof(Value));
    Get(0, values.data(), values.size() * sizeof(Value));
    return values;
  }

 private:
  const GpuContext& context_;
  size_t bytes_;
  uint64_t address_ = 0;
};

}  // namespace tsnap::test
