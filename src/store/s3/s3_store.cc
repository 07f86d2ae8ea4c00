#include "store/s3/s3_store.h"

#include <utility>

#include <fmt/format.h>

#include "store/object/open.h"
#include "store/s3/credentials.h"
#include "store/s3/settings.h"

namespace tsnap {

namespace {

Result<std::shared_ptr<object::Bucket>> MakeBucket(const std::string& name, StoreSession& session,
                                                   const s3::Settings& settings) {
  TSNAP_ASSIGN(std::shared_ptr<http::Client> client, object::ClientOf(session));
  TSNAP_ASSIGN(std::shared_ptr<http::CredentialProvider> credentials,
               session.Remember<http::CredentialProvider>("s3 credentials", [&] {
                 return s3::S3Credentials(session,
                                          http::ClientsBeside(client, session.knobs().ca_file));
               }));
  object::BucketOptions options;
  options.dialect = object::kS3;
  options.endpoint = settings.endpoint;
  options.bucket = name;
  options.region = settings.region;
  options.find_region = settings.amazon;
  options.sign_payload = session.knobs().s3_sign_payload != 2;
  options.retry = object::RetryPolicyOf(session.knobs());
  options.slow_seconds = options.retry.deadline_seconds;
  options.signature = http::kAws4;
  return std::make_shared<object::Bucket>(std::move(options), std::move(client),
                                          std::move(credentials), session.log());
}

}  // namespace

Result<std::unique_ptr<Store>> OpenS3Store(const std::string& rest,
                                           const std::shared_ptr<StoreSession>& session, bool) {
  TSNAP_ASSIGN(object::BucketAndPrefix place, object::ParsePlace("s3", rest));
  TSNAP_ASSIGN(const s3::Settings settings, s3::ReadSettings(session->knobs(), place.bucket));
  TSNAP_ASSIGN(std::shared_ptr<object::Bucket> bucket,
               session->Remember<object::Bucket>("s3://" + place.bucket, [&] {
                 return MakeBucket(place.bucket, *session, settings);
               }));
  object::ObjectStoreOptions options = object::StoreOptionsOf(session->knobs());
  options.keeps_conditions = settings.amazon;
  return object::MakeObjectStore(std::move(bucket), std::move(place.prefix), options);
}

}  // namespace tsnap
