// Module: libtsnap_hdf5.so as libtsnap.so sees it: a Library of HDF5, behind the one symbol that it
// exports.
#include <fmt/format.h>
#include <hdf5.h>

#include <string>
#include <string_view>

#include "format/one_file/library.h"
#include "hdf5/create.h"
#include "hdf5/file.h"
#include "hdf5/scope.h"

namespace tsnap::hdf5 {

namespace {

using namespace one_file;

class Hdf5Library : public Library {
 public:
  Hdf5Library() {
    Scope scope;
    unsigned major = 0, minor = 0, release = 0;
    const bool ok = H5get_libversion(&major, &minor, &release) >= 0;
#ifdef H5_HAVE_PARALLEL
    const std::string_view kind = "parallel";
#else
    const std::string_view kind = "serial";
#endif
    version_ = fmt::format("HDF5 {}.{}.{} ({})", major, minor, release, kind);
    // HDF5 itself would end the process when it is used.
    if (!ok || major != H5_VERS_MAJOR || minor != H5_VERS_MINOR || release != H5_VERS_RELEASE)
      other_ = fmt::format(
          "libtsnap_hdf5.so was built with HDF5 {}.{}.{} and has met {}: build tsnap again",
          H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE, version_);
  }

  Status Create(const std::string& path, const FilePlan& plan,
                const std::function<void()>& progress, FileMap* map) const override {
    if (!other_.empty()) return Unsupported("making " + path + ": " + other_);
    return hdf5::Create(path, plan, progress, map);
  }

  Result<std::unique_ptr<File>> Open(const std::string& path,
                                     const std::string& name) const override {
    if (!other_.empty()) return Unsupported("opening " + path + ": " + other_);
    return OpenFile::Open(path, name);
  }

  const char* version() const override { return version_.c_str(); }

 private:
  std::string version_;
  std::string other_;  // why it cannot be used
};

}  // namespace

}  // namespace tsnap::hdf5

extern "C" {

__attribute__((visibility("default"))) const tsnap::one_file::Library* tsnap_private_hdf5_library(
    const char* version);

const tsnap::one_file::Library* tsnap_private_hdf5_library(const char* version) {
  if (version == nullptr || std::string_view(version) != TSNAP_VERSION_TEXT) return nullptr;
  // Outlives whatever is closed when the process ends.
  static const auto* library = new tsnap::hdf5::Hdf5Library;
  return library;
}
}
