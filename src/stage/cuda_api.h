// What is needed of the CUDA driver's interface, declared here rather than taken from the toolkit's
// cuda.h: every build can then use a driver that is found at run time (docs/adr/0025). Names,
// values and layouts are those of the driver API's reference manual, and never change for a given
// symbol; tests/gpu/declarations.cc compares them with cuda.h where there is one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tsnap::cuda {

using DriverCode = int;  // CUresult
inline constexpr DriverCode kSuccess = 0;
inline constexpr DriverCode kOutOfMemory = 2;
inline constexpr DriverCode kNotInitialized = 3;

struct ContextHandle;
struct StreamHandle;
struct EventHandle;
struct ModuleHandle;
struct FunctionHandle;
using Context = ContextHandle*;    // CUcontext
using Stream = StreamHandle*;      // CUstream
using Event = EventHandle*;        // CUevent
using Module = ModuleHandle*;      // CUmodule
using Function = FunctionHandle*;  // CUfunction
using Device = int;                // CUdevice, which is the device's ordinal
using DeviceAddress = uint64_t;    // CUdeviceptr

// CUpointer_attribute.
inline constexpr int kPointerContext = 1;
inline constexpr int kPointerMemoryType = 2;
inline constexpr int kPointerIsManaged = 8;
inline constexpr int kPointerDeviceOrdinal = 9;

// CUmemorytype. Of a pointer that the driver does not know it is 0.
inline constexpr unsigned kMemoryHost = 1;
inline constexpr unsigned kMemoryDevice = 2;

inline constexpr unsigned kStreamNonBlocking = 1;   // CU_STREAM_NON_BLOCKING
inline constexpr unsigned kEventBlockingSync = 1;   // CU_EVENT_BLOCKING_SYNC
inline constexpr unsigned kEventDisableTiming = 2;  // CU_EVENT_DISABLE_TIMING
inline constexpr unsigned kRegisterPortable = 1;    // CU_MEMHOSTREGISTER_PORTABLE
using CaptureMode = int;                            // CUstreamCaptureMode
inline constexpr CaptureMode kCaptureRelaxed = 2;   // CU_STREAM_CAPTURE_MODE_RELAXED
inline constexpr int64_t kMaxPitchBytes = 0x7fffffff;

// CUDA_MEMCPY3D, of cuMemcpy3DAsync_v2.
struct BoxCopy {
  size_t src_x_bytes, src_y, src_z, src_lod;
  unsigned src_memory_type;
  const void* src_host;
  DeviceAddress src_device;
  void* src_array;
  void* reserved0;
  size_t src_pitch, src_height;
  size_t dst_x_bytes, dst_y, dst_z, dst_lod;
  unsigned dst_memory_type;
  void* dst_host;
  DeviceAddress dst_device;
  void* dst_array;
  void* reserved1;
  size_t dst_pitch, dst_height;
  size_t width_bytes, height, depth;
};

}  // namespace tsnap::cuda
