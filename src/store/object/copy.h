// Copy: an object from one bucket to another of the same service, without its bytes passing through
// here.
#pragma once

#include <cstdint>
#include <string>

#include "store/object/bucket.h"
#include "store/store.h"

namespace tsnap::object {

// What a store of this protocol shows to another one.
class Place {
 public:
  virtual ~Place() = default;
  virtual Bucket& bucket() = 0;
  virtual const std::string& prefix() const = 0;
};

// Keys are whole. kUnsupported where the two are not of one service, or it cannot do this.
Status CopyWithin(Bucket& from, const std::string& from_key, Bucket& to, const std::string& to_key,
                  uint64_t bytes, StoreCounters* counters);

}  // namespace tsnap::object
