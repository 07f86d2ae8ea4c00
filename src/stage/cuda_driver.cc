// A driver that the application did not load has no memory to tell about: RTLD_NOLOAD finds what is
// there, under the name that every CUDA program and runtime loads, and brings nothing in. It also
// searches the file system, so it is asked only when a library has come since the last time.
#include "stage/cuda_driver.h"

#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>

#include <fmt/format.h>

namespace tsnap::cuda {
namespace {

constexpr const char* kLibrary = "libcuda.so.1";

std::atomic<const Driver*> found{nullptr};

struct Search {
  std::mutex mutex;
  uint64_t seen = 0;  // how many libraries had been loaded when it was last asked; guarded by mutex
  bool unusable = false;  // a library is there that lacks something; guarded by mutex
  std::string why;        // guarded by mutex
};

// As long as the process: operations may end after its statics are gone.
Search& TheSearch() {
  static Search* const search = new Search;
  return *search;
}

// How many libraries the process has loaded in its life: what the linker tells with the first of
// them.
uint64_t LoadedSoFar() {
  uint64_t adds = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        *static_cast<uint64_t*>(out) = info->dlpi_adds;
        return 1;
      },
      &adds);
  return adds;
}

void* OpenLibrary(std::string* why) {
  const char* named = std::getenv("TSNAP_CUDA_LIBRARY");
  const bool is_named = named != nullptr && *named != '\0';
  void* library = is_named ? dlopen(named, RTLD_NOW | RTLD_LOCAL)
                           : dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  if (library != nullptr) return library;
  *why = is_named ? fmt::format("the library that TSNAP_CUDA_LIBRARY names cannot be loaded: {}",
                                dlerror())
                  : fmt::format("no CUDA driver ({}) is loaded in this process", kLibrary);
  return nullptr;
}

// The name of the first function that the library lacks, or nullptr.
const char* Load(void* library, Driver* driver) {
#define TSNAP_CUDA_LOAD(name, symbol, arguments)                                   \
  driver->name = reinterpret_cast<decltype(driver->name)>(dlsym(library, symbol)); \
  if (driver->name == nullptr) return symbol;
  TSNAP_CUDA_FUNCTIONS(TSNAP_CUDA_LOAD)
#undef TSNAP_CUDA_LOAD
#define TSNAP_CUDA_LOAD(name, symbol, arguments)                                   \
  driver->name = reinterpret_cast<decltype(driver->name)>(dlsym(library, symbol)); \
  if (driver->name == nullptr && driver->lacks_for_kernels == nullptr)             \
    driver->lacks_for_kernels = symbol;
  TSNAP_CUDA_KERNEL_FUNCTIONS(TSNAP_CUDA_LOAD)
#undef TSNAP_CUDA_LOAD
  return nullptr;
}

void Look(Search* search) {
  if (found.load(std::memory_order_acquire) != nullptr || search->unusable) return;
  const uint64_t loaded = LoadedSoFar();
  if (loaded == search->seen) return;
  search->seen = loaded;
  void* library = OpenLibrary(&search->why);
  if (library == nullptr) return;
  auto* driver = new Driver;  // for the rest of the process, as the library is
  if (const char* lacking = Load(library, driver)) {
    search->why = fmt::format("the CUDA driver library lacks {}: install a newer driver", lacking);
    search->unusable = true;
    delete driver;
    return;
  }
  found.store(driver, std::memory_order_release);
}

}  // namespace

Status Driver::Failure(DriverCode code, const char* action) const {
  const char* name = nullptr;
  const char* text = nullptr;
  if (GetErrorName(code, &name) != kSuccess || name == nullptr) name = "an unknown error";
  if (GetErrorString(code, &text) != kSuccess || text == nullptr) text = "no text";
  return {Code::kDevice,
          fmt::format("{}: the CUDA driver says {} ({}): {}", action, name, code, text)};
}

void LookForDriver() noexcept {
  if (found.load(std::memory_order_acquire) != nullptr) return;
  try {
    Search& search = TheSearch();
    const std::lock_guard lock(search.mutex);
    Look(&search);
  } catch (const std::bad_alloc&) {
    // Looked for again by the next operation; until then device memory is refused as unreachable.
  }
}

const Driver* FoundDriver() noexcept { return found.load(std::memory_order_acquire); }

std::string WhyNoDriver() {
  Search& search = TheSearch();
  const std::lock_guard lock(search.mutex);
  return search.why;
}

}  // namespace tsnap::cuda
