#include "format/open_place.h"

#include "format/one_file/one_file_store.h"

namespace tsnap {

Result<std::unique_ptr<Store>> OpenPlace(std::string_view url,
                                         const std::shared_ptr<StoreSession>& session,
                                         bool create) {
  return one_file::IsOneFile(url) ? one_file::OpenOneFile(url, session)
                                  : OpenStore(url, session, create);
}

}  // namespace tsnap
