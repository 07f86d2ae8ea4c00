// The snapshot that a conversion reads: its record, its whole index, and what is to be moved of it.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/knobs.h"
#include "base/status.h"
#include "core/convert_plan.h"
#include "core/snapshot.h"
#include "engine/engine.h"
#include "store/store.h"

namespace tsnap {

class ConvertSource {
 public:
  // kNotFound when there is no snapshot, kCorrupt when its index is not whole.
  Status Open(Engine& engine, std::shared_ptr<Store> store);

  const std::shared_ptr<Store>& store() const { return store_; }
  const native::CommitRecord& record() const { return snapshot_->record(); }
  const std::shared_ptr<const ConvertPlan>& plan() const { return plan_; }

  // kNotFound when another snapshot, or none, is there by now.
  Status CheckIsThere(Engine& engine) const;
  // Of a failure to read: what is missing may have been removed together with its snapshot.
  Status Explained(Engine& engine, Status failure) const;

 private:
  Status LoadIndex(Engine& engine) const;

  std::shared_ptr<Store> store_;
  std::shared_ptr<const Bytes> text_;  // of the commit record
  std::shared_ptr<Snapshot> snapshot_;
  std::shared_ptr<const ConvertPlan> plan_;  // borrows from the snapshot
};

}  // namespace tsnap
