// Rendezvous of the background thread and its visitors. See gate.h.

#include "comm/mpi/gate.h"

namespace tsnap {

bool Gate::Post(Function function, void* argument) {
  std::unique_lock lock(mutex_);
  if (abandoned_) return false;
  function_ = function;
  argument_ = argument;
  changed_.notify_all();
  changed_.wait(lock, [&] { return function_ == nullptr || abandoned_; });
  if (function_ == nullptr) return true;
  function_ = nullptr;
  return false;
}

bool Gate::Pause() {
  std::unique_lock lock(mutex_);
  paused_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return visits_ != seen_visits_ || abandoned_; });
  paused_ = false;
  seen_visits_ = visits_;
  return !abandoned_;
}

void Gate::Enter() {
  if (!driven_) return;
  std::lock_guard lock(mutex_);
  inside_ = true;
}

void Gate::Leave() {
  if (!driven_) return;
  std::lock_guard lock(mutex_);
  inside_ = false;
  changed_.notify_all();
}

// A visitor makes a call without the lock, but the background thread waits for it meanwhile, and
// there is one visitor at a time: nobody else touches function_.
void Gate::Visit() {
  if (!driven_) return;
  std::unique_lock lock(mutex_);
  ++visits_;
  changed_.notify_all();
  while (inside_ && !abandoned_) {
    if (function_ != nullptr) {
      lock.unlock();
      function_(argument_);
      lock.lock();
      function_ = nullptr;
      changed_.notify_all();
    } else if (paused_ && seen_visits_ == visits_) {
      return;
    } else {
      changed_.wait(lock);
    }
  }
}

void Gate::Abandon() {
  std::lock_guard lock(mutex_);
  abandoned_ = true;
  changed_.notify_all();
}

}  // namespace tsnap
