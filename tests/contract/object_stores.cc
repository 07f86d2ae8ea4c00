// The object stores against the contract, on the servers that tests/servers/with_servers.py names in the environment: which server
// and how it is reached is a suite, chosen by --filter 'suite/*'. Every case has a place of its own in the bucket.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "contract.h"

namespace tsnap::contract {

namespace {

// The value of a variable without which the case has no server.
std::string Needed(const char* name) {
  const char* value = std::getenv(name);
  cr_assert(value != nullptr && *value != '\0', "%s is not set: run this by tests/servers/with_servers.py", name);
  return value;
}

class ObjectPlace : public Place {
 public:
  // settings: variables of the store, with their values; nothing removes one.
  ObjectPlace(const char* scheme, const char* bucket, std::initializer_list<std::pair<const char*, std::string>> settings) {
    for (const auto& [name, value] : settings) {
      if (value.empty()) unsetenv(name);
      else setenv(name, value.c_str(), 1);
    }
    std::random_device random;
    url_ = std::string(scheme) + "://" + Needed(bucket) + "/contract-" + std::to_string(getpid()) + "-" + std::to_string(random()) +
           "/runs/place";
  }

  std::unique_ptr<Store> Open() override {
    Knobs knobs;
    EXPECT_OK(ResolveKnobs(&knobs));
    Result<std::unique_ptr<Store>> store = OpenStore(url_, knobs, true);
    EXPECT_OK(store);
    cr_assert_eq((*store)->traits().write_alignment, 1u);
    cr_assert((*store)->traits().shared_by_ranks);
    cr_assert((*store)->traits().whole_objects());
    return std::move(store).value();
  }

 private:
  std::string url_;
};

// As with_servers.py has set it: HTTP, the bucket in the path. Ceph, or Swift, which has no conditions for what is written.
class S3Path final : public ObjectPlace {
 public:
  S3Path() : ObjectPlace("s3", "S3_BUCKET", {{"TSNAP_S3_ADDRESSING", "path"}, {"TSNAP_S3_ENDPOINT", Needed("S3_ENDPOINT")}}) {}
};

// TLS with an authority of its own, the bucket in the name of the host.
class S3Virtual final : public ObjectPlace {
 public:
  S3Virtual()
      : ObjectPlace("s3", "S3_BUCKET",
                    {{"TSNAP_S3_ADDRESSING", "virtual"},
                     {"TSNAP_S3_ENDPOINT", Needed("S3_ENDPOINT_TLS")},
                     {"TSNAP_CA_FILE", Needed("S3_CA")}}) {}
};

// The XML interface of Google with an HMAC key, at Ceph, which speaks the same without generations.
class GcsAtCeph final : public ObjectPlace {
 public:
  GcsAtCeph()
      : ObjectPlace("gs", "S3_BUCKET",
                    {{"TSNAP_GCS_ENDPOINT", Needed("S3_ENDPOINT")},
                     {"TSNAP_GCS_ACCESS_KEY", Needed("AWS_ACCESS_KEY_ID")},
                     {"TSNAP_GCS_SECRET_KEY", Needed("AWS_SECRET_ACCESS_KEY")},
                     {"TSNAP_GCS_SIGNATURE", "aws4"}}) {}
};

// The stand-in, with tokens: GOOGLE_APPLICATION_CREDENTIALS names a service account.
class GcsToken final : public ObjectPlace {
 public:
  GcsToken()
      : ObjectPlace("gs", "GCS_BUCKET",
                    {{"TSNAP_GCS_ENDPOINT", Needed("GCS_ENDPOINT")},
                     {"GOOGLE_APPLICATION_CREDENTIALS", Needed("GOOGLE_APPLICATION_CREDENTIALS")},
                     {"TSNAP_GCS_ACCESS_KEY", ""},
                     {"TSNAP_GCS_SECRET_KEY", ""}}) {}
};

// The stand-in, with an HMAC key and Google's own signature, by TLS.
class GcsHmac final : public ObjectPlace {
 public:
  GcsHmac()
      : ObjectPlace("gs", "GCS_BUCKET",
                    {{"TSNAP_GCS_ENDPOINT", Needed("GCS_ENDPOINT_TLS")},
                     {"TSNAP_CA_FILE", Needed("GCS_CA")},
                     {"TSNAP_GCS_ACCESS_KEY", Needed("GCS_ACCESS_KEY")},
                     {"TSNAP_GCS_SECRET_KEY", Needed("GCS_SECRET_KEY")},
                     {"TSNAP_GCS_SIGNATURE", "goog4"},
                     {"GOOGLE_APPLICATION_CREDENTIALS", ""}}) {}
};

// Swift's S3 interface has no conditions; and while an object is replaced there, it may be seen as neither (PutAtomic).
constexpr std::array kConditional = {"PutNewOnce", "PutNewRace", "PutOver", "PutOverRace", "Versions", "RemoveIf",
                                     "RemoveIfRace", "FreshReads", "Counters", "SeenByOthers", "Durable", "PutAtomic"};
bool IsConditional(std::string_view function) { return std::find(kConditional.begin(), kConditional.end(), function) != kConditional.end(); }

}  // namespace

#define S3_PATH(function, promise) \
  Test(s3_path, promise) {         \
    S3Path place;                  \
    function(place);               \
  }
#define S3_VIRTUAL(function, promise) \
  Test(s3_virtual, promise) {         \
    S3Virtual place;                  \
    function(place);                  \
  }
#define S3_SWIFT(function, promise)                                                        \
  Test(s3_swift, promise) {                                                                \
    if (IsConditional(#function)) cr_skip_test("Swift has no conditions for " #function);  \
    S3Path place;                                                                          \
    function(place);                                                                       \
  }
#define GCS_CEPH(function, promise) \
  Test(gcs_ceph, promise) {         \
    GcsAtCeph place;                \
    function(place);                \
  }
#define GCS_TOKEN(function, promise) \
  Test(gcs_token, promise) {         \
    GcsToken place;                  \
    function(place);                 \
  }
#define GCS_HMAC(function, promise) \
  Test(gcs_hmac, promise) {         \
    GcsHmac place;                  \
    function(place);                \
  }

TSNAP_CONTRACT(S3_PATH)
TSNAP_CONTRACT(S3_VIRTUAL)
TSNAP_CONTRACT(S3_SWIFT)
TSNAP_CONTRACT(GCS_CEPH)
TSNAP_CONTRACT(GCS_TOKEN)
TSNAP_CONTRACT(GCS_HMAC)

}  // namespace tsnap::contract
