// Removal: objects, one or many at a time, and uploads that nobody will complete.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "store/object/bucket.h"
#include "store/store.h"

namespace tsnap::object {

// One object; expected: only that version (kExists, kNotFound otherwise), or nullptr.
Status RemoveOne(Bucket& bucket, const std::string& key, const Version* expected,
                 StoreCounters* counters);

// All objects below a prefix, and the uploads there.
Status RemoveBelow(Bucket& bucket, const std::string& prefix, StoreCounters* counters);

// The uploads below a prefix that were begun before then and whose key, less the prefix, is dead.
Status AbortUploads(Bucket& bucket, const std::string& prefix, int64_t before_unix_seconds,
                    const std::function<bool(std::string_view key)>& dead, StoreCounters* counters);

}  // namespace tsnap::object
