// Copying stored objects, as they are, from one store to the same keys of another: within the
// service where the stores can, else read and written piece by piece, several at once, within the
// byte budget. Knows no snapshots.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "store/store.h"

namespace tsnap {

struct CopyJob {
  std::shared_ptr<Store> from, to;
  std::vector<Entry> objects;  // none of them is there
  // Asked before each object is begun; a failure ends the copy. Any thread; may be empty.
  std::function<Status()> may_begin;
};

// Called about ten times a second by the thread that waits, and once when nothing more happens,
// also after a failure: what was finished since the last call, and the bytes that have arrived in
// all.
using CopyWatch = std::function<void(std::vector<Entry> finished, uint64_t arrived_bytes)>;

// Every object is there and durable, but for the names of folders; or a failure, after which those
// that `watch` was told of are. kTimeout when nothing arrives for too long: threads hang in a
// store. *within_service: no byte passed through this process.
Status CopyObjects(Engine& engine, CopyJob job, const CopyWatch& watch, bool* within_service);

}  // namespace tsnap
