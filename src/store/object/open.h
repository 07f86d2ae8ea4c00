// What the stores of S3's protocol share when they are opened: the client of a session, one bucket
// for all stores of it, and how long a request is tried.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "store/http/credential_clients.h"
#include "store/http/credentials.h"
#include "store/object/bucket.h"
#include "store/session.h"
#include "store/store.h"

namespace tsnap::object {

// What a service brings along.
struct Service {
  Dialect dialect;
  Endpoint endpoint;
  std::string region;  // as BucketOptions has them
  bool find_region = false;
  http::SignatureFamily signature = http::kAws4;
  bool keeps_conditions = false;  // the service is known to
  std::string credentials_name;   // under which the session remembers them
  std::function<Result<std::shared_ptr<http::CredentialProvider>>(const http::CredentialClients&)>
      find_credentials;
};

// Asks no server for anything.
Result<std::unique_ptr<Store>> OpenInBucket(const BucketAndPrefix& place, Service service,
                                            StoreSession& session);

}  // namespace tsnap::object
