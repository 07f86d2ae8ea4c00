// Ranks that are stopped, never call, or hang in the storage: the others are told in bounded time, their context is broken and
// says so at once, closing is local, and what was committed before stays whole. Takes are made as TSNAP_TEST_HOW says. Usage:
// timeouts CASE FOLDER; the case restore_in_a_new_job is run afterwards, as a job of its own.
#include <signal.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fault_state.h"
#include "io_fault.h"
#include "ranks.h"

namespace tsnap::test {
namespace {

constexpr double kTimeoutSeconds = 2;
constexpr double kSlackSeconds = 6;   // of a loaded machine
constexpr int kHangSeconds = 6;
std::string folder;

std::string Kept() { return PlaceName(folder + "/kept"); }
std::string Fresh() { return PlaceName(folder + "/fresh"); }

// What is committed at the place is the old step or the new one, and all of it.
void CheckOldOrNew(const std::string& place, bool may_be_empty, uint64_t old_step, uint64_t new_step) {
  const Found found = ReadAll(place, WorldSize());
  if (found.code == TSNAP_E_NOT_FOUND && !found.opened) {
    CHECK(may_be_empty);
    return;
  }
  CHECK_TEXT(found.code == TSNAP_OK && found.wrong.empty(), place + ": " + found.message + found.wrong);
  CHECK(found.step == old_step || found.step == new_step);
}

void TakeKept() {
  World world;
  FaultState state(WorldRank(), WorldSize());
  state.Fill(1);
  const tsnap_take_options options = SmallSlabs(true);
  CheckSame(tsnap_take(world.get(), Kept().c_str(), state.get(), &options), TSNAP_OK);
}

void CheckTimedOut(int32_t code, double begin) {
  const double seconds = Now() - begin;
  CHECK_TEXT(code == TSNAP_E_TIMEOUT, std::string(tsnap_status_name(code)) + " " + tsnap_last_error());
  CHECK_TEXT(Contains(tsnap_last_error(), "rank "), tsnap_last_error());
  CHECK_TEXT(seconds > 0.9 * kTimeoutSeconds && seconds < kTimeoutSeconds + kSlackSeconds, std::to_string(seconds) + " s");
}

// Everything fails without a wait, and closing needs nobody.
void CheckBrokenAndClose(World& world, FaultState& state) {
  const double begin = Now();
  tsnap_snapshot* snapshot = nullptr;
  tsnap_request* request = nullptr;
  CHECK(tsnap_take(world.get(), Fresh().c_str(), state.get(), nullptr) == TSNAP_E_TIMEOUT);
  CHECK(tsnap_take_async(world.get(), Fresh().c_str(), state.get(), nullptr, &request) == TSNAP_E_TIMEOUT && request == nullptr);
  CHECK(tsnap_restore(world.get(), Kept().c_str(), state.get(), nullptr) == TSNAP_E_TIMEOUT);
  CHECK(tsnap_snapshot_open_all(world.get(), Kept().c_str(), &snapshot) == TSNAP_E_TIMEOUT);
  CHECK(Now() - begin < 1);
  static_cast<void>(world.Close());
  CHECK(world.get() == nullptr);
  CHECK_TEXT(Now() - begin < 2, std::to_string(Now() - begin) + " s");
}

// One rank stays away while the others make the call.
void OneRankNeverCalls(int away, bool restores) {
  Where() = "rank " + std::to_string(away) + " never calls tsnap_" + (restores ? "restore" : "take");
  World world(kTimeoutSeconds);
  FaultState state(WorldRank(), WorldSize());
  state.Fill(2);
  MPI_Barrier(MPI_COMM_WORLD);
  if (WorldRank() != away) {
    const double begin = Now();
    const int32_t code = restores ? tsnap_restore(world.get(), Kept().c_str(), state.get(), nullptr)
                                  : TakeAnyhow(world.get(), Fresh(), state, nullptr);
    CheckTimedOut(code, begin);
    CheckBrokenAndClose(world, state);
    CheckPlaceIsEmpty(Fresh());
    CheckPlaceHolds(Kept(), WorldSize(), 1);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  if (WorldRank() == away) {
    // It comes too late. It may still be told that the others called something else; then that nobody is there.
    int32_t code = TSNAP_OK;
    for (int calls = 0; code != TSNAP_E_TIMEOUT; ++calls) {
      CHECK(calls < 3);
      const double begin = Now();
      code = TakeAnyhow(world.get(), Fresh(), state, nullptr);
      CHECK(code == TSNAP_E_TIMEOUT || (restores && code == TSNAP_E_MISMATCH));
      CHECK(Now() - begin < kTimeoutSeconds + kSlackSeconds);
    }
    CheckBrokenAndClose(world, state);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  CheckPlaceIsEmpty(Fresh());
}

void RankNeverCalls() {
  TakeKept();
  OneRankNeverCalls(WorldSize() - 1, false);
  if (InBackground() && !LongMode()) return;   // only the call is another one
  OneRankNeverCalls(0, false);
  OneRankNeverCalls(WorldSize() - 1, true);
}

// A progress callback that stops its process: at its first call, or at its first one from the background.
struct Stop {
  bool in_background = false;
  bool done = false;
  std::thread::id caller = std::this_thread::get_id();

  static void Now(uint64_t, uint64_t, uint64_t, void* user) {
    auto* stop = static_cast<Stop*>(user);
    if (stop->done || (stop->in_background && std::this_thread::get_id() == stop->caller)) return;
    stop->done = true;
    kill(getpid(), SIGSTOP);
  }
};

// The ranks but one; that one gets a communicator of its own, and nobody waits for it.
MPI_Comm Without(int rank) {
  MPI_Group world = MPI_GROUP_NULL, part = MPI_GROUP_NULL;
  MPI_Comm made = MPI_COMM_NULL;
  MPI_Comm_group(MPI_COMM_WORLD, &world);
  if (WorldRank() == rank) {
    MPI_Group_incl(world, 1, &rank, &part);
  } else {
    MPI_Group_excl(world, 1, &rank, &part);
  }
  MPI_Comm_create_group(MPI_COMM_WORLD, part, 7, &made);
  MPI_Group_free(&part);
  MPI_Group_free(&world);
  return made;
}

// One rank is stopped: while it writes (in_background: the call has returned), or after some microseconds from the begin of the
// call. Rank 0 (or 1, when that is the one) wakes it up when the others have given up.
void OneRankStops(int stopped, std::optional<int> after_microseconds, bool in_background = false) {
  Where() = "rank " + std::to_string(stopped) + " is stopped" +
            (after_microseconds ? " after " + std::to_string(*after_microseconds) + " us" : " while it writes") +
            (in_background ? ", in the background" : "");
  TakeKept();
  World world(kTimeoutSeconds);
  FaultState state(WorldRank(), WorldSize());
  state.Fill(2);
  int64_t pid = WorldRank() == stopped ? getpid() : 0;
  pid = Largest(pid);
  tsnap_take_options options = SmallSlabs(true);
  std::thread timer;
  Stop stop;
  stop.in_background = in_background;
  if (WorldRank() == stopped && !after_microseconds) options.progress = Stop::Now;
  options.progress_user = &stop;
  MPI_Barrier(MPI_COMM_WORLD);
  if (WorldRank() == stopped && after_microseconds) {
    timer = std::thread([&] {
      usleep(static_cast<useconds_t>(*after_microseconds));
      kill(getpid(), SIGSTOP);
    });
  }
  double begin = Now();
  int32_t code = TakeAnyhow(world.get(), Kept(), state, &options);
  if (timer.joinable()) timer.join();
  if (WorldRank() == stopped) {
    // Woken up, it learns the end of it soon, whatever it is.
    CHECK(after_microseconds || stop.done);
    CHECK(Now() - begin < 3 * (kTimeoutSeconds + kSlackSeconds));
  } else {
    if (code == TSNAP_OK && after_microseconds) {   // all was done before it stopped: the next call notices
      begin = Now();
      state.Fill(2);
      code = TakeAnyhow(world.get(), Kept(), state, &options);
    }
    CheckTimedOut(code, begin);
    CheckBrokenAndClose(world, state);
    CheckOldOrNew(Kept(), false, 1, 2);
  }
  // A barrier of the others tells when all of them are through.
  const int waker = stopped == 0 ? 1 : 0;
  MPI_Comm others = Without(stopped);
  if (WorldRank() != stopped) {
    MPI_Barrier(others);
    if (WorldRank() == waker) CHECK(kill(static_cast<pid_t>(pid), SIGCONT) == 0);
  } else if (world.get() != nullptr) {
    state.Fill(2);
    static_cast<void>(TakeAnyhow(world.get(), Kept(), state, &options));   // the others are gone: bounded
    static_cast<void>(world.Close());
    CHECK(world.get() == nullptr);
  }
  MPI_Comm_free(&others);
  MPI_Barrier(MPI_COMM_WORLD);
  CheckOldOrNew(Kept(), false, 1, 2);
  MPI_Barrier(MPI_COMM_WORLD);
}

void StoppedWhileWriting() {
  OneRankStops(WorldSize() - 1, {});
  OneRankStops(0, {});
}

void StoppedInTheBackground() {
  OneRankStops(0, {}, true);
  if (TheHow() != How::kDriven || LongMode()) OneRankStops(WorldSize() - 1, {}, true);
}

void StoppedAtAnyTime() {
  for (const int microseconds : {300, 1500, 4000}) {
    if (!InBackground() || LongMode() || microseconds == 1500) OneRankStops(WorldSize() - 1, microseconds);
  }
  if (LongMode()) {
    for (int microseconds = 100; microseconds < 20000; microseconds = microseconds * 3 / 2) {
      OneRankStops(microseconds % WorldSize(), microseconds);
    }
  }
}

// A transfer hangs on one rank: all ranks are told after io_timeout_seconds without progress. Closing waits as long for a take that
// nobody waited for, and no longer.
void StorageThatHangs() {
  enum class Then { kWait, kOverwrite, kClose };
  TakeKept();
  const int hangs = WorldSize() - 1;
  for (const Then then : {Then::kWait, Then::kOverwrite, Then::kClose}) {
    if (then == Then::kClose && !InBackground()) continue;
    const bool overwrites = then == Then::kOverwrite;
    Where() = overwrites ? "overwriting" : then == Then::kWait ? "new place" : "closed while it hangs";
    // More than the memory holds: the call itself waits for what hangs.
    World world(60, kTimeoutSeconds, 0, then == Then::kWait && InBackground());
    FaultState state(WorldRank(), WorldSize());
    state.Fill(2);
    if (WorldRank() == hangs) IoFault::Arm("op=pwrite,n=1,sleep=" + std::to_string(kHangSeconds));
    const double begin = Now();
    const tsnap_take_options options = SmallSlabs(overwrites);
    if (then == Then::kClose) {
      tsnap_request* request = nullptr;
      CHECK_OK(tsnap_take_async(world.get(), Fresh().c_str(), state.get(), &options, &request));
      state.Scribble();
      static_cast<void>(world.Close());
      CHECK(world.get() == nullptr);
      CheckTimedOut(tsnap_request_free(&request), begin);   // it outlives its context
    } else {
      CheckTimedOut(TakeAnyhow(world.get(), overwrites ? Kept() : Fresh(), state, &options), begin);
      CheckBrokenAndClose(world, state);
    }
    CHECK(Largest(IoFault::Seen()) > 0);
    CheckPlaceIsEmpty(Fresh());
    CheckPlaceHolds(Kept(), WorldSize(), 1);
    MPI_Barrier(MPI_COMM_WORLD);
  }
  sleep(kHangSeconds - 1);   // what hung comes back, into memory that must still be there
  CheckPlaceIsEmpty(Fresh());
  CheckPlaceHolds(Kept(), WorldSize(), 1);
}

// A call hangs that is no transfer: of the marker, the index, a folder, the record. All ranks are told after io_timeout_seconds, the one
// it happens to as well.
void RecordsThatHang() {
  TakeKept();
  const std::vector<std::string> calls = {"op=rename,n=1,path=/taking", "op=open,n=1,path=/index/", "op=fsync,n=1,path=/data",
                                          "op=link,n=1,path=tsnap.json"};
  // The clean-up after the commit hangs: the snapshot is there, and the next call says what is wrong.
  {
    Where() = "clean-up";
    World world(60, kTimeoutSeconds);
    FaultState state(WorldRank(), WorldSize());
    state.Fill(2);
    const std::string place = PlaceName(folder + "/cleaned");
    if (WorldRank() == 0) IoFault::Arm("op=unlink,n=1,path=/taking,sleep=" + std::to_string(kHangSeconds));
    const double begin = Now();
    const tsnap_take_options options = SmallSlabs();
    CHECK_OK(TakeAnyhow(world.get(), place, state, &options));
    CHECK(Now() - begin < kTimeoutSeconds + kSlackSeconds);
    CHECK(Largest(IoFault::Seen()) > 0);
    CheckPlaceHolds(place, WorldSize(), 2);
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(tsnap_take(world.get(), place.c_str(), state.get(), nullptr) == TSNAP_E_TIMEOUT);
    CheckBrokenAndClose(world, state);
    MPI_Barrier(MPI_COMM_WORLD);
  }
  for (size_t i = 0; i < calls.size(); ++i) {
    if (TheHow() != How::kSync && i % 2 == 0 && !LongMode()) continue;
    Where() = calls[i];
    World world(60, kTimeoutSeconds);
    FaultState state(WorldRank(), WorldSize());
    state.Fill(2);
    const std::string place = PlaceName(folder + "/hung" + std::to_string(i));
    if (WorldRank() == 0) IoFault::Arm(calls[i] + ",sleep=" + std::to_string(kHangSeconds));
    const double begin = Now();
    const tsnap_take_options options = SmallSlabs();
    CheckTimedOut(TakeAnyhow(world.get(), place, state, &options), begin);
    CHECK(Largest(IoFault::Seen()) > 0);
    CheckBrokenAndClose(world, state);
    CheckPlaceIsEmpty(place);
    MPI_Barrier(MPI_COMM_WORLD);
  }
  World world(60, kTimeoutSeconds);
  FaultState state(WorldRank(), WorldSize());
  if (WorldRank() == 0) IoFault::Arm("op=open,n=1,path=kept/tsnap.json,sleep=" + std::to_string(kHangSeconds));
  const double begin = Now();
  CheckTimedOut(tsnap_restore(world.get(), Kept().c_str(), state.get(), nullptr), begin);
  CheckBrokenAndClose(world, state);
  MPI_Barrier(MPI_COMM_WORLD);
  sleep(kHangSeconds);   // what hung comes back, and may commit: all of it, or nothing
  for (size_t i = 0; i < calls.size(); ++i) CheckOldOrNew(PlaceName(folder + "/hung" + std::to_string(i)), true, 2, 2);
  CheckPlaceHolds(Kept(), WorldSize(), 1);
}

// A rank that takes, and then calls nothing any more. Where MPI takes one thread only its background cannot go on, which the
// others are told; it itself is when it comes back, whatever it calls then.
void RankNeverWaits() {
  using Later = std::function<void(World&, FaultState&, tsnap_request*)>;
  const Later waits = [](World&, FaultState&, tsnap_request* request) { CHECK(tsnap_request_wait(request) == TSNAP_E_TIMEOUT); };
  const Later takes = [](World& world, FaultState& state, tsnap_request*) {
    CHECK(tsnap_take(world.get(), Kept().c_str(), state.get(), nullptr) == TSNAP_E_TIMEOUT);
  };
  const Later cancels = [](World&, FaultState&, tsnap_request* request) {
    CHECK(tsnap_request_cancel(request) == TSNAP_E_TIMEOUT);
  };
  const Later closes = [](World&, FaultState&, tsnap_request*) {};
  TakeKept();
  const std::vector<Later> all = {waits, closes, takes, cancels};
  for (size_t i = 0; i < (LongMode() ? all.size() : 2); ++i) {
    const Later& later = all[i];
    World world(kTimeoutSeconds);
    FaultState state(WorldRank(), WorldSize());
    state.Fill(2);
    const int away = WorldSize() - 1;
    tsnap_request* request = nullptr;
    const tsnap_take_options options = SmallSlabs();
    CHECK_OK(tsnap_take_async(world.get(), Fresh().c_str(), state.get(), &options, &request));
    state.Scribble();
    const double begin = Now();
    if (WorldRank() != away) {
      CheckTimedOut(tsnap_request_wait(request), begin);
      CheckBrokenAndClose(world, state);
      CHECK(tsnap_request_free(&request) == TSNAP_E_TIMEOUT);
      CheckPlaceIsEmpty(Fresh());
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (WorldRank() == away) {
      const double back = Now();
      later(world, state, request);
      static_cast<void>(world.Close());
      CHECK(world.get() == nullptr);
      CHECK(tsnap_request_free(&request) == TSNAP_E_TIMEOUT);
      CHECK_TEXT(Now() - back < kTimeoutSeconds + kSlackSeconds, std::to_string(Now() - back) + " s");
    }
    MPI_Barrier(MPI_COMM_WORLD);
    CheckPlaceIsEmpty(Fresh());
    CheckPlaceHolds(Kept(), WorldSize(), 1);
    MPI_Barrier(MPI_COMM_WORLD);
  }
}

void RestoreInANewJob() {
  World world;
  FaultState state(WorldRank(), WorldSize());
  state.Scribble();
  CheckSame(tsnap_restore(world.get(), Kept().c_str(), state.get(), nullptr), TSNAP_OK);
  CHECK(state.Holds(1) || state.Holds(2));
  state.Fill(5);
  CheckSame(tsnap_take(world.get(), Fresh().c_str(), state.get(), nullptr), TSNAP_OK);
  CheckPlaceHolds(Fresh(), WorldSize(), 5);
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  if (argc == 3) folder = argv[2];
  return RunRanks(argc, argv, {{"rank_never_calls", RankNeverCalls},
                               {"stopped_while_writing", StoppedWhileWriting},
                               {"stopped_at_any_time", StoppedAtAnyTime},
                               {"stopped_in_the_background", StoppedInTheBackground},
                               {"storage_that_hangs", StorageThatHangs},
                               {"records_that_hang", RecordsThatHang},
                               {"rank_never_waits", RankNeverWaits},
                               {"restore_in_a_new_job", RestoreInANewJob}});
}
