// What becomes of a take, a restore and a read when a function of the driver fails that only memory without a context, or a named
// stream, makes tsnap call: memory of pools on two GPUs, one of which has a context current on the calling thread, so that the
// other is reached in its primary one. With a real driver these cases are skipped.
#include <array>
#include <memory>

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

// The primary contexts of both GPUs, as the CUDA runtime has them.
class Primaries {
 public:
  Primaries() {
    void* context = nullptr;
    for (const int device : {0, 1}) CHECK_CUDA(TheCuda().DevicePrimaryCtxRetain(&context, device));
  }
  ~Primaries() {
    for (const int device : {0, 1}) CHECK_CUDA(TheCuda().DevicePrimaryCtxRelease(device));
  }
  Primaries(const Primaries&) = delete;
  Primaries& operator=(const Primaries&) = delete;
};

class Job {
 public:
  Job() : here_(0), there_(1), folder_(NewFolder()) {
    {
      const Within within(here_);
      CHECK_CUDA(TheCuda().StreamCreate(&stream_, 1));
    }
    for (const GpuContext* gpu : {&here_, &there_}) {
      memory_.push_back(std::make_unique<GpuMemory>(*gpu, kBytes, GpuKind::kPool));
      const tsnap_array array = Whole(memory_.size() - 1);
      CHECK_OK(tsnap_state_add_private(state_, ("a" + std::to_string(memory_.size() - 1)).c_str(), &array));
    }
    tsnap_config config = TSNAP_CONFIG_INIT;
    config.memory_budget_bytes = 32 << 20;
    CHECK_OK(tsnap_context_open_self(&config, &context_));
  }
  ~Job() {
    CHECK_OK(tsnap_context_close(&context_));
    const Within within(here_);
    CHECK_CUDA(TheCuda().StreamDestroy(stream_));
  }

  const GpuContext& here() const { return here_; }
  void Fill(uint8_t seed) {
    for (const auto& memory : memory_) memory->Put(Pattern(kBytes, seed++));
  }
  bool Holds(uint8_t seed) {
    for (const auto& memory : memory_)
      if (memory->Values<uint8_t>() != Pattern(kBytes, seed++)) return false;
    return true;
  }
  int32_t Take(bool async) {
    tsnap_take_options options = Quick();
    options.overwrite = TSNAP_ON;
    options.cuda_stream = stream_;
    const std::string url = folder_ / "snap";
    if (!async) return tsnap_take(context_, url.c_str(), state_, &options);
    tsnap_request* request = nullptr;
    const int32_t code = tsnap_take_async(context_, url.c_str(), state_, &options, &request);
    if (code != TSNAP_OK) return code;
    const int32_t waited = tsnap_request_wait(request);
    tsnap_request_free(&request);
    return waited;
  }
  int32_t Restore() {
    tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
    options.cuda_stream = stream_;
    return tsnap_restore(context_, (folder_ / "snap").c_str(), state_, &options);
  }
  int32_t Read() {
    Opened snapshot(folder_ / "snap");
    tsnap_read_options options = TSNAP_READ_OPTIONS_INIT;
    options.cuda_stream = stream_;
    for (const size_t i : {0, 1}) {
      const tsnap_array target = Whole(i);
      const int32_t code = tsnap_read(snapshot, ("0/a" + std::to_string(i)).c_str(), &target, &options);
      if (code != TSNAP_OK) return code;
    }
    return TSNAP_OK;
  }
  bool Exists() { return std::filesystem::exists((folder_ / "snap") + "/tsnap.json"); }
  void Remove() { CHECK_OK(tsnap_remove((folder_ / "snap").c_str(), nullptr)); }

 private:
  static constexpr size_t kBytes = (1 << 20) + 4;
  tsnap_array Whole(size_t i) { return Line(TSNAP_UINT8, memory_[i]->data(), kBytes); }

  const Primaries primaries_;
  GpuContext here_, there_;
  void* stream_ = nullptr;
  std::vector<std::unique_ptr<GpuMemory>> memory_;
  Folder folder_;
  State state_;
  tsnap_context* context_ = nullptr;
};

// The step fails as a device does, or goes on without harm.
struct Function {
  const char* name;
  bool harmless;
};
constexpr Function kFunctions[] = {
    {"cuCtxGetCurrent", true},   // the primary context is there too
    {"cuCtxGetDevice", true},
    {"cuDevicePrimaryCtxGetState", false},
    {"cuDevicePrimaryCtxRetain", false},
    {"cuDevicePrimaryCtxRelease_v2", true},
    {"cuStreamGetCtx", false},
    {"cuCtxPushCurrent_v2", false},
    {"cuCtxSynchronize", false},
    {"cuEventCreate", false},
    {"cuEventRecord", false},
    {"cuEventSynchronize", false},
};

// Runs a step with each function failing at its first, second, ... call (from the eighth on at some), until one run has met no
// failure. A primary context that was retained is released, whatever fails.
template <class Step, class After>
void FailEachCall(const Job& job, Step step, After after) {
  const Cuda& cuda = TheStandIn();
  const Within within(job.here());
  for (const Function& function : kFunctions) {
    for (int number = 1;; number += number < 8 ? 1 : 1 + number / 4) {
      Where() = function.name + (":" + std::to_string(number));
      cuda.Arm(Where().c_str());
      const int32_t code = step();
      const bool met = cuda.Count("failures") > 0;
      const bool retained_less = met && std::strcmp(function.name, "cuDevicePrimaryCtxRetain") == 0;
      CHECK_SAME_INT(cuda.Count("cuDevicePrimaryCtxRelease_v2") + (retained_less ? 1 : 0), cuda.Count("cuDevicePrimaryCtxRetain"));
      cuda.Arm("");
      if (number == 1) CHECK(met);   // else it is not called here at all
      if (function.harmless || !met) CHECK_TEXT(code == TSNAP_OK, tsnap_last_error());
      if (!function.harmless && number == 1) CHECK(code != TSNAP_OK);
      if (code != TSNAP_OK) {
        CHECK_CODE(code, TSNAP_E_DEVICE);
        CHECK_SAYS("CUDA_ERROR_UNKNOWN");
      }
      after(code);
      if (!met) break;
    }
  }
}

void EachCallOfATakeMayFail(bool async) {
  TheStandIn();
  Job job;
  job.Fill(1);
  FailEachCall(
      job, [&] { return job.Take(async); },
      [&](int32_t code) {
        CHECK(job.Exists() == (code == TSNAP_OK));
        if (code != TSNAP_OK) CHECK_OK(job.Take(async));
        job.Fill(99);
        CHECK_OK(job.Restore());
        CHECK(job.Holds(1));
        job.Remove();
      });
}

void EachCallOfARestoreMayFail() {
  TheStandIn();
  Job job;
  job.Fill(1);
  CHECK_OK(job.Take(false));
  job.Fill(99);
  FailEachCall(
      job, [&] { return job.Restore(); },
      [&](int32_t code) {
        if (code != TSNAP_OK) CHECK_OK(job.Restore());
        CHECK(job.Holds(1));
        job.Fill(99);
      });
}

void EachCallOfAReadMayFail() {
  TheStandIn();
  Job job;
  job.Fill(1);
  CHECK_OK(job.Take(false));
  job.Fill(99);
  FailEachCall(
      job, [&] { return job.Read(); },
      [&](int32_t code) {
        if (code != TSNAP_OK) CHECK_OK(job.Read());
        CHECK(job.Holds(1));
        job.Fill(99);
      });
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"each_call_of_a_take_of_pools_may_fail", [] { EachCallOfATakeMayFail(false); }},
                  {"each_call_of_an_async_take_of_pools_may_fail", [] { EachCallOfATakeMayFail(true); }},
                  {"each_call_of_a_restore_into_pools_may_fail", EachCallOfARestoreMayFail},
                  {"each_call_of_a_read_into_pools_may_fail", EachCallOfAReadMayFail}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
