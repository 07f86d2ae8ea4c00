// StoreSession: what the stores of one context keep between operations: connections, credentials,
// what was learned of a server. One per context or snapshot. Any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/knobs.h"
#include "base/log.h"
#include "base/node_memory.h"

namespace tsnap {

class StoreSession {
 public:
  // node: what the ranks of this node share; may be null.
  explicit StoreSession(const Knobs& knobs, Log log = {}, std::shared_ptr<NodeMemory> node = {})
      : knobs_(knobs), log_(log), node_(std::move(node)) {}

  const Knobs& knobs() const { return knobs_; }
  const Log& log() const { return log_; }
  const std::shared_ptr<NodeMemory>& node() const { return node_; }

  // What a kind of store remembers under a name of its own ("s3://bucket"). make() returns
  // Result<std::shared_ptr<T>> and may remember things itself; of two that are made at once the
  // first is kept. A failure is not remembered.
  template <class T, class Make>
  Result<std::shared_ptr<T>> Remember(const std::string& name, Make&& make) {
    {
      std::lock_guard lock(mutex_);
      if (const auto found = kept_.find(name); found != kept_.end())
        return std::static_pointer_cast<T>(found->second);
    }
    TSNAP_ASSIGN(std::shared_ptr<T> made, make());
    std::lock_guard lock(mutex_);
    return std::static_pointer_cast<T>(kept_.emplace(name, std::move(made)).first->second);
  }

 private:
  const Knobs knobs_;
  const Log log_;
  const std::shared_ptr<NodeMemory> node_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<void>> kept_;  // guarded by mutex_
};

}  // namespace tsnap
