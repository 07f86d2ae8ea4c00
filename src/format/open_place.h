// Where a URL leads: a store of the native format's keys, or one file that holds them all.
#pragma once

#include <memory>
#include <string_view>

#include "base/status.h"
#include "store/session.h"
#include "store/store.h"

namespace tsnap {

// As OpenStore, and hdf5://path.h5 or a path that ends in ".h5" too.
Result<std::unique_ptr<Store>> OpenPlace(std::string_view url,
                                         const std::shared_ptr<StoreSession>& session, bool create);

}  // namespace tsnap
