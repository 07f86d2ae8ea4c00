// S3Store: "s3://bucket/prefix" as a store: settings and credentials of S3, brought together with
// the protocol.
#pragma once

#include <memory>
#include <string>

#include "store/session.h"
#include "store/store.h"

namespace tsnap {

// rest: "bucket/prefix". Asks no server for anything.
Result<std::unique_ptr<Store>> OpenS3Store(const std::string& rest,
                                           const std::shared_ptr<StoreSession>& session,
                                           bool create);

}  // namespace tsnap
