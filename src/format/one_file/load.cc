// Finding and loading the module that knows HDF5.
#include <dlfcn.h>

#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "format/one_file/library.h"

namespace tsnap::one_file {

namespace {

constexpr const char* kModule = "libtsnap_hdf5.so";
constexpr const char* kFunction = "tsnap_private_hdf5_library";

std::mutex loading;
const Library* loaded = nullptr;  // guarded by loading; kept for good, as HDF5 itself is

// Where to look, in this order: what the environment names; beside the library that holds this
// code, and in a folder of its own there, as in a build tree; where the system looks.
std::vector<std::string> Candidates() {
  if (const char* named = std::getenv("TSNAP_HDF5_MODULE"); named != nullptr && *named != '\0')
    return {named};
  std::vector<std::string> candidates;
  Dl_info self{};
  if (::dladdr(reinterpret_cast<const void*>(&LoadLibrary), &self) != 0 &&
      self.dli_fname != nullptr) {
    const std::string path = self.dli_fname;
    if (const size_t slash = path.rfind('/'); slash != std::string::npos) {
      candidates.push_back(path.substr(0, slash + 1) + kModule);
      candidates.push_back(path.substr(0, slash + 1) + "hdf5/" + kModule);
    }
  }
  candidates.push_back(kModule);
  return candidates;
}

Result<const Library*> LoadFrom(const std::string& file) {
  void* const module = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    const char* const why = ::dlerror();
    return NotFound(why != nullptr ? why : file);
  }
  void* const function = ::dlsym(module, kFunction);
  const Library* library = nullptr;
  if (function != nullptr)
    library = reinterpret_cast<tsnap_hdf5_library_function*>(function)(TSNAP_VERSION_TEXT);
  if (library != nullptr) return library;
  ::dlclose(module);
  return Unsupported(
      fmt::format("{} belongs to another release than {} of tsnap: install both from one build",
                  file, TSNAP_VERSION_TEXT));
}

}  // namespace

Result<const Library*> LoadLibrary() {
  std::lock_guard lock(loading);
  if (loaded != nullptr) return loaded;
  std::string last;
  for (const std::string& file : Candidates()) {
    Result<const Library*> library = LoadFrom(file);
    if (library.ok()) return loaded = *library;
    if (library.status().code() == Code::kUnsupported) return library;
    last = library.status().message();
  }
  return Unsupported(
      fmt::format("HDF5 files need {}, which cannot be loaded ({}): this tsnap was built without "
                  "HDF5, or the module was not installed: install libhdf5-openmpi-dev (or another "
                  "libhdf5 package) and build tsnap again",
                  kModule, last));
}

}  // namespace tsnap::one_file
