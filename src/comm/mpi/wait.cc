// Spin, yield, sleep. See wait.h.

#include "comm/mpi/wait.h"

#include <sched.h>
#include <time.h>

#include <algorithm>

namespace tsnap {
namespace {

constexpr int kSpins = 100;                  // tests without a pause: some ten microseconds
constexpr double kYieldSeconds = 0.001;      // then the core is offered to others after each test
constexpr int kFirstSleepMicroseconds = 10;  // then it is left to them
constexpr double kIdlePeriodSeconds = 1;
// A longer gap between two tests is not waiting: this process was itself stopped (a suspended job),
// and the others with it. What counts of it is bounded, so that a resumed job goes on.
constexpr double kLongestGapSeconds = 1;

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void Sleep(int microseconds) {
  timespec time = {0, static_cast<long>(microseconds) * 1000};
  nanosleep(&time, nullptr);  // a signal may cut it short: the caller tests again
}

}  // namespace

Backoff::Backoff(Manner* manner) : manner_(manner), last_(Clock::now()) {}

void Backoff::Restart() {
  spins_ = 0;
  sleep_microseconds_ = 0;
  waited_seconds_ = 0;
  last_ = Clock::now();
}

bool Backoff::Pause() {
  const bool driven = manner_->gate.driven();
  if (!driven && spins_ < kSpins) {
    ++spins_;
    return true;
  }
  const Clock::time_point now = Clock::now();
  waited_seconds_ += std::min(Seconds(now - last_), kLongestGapSeconds);
  last_ = now;
  if (waited_seconds_ >= manner_->timeout_seconds) return false;
  CallIdle();
  if (driven) return manner_->gate.Pause();
  if (waited_seconds_ < kYieldSeconds) {
    sched_yield();
  } else {
    sleep_microseconds_ =
        std::clamp(sleep_microseconds_ * 3 / 2, kFirstSleepMicroseconds,
                   std::max(kFirstSleepMicroseconds, manner_->longest_sleep_microseconds));
    Sleep(sleep_microseconds_);
  }
  return true;
}

void Backoff::CallIdle() {
  IdleCall& idle = manner_->idle;
  if (!idle.call || Seconds(last_ - idle.last) < kIdlePeriodSeconds) return;
  // Outside of the operation: a visitor does not wait for what is done in passing.
  manner_->gate.Leave();
  try {
    idle.call();
  } catch (...) {
    // What is done in passing must not end a collective on one rank only; whoever needs it done
    // finds out by himself.
  }
  manner_->gate.Enter();
  const Clock::time_point now = Clock::now();
  waited_seconds_ += Seconds(now - last_);
  last_ = now;
  idle.last = now;
}

}  // namespace tsnap
