// LoadLibrary: finds libtsnap_hdf5.so and opens it, once. That libtsnap.so is not linked with HDF5
// keeps HDF5, and the MPI below it, out of programs that do not ask for it.
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "format/one_file/library.h"

namespace tsnap::one_file {

namespace {

constexpr const char* kFile = "libtsnap_hdf5.so";

// The folder of the library, or program, that this code is in.
std::string OwnFolder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&LoadLibrary), &info) == 0 || info.dli_fname == nullptr)
    return {};
  const std::string file = info.dli_fname;
  const size_t slash = file.rfind('/');
  return slash == std::string::npos ? std::string() : file.substr(0, slash + 1);
}

std::vector<std::string> Places() {
  if (const char* file = std::getenv("TSNAP_HDF5_MODULE"); file != nullptr && *file != '\0')
    return {file};
  std::vector<std::string> places;
  if (const std::string folder = OwnFolder(); !folder.empty())
    places = {folder + kFile, folder + "hdf5/" + kFile};
  places.push_back(kFile);  // wherever the loader looks
  return places;
}

bool IsThere(const std::string& place) {
  struct stat info {};
  return stat(place.c_str(), &info) == 0;
}

Status Missing(const std::string& why) {
  return Unsupported(fmt::format(
      "opening {}: HDF5 files need it, which was not found ({}): install libhdf5-dev (or "
      "libhdf5-openmpi-dev) and build tsnap with it",
      kFile, why));
}

Result<const Library*> Load() {
  std::string why;
  for (const std::string& place : Places()) {
    // It is never closed: HDF5 has work to do when the process ends.
    void* module = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (module == nullptr) {
      const char* error = dlerror();
      // Of one that is there and cannot be opened, that is what to tell.
      if (why.empty() || IsThere(place)) why = error == nullptr ? place : error;
      if (IsThere(place)) break;
      continue;
    }
    auto* function =
        reinterpret_cast<tsnap_hdf5_library_function*>(dlsym(module, "tsnap_private_hdf5_library"));
    const Library* library = function == nullptr ? nullptr : function(TSNAP_VERSION_TEXT);
    if (library == nullptr)
      return Unsupported(
          fmt::format("opening {}: it is not that of tsnap {}: install the same "
                      "release of both, or set TSNAP_HDF5_MODULE to its file",
                      place, TSNAP_VERSION_TEXT));
    return library;
  }
  return Missing(why);
}

}  // namespace

Result<const Library*> LoadLibrary() {
  static std::mutex mutex;
  static const Library* loaded = nullptr;  // guarded by mutex; a failure is tried again
  const std::lock_guard lock(mutex);
  if (loaded == nullptr) {
    TSNAP_ASSIGN(loaded, Load());
  }
  return loaded;
}

}  // namespace tsnap::one_file
