// Reading replicated objects together: each stored byte is read by one rank and broadcast, unit by
// unit; before each round all ranks agree that its readers succeeded, so a reader's failure reaches
// its receivers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/index.h"
#include "comm/comm.h"
#include "engine/engine.h"
#include "format/native/names.h"
#include "store/store.h"

namespace tsnap {

// One replicated object and where it goes here. All ranks pass the same records in the same order.
struct ReplicatedTarget {
  const ObjectRecord* record = nullptr;
  ArrayView memory;  // the whole array
};

struct ReplicatedJob {
  std::shared_ptr<Store> store;
  native::SlabNames slabs;
  std::vector<ReplicatedTarget> targets;
  bool verify = true;
};

// Collective. The first failure ends it on all ranks; objects[i] then tells whether target i was
// delivered before (none was when the list is empty).
Status ReadReplicated(Comm& comm, Engine& engine, const ReplicatedJob& job, Status local,
                      std::vector<Status>* objects);

}  // namespace tsnap
