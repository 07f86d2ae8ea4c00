// Takes and restores of device arrays, against what bounds them: the bandwidth of one pinned copy in each direction, and of a file
// on the same disk. One process and one GPU; contenders are interleaved, medians of the rounds are printed as a table.
//
//   bench_gpu --mib 4096 --arrays 8 --rounds 5 --dir /scratch [--budget-mib N] [--direct on]
//
// --direct on: takes and restores also by GPUDirect Storage, which then has to be there.
//
// It finds the driver as the tests do (tests/gpu/gpu.h): without one it says so and ends with 77.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../../api/api.h"
#include "../../gpu/gpu.h"

namespace tsnap::test {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

struct Settings {
  size_t mib = 4096, arrays = 8, rounds = 5, budget_mib = 1024;
  bool direct = false;
  std::string dir = ".";
};

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

class Bench {
 public:
  explicit Bench(const Settings& settings) : settings_(settings), bytes_(settings.mib * kMiB / settings.arrays) {
    const Within within(gpu_);
    CHECK_CUDA(TheCuda().StreamCreate(&stream_, 1));
    CHECK_CUDA(TheCuda().MemHostAlloc(&pinned_, kCopyBytes, 0));
    pageable_.assign(kCopyBytes, 1);
    tsnap_config config = TSNAP_CONFIG_INIT;
    config.memory_budget_bytes = settings.budget_mib * kMiB;
    config.gpu_direct_storage = TSNAP_OFF;
    CHECK_OK(tsnap_context_open_self(&config, &context_));
    config.gpu_direct_storage = TSNAP_ON;
    if (settings.direct) CHECK_OK(tsnap_context_open_self(&config, &direct_));
    for (size_t i = 0; i < settings.arrays; ++i) {
      arrays_.push_back(std::make_unique<GpuMemory>(gpu_, bytes_));
      const tsnap_array array = Line(TSNAP_UINT8, arrays_.back()->data(), static_cast<int64_t>(bytes_));
      CHECK_OK(tsnap_state_add_private(state_, ("a" + std::to_string(i)).c_str(), &array));
    }
  }
  ~Bench() {
    CHECK_OK(tsnap_context_close(&context_));
    if (direct_ != nullptr) CHECK_OK(tsnap_context_close(&direct_));
    const Within within(gpu_);
    CHECK_CUDA(TheCuda().MemFreeHost(pinned_));
    CHECK_CUDA(TheCuda().StreamDestroy(stream_));
  }

  void Round(size_t round) {
    Fill(static_cast<unsigned char>(round + 1));
    Note("one pinned copy to the host (limit)", CopyAll(true, true));
    Note("one pageable copy to the host", CopyAll(true, false));
    Note("a file: write, fsync (limit)", WriteFile());
    if (direct_ != nullptr) Note("tsnap_take, GPUDirect Storage", Take(direct_));
    Note("tsnap_take", Take(context_));
    Note("tsnap_take_async, the call", TakeAsync(false));
    Note("tsnap_take_async, the call, spare memory", TakeAsync(true));
    Fill(0);
    Note("tsnap_restore", Restore(context_));
    Check(static_cast<unsigned char>(round + 1));
    if (direct_ != nullptr) {
      Fill(0);
      Note("tsnap_restore, GPUDirect Storage", Restore(direct_));
      Check(static_cast<unsigned char>(round + 1));
    }
    Note("one pinned copy to the device (limit)", CopyAll(false, true));
  }

  void Print() {
    std::printf("%zu MiB in %zu arrays, budget %zu MiB, median of %zu rounds%s\n", settings_.mib, settings_.arrays,
                settings_.budget_mib, settings_.rounds, TheCuda().is_stand_in() ? "; THE STAND-IN: NO GPU WAS MEASURED" : "");
    for (const std::string& name : order_) {
      std::vector<double>& all = seconds_[name];
      std::sort(all.begin(), all.end());
      const double median = all[all.size() / 2];
      std::printf("  %-42s %8.3f s  %7.2f GB/s\n", name.c_str(), median,
                  static_cast<double>(settings_.arrays * bytes_) / median * 1e-9);
    }
    tsnap_statistics statistics = TSNAP_STATISTICS_INIT;
    CHECK_OK(tsnap_context_statistics(context_, &statistics));
    std::printf("  peak of buffers: %.0f MiB\n", static_cast<double>(statistics.peak_buffer_bytes) / kMiB);
  }

 private:
  static constexpr size_t kCopyBytes = 64 * kMiB;

  void Note(const std::string& name, double seconds) {
    if (seconds_[name].empty()) order_.push_back(name);
    seconds_[name].push_back(seconds);
  }

  // Each array has bytes of its own.
  void Fill(unsigned char value) {
    const Within within(gpu_);
    for (size_t i = 0; i < arrays_.size(); ++i)
      CHECK_CUDA(TheCuda().MemsetD8Async(arrays_[i]->address(), static_cast<unsigned char>(value + i), bytes_, stream_));
    CHECK_CUDA(TheCuda().CtxSynchronize());
  }
  void Check(unsigned char value) {
    for (size_t i = 0; i < arrays_.size(); ++i) {
      const std::vector<uint8_t> found = arrays_[i]->Values<uint8_t>();
      CHECK(std::all_of(found.begin(), found.end(), [&](uint8_t byte) { return byte == static_cast<unsigned char>(value + i); }));
    }
  }

  // The same bytes through one buffer, nothing done with them.
  double CopyAll(bool to_host, bool pinned) {
    const Within within(gpu_);
    void* host = pinned ? pinned_ : pageable_.data();
    const Clock clock;
    for (const auto& array : arrays_) {
      for (size_t at = 0; at < bytes_; at += kCopyBytes) {
        const size_t bytes = std::min(kCopyBytes, bytes_ - at);
        if (to_host) CHECK_CUDA(TheCuda().MemcpyDtoHAsync(host, array->address() + at, bytes, stream_));
        else CHECK_CUDA(TheCuda().MemcpyHtoD(array->address() + at, host, bytes));
      }
    }
    CHECK_CUDA(TheCuda().CtxSynchronize());
    return clock.seconds();
  }

  double WriteFile() {
    const std::string path = settings_.dir + "/bench_gpu.file";
    const Clock clock;
    const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    CHECK_TEXT(file >= 0, path);
    for (size_t done = 0; done < settings_.arrays * bytes_; done += kCopyBytes) {
      const size_t bytes = std::min(kCopyBytes, settings_.arrays * bytes_ - done);
      CHECK(write(file, pageable_.data(), bytes) == static_cast<ssize_t>(bytes));
    }
    CHECK(fsync(file) == 0 && close(file) == 0);
    const double seconds = clock.seconds();
    unlink(path.c_str());
    return seconds;
  }

  std::string Place() const { return settings_.dir + "/bench_gpu.snapshot"; }

  double Take(tsnap_context* context) {
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    options.overwrite = TSNAP_ON;
    const Clock clock;
    CHECK_OK(tsnap_take(context, Place().c_str(), state_, &options));
    return clock.seconds();
  }

  double TakeAsync(bool spare_memory) {
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    options.overwrite = TSNAP_ON;
    options.device_staging = spare_memory ? TSNAP_ON : TSNAP_OFF;
    tsnap_request* request = nullptr;
    const Clock clock;
    CHECK_OK(tsnap_take_async(context_, Place().c_str(), state_, &options, &request));
    const double seconds = clock.seconds();
    CHECK_OK(tsnap_request_free(&request));
    return seconds;
  }

  double Restore(tsnap_context* context) {
    const Clock clock;
    CHECK_OK(tsnap_restore(context, Place().c_str(), state_, nullptr));
    return clock.seconds();
  }

  const Settings settings_;
  const size_t bytes_;
  GpuContext gpu_;
  void* stream_ = nullptr;
  void* pinned_ = nullptr;
  std::vector<uint8_t> pageable_;
  State state_;
  tsnap_context* context_ = nullptr;
  tsnap_context* direct_ = nullptr;   // null: not asked for
  std::vector<std::unique_ptr<GpuMemory>> arrays_;
  std::vector<std::string> order_;
  std::map<std::string, std::vector<double>> seconds_;
};

int Run(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--dir") settings.dir = argv[i + 1];
    const size_t number = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--mib") settings.mib = number;
    if (option == "--arrays") settings.arrays = number;
    if (option == "--rounds") settings.rounds = number;
    if (option == "--direct") settings.direct = std::string(argv[i + 1]) == "on";
    if (option == "--budget-mib") settings.budget_mib = number;
  }
  TheCuda();
  Bench bench(settings);
  for (size_t round = 0; round < settings.rounds; ++round) bench.Round(round);
  bench.Print();
  CHECK_OK(tsnap_remove((settings.dir + "/bench_gpu.snapshot").c_str(), nullptr));
  return 0;
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
