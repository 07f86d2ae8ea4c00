// GcsStore: "gs://bucket/prefix" as a store: Google Cloud Storage through its XML API, which shares
// S3's protocol and differs in how requests are let in, in names of headers and in preconditions.
#pragma once

#include <memory>
#include <string>

#include "store/session.h"
#include "store/store.h"

namespace tsnap {

// rest: "bucket/prefix". Asks no server for anything.
Result<std::unique_ptr<Store>> OpenGcsStore(const std::string& rest,
                                            const std::shared_ptr<StoreSession>& session,
                                            bool create);

}  // namespace tsnap
