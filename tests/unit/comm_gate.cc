// The gate between the background thread and the application's: who makes which call, who waits for whom, and that nobody waits for
// ever. Two threads, no MPI.
#include <criterion/criterion.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "comm/mpi/gate.h"
#include "comm/mpi/wait.h"
#include "seeded.h"

using namespace tsnap;

namespace {

void SleepShortly() { std::this_thread::sleep_for(std::chrono::milliseconds(30)); }

}  // namespace

Test(gate, an_open_one_makes_calls_where_they_stand) {
  Gate gate;
  std::thread::id made_by;
  cr_assert(!gate.driven());
  gate.Enter();
  cr_assert(gate.Call([&] { made_by = std::this_thread::get_id(); }));
  gate.Leave();
  gate.Visit();
  cr_assert(made_by == std::this_thread::get_id());
}

Test(gate, a_visit_without_an_operation_returns_at_once, .timeout = 20) {
  Gate gate;
  gate.set_driven();
  for (int i = 0; i < 1000; ++i) gate.Visit();
}

Test(gate, a_driven_call_is_made_by_the_visitor, .timeout = 20) {
  Gate gate;
  gate.set_driven();
  std::vector<std::thread::id> made_by;
  std::atomic<bool> done = false;
  std::thread background([&] {
    gate.Enter();
    for (int i = 0; i < 3; ++i) cr_assert(gate.Call([&] { made_by.push_back(std::this_thread::get_id()); }));
    gate.Leave();
    done = true;
  });
  SleepShortly();
  cr_assert(!done && made_by.empty());   // nobody visits
  while (!done) gate.Visit();
  background.join();
  cr_assert_eq(made_by.size(), 3u);
  for (const std::thread::id id : made_by) cr_assert(id == std::this_thread::get_id());
}

// The background tests and pauses for ever: each visit makes one test and goes.
Test(gate, a_visit_ends_when_the_background_pauses, .timeout = 20) {
  Gate gate;
  gate.set_driven();
  std::atomic<int> tests = 0;
  std::atomic<bool> stop = false;
  std::thread background([&] {
    gate.Enter();
    while (!stop) {
      cr_assert(gate.Call([&] { ++tests; }));
      cr_assert(gate.Pause());
    }
    gate.Leave();
  });
  while (tests == 0) gate.Visit();
  for (int i = 0; i < 200; ++i) {
    const int before = tests;
    gate.Visit();
    cr_assert(tests >= before + 1 && tests <= before + 2);
  }
  const int before = tests;
  SleepShortly();
  cr_assert_eq(tests, before);   // not by itself
  stop = true;
  gate.Visit();
  background.join();
}

// A visit that came while nothing was to be done is not lost: the next pause is short.
Test(gate, a_visit_before_the_pause_counts, .timeout = 20) {
  Gate gate;
  gate.set_driven();
  gate.Visit();
  gate.Enter();
  cr_assert(gate.Pause());
  gate.Leave();
}

Test(gate, after_abandon_nothing_is_made_and_nobody_waits, .timeout = 20) {
  Gate gate;
  gate.set_driven();
  std::atomic<int> made = 0;
  std::thread calling([&] {
    gate.Enter();
    cr_assert(!gate.Call([&] { ++made; }));
    cr_assert(!gate.Call([&] { ++made; }));
    cr_assert(!gate.Pause());
    gate.Leave();
  });
  SleepShortly();
  gate.Abandon();
  calling.join();
  gate.Visit();
  gate.Enter();
  gate.Visit();   // an operation runs, and yet
  gate.Leave();
  cr_assert_eq(made.load(), 0);

  Gate pausing;
  pausing.set_driven();
  std::thread background([&] {
    pausing.Enter();
    cr_assert(!pausing.Pause());
    pausing.Leave();
  });
  SleepShortly();
  pausing.Abandon();
  background.join();
}

Test(gate, many_operations_and_visits_lose_no_call, .timeout = 60) {
  test::Seeded random;
  Gate gate;
  gate.set_driven();
  const std::thread::id visitor = std::this_thread::get_id();
  std::atomic<int> made = 0;
  std::atomic<bool> done = false;
  int expected = 0;
  std::vector<std::vector<int>> plan;   // operations; per pause, the calls before it
  for (int i = 0; i < 300; ++i) {
    std::vector<int>& pauses = plan.emplace_back();
    for (int64_t k = random.Int(0, 4); k > 0; --k) {
      pauses.push_back(static_cast<int>(random.Int(0, 3)));
      expected += pauses.back();
    }
  }
  std::thread background([&] {
    for (const std::vector<int>& pauses : plan) {
      gate.Enter();
      for (const int calls : pauses) {
        for (int i = 0; i < calls; ++i) {
          cr_assert(gate.Call([&] {
            cr_assert(std::this_thread::get_id() == visitor);
            ++made;
          }));
        }
        cr_assert(gate.Pause());
      }
      gate.Leave();
      if (pauses.size() == 2) std::this_thread::yield();
    }
    done = true;
  });
  while (!done) gate.Visit();
  background.join();
  cr_assert_eq(made.load(), expected, "seed %llu", random.seed());
}

// A gap between two visits is the application's time, of which little counts as waiting.
Test(backoff, behind_a_gate_each_visit_is_one_try, .timeout = 20) {
  Backoff::Manner manner;
  manner.timeout_seconds = 100;
  manner.gate.set_driven();
  std::atomic<int> tries = 0;
  std::thread background([&] {
    manner.gate.Enter();
    Backoff backoff(&manner);
    while (backoff.Pause()) ++tries;   // until it is abandoned
    manner.gate.Leave();
  });
  while (tries < 5) {
    const int before = tries;
    manner.gate.Visit();
    SleepShortly();
    cr_assert(tries <= before + 2);
  }
  manner.gate.Abandon();
  background.join();
}

Test(backoff, behind_a_gate_time_is_up_as_elsewhere, .timeout = 20) {
  Backoff::Manner manner;
  manner.timeout_seconds = 0.2;
  manner.gate.set_driven();
  std::atomic<bool> up = false;
  std::thread background([&] {
    manner.gate.Enter();
    Backoff backoff(&manner);
    while (backoff.Pause()) continue;
    cr_assert(backoff.waited_seconds() >= 0.2);
    manner.gate.Leave();
    up = true;
  });
  while (!up) {
    manner.gate.Visit();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  background.join();
}
