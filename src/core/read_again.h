// Small things that carry their own checksum: what comes damaged from an object store is read once
// more, since it may have been damaged on its way.
#pragma once

#include "store/store.h"

namespace tsnap {

template <class Read>
auto ReadAgainIfDamaged(const Store& store, Read&& read) {
  auto result = read();
  const bool damaged = !result.ok() && result.status().code() == Code::kCorrupt;
  if (damaged && store.traits().whole_objects()) result = read();
  return result;
}

}  // namespace tsnap
