// Makes of any store an object store that is as strict as the strictest: what breaks a rule of whole objects (StoreTraits,
// WriteLayout) fails with kInternal and says which, where a server would say something less clear or nothing at all. For tests only:
// no URL leads here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "store/store.h"

namespace tsnap::test {

struct ObjectRules {
  uint64_t least_part_bytes = 5 << 20;
  uint64_t transfer_bytes = 16 << 20;
  uint64_t slab_bytes = uint64_t{1} << 30;
  int io_concurrency = 8;
  std::function<void(StoreCounters&)> while_writing;   // called by each WriteAt, where the bytes would be on their way
  bool must_checksum = false;   // every write comes with the checksum of its bytes; else only those that do are verified
};

// The objects rest in `inner`. counters().requests are those that a server would see.
std::unique_ptr<Store> MakeStrictObjects(std::unique_ptr<Store> inner, const ObjectRules& rules);
// In memory: the objects of a name, whichever store is opened on it.
std::unique_ptr<Store> OpenObjectMemory(const std::string& name, const ObjectRules& rules);

}  // namespace tsnap::test
