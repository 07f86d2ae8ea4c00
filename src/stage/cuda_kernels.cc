// Contexts are the application's: they come and go, and a new one may have the address of an old
// one. The driver numbers them, and never uses a number twice: what is remembered of a context is
// remembered under its number.
#include "stage/cuda_kernels.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/knobs.h"
#include "stage/cuda_self_test.h"
#include "stage/device_notes.h"

namespace tsnap::cuda {
namespace {

static_assert(kernel::kBlock == kBlockBytes);
static_assert(sizeof(kernel::Long) == sizeof(DeviceAddress) && sizeof(kernel::Word) == 4);

#ifdef TSNAP_HAS_CUDA_KERNELS
constexpr unsigned char kPtx[] = {
#include "stage/cuda_kernels/kernels_ptx.inc"
};
constexpr bool kIsBuilt = true;
#else
constexpr unsigned char kPtx[] = {0};
constexpr bool kIsBuilt = false;
#endif

// As many as keep any GPU busy; more work is walked by each thread.
constexpr uint64_t kMostBlocks = 16384;

struct Found {
  unsigned long long number = 0;  // of the context
  std::unique_ptr<const Kernels> kernels;
  std::string why;  // there are none
};

struct Known {
  std::mutex mutex;
  std::map<Context, Found> contexts;  // guarded by mutex
};

// As long as the process: operations may end after its statics are gone.
Known& TheKnown() {
  static Known* const known = new Known;
  return *known;
}

bool IsSwitchedOff() {
  const char* text = std::getenv("TSNAP_CUDA_KERNELS");  // parsed with the knobs
  return text != nullptr && (std::string_view(text) == "off" || std::string_view(text) == "2");
}

uint64_t BlocksOf(uint64_t bytes) { return (bytes + kBlockBytes - 1) / kBlockBytes; }

}  // namespace

Result<const Kernels*> Kernels::Of(const Driver& driver, Context context) {
  if (!kIsBuilt)
    return Unsupported(
        "this library was built without kernels for GPUs: build it with -Dgpu_kernels=enabled");
  if (IsSwitchedOff()) return Unsupported("kernels are switched off by TSNAP_CUDA_KERNELS");
  if (driver.lacks_for_kernels != nullptr)
    return Unsupported(
        fmt::format("the CUDA driver lacks {}, which kernels need: install a newer one",
                    driver.lacks_for_kernels));
  unsigned long long number = 0;
  TSNAP_TRY(driver.Check(driver.CtxGetId(context, &number), "asking for the number of a context"));
  Known& known = TheKnown();
  const std::lock_guard lock(known.mutex);  // the first in a context tries for all
  const auto old = known.contexts.find(context);
  if (old != known.contexts.end() && old->second.number == number) {
    if (old->second.kernels == nullptr) return Unsupported(old->second.why);
    return old->second.kernels.get();
  }
  std::unique_ptr<Kernels> kernels(new Kernels(driver));
  Found found;
  found.number = number;
  Status loaded = kernels->Load();
  if (loaded.code() == Code::kNoMemory)  // there may be some the next time
    return Unsupported("the GPU has no memory left for kernels");
  if (!loaded.ok()) {
    found.why = fmt::format("the CUDA driver does not take tsnap's kernels: {}", loaded.message());
  } else {
    TSNAP_ASSIGN(const bool right, KernelsAreRight(driver, *kernels));
    if (!right) found.why = "tsnap's kernels compute something else on this GPU than on the host";
  }
  if (found.why.empty()) {
    found.kernels = std::move(kernels);
  } else {
    NoteOfDevices(
        true, fmt::format("GPU memory is copied and checksummed without kernels: {}", found.why));
  }
  Found& kept = known.contexts[context] = std::move(found);
  if (kept.kernels == nullptr) return Unsupported(kept.why);
  return kept.kernels.get();
}

// The module lives as long as the context.
Status Kernels::Load() {
  Module module = nullptr;
  TSNAP_TRY(Check(driver_.ModuleLoadData(&module, kPtx), "loading kernels"));
  const auto find = [&](Function* function, const char* name) {
    return Check(driver_.ModuleGetFunction(function, module, name), "looking for a kernel");
  };
  constexpr const char* kNames[kCopies] = {"tsnap_copy_units_1", "tsnap_copy_units_2",
                                           "tsnap_copy_units_4", "tsnap_copy_units_8",
                                           "tsnap_copy_units_16"};
  for (size_t i = 0; i < kCopies; ++i) TSNAP_TRY(find(&copies_[i], kNames[i]));
  TSNAP_TRY(find(&checksum_, "tsnap_checksum_slices"));
  return find(&fold_, "tsnap_fold_checksums");
}

Status Kernels::Launch(Function function, uint64_t threads, void** arguments, Stream stream) const {
  const auto blocks = static_cast<unsigned>(
      std::min((threads + kernel::kThreads - 1) / kernel::kThreads, kMostBlocks));
  return Check(driver_.LaunchKernel(function, blocks, 1, 1, kernel::kThreads, 1, 1, 0, stream,
                                    arguments, nullptr),
               "starting a kernel");
}

Status Kernels::Check(DriverCode code, const char* action) const {
  return code == kOutOfMemory ? Status::NoMemory() : driver_.Check(code, action);
}

Status Kernels::Copy(const kernel::BoxTask& task, uint64_t unit_bytes, Stream stream) const {
  kernel::BoxTask given = task;
  void* arguments[] = {&given};
  return Launch(copies_[static_cast<size_t>(std::countr_zero(unit_bytes))], task.units, arguments,
                stream);
}

uint64_t Kernels::ScratchBytes(uint64_t bytes) {
  return BlocksOf(bytes) * (1 + kernel::kFold + kernel::kSlicesPerBlock) * sizeof(kernel::Word);
}

Status Kernels::Checksum(DeviceAddress data, uint64_t bytes, DeviceAddress scratch,
                         Stream stream) const {
  const uint64_t blocks = BlocksOf(bytes);
  kernel::Long from = data, size = bytes;
  kernel::Long folded = scratch + blocks * sizeof(kernel::Word);
  kernel::Long slices = folded + blocks * kernel::kFold * sizeof(kernel::Word);
  void* of_slices[] = {&from, &size, &slices};
  TSNAP_TRY(Launch(checksum_, blocks * kernel::kSlicesPerBlock, of_slices, stream));
  auto count = static_cast<kernel::Word>(blocks * kernel::kFold);
  kernel::Word shift = kernel::Shift(kernel::kSliceBytes);
  void* first[] = {&slices, &folded, &count, &shift};
  TSNAP_TRY(Launch(fold_, count, first, stream));
  kernel::Long results = scratch;
  count = static_cast<kernel::Word>(blocks);
  shift = kernel::Shift(kernel::kSliceBytes * kernel::kFold);
  void* second[] = {&folded, &results, &count, &shift};
  return Launch(fold_, count, second, stream);
}

// A checksum without the inversions differs by that of as many zeros.
void Kernels::Finish(uint64_t bytes, std::span<uint32_t> checksums) {
  const auto of_zeros = [](uint64_t length) { return ~Crc32cCombine(~uint32_t{0}, 0, length); };
  const uint32_t of_block = of_zeros(kBlockBytes);
  for (uint64_t i = 0; i < checksums.size(); ++i) {
    const uint64_t left = bytes - i * kBlockBytes;
    checksums[i] ^= left >= kBlockBytes ? of_block : of_zeros(left);
  }
}

}  // namespace tsnap::cuda
