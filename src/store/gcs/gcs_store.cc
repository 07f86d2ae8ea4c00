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

Result<std::shared_ptr<object::Bucket>> MakeBucket(const std::string& name, StoreSession& session,
                                                   const Settings& settings) {
  TSNAP_ASSIGN(std::shared_ptr<http::Client> client, object::ClientOf(session));
  TSNAP_ASSIGN(std::shared_ptr<http::CredentialProvider> credentials,
               session.Remember<http::CredentialProvider>("gcs credentials", [&] {
                 return gcs::GcsCredentials(session,
                                            http::ClientsBeside(client, session.knobs().ca_file));
               }));
  const std::string& signature = session.knobs().gcs_signature;
  const bool aws4 =
      gcs::HasHmacKey() && (signature.empty() ? !settings.google : signature == "aws4");
  if (aws4 && settings.google)
    return Invalid(fmt::format(
        "opening gs://{}: with TSNAP_GCS_SIGNATURE=aws4 Google takes no conditional writes, which "
        "a commit needs: unset it, or set it to goog4",
        name));
  object::BucketOptions options;
  options.dialect = aws4 ? object::GoogleLikeS3() : object::kGoogle;
  options.endpoint = settings.endpoint;
  options.bucket = name;
  options.region = "auto";  // it stands in signatures, and the service takes any
  options.sign_payload = session.knobs().s3_sign_payload != 2;
  options.retry = object::RetryPolicyOf(session.knobs());
  options.slow_seconds = options.retry.deadline_seconds;
  options.signature = aws4 ? http::kAws4 : http::kGoog4;
  return std::make_shared<object::Bucket>(std::move(options), std::move(client),
                                          std::move(credentials), session.log());
}

}  // namespace

Result<std::unique_ptr<Store>> OpenGcsStore(const std::string& rest,
                                            const std::shared_ptr<StoreSession>& session, bool) {
  TSNAP_ASSIGN(object::BucketAndPrefix place, object::ParsePlace("gs", rest));
  TSNAP_ASSIGN(const Settings settings, ReadSettings(session->knobs()));
  TSNAP_ASSIGN(std::shared_ptr<object::Bucket> bucket,
               session->Remember<object::Bucket>("gs://" + place.bucket, [&] {
                 return MakeBucket(place.bucket, *session, settings);
               }));
  object::ObjectStoreOptions options = object::StoreOptionsOf(session->knobs());
  options.keeps_conditions = settings.google;
  return object::MakeObjectStore(std::move(bucket), std::move(place.prefix), options);
}

}  // namespace tsnap
