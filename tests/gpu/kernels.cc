// The kernels: against the host, in use, and where they cannot or must not be used. With a real driver they run on its GPU.
#include <algorithm>
#include <mutex>
#include <numeric>

#include "../unit/seeded.h"
#include "api.h"
#include "base/checksum.h"
#include "base/knobs.h"
#include "gpu.h"
#include "stage/cuda_kernels.h"
#include "stage/reach.h"

namespace tsnap::test {
namespace {

#define CHECK_STATUS(call)                                                                      \
  do {                                                                                          \
    const Status check_status = (call);                                                         \
    if (!check_status.ok()) FailCheck(__FILE__, __LINE__, #call, check_status.ToString());      \
  } while (false)

const cuda::Driver& TheDriver() {
  LookForDevices();
  CHECK(cuda::FoundDriver() != nullptr);
  return *cuda::FoundDriver();
}

cuda::Context ContextOf(const GpuContext& gpu) { return static_cast<cuda::Context>(gpu.handle()); }

// In the context of the caller.
const cuda::Kernels& KernelsIn(const GpuContext& gpu) {
  const Result<const cuda::Kernels*> kernels = cuda::Kernels::Of(TheDriver(), ContextOf(gpu));
  CHECK_TEXT(kernels.ok(), kernels.status().ToString());
  return **kernels;
}

void ChecksumsAreTheHosts() {
  Seeded random;
  const GpuContext gpu;
  const cuda::Driver& driver = TheDriver();
  const size_t most = 3 * kBlockBytes + 5000;
  const GpuMemory memory(gpu, most + 64), scratch(gpu, cuda::Kernels::ScratchBytes(most));
  std::vector<uint8_t> bytes(most + 64);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Int(0, 255));
  memory.Put(bytes);
  const Within within(gpu);
  const cuda::Kernels& kernels = KernelsIn(gpu);
  const size_t lengths[] = {1, 3, 4, 1023, 1024, 1025, kBlockBytes - 1, kBlockBytes, kBlockBytes + 1, 2 * kBlockBytes, most};
  for (int i = 0; i < 40; ++i) {
    const size_t size = i < 11 ? lengths[i] : static_cast<size_t>(random.Int(1, static_cast<int64_t>(most)));
    const size_t from = static_cast<size_t>(random.Int(0, 40));
    Where() = std::to_string(size) + " bytes from " + std::to_string(from);
    CHECK_STATUS(kernels.Checksum(memory.address() + from, size, scratch.address(), nullptr));
    CHECK_STATUS(driver.Check(driver.CtxSynchronize(), "waiting"));
    std::vector<uint32_t> found(CeilDiv(size, kBlockBytes));
    scratch.Get(0, found.data(), found.size() * 4);
    cuda::Kernels::Finish(size, found);
    for (size_t block = 0; block < found.size(); ++block) {
      const size_t begin = block * kBlockBytes;
      const auto* data = reinterpret_cast<const std::byte*>(bytes.data()) + from + begin;
      CHECK_SAME_INT(found[block], Crc32c({data, std::min<size_t>(kBlockBytes, size - begin)}));
    }
  }
}

// An array that only kernels copy well: one member of a record of three, of each size of unit, in a row of records.
tsnap_array MemberOf(const GpuMemory& memory, int32_t dtype, int64_t item_bytes) {
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = dtype;
  array.ndim = 1;
  array.strides_bytes[0] = 3 * item_bytes;
  array.shape[0] = static_cast<int64_t>(memory.bytes()) / array.strides_bytes[0];
  array.data = static_cast<uint8_t*>(memory.data()) + item_bytes;
  return array;
}

std::vector<uint8_t> Pattern(size_t bytes, uint8_t seed) {
  std::vector<uint8_t> pattern(bytes);
  for (size_t i = 0; i < bytes; ++i) pattern[i] = static_cast<uint8_t>(i * 31 + i / 251 + seed);
  return pattern;
}

struct Heard {
  std::mutex mutex;
  std::vector<std::string> messages;
  static void Log(int32_t level, const char* message, void* user) {
    auto* heard = static_cast<Heard*>(user);
    const std::lock_guard lock(heard->mutex);
    if (level <= TSNAP_LOG_WARNING) heard->messages.push_back(message);
  }
};

struct Trip {
  bool async = false;
  int32_t device_staging = TSNAP_OFF;
  const char* arms = nullptr;   // when the array is there
};

// A take and a restore of such an array; what lies between stays as it is.
void RoundTripOf(int32_t dtype, size_t item, const GpuContext& gpu, tsnap_context* context, const Trip& trip) {
  const size_t bytes = 1 << 20;
  const GpuMemory memory(gpu, bytes);
  memory.Put(Pattern(bytes, 1));
  const Folder folder(NewFolder());
  State state;
  const tsnap_array array = MemberOf(memory, dtype, static_cast<int64_t>(item));
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  tsnap_take_options options = Quick();
  options.device_staging = trip.device_staging;
  if (trip.arms != nullptr) TheStandIn().Arm(trip.arms);
  if (trip.async) {
    tsnap_request* request = nullptr;
    CHECK_OK(tsnap_take_async(context, (folder / "snap").c_str(), state, &options, &request));
    memory.Put(Pattern(bytes, 7));
    CHECK_OK(tsnap_request_wait(request));
    tsnap_request_free(&request);
  } else {
    CHECK_OK(tsnap_take(context, (folder / "snap").c_str(), state, &options));
  }
  memory.Put(Pattern(bytes, 9));
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
  const std::vector<uint8_t> found = memory.Values<uint8_t>(), taken = Pattern(bytes, 1), between = Pattern(bytes, 9);
  for (size_t i = 0; i < bytes / (3 * item) * 3 * item; ++i)
    CHECK_TEXT(found[i] == (i / item % 3 == 1 ? taken : between)[i], std::to_string(i));
}

void RoundTrip(const GpuContext& gpu, tsnap_context* context, const Trip& trip = {}) {
  RoundTripOf(TSNAP_FLOAT32, 4, gpu, context, trip);
}

void AllRoundTrips(const GpuContext& gpu, tsnap_context* context, const Trip& trip = {}) {
  RoundTripOf(TSNAP_UINT8, 1, gpu, context, trip);
  RoundTripOf(TSNAP_INT16, 2, gpu, context, trip);
  RoundTripOf(TSNAP_FLOAT32, 4, gpu, context, trip);
  RoundTripOf(TSNAP_FLOAT64, 8, gpu, context, trip);
  RoundTripOf(TSNAP_COMPLEX128, 16, gpu, context, trip);
}

void TinyRowsGoByKernels() {
  const Cuda& cuda = TheStandIn();
  const GpuContext gpu;
  Self context;
  for (const bool async : {false, true}) {
    cuda.Arm("");
    AllRoundTrips(gpu, context, {async, TSNAP_OFF, nullptr});
    for (const char* name : {"tsnap_copy_units_1", "tsnap_copy_units_2", "tsnap_copy_units_4", "tsnap_copy_units_8", "tsnap_copy_units_16"})
      CHECK_TEXT(cuda.Count(name) >= 2, name);
    CHECK_SAME_INT(cuda.Count("cuMemcpy3DAsync_v2"), 0);
    CHECK_SAME_INT(cuda.Count("cuModuleLoadData"), async ? 0 : 1);   // once in a context
  }
  // Parked by one launch for each segment, which the driver would need a call for each row for.
  cuda.Arm("");
  AllRoundTrips(gpu, context, {true, TSNAP_ON, nullptr});
  CHECK_SAME_INT(cuda.Count("cuMemcpy3DAsync_v2"), 0);
  CHECK_SAME_INT(cuda.Count("cuMemcpyDtoDAsync_v2"), 0);
  CHECK(cuda.Count("cuMemGetInfo_v2") > 0);
}

// Without device memory for packed rows the other ways are taken.
void WithoutRoomOnTheDeviceRowsGoTheOtherWays() {
  const Cuda& cuda = TheStandIn();
  const GpuContext gpu;
  Self context;
  RoundTrip(gpu, context);   // the kernels have been tried
  cuda.Arm("");
  {
    const GpuMemory memory(gpu, 3 << 20);
    memory.Put(Pattern(3 << 20, 1));
    const Folder folder(NewFolder());
    State state;
    const tsnap_array array = MemberOf(memory, TSNAP_FLOAT32, 4);
    CHECK_OK(tsnap_state_add_private(state, "a", &array));
    cuda.Arm("cuMemAlloc_v2:1+");
    CHECK_OK(TakeQuick(context, folder / "snap", state));
    CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
    CHECK(cuda.Count("failures") > 0);
    CHECK_SAME_INT(cuda.Count("cuLaunchKernel"), 0);
    cuda.Arm("");
    CHECK(memory.Values<uint8_t>() == Pattern(3 << 20, 1));
  }
}

// Kernels that compute something wrong, or that the driver does not take, are found before they are used: all goes on without
// them, which is said once.
void KernelsThatFailTheirTrialAreNotUsed() {
  const Cuda& cuda = TheStandIn();
  const char* const spoilt[] = {"tsnap_copy_units_1", "tsnap_copy_units_2",    "tsnap_copy_units_4",  "tsnap_copy_units_8",
                                "tsnap_copy_units_16", "tsnap_checksum_slices", "tsnap_fold_checksums"};
  const auto check = [&](const char* arms, const char* says) {
    Heard heard;
    tsnap_config config = TSNAP_CONFIG_INIT;
    config.log = Heard::Log;
    config.log_user = &heard;
    Self context(&config);
    const GpuContext gpu;
    RoundTrip(gpu, context, {false, TSNAP_OFF, arms});
    cuda.Arm("");
    RoundTrip(gpu, context, {true, TSNAP_OFF, nullptr});
    CHECK_SAME_INT(cuda.Count("cuLaunchKernel"), 0);
    CHECK_SAME_INT(heard.messages.size(), 1);
    CHECK_TEXT(Contains(heard.messages[0], says), heard.messages[0]);
  };
  for (const char* name : spoilt) {
    Where() = name;
    setenv("TSNAP_FAKE_CUDA_SPOIL", name, 1);
    check("", "something else");
  }
  unsetenv("TSNAP_FAKE_CUDA_SPOIL");
  for (const char* arms : {"cuModuleLoadData:1", "cuModuleGetFunction:1", "cuModuleGetFunction:7"}) {
    Where() = arms;
    check(arms, "does not take");
  }
}

// A trial that the driver has not let come to its end is made again; nothing fails for it.
void TrialsThatFailAreMadeAgain() {
  const Cuda& cuda = TheStandIn();
  Heard heard;
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.log = Heard::Log;
  config.log_user = &heard;
  Self context(&config);
  for (const char* arms : {"cuCtxGetId:1", "cuMemAlloc_v2:1", "cuLaunchKernel:1", "cuLaunchKernel:9", "cuEventSynchronize:3",
                           "cuModuleLoadData:1=2", "cuModuleGetFunction:3=2", "cuLaunchKernel:1=2"}) {
    Where() = arms;
    const GpuContext gpu;
    RoundTrip(gpu, context, {false, TSNAP_OFF, arms});
    CHECK_SAME_INT(cuda.Count("failures"), 1);
    cuda.Arm("");
    RoundTrip(gpu, context);
    CHECK(cuda.Count("cuLaunchKernel") > 0);
  }
  CHECK(heard.messages.empty());
}

// The address of a context may come again: what is known of the one before is not taken for it.
void EachContextHasATrialOfItsOwn() {
  const Cuda& cuda = TheStandIn();
  Self context;
  for (int i = 0; i < 2; ++i) {
    const GpuContext gpu(i);
    cuda.Arm("");
    RoundTrip(gpu, context);
    CHECK_SAME_INT(cuda.Count("cuModuleLoadData"), 1);
  }
}

void KernelsAreSwitchedOff() {
  const Cuda& cuda = TheStandIn();
  const GpuContext gpu;
  cuda.Arm("");
  setenv("TSNAP_CUDA_KERNELS", "off", 1);
  {
    Self context;
    RoundTrip(gpu, context);
  }
  CHECK_SAME_INT(cuda.Count("cuModuleLoadData") + cuda.Count("cuLaunchKernel"), 0);
  setenv("TSNAP_CUDA_KERNELS", "nonsense", 1);
  tsnap_context* refused = nullptr;
  CHECK_CODE(tsnap_context_open_self(nullptr, &refused), TSNAP_E_INVALID);
  CHECK_SAYS("TSNAP_CUDA_KERNELS");
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"checksums_are_the_hosts", ChecksumsAreTheHosts},
                  {"tiny_rows_go_by_kernels", TinyRowsGoByKernels},
                  {"without_room_on_the_device_rows_go_the_other_ways", WithoutRoomOnTheDeviceRowsGoTheOtherWays},
                  {"kernels_that_fail_their_trial_are_not_used", KernelsThatFailTheirTrialAreNotUsed},
                  {"trials_that_fail_are_made_again", TrialsThatFailAreMadeAgain},
                  {"each_context_has_a_trial_of_its_own", EachContextHasATrialOfItsOwn},
                  {"kernels_are_switched_off", KernelsAreSwitchedOff}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
