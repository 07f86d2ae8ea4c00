// Driver: the functions of the CUDA driver, found in the process at run time. Nothing here makes a
// device busy: the driver is never initialized, no context is ever created, for memory of a device
// can only be where the application has done both.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "stage/cuda_api.h"

namespace tsnap::cuda {

// Name, symbol, arguments. Symbols are those that programs link which are built with any toolkit
// since CUDA 11.
#define TSNAP_CUDA_FUNCTIONS(X)                                                              \
  X(GetErrorName, "cuGetErrorName", (DriverCode, const char**))                              \
  X(GetErrorString, "cuGetErrorString", (DriverCode, const char**))                          \
  X(PointerGetAttributes, "cuPointerGetAttributes", (unsigned, int*, void**, DeviceAddress)) \
  X(CtxGetCurrent, "cuCtxGetCurrent", (Context*))                                            \
  X(CtxGetDevice, "cuCtxGetDevice", (Device*))                                               \
  X(CtxPushCurrent, "cuCtxPushCurrent_v2", (Context))                                        \
  X(CtxPopCurrent, "cuCtxPopCurrent_v2", (Context*))                                         \
  X(CtxSynchronize, "cuCtxSynchronize", ())                                                  \
  X(DevicePrimaryCtxGetState, "cuDevicePrimaryCtxGetState", (Device, unsigned*, int*))       \
  X(DevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (Context*, Device))                  \
  X(DevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (Device))                       \
  X(ThreadExchangeStreamCaptureMode, "cuThreadExchangeStreamCaptureMode", (CaptureMode*))    \
  X(StreamCreate, "cuStreamCreate", (Stream*, unsigned))                                     \
  X(StreamSynchronize, "cuStreamSynchronize", (Stream))                                      \
  X(StreamDestroy, "cuStreamDestroy_v2", (Stream))                                           \
  X(StreamGetCtx, "cuStreamGetCtx", (Stream, Context*))                                      \
  X(EventCreate, "cuEventCreate", (Event*, unsigned))                                        \
  X(EventDestroy, "cuEventDestroy_v2", (Event))                                              \
  X(EventRecord, "cuEventRecord", (Event, Stream))                                           \
  X(EventSynchronize, "cuEventSynchronize", (Event))                                         \
  X(MemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", (void*, DeviceAddress, size_t, Stream))         \
  X(MemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", (DeviceAddress, const void*, size_t, Stream))   \
  X(MemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2", (DeviceAddress, DeviceAddress, size_t, Stream)) \
  X(Memcpy3DAsync, "cuMemcpy3DAsync_v2", (const BoxCopy*, Stream))                           \
  X(MemHostRegister, "cuMemHostRegister_v2", (void*, size_t, unsigned))                      \
  X(MemHostUnregister, "cuMemHostUnregister", (void*))                                       \
  X(MemAlloc, "cuMemAlloc_v2", (DeviceAddress*, size_t))                                     \
  X(MemFree, "cuMemFree_v2", (DeviceAddress))                                                \
  X(MemGetInfo, "cuMemGetInfo_v2", (size_t*, size_t*))

// What kernels need besides; drivers before CUDA 12 lack the first, and are used without kernels.
#define TSNAP_CUDA_KERNEL_FUNCTIONS(X)                                                       \
  X(CtxGetId, "cuCtxGetId", (Context, unsigned long long*))                                  \
  X(ModuleLoadData, "cuModuleLoadData", (Module*, const void*))                              \
  X(ModuleGetFunction, "cuModuleGetFunction", (Function*, Module, const char*))              \
  X(LaunchKernel, "cuLaunchKernel",                                                          \
    (Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream, \
     void**, void**))

struct Driver {
#define TSNAP_CUDA_MEMBER(name, symbol, arguments) DriverCode(*name) arguments = nullptr;
  TSNAP_CUDA_FUNCTIONS(TSNAP_CUDA_MEMBER)
  TSNAP_CUDA_KERNEL_FUNCTIONS(TSNAP_CUDA_MEMBER)
#undef TSNAP_CUDA_MEMBER

  const char* lacks_for_kernels = nullptr;  // the first function of those that it lacks

  // kDevice with the driver's own name and text of the error, and what was being done.
  Status Check(DriverCode code, const char* action) const {
    return code == kSuccess ? Status::Ok() : Failure(code, action);
  }
  Status Failure(DriverCode code, const char* action) const;
};

// Looks whether the application has a driver, unless one was found before. The library is the
// process's own libcuda.so.1 or, for tests, what TSNAP_CUDA_LIBRARY names, which is loaded. Called
// at the beginning of an operation; thread-safe.
void LookForDriver() noexcept;
// What was found so far, or nullptr. Costs one load.
const Driver* FoundDriver() noexcept;
// Why there is none: a clause for messages.
std::string WhyNoDriver();

}  // namespace tsnap::cuda
