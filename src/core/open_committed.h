// Opening, by all ranks together, the place where a snapshot is committed.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "core/context.h"
#include "format/native/commit_record.h"
#include "store/store.h"

namespace tsnap {

// Local: the store of a URL that so many ranks must see. kUnsupported for one that only this
// process sees.
Result<std::shared_ptr<Store>> OpenSharedStore(const std::string& url,
                                               const std::shared_ptr<StoreSession>& session,
                                               int ranks, bool create);

// Collective: the record is read and checked by one rank and broadcast.
Status OpenCommitted(Context& context, const std::string& url, std::shared_ptr<Store>* store,
                     native::CommitRecord* record);

}  // namespace tsnap
