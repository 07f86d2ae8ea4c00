// Linked into a program before the library's own way to open places: every folder that a test names
// is an HDF5 file of that name and ".h5", so that the whole public interface is tested over such.
#include <string>

#include "format/one_file/one_file_store.h"
#include "format/open_place.h"

namespace tsnap {

Result<std::unique_ptr<Store>> OpenPlace(std::string_view url, const std::shared_ptr<StoreSession>& session, bool create) {
  static_cast<void>(create);
  std::string file(url.substr(url.find("://") == std::string_view::npos ? 0 : url.find("://") + 3));
  if (!file.ends_with(".h5")) file += ".h5";
  return one_file::OpenOneFile("hdf5://" + file, session);
}

}  // namespace tsnap
