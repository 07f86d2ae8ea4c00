// Linked into a program before the library's own table of stores: every URL leads to the strict object store, so that the whole public
// interface is tested over it.
#include <string>

#include "object_memory.h"

namespace tsnap {

Result<std::unique_ptr<Store>> OpenStore(std::string_view url, const std::shared_ptr<StoreSession>& session, bool) {
  if (url.empty() || session == nullptr) return Invalid("opening a place: the URL names none");
  test::ObjectRules rules;
  rules.must_checksum = true;
  return test::OpenObjectMemory(std::string(url), rules);
}

}  // namespace tsnap
