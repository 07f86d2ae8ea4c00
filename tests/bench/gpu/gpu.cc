// Takes and restores of device arrays, against what bounds them: the bandwidth of one pinned copy in each direction, and of a file
// on the same disk. One process and one GPU; contenders are interleaved, medians of the rounds are printed as a table.
//
//   bench_gpu --mib 4096 --arrays 8 --rounds 5 --dir /scratch [--budget-mib N] [--direct on] [--paced on]
//
// --direct on: takes and restores also by GPUDirect Storage, which then has to be there.
// --paced on: each round waits for a line on standard input, and prints its rows for run.py.
//
// What is read was written out and left the page cache before. Each operation of tsnap is done once before the rounds, in a context
// of its own: that is where the peak of the process's memory comes from.
//
// It finds the driver as the tests do (tests/gpu/gpu.h): without one it says so and ends with 77.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../../api/api.h"
#include "../../gpu/gpu.h"
#include "machine.h"

namespace tsnap::test {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kTransferBytes = 4 * kMiB;   // on file systems

struct Settings {
  size_t mib = 4096, arrays = 8, rounds = 5, budget_mib = 1024;
  bool direct = false, paced = false;
  std::string dir = ".";
};

class Bench {
 public:
  explicit Bench(const Settings& settings) : settings_(settings), bytes_(settings.mib * kMiB / settings.arrays) {
    const Within within(gpu_);
    CHECK_CUDA(TheCuda().StreamCreate(&stream_, 1));
    CHECK_CUDA(TheCuda().MemHostAlloc(&pinned_, kCopyBytes, 0));
    pageable_.assign(kCopyBytes, 1);
    ways_ = {{"", true, false, true}, {", pageable", false, false, true}};
    if (settings.direct) ways_.push_back({", GPUDirect Storage", true, true, false});
    for (size_t i = 0; i < settings.arrays; ++i) {
      arrays_.push_back(std::make_unique<GpuMemory>(gpu_, bytes_));
      const tsnap_array array = Line(TSNAP_UINT8, arrays_.back()->data(), static_cast<int64_t>(bytes_));
      CHECK_OK(tsnap_state_add_private(state_, ("a" + std::to_string(i)).c_str(), &array));
    }
  }
  ~Bench() {
    for (Way& way : ways_) CHECK_OK(tsnap_context_close(&way.context));
    const Within within(gpu_);
    CHECK_CUDA(TheCuda().MemFreeHost(pinned_));
    CHECK_CUDA(TheCuda().StreamDestroy(stream_));
  }

  // What each operation of tsnap needs of the host's memory, with nothing kept from others.
  void MeasureMemory() {
    Fill(1);
    for (const Way& way : ways_) {
      const uint64_t pageable_copies = TheCuda().Count("pageable_copies");
      MeasurePeak("tsnap_take" + way.name, way, [&](tsnap_context* context) { Take(context); });
      // The switch does what the rows' names say.
      if (TheCuda().is_stand_in() && !way.direct) CHECK((TheCuda().Count("pageable_copies") > pageable_copies) == !way.pins);
      if (way.is_async) {
        MeasurePeak(kAsync + way.name, way, [&](tsnap_context* context) { TakeAsync(context, false); });
        MeasurePeak(kAsync + way.name + kSpare, way, [&](tsnap_context* context) { TakeAsync(context, true); });
      }
      MeasurePeak("tsnap_restore" + way.name, way, [&](tsnap_context* context) { Restore(context); });
    }
    for (Way& way : ways_) way.context = Open(way);
  }

  void Round(size_t round) {
    const auto value = static_cast<unsigned char>(round + 1);
    Fill(value);
    Note("one pinned copy to the host (limit)", CopyAll(true, true));
    Note("one pageable copy to the host", CopyAll(true, false));
    Note("a file: write, fsync (limit)", WriteFile());
    for (const Way& way : ways_) {
      pins_.Refuse(!way.pins);
      Note("tsnap_take" + way.name, Take(way.context));
      if (!way.is_async) continue;
      Note(kAsync + way.name, TakeAsync(way.context, false));
      Note(kAsync + way.name + kSpare, TakeAsync(way.context, true));
    }
    for (const Way& way : ways_) {
      pins_.Refuse(!way.pins);
      Fill(0);
      Note("tsnap_restore" + way.name, Restore(way.context));
      Check(value);
    }
    Note("a file: read (limit)", ReadFile());
    Note("one pinned copy to the device (limit)", CopyAll(false, true));
  }

  std::string Title() const {
    return std::to_string(settings_.mib) + " MiB in " + std::to_string(settings_.arrays) + " arrays, budget " +
           std::to_string(settings_.budget_mib) + " MiB (and one transfer: " +
           std::to_string(settings_.budget_mib + kTransferBytes / kMiB) + ")" +
           (TheCuda().is_stand_in() || TheCuda().is_rehearsal ? "; THE STAND-IN: NO GPU WAS MEASURED" : "");
  }

  void Print() {
    std::printf("%s, median of %zu rounds\n", Title().c_str(), settings_.rounds);
    for (const std::string& name : order_) {
      std::vector<double>& all = seconds_[name];
      std::sort(all.begin(), all.end());
      const double median = all[all.size() / 2];
      std::printf("  %-52s %8.3f s  %7.2f GB/s%s\n", name.c_str(), median, static_cast<double>(settings_.arrays * bytes_) / median * 1e-9,
                  PeakText(name).c_str());
    }
  }

  // The last of each, for run.py: name, seconds, bytes, and the peak of memory where it is known.
  void PrintRound() {
    for (const std::string& name : order_) {
      const auto peak = peaks_.find(name);
      std::printf("row\t%s\t%.9f\t%zu\t%.0f\n", name.c_str(), seconds_[name].back(), settings_.arrays * bytes_,
                  peak != peaks_.end() ? peak->second : -1.0);
    }
    std::printf("done\n");
    std::fflush(stdout);
  }

 private:
  static constexpr size_t kCopyBytes = 64 * kMiB;
  static constexpr const char* kAsync = "tsnap_take_async, the call";
  static constexpr const char* kSpare = ", spare memory";

  // How tsnap is to copy.
  struct Way {
    std::string name;   // behind the operation's
    bool pins = true, direct = false, is_async = false;
    tsnap_context* context = nullptr;
  };

  tsnap_context* Open(const Way& way) const {
    tsnap_config config = TSNAP_CONFIG_INIT;
    config.memory_budget_bytes = settings_.budget_mib * kMiB;
    config.gpu_direct_storage = way.direct ? TSNAP_ON : TSNAP_OFF;
    tsnap_context* context = nullptr;
    CHECK_OK(tsnap_context_open_self(&config, &context));
    return context;
  }

  void MeasurePeak(const std::string& name, const Way& way, const std::function<void(tsnap_context*)>& run) {
    pins_.Refuse(!way.pins);
    const MemoryPeak peak;
    tsnap_context* context = Open(way);
    run(context);
    peaks_[name] = peak.bytes();
    CHECK_OK(tsnap_context_close(&context));
  }
  std::string PeakText(const std::string& name) const {
    const auto peak = peaks_.find(name);
    if (peak == peaks_.end()) return "";
    if (peak->second < 0) return "  peak of memory unknown";
    return "  peak " + std::to_string(static_cast<size_t>(peak->second) / kMiB) + " MiB";
  }

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

  std::string File() const { return settings_.dir + "/bench_gpu.file"; }

  double WriteFile() {
    const Clock clock;
    const int file = open(File().c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    CHECK_TEXT(file >= 0, File());
    for (size_t done = 0; done < settings_.arrays * bytes_; done += kCopyBytes) {
      const size_t bytes = std::min(kCopyBytes, settings_.arrays * bytes_ - done);
      CHECK(write(file, pageable_.data(), bytes) == static_cast<ssize_t>(bytes));
    }
    CHECK(fsync(file) == 0 && close(file) == 0);
    return clock.seconds();
  }

  double ReadFile() {
    Forget(File());
    const Clock clock;
    const int file = open(File().c_str(), O_RDONLY);
    CHECK_TEXT(file >= 0, File());
    size_t done = 0;
    for (ssize_t got = 1; got > 0; done += static_cast<size_t>(got)) {
      got = read(file, pageable_.data(), kCopyBytes);
      CHECK(got >= 0);
    }
    const double seconds = clock.seconds();
    CHECK(close(file) == 0 && done == settings_.arrays * bytes_);
    unlink(File().c_str());
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

  double TakeAsync(tsnap_context* context, bool spare_memory) {
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    options.overwrite = TSNAP_ON;
    options.device_staging = spare_memory ? TSNAP_ON : TSNAP_OFF;
    tsnap_request* request = nullptr;
    const Clock clock;
    CHECK_OK(tsnap_take_async(context, Place().c_str(), state_, &options, &request));
    const double seconds = clock.seconds();
    CHECK_OK(tsnap_request_free(&request));
    return seconds;
  }

  double Restore(tsnap_context* context) {
    ForgetAllBelow(Place());
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
  const Pins pins_;
  std::vector<Way> ways_;
  std::map<std::string, double> peaks_;
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
    if (option == "--paced") settings.paced = std::string(argv[i + 1]) == "on";
    if (option == "--direct") settings.direct = std::string(argv[i + 1]) == "on";
    if (option == "--budget-mib") settings.budget_mib = number;
  }
  TheCuda();
  Bench bench(settings);
  bench.MeasureMemory();
  if (settings.paced) std::printf("title\t%s\ndone\n", bench.Title().c_str());
  if (settings.paced) std::fflush(stdout);
  std::string line;
  for (size_t round = 0; settings.paced ? static_cast<bool>(std::getline(std::cin, line)) : round < settings.rounds; ++round) {
    bench.Round(round);
    if (settings.paced) bench.PrintRound();
  }
  if (!settings.paced) bench.Print();
  CHECK_OK(tsnap_remove((settings.dir + "/bench_gpu.snapshot").c_str(), nullptr));
  return 0;
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
