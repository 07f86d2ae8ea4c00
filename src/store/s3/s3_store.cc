#include "store/s3/s3_store.h"

#include <utility>

#include "store/object/open.h"
#include "store/s3/credentials.h"
#include "store/s3/settings.h"

namespace tsnap {

Result<std::unique_ptr<Store>> OpenS3Store(const std::string& rest,
                                           const std::shared_ptr<StoreSession>& session, bool) {
  TSNAP_ASSIGN(const object::BucketAndPrefix place, object::ParsePlace("s3", rest));
  TSNAP_ASSIGN(s3::Settings settings, s3::ReadSettings(session->knobs(), place.bucket));
  object::Service service;
  service.dialect = object::kS3;
  service.endpoint = std::move(settings.endpoint);
  service.region = std::move(settings.region);
  service.find_region = service.keeps_conditions = settings.amazon;
  service.credentials_name = "s3 credentials";
  service.find_credentials = [&](const http::CredentialClients& clients) {
    return s3::S3Credentials(*session, clients);
  };
  return object::OpenInBucket(place, std::move(service), *session);
}

}  // namespace tsnap
