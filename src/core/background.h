// Background: the thread in which the second half of an asynchronous take runs, and the pending
// take itself, which the application watches through its request. One take at a time.
//
// The thread has a communicator of its own, the twin of the context's. Where MPI allows one thread
// only, the twin goes on in visits: whoever waits for a pending take visits it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "base/status.h"
#include "base/timeline.h"
#include "comm/comm.h"

namespace tsnap {

// What is known of a take from its call to its end, and how it ended. Outlives the context.
class PendingTake {
 public:
  bool done() const;
  Status outcome() const;  // once done
  // Nothing is committed from here on, if it is not yet; transfers end soon.
  void Cancel();
  bool cancelled() const { return cancelled_; }

  // What Cancel calls, once; empty = nothing.
  void set_on_cancel(std::function<void()> call);
  // The calling thread is about to return: callbacks are the background's from here on.
  void LetCallerGo();
  bool caller_is_gone() const { return caller_is_gone_; }
  void AwaitCaller();
  void Finish(Status outcome);
  // Until done, or a moment has passed.
  void WaitShortly(bool for_visits);
  // Somebody was told how it ended.
  void set_heard() { heard_ = true; }
  bool heard() const { return heard_; }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> cancelled_{false}, caller_is_gone_{false};
  bool done_ = false;                // guarded by mutex_
  Status outcome_;                   // guarded by mutex_
  std::function<void()> on_cancel_;  // guarded by mutex_
  bool heard_ = false;               // of the application's thread
};

class Background {
 public:
  // The second half of a take. Destroyed before the take is done.
  class Work {
   public:
    virtual ~Work() = default;
    virtual Status Run(Comm& comm) = 0;
  };

  explicit Background(Timeline* timeline) : timeline_(timeline) {}
  // Joins the thread; nothing is pending, or the twin is broken.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // Local: starts the thread, once.
  Status Start();
  // Collective: makes the twin, once.
  Status Connect(Comm& comm);
  Comm* twin() { return twin_.get(); }  // null before Connect

  // Nothing is pending. Cannot fail.
  void Submit(std::shared_ptr<PendingTake> take, std::unique_ptr<Work> work) noexcept;
  const std::shared_ptr<PendingTake>& pending() const { return pending_; }  // may be done; or null

  // By the application's thread. Wait returns when the take is done; bounded, as the take is.
  void Visit();
  void Wait(PendingTake& take);
  bool IsThisThread() const { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  void Loop();

  Timeline* const timeline_;
  std::unique_ptr<Comm> twin_;
  std::shared_ptr<PendingTake> pending_;  // the last one; of the application's thread
  std::mutex mutex_;
  std::condition_variable submitted_;
  std::shared_ptr<PendingTake> next_;  // guarded by mutex_
  std::unique_ptr<Work> work_;         // guarded by mutex_
  bool stopping_ = false;              // guarded by mutex_
  std::thread thread_;
};

}  // namespace tsnap
