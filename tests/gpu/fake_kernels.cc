#include "fake_kernels.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "fake_memory.h"
#include "fake_streams.h"
#include "stage/cuda_kernels/bodies.h"

namespace fake {

namespace {

using namespace tsnap::cuda::kernel;

struct Module {
  const Context* context;
  std::string ptx;
};

struct Function {
  const Context* context;
  std::string name;
};

std::mutex mutex;
std::set<Module*>& modules = *new std::set<Module*>;       // guarded by mutex; as long as the process, as contexts are
std::set<Function*>& functions = *new std::set<Function*>;   // likewise

Function* Check(void* handle) {
  const std::lock_guard lock(mutex);
  auto* function = static_cast<Function*>(handle);
  if (functions.count(function) == 0) Misuse("a kernel is started that there is not");
  return function;
}

bool IsSpoilt(const std::string& name) {
  const char* text = std::getenv("TSNAP_FAKE_CUDA_SPOIL");
  return text != nullptr && *text != '\0' && name.rfind(text, 0) == 0;
}

template <class Value>
Value Argument(void** arguments, int number) {
  Value value;
  std::memcpy(&value, arguments[number], sizeof value);
  return value;
}

Long Reached(std::byte* address) { return reinterpret_cast<uintptr_t>(address); }

// From the lowest address that the strides lead to, all must be there.
Long ReachBox(const BoxTask& task, Long first, const long long* strides, size_t unit_bytes, const Reach& reach) {
  long long low = 0, high = 0;
  if (first % unit_bytes != 0) Misuse("a kernel is given an address that is not aligned to its units");
  for (Word axis = 0; axis < task.axes; ++axis) {
    const long long end = strides[axis] * (static_cast<long long>(task.counts[axis]) - 1);
    if (strides[axis] % static_cast<long long>(unit_bytes) != 0) Misuse("a kernel is given a stride that is not aligned to its units");
    (end < 0 ? low : high) += end;
  }
  std::byte* lowest = reach(first + static_cast<Long>(low), static_cast<size_t>(high - low) + unit_bytes);
  return Reached(lowest) + static_cast<Long>(-low);
}

template <class Value>
std::function<void()> PrepareCopy(void** arguments, Long threads, const Reach& reach) {
  auto task = Argument<BoxTask>(arguments, 0);
  Word units = 1;
  for (Word axis = 0; axis < task.axes; ++axis) units *= task.counts[axis];
  if (task.axes > kMostAxes || units != task.units || units == 0) Misuse("a kernel is given a box that is none");
  task.to = ReachBox(task, task.to, task.to_strides, sizeof(Value), reach);
  task.from = ReachBox(task, task.from, task.from_strides, sizeof(Value), reach);
  return [=] {
    for (Long thread = 0; thread < threads; ++thread) CopyUnits<Value>(task, thread, threads);
  };
}

std::function<void()> PrepareSlices(void** arguments, Long threads, const Reach& reach) {
  const auto bytes = Argument<Long>(arguments, 1);
  const Long data = Reached(reach(Argument<Long>(arguments, 0), bytes));
  const Long count = (bytes + kBlock - 1) / kBlock * kSlicesPerBlock;
  const Long slices = Reached(reach(Argument<Long>(arguments, 2), count * sizeof(Word)));
  // Aligned there as they are here: the addresses differ by whole pages.
  return [=] {
    for (Long thread = 0; thread < threads; ++thread) ChecksumSlices(data, bytes, slices, thread, threads);
  };
}

std::function<void()> PrepareFold(void** arguments, Long threads, const Reach& reach) {
  const auto count = Argument<Word>(arguments, 2), shift = Argument<Word>(arguments, 3);
  const Long from = Reached(reach(Argument<Long>(arguments, 0), size_t{count} * kFold * sizeof(Word)));
  const Long to = Reached(reach(Argument<Long>(arguments, 1), count * sizeof(Word)));
  return [=] {
    for (Long thread = 0; thread < threads; ++thread) FoldChecksums(from, to, count, shift, thread, threads);
  };
}

using Prepare = std::function<void()> (*)(void**, Long, const Reach&);

const std::map<std::string, Prepare>& Kernels() {
  static const auto* const kernels = new std::map<std::string, Prepare>{
      {"tsnap_copy_units_1", PrepareCopy<unsigned char>}, {"tsnap_copy_units_2", PrepareCopy<unsigned short>},
      {"tsnap_copy_units_4", PrepareCopy<Word>},          {"tsnap_copy_units_8", PrepareCopy<Long>},
      {"tsnap_copy_units_16", PrepareCopy<Pair>},         {"tsnap_checksum_slices", PrepareSlices},
      {"tsnap_fold_checksums", PrepareFold},
  };
  return *kernels;
}

}  // namespace

void* LoadModule(Context* context, const char* ptx) {
  if (std::strstr(ptx, ".version ") == nullptr || std::strstr(ptx, ".target sm_") == nullptr) return nullptr;
  auto* module = new Module{context, ptx};
  const std::lock_guard lock(mutex);
  modules.insert(module);
  return module;
}

void* FindKernel(void* handle, const Context* context, const char* name) {
  const std::lock_guard lock(mutex);
  auto* module = static_cast<Module*>(handle);
  if (modules.count(module) == 0) Misuse("a kernel is looked for in a module that there is not");
  if (module->context != context) Misuse("a kernel is looked for in a module of another context than the current one");
  if (module->ptx.find(std::string(".entry ") + name + "(") == std::string::npos || Kernels().count(name) == 0) return nullptr;
  auto* function = new Function{context, name};
  functions.insert(function);
  return function;
}

std::string KernelName(void* function) { return Check(function)->name; }

std::function<void()> PrepareKernel(void* handle, const Context* context, void** arguments, unsigned blocks, unsigned threads,
                                    const Reach& reach) {
  const Function* function = Check(handle);
  if (function->context != context) Misuse("a kernel is started in another context than its own");
  if (threads != kThreads) Misuse("a kernel is started with blocks of another size than it has");
  std::function<void()> run = Kernels().at(function->name)(arguments, Long{blocks} * threads, reach);
  if (!IsSpoilt(function->name)) return run;
  return [] {};   // nothing comes of it
}

}  // namespace fake
