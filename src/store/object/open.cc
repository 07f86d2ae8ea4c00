#include "store/object/open.h"

#include <algorithm>
#include <utility>

#include "store/object/object_store.h"

namespace tsnap::object {

namespace {

constexpr double kMostStallSeconds = 60;
constexpr double kMostConnectSeconds = 10;
constexpr double kShareOfIoTimeout = 0.6;  // what is left is for the last try

// One for all stores of the session.
Result<std::shared_ptr<http::Client>> ClientOf(StoreSession& session) {
  return session.Remember<http::Client>("http client", [&] {
    const Knobs& knobs = session.knobs();
    http::ClientOptions options;
    options.stall_seconds = std::min(kMostStallSeconds, knobs.io_timeout_seconds * 0.2);
    options.connect_seconds = std::min(kMostConnectSeconds, options.stall_seconds);
    options.ca_file = knobs.ca_file;
    return http::Client::Make(options);
  });
}

// Gives up before the engine would take the transfer for hung.
http::RetryPolicy RetryPolicyOf(const Knobs& knobs) {
  http::RetryPolicy policy;
  policy.deadline_seconds = knobs.io_timeout_seconds * kShareOfIoTimeout;
  policy.first_contact_seconds = std::min(policy.first_contact_seconds, policy.deadline_seconds);
  policy.most_delay_seconds = std::min(policy.most_delay_seconds, policy.deadline_seconds / 4);
  return policy;
}

Result<std::shared_ptr<Bucket>> MakeBucket(const std::string& name, Service service,
                                           StoreSession& session) {
  const Knobs& knobs = session.knobs();
  TSNAP_ASSIGN(std::shared_ptr<http::Client> client, ClientOf(session));
  TSNAP_ASSIGN(std::shared_ptr<http::CredentialProvider> credentials,
               session.Remember<http::CredentialProvider>(service.credentials_name, [&] {
                 return service.find_credentials(http::ClientsBeside(client, knobs.ca_file));
               }));
  BucketOptions options;
  options.dialect = service.dialect;
  options.endpoint = std::move(service.endpoint);
  options.bucket = name;
  options.region = std::move(service.region);
  options.find_region = service.find_region;
  options.signature = service.signature;
  options.sign_payload = knobs.s3_sign_payload != 2;
  options.retry = RetryPolicyOf(knobs);
  options.slow_seconds = options.retry.deadline_seconds;
  return std::make_shared<Bucket>(std::move(options), std::move(client), std::move(credentials),
                                  session.log());
}

}  // namespace

Result<std::unique_ptr<Store>> OpenInBucket(const BucketAndPrefix& place, Service service,
                                            StoreSession& session) {
  ObjectStoreOptions options;
  options.slab_bytes = session.knobs().object_slab_bytes;
  options.gap_bytes = session.knobs().object_gap_bytes;
  options.keeps_conditions = service.keeps_conditions;
  const std::string name(service.dialect.scheme);
  TSNAP_ASSIGN(std::shared_ptr<Bucket> bucket,
               session.Remember<Bucket>(name + "://" + place.bucket, [&] {
                 return MakeBucket(place.bucket, std::move(service), session);
               }));
  return MakeObjectStore(std::move(bucket), place.prefix, options);
}

}  // namespace tsnap::object
