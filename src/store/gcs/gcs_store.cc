#include "store/gcs/gcs_store.h"

#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "store/gcs/credentials.h"
#include "store/object/open.h"

namespace tsnap {

namespace {

constexpr std::string_view kGoogleHost = "storage.googleapis.com";

struct Settings {
  object::Endpoint endpoint;
  bool google = true;
};

// The configuration (TSNAP_GCS_ENDPOINT), STORAGE_EMULATOR_HOST as Google's own libraries have it,
// then Google's.
Result<Settings> ReadSettings(const Knobs& knobs) {
  Settings settings;
  std::string text = knobs.gcs_endpoint, name = "TSNAP_GCS_ENDPOINT";
  const char* emulator = std::getenv("STORAGE_EMULATOR_HOST");
  if (text.empty() && emulator != nullptr && *emulator != 0) {
    text = emulator;
    name = "STORAGE_EMULATOR_HOST";
    if (text.find("://") == std::string::npos) text = "http://" + text;
  }
  if (text.empty()) {
    settings.endpoint.authority = kGoogleHost;
    return settings;
  }
  TSNAP_ASSIGN(settings.endpoint, object::ParseEndpoint(text, name));
  settings.google = settings.endpoint.authority == kGoogleHost;
  return settings;
}

}  // namespace

Result<std::unique_ptr<Store>> OpenGcsStore(const std::string& rest,
                                            const std::shared_ptr<StoreSession>& session, bool) {
  TSNAP_ASSIGN(const object::BucketAndPrefix place, object::ParsePlace("gs", rest));
  TSNAP_ASSIGN(Settings settings, ReadSettings(session->knobs()));
  const std::string& signature = session->knobs().gcs_signature;
  const bool aws4 =
      gcs::HasHmacKey() && (signature.empty() ? !settings.google : signature == "aws4");
  if (aws4 && settings.google)
    return Invalid(fmt::format(
        "opening gs://{}: with TSNAP_GCS_SIGNATURE=aws4 Google takes no conditional writes, which "
        "a commit needs: unset it, or set it to goog4",
        place.bucket));
  object::Service service;
  service.dialect = aws4 ? object::GoogleLikeS3() : object::kGoogle;
  service.endpoint = std::move(settings.endpoint);
  service.region = "auto";  // it stands in signatures, and the service takes any
  service.signature = aws4 ? http::kAws4 : http::kGoog4;
  service.keeps_conditions = settings.google;
  service.credentials_name = "gcs credentials";
  service.find_credentials = [&](const http::CredentialClients& clients) {
    return gcs::GcsCredentials(*session, clients);
  };
  return object::OpenInBucket(place, std::move(service), *session);
}

}  // namespace tsnap
