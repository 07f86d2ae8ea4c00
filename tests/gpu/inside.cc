// What only the stand-in shows: how the driver is used, and what becomes of a take, a restore and a read when any of its functions
// fails. With a real driver these cases are skipped.
#include <map>
#include <memory>
#include <mutex>
#include <numeric>

#include "api.h"
#include "gpu.h"

namespace tsnap::test {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes Pattern(size_t bytes, uint8_t seed) {
  Bytes pattern(bytes);
  for (size_t i = 0; i < bytes; ++i) pattern[i] = static_cast<uint8_t>(i * 31 + i / 251 + seed);
  return pattern;
}

tsnap_array BytesAt(const GpuMemory& memory, size_t offset, size_t bytes) {
  return Line(TSNAP_UINT8, static_cast<uint8_t*>(memory.data()) + offset, static_cast<int64_t>(bytes));
}

// Nothing of tsnap's is left with the driver.
void CheckNothingIsLeft(const Cuda& cuda) {
  CHECK_SAME_INT(cuda.Count("streams"), 0);
  CHECK_SAME_INT(cuda.Count("events"), 0);
}

// Large arrays: from pinned buffers only, several copies at a time; the pins are given back with the context.
void CopiesArePinnedAndSeveralInFlight() {
  const Cuda& cuda = TheStandIn();
  const GpuContext gpu;
  const size_t bytes = 40 << 20;
  const GpuMemory memory(gpu, bytes);
  memory.Put(Pattern(bytes, 1));
  const Folder folder(NewFolder());
  {
    Self context;
    State state;
    const tsnap_array array = BytesAt(memory, 0, bytes);
    CHECK_OK(tsnap_state_add_private(state, "a", &array));
    for (int i = 0; i < 2; ++i) {
      cuda.Arm("");
      tsnap_take_options options = Quick();
      options.overwrite = TSNAP_ON;
      CHECK_OK(tsnap_take(context, (folder / "snap").c_str(), state, &options));
      CHECK_SAME_INT(cuda.Count("pageable_copies"), 0);
      CHECK(cuda.Count("copies") >= bytes >> 22);
      CHECK_TEXT(cuda.Count("most_in_flight") >= 4, std::to_string(cuda.Count("most_in_flight")));
      CHECK(cuda.Count("registered") > 0);
      if (i == 1) CHECK_SAME_INT(cuda.Count("cuMemHostRegister_v2"), 0);   // they were kept
      CheckNothingIsLeft(cuda);

      memory.Put(Bytes(bytes));
      cuda.Arm("");
      CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
      CHECK_SAME_INT(cuda.Count("pageable_copies"), 0);
      CheckNothingIsLeft(cuda);
      CHECK(memory.Values<uint8_t>() == Pattern(bytes, 1));
    }
  }
  CHECK_SAME_INT(cuda.Count("registered"), 0);
}

// The copies of an asynchronous take overlap although one thread begins them.
void AsyncTakeKeepsSeveralCopiesInFlight() {
  const Cuda& cuda = TheStandIn();
  const GpuContext gpu;
  const size_t bytes = 40 << 20;
  const GpuMemory memory(gpu, bytes);
  memory.Put(Pattern(bytes, 1));
  const Folder folder(NewFolder());
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.staging_threads = 1;
  config.memory_budget_bytes = 64 << 20;
  Self context(&config);
  State state;
  const tsnap_array array = BytesAt(memory, 0, bytes);
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  cuda.Arm("");
  tsnap_request* request = nullptr;
  const tsnap_take_options options = Quick();
  CHECK_OK(tsnap_take_async(context, (folder / "snap").c_str(), state, &options, &request));
  CHECK_SAME_INT(cuda.Count("in_flight"), 0);
  CHECK_TEXT(cuda.Count("most_in_flight") > 4, std::to_string(cuda.Count("most_in_flight")));   // more than one segment's
  CheckNothingIsLeft(cuda);
  CHECK_OK(tsnap_request_wait(request));
  tsnap_request_free(&request);
}

// Many small arrays are one transfer: it is waited for once a MiB, not once an array.
void SmallArraysAreWaitedForTogether() {
  const Cuda& cuda = TheStandIn();
  const GpuContext gpu;
  const size_t bytes = 3000, count = 1000;
  const GpuMemory memory(gpu, bytes * count);
  memory.Put(Pattern(bytes * count, 3));
  const Folder folder(NewFolder());
  Self context;
  State state;
  for (size_t i = 0; i < count; ++i) {
    const tsnap_array array = BytesAt(memory, i * bytes, bytes);
    CHECK_OK(tsnap_state_add_private(state, ("a" + std::to_string(i)).c_str(), &array));
  }
  cuda.Arm("");
  CHECK_OK(TakeQuick(context, folder / "snap", state));
  CHECK(cuda.Count("copies") >= count);
  CHECK_TEXT(cuda.Count("cuEventSynchronize") < 20, std::to_string(cuda.Count("cuEventSynchronize")));
  memory.Put(Bytes(bytes * count));
  cuda.Arm("");
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
  CHECK_TEXT(cuda.Count("cuEventSynchronize") < 40, std::to_string(cuda.Count("cuEventSynchronize")));
  CHECK(memory.Values<uint8_t>() == Pattern(bytes * count, 3));
}

// A plan and its copies ask for no context and no device that the application has not made.
void NoContextIsMade() {
  const Cuda& cuda = TheStandIn();
  const GpuContext gpu;
  const GpuMemory memory(gpu, 1 << 20);
  memory.Put(Pattern(1 << 20, 3));
  const Folder folder(NewFolder());
  Self context;
  State state;
  const tsnap_array array = BytesAt(memory, 0, 1 << 20);
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  cuda.Arm("");
  CHECK_OK(TakeQuick(context, folder / "snap", state));
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
  for (const char* function : {"cuCtxCreate_v2", "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent", "cuDeviceGet"})
    CHECK_SAME_INT(cuda.Count(function), 0);
  CHECK_SAME_INT(cuda.Count("cuCtxPushCurrent_v2"), cuda.Count("cuCtxPopCurrent_v2"));
}

// Two arrays, one of them of rows that go through the bounce buffer, with their snapshot.
class Job {
 public:
  Job() : contiguous_(gpu_, kBytes), rows_(gpu_, kBytes), folder_(NewFolder()) {
    tsnap_config config = TSNAP_CONFIG_INIT;
    config.memory_budget_bytes = 32 << 20;
    CHECK_OK(tsnap_context_open_self(&config, &context_));
    const tsnap_array first = BytesAt(contiguous_, 0, kBytes);
    tsnap_array second = TSNAP_ARRAY_INIT;   // every third pair of bytes
    second.dtype = TSNAP_INT16;
    second.ndim = 1;
    second.shape[0] = kBytes / 6;
    second.strides_bytes[0] = 6;
    second.data = rows_.data();
    CHECK_OK(tsnap_state_add_private(state_, "contiguous", &first));
    CHECK_OK(tsnap_state_add_replicated(state_, "rows", &second));
  }
  ~Job() { CHECK_OK(tsnap_context_close(&context_)); }

  void Fill(uint8_t seed) {
    contiguous_.Put(Pattern(kBytes, seed));
    rows_.Put(Pattern(kBytes, static_cast<uint8_t>(seed + 1)));
  }
  bool Holds(uint8_t seed) {
    if (contiguous_.Values<uint8_t>() != Pattern(kBytes, seed)) return false;
    const Bytes rows = rows_.Values<uint8_t>(), wanted = Pattern(kBytes, static_cast<uint8_t>(seed + 1));
    for (size_t i = 0; i + 2 <= kBytes; i += 6)
      if (rows[i] != wanted[i] || rows[i + 1] != wanted[i + 1]) return false;
    return true;
  }
  void Park() { parks_ = true; }
  int32_t Take(const std::string& name, bool async, bool content = false) {
    tsnap_take_options options = Quick();
    options.device_staging = parks_ ? TSNAP_ON : TSNAP_OFF;
    options.overwrite = TSNAP_ON;
    options.chunk_bytes = 700000;   // several transfers
    if (content) options.verify_replicated = TSNAP_REPLICATED_CHECK_CONTENT;
    const std::string url = folder_ / name;
    if (!async) return tsnap_take(context_, url.c_str(), state_, &options);
    tsnap_request* request = nullptr;
    const int32_t code = tsnap_take_async(context_, url.c_str(), state_, &options, &request);
    if (code != TSNAP_OK) return code;
    const int32_t waited = tsnap_request_wait(request);
    tsnap_request_free(&request);
    return waited;
  }
  int32_t Restore(const std::string& name) { return tsnap_restore(context_, (folder_ / name).c_str(), state_, nullptr); }
  int32_t Read(const std::string& name) {
    Opened snapshot(folder_ / name);
    const tsnap_array target = BytesAt(contiguous_, 0, kBytes);
    return tsnap_read(snapshot, "0/contiguous", &target, nullptr);
  }
  bool Exists(const std::string& name) { return std::filesystem::exists((folder_ / name) + "/tsnap.json"); }
  void Remove(const std::string& name) { CHECK_OK(tsnap_remove((folder_ / name).c_str(), nullptr)); }

 private:
  static constexpr size_t kBytes = (2 << 20) + 4;
  GpuContext gpu_;
  GpuMemory contiguous_, rows_;
  Folder folder_;
  State state_;
  tsnap_context* context_ = nullptr;
  bool parks_ = false;
};

// Everything that tsnap calls; what gives memory may fail without harm.
const std::map<std::string, bool>& Functions() {
  static const auto* const functions = new std::map<std::string, bool>{
      {"cuPointerGetAttributes", false}, {"cuCtxPushCurrent_v2", false}, {"cuCtxSynchronize", false},
      {"cuStreamCreate", false},         {"cuEventCreate", false},       {"cuEventRecord", false},
      {"cuEventSynchronize", false},     {"cuMemcpyDtoHAsync_v2", false}, {"cuMemcpyHtoDAsync_v2", false},
      {"cuMemcpy3DAsync_v2", false},     {"cuStreamDestroy_v2", true},   {"cuEventDestroy_v2", true},
      {"cuMemHostRegister_v2", true},    {"cuMemHostUnregister", true},  {"cuMemcpyDtoDAsync_v2", false},
      {"cuMemAlloc_v2", true},           {"cuMemGetInfo_v2", true},      {"cuMemFree_v2", true},
      {"cuLaunchKernel", false},         {"cuCtxGetId", true},
      {"cuThreadExchangeStreamCaptureMode", true},
  };
  return *functions;
}

// Runs a step with each function failing at its first, second, ... call, until one run has met no failure. The step must succeed,
// or fail as a device does.
template <class Step, class After>
void FailEachCall(Job& job, Step step, After after) {
  const Cuda& cuda = TheStandIn();
  int failed = 0;
  uint64_t allocated = cuda.Count("allocated");
  for (const auto& [function, harmless] : Functions()) {
    for (int number = 1;; number += number < 8 ? 1 : 1 + number / 4) {
      Where() = function + ":" + std::to_string(number);
      cuda.Arm(Where().c_str());
      const int32_t code = step();
      const bool met = cuda.Count("failures") > 0;
      cuda.Arm("");
      // Of the device nothing is kept, unless that itself fails.
      if (function != "cuMemFree_v2" && function != "cuCtxPushCurrent_v2") CHECK_SAME_INT(cuda.Count("allocated"), allocated);
      allocated = cuda.Count("allocated");
      if (code != TSNAP_OK) CHECK_CODE(code, TSNAP_E_DEVICE);
      if (code != TSNAP_OK) CHECK(std::strstr(tsnap_last_error(), "CUDA_ERROR_UNKNOWN") != nullptr);
      if (harmless || !met) CHECK_TEXT(code == TSNAP_OK, tsnap_last_error());
      failed += code != TSNAP_OK;
      after(code);
      if (!met) break;
    }
  }
  CHECK_TEXT(failed > 10, std::to_string(failed));   // else nothing was tried
  CHECK_SAME_INT(cuda.Count("failures"), 0);
  static_cast<void>(job);
}

// A take commits all or nothing, and the next one is right.
void EachCallOfATakeMayFail(bool async, bool content, bool parks = false) {
  TheStandIn();
  Job job;
  if (parks) job.Park();
  job.Fill(1);
  FailEachCall(
      job, [&] { return job.Take("snap", async, content); },
      [&](int32_t code) {
        CHECK(job.Exists("snap") == (code == TSNAP_OK));
        if (code != TSNAP_OK) CHECK_OK(job.Take("snap", async));
        job.Fill(99);
        CHECK_OK(job.Restore("snap"));
        CHECK(job.Holds(1));
        job.Remove("snap");
      });
}

void EachCallOfARestoreMayFail() {
  TheStandIn();
  Job job;
  job.Fill(1);
  CHECK_OK(job.Take("snap", false));
  job.Fill(99);
  FailEachCall(
      job, [&] { return job.Restore("snap"); },
      [&](int32_t code) {
        if (code != TSNAP_OK) CHECK_OK(job.Restore("snap"));
        CHECK(job.Holds(1));
        job.Fill(99);
      });
}

void EachCallOfAReadMayFail() {
  TheStandIn();
  Job job;
  job.Fill(1);
  CHECK_OK(job.Take("snap", false));
  FailEachCall(
      job, [&] { return job.Read("snap"); },
      [&](int32_t code) {
        if (code != TSNAP_OK) CHECK_OK(job.Read("snap"));
        CHECK(job.Holds(1));
      });
}

// A device that has no memory left for what tsnap asks of it makes things slower, and nothing fail: not at one call, not at all.
void WithoutDeviceMemoryNothingFails() {
  const Cuda& cuda = TheStandIn();
  for (const char* function : {"cuStreamCreate", "cuEventCreate", "cuLaunchKernel", "cuModuleLoadData", "cuModuleGetFunction",
                               "cuMemAlloc_v2", "cuMemHostRegister_v2"}) {
    for (const char* which : {":1=2", ":2=2", ":3=2", ":1+=2"}) {
      for (const bool parks : {false, true}) {
        Job job;   // and a context in which no kernels were tried
        if (parks) job.Park();
        for (const bool async : {false, true}) {
          Where() = std::string(function) + which + (parks ? " parks" : "") + (async ? " async" : "");
          job.Fill(1);
          cuda.Arm((function + std::string(which)).c_str());
          CHECK_OK(job.Take("snap", async));
          if (!async && which[2] == '+' && std::strncmp(function, "cuModule", 8) != 0) CHECK(cuda.Count("failures") > 0);
          cuda.Arm("");
          job.Fill(99);
          cuda.Arm((function + std::string(which)).c_str());
          CHECK_OK(job.Restore("snap"));
          cuda.Arm("");
          CHECK(job.Holds(1));
          job.Fill(99);
          CHECK_OK(job.Read("snap"));
          CHECK(!job.Holds(1));   // the rows were not read
        }
      }
    }
  }
}

// An asynchronous take with spare device memory copies nothing to the host before it returns, and gives everything back.
void ParkedSegmentsLeaveTheDeviceLater() {
  const Cuda& cuda = TheStandIn();
  const GpuContext gpu;
  const size_t bytes = 30 << 20;
  const GpuMemory memory(gpu, bytes);
  memory.Put(Pattern(bytes, 1));
  const Folder folder(NewFolder());
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = 64 << 20;
  Self context(&config);
  State state;
  const tsnap_array array = BytesAt(memory, 0, bytes);
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  // How it can go: all fits; the device has nothing; it does not say; a part fits.
  for (const char* fail : {"", "cuMemAlloc_v2:1", "cuMemGetInfo_v2:1", "some"}) {
    Where() = fail;
    const bool some = std::strcmp(fail, "some") == 0;
    setenv("TSNAP_FAKE_CUDA_MEMORY_MIB", some ? "104" : "512", 1);   // 64 MiB are the application's
    cuda.Arm(some ? "" : fail);
    tsnap_take_options options = Quick();
    options.overwrite = TSNAP_ON;
    options.device_staging = TSNAP_ON;
    tsnap_request* request = nullptr;
    CHECK_OK(tsnap_take_async(context, (folder / "snap").c_str(), state, &options, &request));
    if (*fail == '\0') CHECK(cuda.Count("cuMemcpyDtoDAsync_v2") > 4);
    if (some) CHECK(cuda.Count("cuMemcpyDtoDAsync_v2") > 0 && cuda.Count("cuMemcpyDtoHAsync_v2") > 0);
    if (*fail != '\0' && !some) CHECK_SAME_INT(cuda.Count("cuMemcpyDtoDAsync_v2"), 0);
    CHECK_OK(tsnap_request_wait(request));
    CHECK_SAME_INT(cuda.Count("allocated"), 1);   // the array
    CheckNothingIsLeft(cuda);
    tsnap_request_free(&request);
    cuda.Arm("");
    memory.Put(Bytes(bytes));
    CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
    CHECK(memory.Values<uint8_t>() == Pattern(bytes, 1));
  }
}

// While a graph is captured nothing that tsnap does spoils it, as long as a stream says what to wait for.
void GraphsMayBeCapturedMeanwhile() {
  const Cuda& cuda = TheStandIn();
  const GpuContext gpu;
  const size_t bytes = 3 << 20;
  const GpuMemory memory(gpu, bytes), row_memory(gpu, bytes);
  row_memory.Put(Pattern(bytes, 2));
  void* stream = nullptr;
  {
    const Within within(gpu);
    CHECK_CUDA(cuda.StreamCreate(&stream, 1));
  }
  const Folder folder(NewFolder());
  Self context;
  State state;
  const tsnap_array array = BytesAt(memory, 0, bytes);
  tsnap_array rows = TSNAP_ARRAY_INIT;   // with kernels, or through the bounce buffer
  rows.dtype = TSNAP_INT16;
  rows.ndim = 1;
  rows.shape[0] = bytes / 6;
  rows.strides_bytes[0] = 6;
  rows.data = row_memory.data();
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  CHECK_OK(tsnap_state_add_private(state, "rows", &rows));
  for (const bool async : {false, true}) {
    memory.Put(Pattern(bytes, 1));
    tsnap_take_options options = Quick();
    options.overwrite = TSNAP_ON;
    options.device_staging = async ? TSNAP_ON : TSNAP_OFF;
    const std::string url = folder / "snap";
    const auto take = [&]() -> int32_t {
      if (!async) return tsnap_take(context, url.c_str(), state, &options);
      tsnap_request* request = nullptr;
      const int32_t code = tsnap_take_async(context, url.c_str(), state, &options, &request);
      if (code != TSNAP_OK) return code;
      const int32_t waited = tsnap_request_wait(request);
      tsnap_request_free(&request);
      return waited;
    };
    cuda.Capture(1);
    CHECK_CODE(take(), TSNAP_E_DEVICE);
    CHECK_SAYS("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED");
    options.cuda_stream = stream;
    CHECK_OK(take());
    cuda.Capture(0);
    memory.Put(Bytes(bytes));
    cuda.Capture(1);
    tsnap_restore_options restoring = TSNAP_RESTORE_OPTIONS_INIT;
    restoring.cuda_stream = stream;
    CHECK_OK(tsnap_restore(context, url.c_str(), state, &restoring));
    cuda.Capture(0);
    CHECK(memory.Values<uint8_t>() == Pattern(bytes, 1) && row_memory.Values<uint8_t>() == Pattern(bytes, 2));
    int mode = 0;   // the caller's own was put back
    CHECK_CUDA(cuda.ThreadExchangeStreamCaptureMode(&mode));
    CHECK_SAME_INT(mode, 0);
  }
  const Within within(gpu);
  CHECK_CUDA(cuda.StreamDestroy(stream));
}

// Of spare device memory so much is taken as is parked in it: what lies on another GPU, or in too many pieces, is not counted, and
// what belongs to no context is parked as well.
void SpareMemoryIsForWhatIsParked() {
  const Cuda& cuda = TheStandIn();
  setenv("TSNAP_CUDA_KERNELS", "off", 1);   // they ask for memory of their own
  const GpuContext gpu(0), other(1);
  void* primary = nullptr;
  CHECK_CUDA(cuda.DevicePrimaryCtxRetain(&primary, 0));
  {
    const size_t small = 4 << 20, large = 20 << 20;
    const GpuMemory first(gpu, small), elsewhere(other, large), pool(gpu, small, GpuKind::kPool);
    const Folder folder(NewFolder());
    tsnap_config config = TSNAP_CONFIG_INIT;
    config.memory_budget_bytes = 64 << 20;
    Self context(&config);
    const auto asked_for = [&](const std::vector<tsnap_array>& arrays) {
      State state;
      for (size_t i = 0; i < arrays.size(); ++i)
        CHECK_OK(tsnap_state_add_private(state, ("a" + std::to_string(i)).c_str(), &arrays[i]));
      tsnap_take_options options = Quick();
      options.overwrite = TSNAP_ON;
      options.device_staging = TSNAP_ON;
      tsnap_request* request = nullptr;
      cuda.Arm("");
      CHECK_OK(tsnap_take_async(context, (folder / "snap").c_str(), state, &options, &request));
      CHECK_OK(tsnap_request_wait(request));
      tsnap_request_free(&request);
      return cuda.Count("asked_bytes");
    };
    CHECK_SAME_INT(asked_for({BytesAt(first, 0, small), BytesAt(elsewhere, 0, large)}), small);
    CHECK(cuda.Count("cuMemcpyDtoDAsync_v2") > 0);
    tsnap_array backwards = BytesAt(first, 999 * 1000, 1000);
    backwards.strides_bytes[0] = -1000;
    CHECK_SAME_INT(asked_for({backwards}), 0);
    CHECK_SAME_INT(asked_for({BytesAt(pool, 0, small)}), small);
    CHECK(cuda.Count("cuMemcpyDtoDAsync_v2") > 0);
  }
  CHECK_CUDA(cuda.DevicePrimaryCtxRelease(0));
}

// What cannot be given back is told, or kept where nobody else gets it.
void WhatCannotBeGivenBackIsNotLost() {
  const Cuda& cuda = TheStandIn();
  setenv("TSNAP_CUDA_KERNELS", "off", 1);   // rows go through the bounce buffer, and nothing else is freed
  struct Heard {
    std::mutex mutex;
    std::string all;
    static void Log(int32_t, const char* text, void* user) {
      auto* heard = static_cast<Heard*>(user);
      const std::lock_guard lock(heard->mutex);
      heard->all += text;
    }
  } heard;
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = 64 << 20;
  config.log_user = &heard;
  config.log = Heard::Log;
  const GpuContext gpu;
  const size_t bytes = 3 << 20;
  const GpuMemory memory(gpu, bytes);
  memory.Put(Pattern(bytes, 1));
  const Folder folder(NewFolder());
  Self context(&config);
  State state;
  tsnap_array array = BytesAt(memory, 0, bytes);
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  tsnap_take_options options = Quick();
  options.overwrite = TSNAP_ON;
  options.device_staging = TSNAP_ON;
  cuda.Arm("cuMemFree_v2:1");
  tsnap_request* request = nullptr;
  CHECK_OK(tsnap_take_async(context, (folder / "snap").c_str(), state, &options, &request));
  CHECK_OK(tsnap_request_wait(request));
  tsnap_request_free(&request);
  CHECK_SAME_INT(cuda.Count("failures"), 1);
  CHECK_OK(tsnap_take(context, (folder / "snap").c_str(), state, &options));   // tells what was not told yet
  {
    const std::lock_guard lock(heard.mutex);
    CHECK_TEXT(heard.all.find("stay allocated") != std::string::npos, heard.all);
  }

  State rows;
  array.dtype = TSNAP_INT16;
  array.shape[0] = bytes / 6;
  array.strides_bytes[0] = 6;
  CHECK_OK(tsnap_state_add_private(rows, "rows", &array));
  CHECK_OK(tsnap_take(context, (folder / "rows").c_str(), rows, &options));   // pins the buffers that are kept
  const uint64_t before = cuda.Count("registered");
  constexpr int kTakes = 20;
  cuda.Arm("cuMemHostUnregister:1+");
  for (int i = 0; i < kTakes; ++i) CHECK_OK(tsnap_take(context, (folder / "rows").c_str(), rows, &options));
  CHECK(cuda.Count("failures") >= kTakes);
  cuda.Arm("");
  // Each take had pages of its own: none were let go that the driver still knew, to be found registered by the next.
  CHECK_TEXT(cuda.Count("registered") >= before + kTakes, std::to_string(cuda.Count("registered") - before));
}

// Where the system pins nothing, everything works, slower.
void WithoutPinnedMemoryCopiesArePageable() {
  const Cuda& cuda = TheStandIn();
  Job job;
  job.Fill(1);
  for (const bool async : {false, true}) {
    cuda.Arm("cuMemHostRegister_v2:1+");
    CHECK_OK(job.Take("snap", async));
    CHECK(cuda.Count("pageable_copies") > 0);
    job.Fill(99);
    CHECK_OK(job.Restore("snap"));
    cuda.Arm("");
    CHECK(job.Holds(1));
  }
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"copies_are_pinned_and_several_in_flight", CopiesArePinnedAndSeveralInFlight},
                  {"async_take_keeps_several_copies_in_flight", AsyncTakeKeepsSeveralCopiesInFlight},
                  {"small_arrays_are_waited_for_together", SmallArraysAreWaitedForTogether},
                  {"no_context_is_made", NoContextIsMade},
                  {"each_call_of_a_take_may_fail", [] { EachCallOfATakeMayFail(false, false); }},
                  {"each_call_of_a_take_with_contents_compared_may_fail", [] { EachCallOfATakeMayFail(false, true); }},
                  {"each_call_of_an_async_take_may_fail", [] { EachCallOfATakeMayFail(true, false); }},
                  {"each_call_of_an_async_take_that_parks_may_fail", [] { EachCallOfATakeMayFail(true, false, true); }},
                  {"without_device_memory_nothing_fails", WithoutDeviceMemoryNothingFails},
                  {"what_cannot_be_given_back_is_not_lost", WhatCannotBeGivenBackIsNotLost},
                  {"parked_segments_leave_the_device_later", ParkedSegmentsLeaveTheDeviceLater},
                  {"graphs_may_be_captured_meanwhile", GraphsMayBeCapturedMeanwhile},
                  {"spare_memory_is_for_what_is_parked", SpareMemoryIsForWhatIsParked},
                  {"each_call_of_a_restore_may_fail", EachCallOfARestoreMayFail},
                  {"each_call_of_a_read_may_fail", EachCallOfAReadMayFail},
                  {"without_pinned_memory_copies_are_pageable", WithoutPinnedMemoryCopiesArePageable}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
