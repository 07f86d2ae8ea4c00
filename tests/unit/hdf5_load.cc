// Finding the module, or not.
#include <cstdlib>

#include "hdf5_files.h"

using namespace tsnap;
using namespace tsnap::test;

Test(hdf5_load, a_missing_module_is_told_and_a_later_one_is_found) {
  const std::string module = std::getenv("TSNAP_HDF5_MODULE");
  const Folder folder;
  setenv("TSNAP_HDF5_MODULE", (folder / "none.so").c_str(), 1);
  const Status missing = LoadLibrary().status();
  cr_assert_eq(missing.code(), Code::kUnsupported);
  cr_assert_neq(missing.message().find("libtsnap_hdf5.so"), std::string::npos);
  cr_assert_neq(missing.message().find("none.so"), std::string::npos, "%s", missing.message().c_str());
  setenv("TSNAP_HDF5_MODULE", "libm.so.6", 1);  // a library, but another one
  cr_assert_eq(LoadLibrary().status().code(), Code::kUnsupported);
  setenv("TSNAP_HDF5_MODULE", module.c_str(), 1);
  Result<const Library*> library = LoadLibrary();
  cr_assert(library.ok(), "%s", library.status().message().c_str());
  cr_assert_eq(std::string((*library)->version()).substr(0, 5), "HDF5 ");
  unsetenv("TSNAP_HDF5_MODULE");
  cr_assert_eq(*LoadLibrary(), *library, "it is loaded once");
}
