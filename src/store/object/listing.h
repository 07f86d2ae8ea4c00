// Listing: what lies below a prefix of a bucket, page by page, and the uploads that were begun
// there and never completed.
#pragma once

#include <functional>
#include <string>

#include "store/object/bucket.h"

namespace tsnap::object {

// prefix: of whole keys. by_folder: what lies deeper than the next "/" is only named once. Each
// page is given to visit; stops at the first status that is not OK.
Status ListPages(Bucket& bucket, const std::string& prefix, bool by_folder, uint64_t most_keys,
                 StoreCounters* counters, const std::function<Status(const ListPage&)>& visit);

Status ListUploads(Bucket& bucket, const std::string& prefix, StoreCounters* counters,
                   const std::function<Status(const UploadsPage&)>& visit);

}  // namespace tsnap::object
