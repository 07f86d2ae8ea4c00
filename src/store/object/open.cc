#include "store/object/open.h"

#include <algorithm>

namespace tsnap::object {

namespace {

constexpr double kMostStallSeconds = 60;
constexpr double kMostConnectSeconds = 10;
constexpr double kShareOfIoTimeout = 0.6;  // what is left is for the last try

}  // namespace

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

http::RetryPolicy RetryPolicyOf(const Knobs& knobs) {
  http::RetryPolicy policy;
  policy.deadline_seconds = knobs.io_timeout_seconds * kShareOfIoTimeout;
  policy.first_contact_seconds = std::min(policy.first_contact_seconds, policy.deadline_seconds);
  policy.most_delay_seconds = std::min(policy.most_delay_seconds, policy.deadline_seconds / 4);
  return policy;
}

ObjectStoreOptions StoreOptionsOf(const Knobs& knobs) {
  ObjectStoreOptions options;
  options.slab_bytes = knobs.object_slab_bytes;
  options.gap_bytes = knobs.object_gap_bytes;
  return options;
}

}  // namespace tsnap::object
