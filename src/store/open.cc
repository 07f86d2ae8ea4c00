// Where a URL leads: the one table of schemes. A new store is one folder and one line here.
#include <string>
#include <utility>

#include <fmt/format.h>

#if TSNAP_HAS_OBJECT_STORES
#include "store/gcs/gcs_store.h"
#include "store/s3/s3_store.h"
#endif
#include "store/memory/memory_store.h"
#include "store/posix/posix_store.h"
#include "store/store.h"

namespace tsnap {

namespace {

using Session = std::shared_ptr<StoreSession>;
using Opener = Result<std::unique_ptr<Store>> (*)(const std::string& rest, const Session& session,
                                                  bool create);

Result<std::unique_ptr<Store>> OpenPosix(const std::string& path, const Session& session,
                                         bool create) {
  return OpenPosixStore(path, session->knobs(), create);
}
Result<std::unique_ptr<Store>> OpenMemory(const std::string& name, const Session&, bool) {
  return OpenMemoryStore(name);
}

struct Scheme {
  std::string_view name;
  Opener open;  // null: known, but not built in
  std::string_view missing;
};

#if !TSNAP_HAS_OBJECT_STORES
constexpr Opener OpenS3Store = nullptr, OpenGcsStore = nullptr;
#endif

constexpr Scheme kSchemes[] = {
    {"fs", OpenPosix, ""},
    {"mem", OpenMemory, ""},
    {"s3", OpenS3Store, "built without S3 (libcurl, OpenSSL or pugixml was missing)"},
    {"gs", OpenGcsStore,
     "built without Google Cloud Storage (libcurl, OpenSSL or pugixml was missing)"},
    {"gcs", OpenGcsStore,
     "built without Google Cloud Storage (libcurl, OpenSSL or pugixml was missing)"},
};

// "/a/b/" is "/a/b"; "/" stays.
std::string WithoutTrailingSlashes(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return std::string(path);
}

}  // namespace

Result<std::unique_ptr<Store>> OpenStore(std::string_view url, const Session& session,
                                         bool create) {
  std::string_view scheme_name = "fs", rest = url;
  if (const size_t mark = url.find("://");
      mark != std::string_view::npos && url.substr(0, mark).find('/') == std::string_view::npos) {
    scheme_name = url.substr(0, mark);
    rest = url.substr(mark + 3);
  }
  if (rest.empty()) return Invalid(fmt::format("opening \"{}\": the URL names no place", url));
  if (url.find('\0') != std::string_view::npos)
    return Invalid("opening a place: the URL holds a NUL byte");
  const std::string place = WithoutTrailingSlashes(rest);
  for (const Scheme& scheme : kSchemes) {
    if (scheme.name != scheme_name) continue;
    if (scheme.open != nullptr) return scheme.open(place, session, create);
    return Unsupported(fmt::format("opening {}: {}: use a folder (a plain path or fs://path)", url,
                                   scheme.missing));
  }
  return Invalid(
      fmt::format("opening {}: unknown scheme \"{}\"; known are a plain path, fs://path, "
                  "s3://bucket/prefix, gs://bucket/prefix, hdf5://path.h5 and mem://name",
                  url, scheme_name));
}

}  // namespace tsnap
