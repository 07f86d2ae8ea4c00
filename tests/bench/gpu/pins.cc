// The driver, with a switch for pinning: a library for TSNAP_CUDA_LIBRARY that pins nothing when it is told so and leaves all else
// to the libcuda.so.1 that the process has loaded, among whose functions tsnap finds those that are not here. With it the bench
// sees what staging through pageable memory costs.
#include <dlfcn.h>

#include <atomic>
#include <cstddef>

#define API __attribute__((visibility("default")))

extern "C" int cuInit(unsigned flags);

namespace {

std::atomic<bool> refuses{false};
[[gnu::used]] int (*const driver)(unsigned) = cuInit;   // the linker keeps the driver among what is searched

}  // namespace

extern "C" {

API void bench_refuse_pins(int refuse) { refuses = refuse != 0; }

API int cuMemHostRegister_v2(void* address, size_t bytes, unsigned flags) {
  constexpr int kOutOfMemory = 2;
  if (refuses) return kOutOfMemory;
  using Function = int (*)(void*, size_t, unsigned);
  static const auto pin = reinterpret_cast<Function>(dlsym(dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD), "cuMemHostRegister_v2"));
  return pin(address, bytes, flags);
}

}  // extern "C"
