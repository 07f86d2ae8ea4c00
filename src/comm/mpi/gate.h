// Gate: on which thread the MPI calls of a communicator are made. An open gate (the application's
// own thread, or MPI_THREAD_MULTIPLE) makes them where they stand. A driven one belongs to the
// library's background thread in a program whose MPI allows one thread only: each call waits for a
// visit of the application's thread, which makes it.
//
//   background thread                         application's thread, in some tsnap call
//   Enter()       an operation begins
//   Call(f)       waits                       Visit(): makes the calls that it finds, one after
//   Pause()       nothing arrived: waits               the other, until the background pauses
//                 for the next visit                   or has left the operation
//   Leave()       the operation has ended
//
// Knows no MPI.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace tsnap {

class Gate {
 public:
  // Before any use by another thread.
  void set_driven() { driven_ = true; }
  bool driven() const { return driven_; }

  // Makes the call, here or in a visit. False, and nothing is made, after Abandon.
  template <class F>
  bool Call(F&& call) {
    if (!driven_) {
      call();
      return true;
    }
    return Post([](void* function) { (*static_cast<F*>(function))(); }, &call);
  }

  // Waits for the next visit (at once when one began since the last pause). False after Abandon.
  bool Pause();
  void Enter();
  void Leave();

  void Visit();
  // No visit will come any more: whoever waits for one goes on, in vain.
  void Abandon();

 private:
  using Function = void (*)(void*);
  bool Post(Function function, void* argument);

  bool driven_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  Function function_ = nullptr;  // the call that waits; guarded by mutex_
  void* argument_ = nullptr;     // guarded by mutex_
  bool inside_ = false;          // an operation runs; guarded by mutex_
  bool paused_ = false;          // guarded by mutex_
  bool abandoned_ = false;       // guarded by mutex_
  uint64_t visits_ = 0;          // begun so far; guarded by mutex_
  uint64_t seen_visits_ = 0;     // of these, the background has gone on for; guarded by mutex_
};

}  // namespace tsnap
