// Linked into a program before the library's own table of stores: mem:// and paths lead to strict object stores in memory and in
// folders, so that the whole public interface is tested over such.
#include <string>
#include <utility>

#include "store/memory/memory_store.h"
#include "store/posix/posix_store.h"
#include "strict_objects.h"

namespace tsnap {

Result<std::unique_ptr<Store>> OpenStore(std::string_view url, const std::shared_ptr<StoreSession>& session, bool create) {
  constexpr std::string_view kMemory = "mem://";
  test::ObjectRules rules;
  rules.must_checksum = true;
  if (url.starts_with(kMemory)) return test::OpenObjectMemory(std::string(url.substr(kMemory.size())), rules);
  TSNAP_ASSIGN(std::unique_ptr<Store> inner, OpenPosixStore(std::string(url), session->knobs(), create));
  return test::MakeStrictObjects(std::move(inner), rules);
}

}  // namespace tsnap
