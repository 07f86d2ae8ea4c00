// Backoff: how to wait for something that must be polled, without stealing a core from the ranks
// that are waited for and without adding much to the latency of a small collective: it spins
// shortly, then yields, then sleeps longer and longer; behind a driven gate it waits for the next
// visit instead. Counts the time and says when it is up. Knows no MPI.
#pragma once

#include <chrono>
#include <functional>

#include "comm/mpi/gate.h"

namespace tsnap {

// What is called now and then while waiting; shared by all waits, so that many short ones count as
// well.
struct IdleCall {
  std::function<void()> call;
  std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
};

class Backoff {
 public:
  // How a communicator waits; shared by its operations.
  struct Manner {
    double timeout_seconds = 0;
    int longest_sleep_microseconds = 200;
    IdleCall idle;
    Gate gate;
  };

  explicit Backoff(Manner* manner);

  // After a test that found nothing. False when the time is up.
  bool Pause();
  // Something moved: the time and the sleeps begin anew.
  void Restart();

  double waited_seconds() const { return waited_seconds_; }

 private:
  using Clock = std::chrono::steady_clock;

  void CallIdle();

  Manner* manner_;
  int spins_ = 0;
  int sleep_microseconds_ = 0;
  double waited_seconds_ = 0;
  Clock::time_point last_;
};

}  // namespace tsnap
