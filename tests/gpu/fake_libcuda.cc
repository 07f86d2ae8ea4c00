// A stand-in for libcuda.so.1, for machines without a GPU: the functions of the driver that tsnap and its tests use, with the
// meaning that the driver's manual gives them, and stricter where the manual leaves room. Device memory is out of the host's
// reach, copies come late and in the order of their streams, and what a program must not do ends it with a message.
//
//   TSNAP_FAKE_CUDA_FAIL=cuMemHostRegister_v2:2      its second call fails; :2+ and all behind it; several with commas; =2 behind it
//                                                    says with which code
//   TSNAP_FAKE_CUDA_SPOIL=tsnap_checksum_slices      the kernels whose names begin so compute something wrong
//   TSNAP_FAKE_CUDA_DEVICES=2, TSNAP_FAKE_CUDA_MEMORY_MIB=512 (of each), TSNAP_FAKE_CUDA_DELAY_US=200, TSNAP_FAKE_CUDA_SEED=1
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "fake_kernels.h"
#include "fake_memory.h"
#include "fake_streams.h"
#include "stage/cuda_api.h"

using namespace fake;

namespace {

enum : int {
  kOk = 0, kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3, kInvalidDevice = 101, kInvalidImage = 200, kInvalidContext = 201, kNotFound = 500,
  kNotReady = 600, kAlreadyRegistered = 712, kNotRegistered = 713, kCaptureUnsupported = 900, kUnknownError = 999,
};

// --- what is counted, and what is told to fail ---------------------------------------------------

class Orders {
 public:
  Orders() {
    const char* text = std::getenv("TSNAP_FAKE_CUDA_FAIL");
    Arm(text != nullptr ? text : "");
  }
  void Arm(const std::string& text) {
    const std::lock_guard lock(mutex_);
    counts_.clear();
    fail_.clear();
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find(',', at), text.size());
      const std::string one = text.substr(at, end - at);
      const size_t colon = one.find(':');
      if (colon == std::string::npos) Misuse("TSNAP_FAKE_CUDA_FAIL is not function:number[+]");
      const size_t code = one.find('=');
      fail_[one.substr(0, colon)] = {std::strtoull(one.c_str() + colon + 1, nullptr, 10), one.find('+') != std::string::npos,
                                     code != std::string::npos ? std::atoi(one.c_str() + code + 1) : kOk};
      at = end + 1;
    }
  }
  // The code with which the call is to fail, or 0.
  int Enter(const std::string& function) {
    const std::lock_guard lock(mutex_);
    const uint64_t number = ++counts_[function];
    const auto found = fail_.find(function);
    if (found == fail_.end()) return kOk;
    const bool fails = found->second.and_later ? number >= found->second.number : number == found->second.number;
    if (!fails) return kOk;
    ++counts_["failures"];
    if (found->second.code != kOk) return found->second.code;
    const bool gives_memory = function.find("Alloc") != std::string::npos || function.find("HostRegister") != std::string::npos;
    return gives_memory ? kOutOfMemory : kUnknownError;
  }
  void Add(const std::string& what, int64_t count = 1) {
    const std::lock_guard lock(mutex_);
    counts_[what] += static_cast<uint64_t>(count);
    if (what == "in_flight") counts_["most_in_flight"] = std::max(counts_["most_in_flight"], counts_[what]);
  }
  uint64_t Count(const std::string& what) {
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(what);
    return found == counts_.end() ? 0 : found->second;
  }

 private:
  struct Fail {
    uint64_t number = 0;
    bool and_later = false;
    int code = 0;   // 0: as the function goes
  };
  std::mutex mutex_;
  std::map<std::string, uint64_t> counts_;
  std::map<std::string, Fail> fail_;
};

Orders& TheOrders() {
  static Orders* const orders = new Orders;
  return *orders;
}

#define ENTER()                                                              \
  if (const int failed = TheOrders().Enter(__func__); failed != kOk) return failed; \
  if (!initialized) return kNotInitialized

// While a graph is captured, in the global mode, calls that could touch it fail on every thread that has not relaxed its own mode.
#define UNSAFE() \
  if (capturing && capture_mode != kRelaxed) return kCaptureUnsupported

// --- contexts -------------------------------------------------------------------------------------

std::atomic<bool> initialized{false};
thread_local std::vector<Context*> stack;
constexpr int kRelaxed = 2;
std::atomic<bool> capturing{false};
thread_local int capture_mode = 0;   // global

struct Primary {
  std::mutex mutex;
  Context* context = nullptr;
  int uses = 0;
};

int DeviceCount() {
  const char* text = std::getenv("TSNAP_FAKE_CUDA_DEVICES");
  return text != nullptr ? std::atoi(text) : 2;
}

Primary& PrimaryOf(int device) {
  static Primary* const all = new Primary[16];
  return all[device];
}

// Most functions want one: calling them without is a mistake of whoever calls.
Context* Current(const char* function) {
  if (stack.empty() || stack.back() == nullptr) Misuse(std::string(function) + " is called without a current context");
  if (!TheHandles().IsAlive(stack.back())) Misuse(std::string(function) + " is called in a context that was destroyed");
  return stack.back();
}

Stream* StreamIn(void* handle, const char* function) {
  Context* current = Current(function);
  Stream* stream = TheHandles().CheckStream(handle, function);
  if (stream == nullptr) return current->legacy.get();
  if (stream->context() != current) Misuse(std::string(function) + " is given the stream of another context than the current one");
  return stream;
}

Event* EventIn(void* handle, const char* function) {
  Context* current = Current(function);
  Event* event = TheHandles().CheckEvent(handle, function);
  if (event->context() != current) Misuse(std::string(function) + " is given the event of another context than the current one");
  return event;
}

// --- copies -----------------------------------------------------------------------------------------

// Where the copy functions find device memory; all of the range must be in one allocation of this context.
std::byte* ReachDevice(uint64_t address, size_t bytes, const Context* context, const char* function) {
  const Region region = TheMemory().Find(address);
  if (!region.on_device()) Misuse(std::string(function) + ": an address of the device's side is not the device's");
  if (address + bytes > region.begin + region.bytes) Misuse(std::string(function) + ": it goes beyond the end of an allocation");
  if (region.context != nullptr && region.context != context)
    Misuse(std::string(function) + ": device memory is copied in another context than its own");
  return region.reachable + (address - region.begin);
}

// True when the device can copy from or to it by itself: all of it is pinned.
bool CheckHost(const void* host, size_t bytes, const char* function) {
  const auto begin = reinterpret_cast<uintptr_t>(host);
  if (TheMemory().OverlapsDevice(begin, bytes)) Misuse(std::string(function) + ": an address of the host's side is a device's");
  const Region region = TheMemory().Find(begin);
  return (region.kind == Kind::kPinned || region.kind == Kind::kRegistered) && begin + bytes <= region.begin + region.bytes;
}

// Pinned memory is copied when its time comes; of other memory the driver promises that the call is over when it returns, or that
// the source is not needed any more.
void GiveCopy(Stream* stream, bool pinned, std::function<void()> copy) {
  TheOrders().Add("copies");
  TheOrders().Add("in_flight");
  stream->Give([copy = std::move(copy)] {
    copy();
    TheOrders().Add("in_flight", -1);
  });
  if (pinned) return;
  TheOrders().Add("pageable_copies");
  stream->Wait();
}

const std::map<int, std::pair<const char*, const char*>>& Texts() {
  static const auto* const texts = new std::map<int, std::pair<const char*, const char*>>{
      {kOk, {"CUDA_SUCCESS", "no error"}},
      {kInvalidValue, {"CUDA_ERROR_INVALID_VALUE", "invalid argument"}},
      {kOutOfMemory, {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"}},
      {kNotInitialized, {"CUDA_ERROR_NOT_INITIALIZED", "initialization error"}},
      {kInvalidImage, {"CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"}},
      {kCaptureUnsupported, {"CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"}},
      {kUnknownError, {"CUDA_ERROR_UNKNOWN", "unknown error"}},
  };
  return *texts;
}

}  // namespace

extern "C" {

#define API __attribute__((visibility("default")))

// What a real driver has not: for tests that look inside, or make something fail, while they run.
API void tsnap_fake_cuda_arm(const char* text) { TheOrders().Arm(text); }
API void tsnap_fake_cuda_capture(int is_under_way) { capturing = is_under_way != 0; }
API uint64_t tsnap_fake_cuda_count(const char* what) {
  const std::string name = what;
  if (name == "streams") return TheHandles().stream_count();
  if (name == "events") return TheHandles().event_count();
  if (name == "registered") return TheMemory().Count(Kind::kRegistered);
  if (name == "allocated") return TheMemory().Count(Kind::kDevice);
  return TheOrders().Count(name);
}

// Where the stand-in for cuFile finds the memory; it wants that of one context, which is current, and no other kind.
API void* tsnap_fake_cuda_reach(uint64_t address, size_t bytes) {
  const Region region = TheMemory().Find(address);
  if (region.kind != Kind::kDevice) Misuse("cuFile is given memory that is not of cuMemAlloc");
  return ReachDevice(address, bytes, Current("cuFile"), "cuFile");
}

API int cuInit(unsigned) {
  initialized = true;
  return kOk;
}
API int cuDriverGetVersion(int* version) {
  *version = 12000;
  return kOk;
}
API int cuDeviceGetCount(int* count) {
  ENTER();
  *count = DeviceCount();
  return kOk;
}
API int cuDeviceGet(int* device, int ordinal) {
  ENTER();
  if (ordinal < 0 || ordinal >= DeviceCount()) return kInvalidDevice;
  *device = ordinal;
  return kOk;
}
API int cuGetErrorName(int code, const char** text) {
  const auto found = Texts().find(code);
  if (found == Texts().end()) return kInvalidValue;
  *text = found->second.first;
  return kOk;
}
API int cuGetErrorString(int code, const char** text) {
  const auto found = Texts().find(code);
  if (found == Texts().end()) return kInvalidValue;
  *text = found->second.second;
  return kOk;
}

API int cuCtxCreate_v2(void** context, unsigned, int device) {
  ENTER();
  Context* made = TheHandles().Add(device, false);
  stack.push_back(made);
  *context = made;
  return kOk;
}
API int cuCtxDestroy_v2(void* context) {
  ENTER();
  auto* gone = static_cast<Context*>(context);
  if (!TheHandles().IsAlive(gone)) Misuse("cuCtxDestroy of a context that there is not");
  WaitForAll(gone);
  TheMemory().DropContext(gone);
  TheHandles().Remove(gone);
  if (!stack.empty() && stack.back() == gone) stack.pop_back();
  return kOk;
}
API int cuCtxSetCurrent(void* context) {
  ENTER();
  if (!stack.empty()) stack.pop_back();
  if (context != nullptr) stack.push_back(static_cast<Context*>(context));
  return kOk;
}
API int cuCtxGetCurrent(void** context) {
  ENTER();
  *context = stack.empty() ? nullptr : stack.back();
  return kOk;
}
API int cuCtxGetDevice(int* device) {
  ENTER();
  *device = Current(__func__)->device;
  return kOk;
}
API int cuCtxPushCurrent_v2(void* context) {
  ENTER();
  if (!TheHandles().IsAlive(static_cast<Context*>(context))) Misuse("a context is made current that there is not");
  stack.push_back(static_cast<Context*>(context));
  return kOk;
}
API int cuCtxPopCurrent_v2(void** context) {
  TheOrders().Enter(__func__);   // never fails: what it takes back is there
  if (stack.empty()) Misuse("a context is popped where none was pushed");
  *context = stack.back();
  stack.pop_back();
  return kOk;
}
API int cuCtxSynchronize() {
  ENTER();
  if (capturing) return kCaptureUnsupported;
  WaitForAll(Current(__func__));
  return kOk;
}
API int cuDevicePrimaryCtxGetState(int device, unsigned* flags, int* active) {
  ENTER();
  Primary& primary = PrimaryOf(device);
  const std::lock_guard lock(primary.mutex);
  *flags = 0;
  *active = primary.context != nullptr;
  return kOk;
}
API int cuDevicePrimaryCtxRetain(void** context, int device) {
  ENTER();
  Primary& primary = PrimaryOf(device);
  const std::lock_guard lock(primary.mutex);
  if (primary.context == nullptr) primary.context = TheHandles().Add(device, true);
  ++primary.uses;
  *context = primary.context;
  return kOk;
}
API int cuDevicePrimaryCtxRelease_v2(int device) {
  ENTER();
  Primary& primary = PrimaryOf(device);
  const std::lock_guard lock(primary.mutex);
  if (primary.uses == 0) Misuse("a primary context is released that nobody holds");
  if (--primary.uses > 0) return kOk;
  WaitForAll(primary.context);
  TheMemory().DropContext(primary.context);
  TheHandles().Remove(primary.context);
  primary.context = nullptr;
  return kOk;
}

API int cuThreadExchangeStreamCaptureMode(int* mode) {
  ENTER();
  if (*mode < 0 || *mode > kRelaxed) return kInvalidValue;
  std::swap(*mode, capture_mode);
  return kOk;
}

API int cuStreamCreate(void** stream, unsigned) {
  ENTER();
  UNSAFE();
  *stream = TheHandles().AddStream(Current(__func__));
  return kOk;
}
API int cuStreamDestroy_v2(void* stream) {
  ENTER();
  UNSAFE();
  TheHandles().Remove(StreamIn(stream, __func__));
  return kOk;
}
API int cuStreamSynchronize(void* stream) {
  ENTER();
  UNSAFE();
  StreamIn(stream, __func__)->Wait();
  return kOk;
}
API int cuStreamGetCtx(void* stream, void** context) {
  ENTER();
  Stream* found = TheHandles().CheckStream(stream, __func__);
  *context = found != nullptr ? found->context() : Current(__func__);
  return kOk;
}
API int cuStreamWaitEvent(void* stream, void* event, unsigned) {
  ENTER();
  StreamIn(stream, __func__)->Give(TheHandles().CheckEvent(event, __func__)->Waiting());
  return kOk;
}
API int cuEventCreate(void** event, unsigned) {
  ENTER();
  UNSAFE();
  *event = TheHandles().AddEvent(Current(__func__));
  return kOk;
}
API int cuEventDestroy_v2(void* event) {
  ENTER();
  UNSAFE();
  TheHandles().Remove(EventIn(event, __func__));
  return kOk;
}
API int cuEventRecord(void* event, void* stream) {
  ENTER();
  EventIn(event, __func__)->Record(StreamIn(stream, __func__));
  return kOk;
}
API int cuEventSynchronize(void* event) {
  ENTER();
  UNSAFE();
  EventIn(event, __func__)->Wait();
  return kOk;
}
API int cuEventQuery(void* event) {
  ENTER();
  UNSAFE();
  return EventIn(event, __func__)->is_over() ? kOk : kNotReady;
}

API int cuMemGetInfo_v2(size_t* free_bytes, size_t* total_bytes) {
  ENTER();
  *free_bytes = TheMemory().free_bytes(Current(__func__)->device);
  *total_bytes = TheMemory().total_bytes();
  return kOk;
}
static int Allocate(Kind kind, uint64_t* out, size_t bytes, const char* function) {
  Context* context = Current(function);
  if (bytes == 0) return kInvalidValue;
  *out = TheMemory().Allocate(kind, bytes, context, context->device);
  return *out != 0 ? kOk : kOutOfMemory;
}
API int cuMemAlloc_v2(uint64_t* out, size_t bytes) {
  ENTER();
  UNSAFE();
  TheOrders().Add("asked_bytes", static_cast<int64_t>(bytes));
  return Allocate(Kind::kDevice, out, bytes, __func__);
}
API int cuMemAllocManaged(uint64_t* out, size_t bytes, unsigned) {
  ENTER();
  return Allocate(Kind::kManaged, out, bytes, __func__);
}
API int cuMemAllocAsync(uint64_t* out, size_t bytes, void* stream) {
  ENTER();
  StreamIn(stream, __func__);
  return Allocate(Kind::kPool, out, bytes, __func__);
}
API int cuMemFree_v2(uint64_t address) {
  ENTER();
  UNSAFE();
  WaitForAll(Current(__func__));
  TheMemory().Free(address, Kind::kDevice);
  return kOk;
}
API int cuMemHostAlloc(void** out, size_t bytes, unsigned) {
  ENTER();
  UNSAFE();
  Context* context = Current(__func__);
  *out = reinterpret_cast<void*>(TheMemory().AllocatePinned(bytes, context, context->device));
  return *out != nullptr ? kOk : kOutOfMemory;
}
API int cuMemFreeHost(void* address) {
  ENTER();
  UNSAFE();
  WaitForAll(Current(__func__));
  TheMemory().Free(reinterpret_cast<uintptr_t>(address), Kind::kPinned);
  return kOk;
}
API int cuMemHostRegister_v2(void* address, size_t bytes, unsigned) {
  ENTER();
  UNSAFE();
  Context* context = Current(__func__);
  if (TheMemory().OverlapsDevice(reinterpret_cast<uintptr_t>(address), bytes)) Misuse("device memory is registered as the host's");
  return TheMemory().Register(reinterpret_cast<uintptr_t>(address), bytes, context, context->device) ? kOk : kAlreadyRegistered;
}
API int cuMemHostUnregister(void* address) {
  ENTER();
  UNSAFE();
  Current(__func__);
  if (TheMemory().Find(reinterpret_cast<uintptr_t>(address)).kind != Kind::kRegistered) return kNotRegistered;
  TheMemory().Free(reinterpret_cast<uintptr_t>(address), Kind::kRegistered);
  return kOk;
}

API int cuPointerGetAttributes(unsigned count, int* names, void** values, uint64_t address) {
  ENTER();
  const Region region = TheMemory().Find(address);
  for (unsigned i = 0; i < count; ++i) {
    switch (names[i]) {
      case 1:   // CONTEXT
        *static_cast<void**>(values[i]) = region.context;
        break;
      case 2:   // MEMORY_TYPE
        *static_cast<unsigned*>(values[i]) = region.on_device() ? 2 : region.kind == Kind::kUnknown ? 0 : 1;
        break;
      case 8:   // IS_MANAGED
        *static_cast<unsigned*>(values[i]) = region.kind == Kind::kManaged;
        break;
      case 9:   // DEVICE_ORDINAL
        *static_cast<int*>(values[i]) = region.kind == Kind::kUnknown ? -2 : region.device;
        break;
      default:
        Misuse("cuPointerGetAttributes is asked for an attribute that the stand-in does not have");
    }
  }
  return kOk;
}

static int DeviceToHost(void* host, uint64_t device, size_t bytes, Stream* stream, const char* function) {
  const std::byte* from = ReachDevice(device, bytes, stream->context(), function);
  const bool pinned = CheckHost(host, bytes, function);
  GiveCopy(stream, pinned, [=] { std::memcpy(host, from, bytes); });
  return kOk;
}
static int HostToDevice(uint64_t device, const void* host, size_t bytes, Stream* stream, const char* function) {
  std::byte* to = ReachDevice(device, bytes, stream->context(), function);
  const bool pinned = CheckHost(host, bytes, function);
  GiveCopy(stream, pinned, [=] { std::memcpy(to, host, bytes); });
  return kOk;
}
API int cuMemcpyDtoHAsync_v2(void* host, uint64_t device, size_t bytes, void* stream) {
  ENTER();
  return DeviceToHost(host, device, bytes, StreamIn(stream, __func__), __func__);
}
API int cuMemcpyHtoDAsync_v2(uint64_t device, const void* host, size_t bytes, void* stream) {
  ENTER();
  return HostToDevice(device, host, bytes, StreamIn(stream, __func__), __func__);
}
API int cuMemcpyDtoH_v2(void* host, uint64_t device, size_t bytes) {
  ENTER();
  Stream* stream = StreamIn(nullptr, __func__);
  DeviceToHost(host, device, bytes, stream, __func__);
  stream->Wait();
  return kOk;
}
API int cuMemcpyHtoD_v2(uint64_t device, const void* host, size_t bytes) {
  ENTER();
  Stream* stream = StreamIn(nullptr, __func__);
  HostToDevice(device, host, bytes, stream, __func__);
  stream->Wait();
  return kOk;
}
API int cuMemcpyDtoDAsync_v2(uint64_t to_address, uint64_t from_address, size_t bytes, void* handle) {
  ENTER();
  Stream* stream = StreamIn(handle, __func__);
  std::byte* to = ReachDevice(to_address, bytes, stream->context(), __func__);
  const std::byte* from = ReachDevice(from_address, bytes, stream->context(), __func__);
  GiveCopy(stream, true, [=] { std::memmove(to, from, bytes); });
  return kOk;
}
API int cuMemsetD8Async(uint64_t address, unsigned char value, size_t bytes, void* handle) {
  ENTER();
  Stream* stream = StreamIn(handle, __func__);
  std::byte* to = ReachDevice(address, bytes, stream->context(), __func__);
  stream->Give([=] { std::memset(to, value, bytes); });
  return kOk;
}
API int cuMemcpy3DAsync_v2(const tsnap::cuda::BoxCopy* given, void* handle) {
  ENTER();
  Stream* stream = StreamIn(handle, __func__);
  const tsnap::cuda::BoxCopy copy = *given;
  if (copy.reserved0 != nullptr || copy.reserved1 != nullptr || copy.src_lod != 0 || copy.dst_lod != 0)
    Misuse("cuMemcpy3DAsync: what must be zero is not");
  if (copy.width_bytes == 0 || copy.height == 0 || copy.depth == 0) Misuse("cuMemcpy3DAsync: an empty box");
  const auto check_pitch = [&](size_t pitch, size_t rows) {
    if (copy.height * copy.depth > 1 && (pitch < copy.width_bytes || pitch > tsnap::cuda::kMaxPitchBytes))
      Misuse("cuMemcpy3DAsync: a pitch is smaller than its rows, or too large");
    if (copy.depth > 1 && rows < copy.height) Misuse("cuMemcpy3DAsync: planes lie on each other");
  };
  check_pitch(copy.src_pitch, copy.src_height);
  check_pitch(copy.dst_pitch, copy.dst_height);
  const auto extent = [&](size_t pitch, size_t rows) {
    return (copy.depth - 1) * rows * pitch + (copy.height - 1) * pitch + copy.width_bytes;
  };
  bool pinned = true;
  const auto end_of = [&](unsigned type, const void* host, uint64_t device, size_t pitch, size_t rows) -> std::byte* {
    if (type == 2) return ReachDevice(device, extent(pitch, rows), stream->context(), "cuMemcpy3DAsync");
    if (type != 1) Misuse("cuMemcpy3DAsync: a memory type that the stand-in does not have");
    pinned = CheckHost(host, extent(pitch, rows), "cuMemcpy3DAsync") && pinned;
    return static_cast<std::byte*>(const_cast<void*>(host));
  };
  if (copy.src_x_bytes + copy.src_y + copy.src_z + copy.dst_x_bytes + copy.dst_y + copy.dst_z != 0)
    Misuse("cuMemcpy3DAsync: the stand-in knows no places inside");
  const std::byte* from = end_of(copy.src_memory_type, copy.src_host, copy.src_device, copy.src_pitch, copy.src_height);
  std::byte* to = end_of(copy.dst_memory_type, copy.dst_host, copy.dst_device, copy.dst_pitch, copy.dst_height);
  GiveCopy(stream, pinned, [=] {
    for (size_t z = 0; z < copy.depth; ++z)
      for (size_t y = 0; y < copy.height; ++y)
        std::memcpy(to + (z * copy.dst_height + y) * copy.dst_pitch, from + (z * copy.src_height + y) * copy.src_pitch,
                    copy.width_bytes);
  });
  return kOk;
}

// --- kernels ------------------------------------------------------------------------------------------

API int cuCtxGetId(void* context, unsigned long long* number) {
  ENTER();
  auto* given = static_cast<Context*>(context);
  if (!TheHandles().IsAlive(given)) Misuse("cuCtxGetId of a context that there is not");
  *number = given->number;
  return kOk;
}
API int cuModuleLoadData(void** module, const void* image) {
  ENTER();
  UNSAFE();
  *module = LoadModule(Current(__func__), static_cast<const char*>(image));
  return *module != nullptr ? kOk : kInvalidImage;
}
API int cuModuleGetFunction(void** function, void* module, const char* name) {
  ENTER();
  *function = FindKernel(module, Current(__func__), name);
  return *function != nullptr ? kOk : kNotFound;
}
API int cuLaunchKernel(void* function, unsigned blocks, unsigned y, unsigned z, unsigned threads, unsigned thread_y, unsigned thread_z,
                       unsigned shared_bytes, void* handle, void** arguments, void** extra) {
  ENTER();
  Stream* stream = StreamIn(handle, __func__);
  if (y * z * thread_y * thread_z != 1 || shared_bytes != 0 || extra != nullptr || blocks == 0 || threads == 0 || threads > 1024)
    Misuse("cuLaunchKernel: a shape that the kernels do not have");
  const Context* context = stream->context();
  TheOrders().Add(KernelName(function));
  stream->Give(PrepareKernel(function, context, arguments, blocks, threads, [&](uint64_t address, size_t bytes) {
    return ReachDevice(address, bytes, context, "cuLaunchKernel");
  }));
  return kOk;
}

}  // extern "C"
