// What the stores of S3's protocol share when they are opened: the client of a session, and how
// long a request is tried.
#pragma once

#include <memory>

#include "store/http/client.h"
#include "store/http/retry.h"
#include "store/object/object_store.h"
#include "store/session.h"

namespace tsnap::object {

// One for all stores of the session.
Result<std::shared_ptr<http::Client>> ClientOf(StoreSession& session);
// Gives up before the engine would take the transfer for hung.
http::RetryPolicy RetryPolicyOf(const Knobs& knobs);
ObjectStoreOptions StoreOptionsOf(const Knobs& knobs);

}  // namespace tsnap::object
