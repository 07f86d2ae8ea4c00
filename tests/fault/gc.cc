// Garbage collection beside takes: one in progress is left alone, a dead one goes, what is committed stays, and a take whose
// marker was taken away does not commit. Takes are made as TSNAP_TEST_HOW says.
#include <algorithm>
#include <chrono>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <set>
#include <string>

#include "alone.h"
#include "damage.h"
#include "fault_state.h"
#include "io_fault.h"

namespace tsnap::test {
namespace {

struct Collected {
  tsnap_gc_result result = TSNAP_GC_RESULT_INIT;
  std::set<std::string> keys;
  uint64_t bytes = 0;
};

Collected Collect(const std::string& url, double min_age_seconds = 0, bool dry_run = false) {
  Collected collected;
  tsnap_gc_options options = TSNAP_GC_OPTIONS_INIT;
  options.min_age_seconds = min_age_seconds;
  options.dry_run = dry_run ? TSNAP_ON : TSNAP_OFF;
  options.removed = [](const char* key, uint64_t bytes, void* user) {
    static_cast<Collected*>(user)->keys.insert(key);
    static_cast<Collected*>(user)->bytes += bytes;
  };
  options.removed_user = &collected;
  CHECK_OK(tsnap_gc(url.c_str(), nullptr, &options, &collected.result));
  CHECK(collected.bytes == collected.result.bytes_removed);
  return collected;
}

// Runs `meanwhile` in the middle of a take, when data is written and nothing is committed.
int32_t TakeWhile(Alone& alone, FaultState& state, const std::string& place, bool overwrite, std::function<void()> meanwhile) {
  struct Once {
    std::function<void()> call;
    bool called = false;
  } once{std::move(meanwhile), false};
  tsnap_take_options options = SmallSlabs(overwrite);
  options.progress = [](uint64_t, uint64_t written, uint64_t total, void* user) {
    auto* one = static_cast<Once*>(user);
    if (written < total || one->called) return;
    one->called = true;
    one->call();
  };
  options.progress_user = &once;
  const int32_t code = TakeAnyhow(alone.get(), place, state, &options);
  const std::string message = tsnap_last_error();
  CHECK_TEXT(once.called, message);
  return code;
}

void TakeInProgressIsLeftAlone() {
  const Folder folder(NewFolder());
  Alone alone;
  FaultState state(0, 1);
  const std::string place = folder / "run/a";
  for (const bool overwrite : {false, true}) {
    state.Fill(overwrite ? 2 : 1);
    const int32_t code = TakeWhile(alone, state, place, overwrite, [&] {
      for (const std::string& url : {place, folder / "run"}) {
        const Collected by_default = Collect(url), after_an_hour = Collect(url, 3600);
        CHECK(by_default.result.takes_removed == 0 && by_default.keys.empty() && by_default.result.takes_kept == 1);
        CHECK(after_an_hour.result.takes_removed == 0 && after_an_hour.keys.empty());
      }
      if (overwrite) CheckPlaceHolds(place, 1, 1);
      else CheckPlaceIsEmpty(place);
    });
    CHECK_TEXT(code == TSNAP_OK, tsnap_last_error());
    CheckPlaceHolds(place, 1, overwrite ? 2 : 1);
    CHECK(IdsAt(place).size() == 1);
  }
}

// A process that is killed in the middle of a take, as a child: what it wrote stays behind.
void LeaveDeadTake(const std::string& place, uint64_t step, bool overwrite) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    Alone alone;
    FaultState state(0, 1);
    state.Fill(step);
    TakeWhile(alone, state, place, overwrite, [] { kill(getpid(), SIGKILL); });
    _exit(3);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void DeadTakeGoesWhenItIsOld() {
  const Folder folder(NewFolder());
  const std::string run = folder / "run", kept = run + "/kept", dead = run + "/dead";
  LeaveDeadTake(dead, 1, false);
  {
    Alone alone;
    FaultState state(0, 1);
    state.Fill(1);
    const tsnap_take_options options = SmallSlabs();
    CHECK_OK(tsnap_take(alone.get(), kept.c_str(), state.get(), &options));
  }
  LeaveDeadTake(kept, 2, true);
  CheckPlaceIsEmpty(dead);
  CheckPlaceHolds(kept, 1, 1);
  CHECK(IdsAt(kept).size() == 2 && IdsAt(dead).size() == 1);

  const Collected young = Collect(run);
  CHECK(young.result.takes_removed == 0 && young.result.takes_kept == 2 && young.keys.empty());
  Age(run, 100000);   // more than the day of the default
  const Collected dry = Collect(run, 0, true);
  CHECK(dry.result.takes_removed == 2 && dry.result.bytes_removed > 0);
  CHECK(IdsAt(kept).size() == 2 && IdsAt(dead).size() == 1);
  CHECK(Collect(run, 200000).result.takes_removed == 0);
  const Collected gone = Collect(run);
  CHECK(gone.result.takes_removed == 2 && gone.keys == dry.keys && gone.bytes == dry.bytes);
  CHECK(IdsAt(kept).size() == 1);
  CHECK(!std::filesystem::exists(dead) || IdsAt(dead).empty());
  CheckPlaceHolds(kept, 1, 1);
  CHECK(Collect(run).result.takes_removed == 0);
}

// Whose data gc took, or whose marker somebody removed, that does not commit, and the old snapshot stays.
void TakeWithoutMarkerDoesNotCommit() {
  const Folder folder(NewFolder());
  Alone alone;
  FaultState state(0, 1);
  const std::string place = folder / "a";
  const auto remove_markers = [&] {
    for (const std::string& id : IdsAt(place)) std::filesystem::remove(place + "/" + id + "/taking");
  };
  const auto collect_as_if_old = [&] {
    Age(place, 100000);
    CHECK(Collect(place).result.takes_removed == 1);
  };
  for (const bool by_gc : {false, true}) {
    for (const bool overwrite : {false, true}) {
      Where() = std::string(by_gc ? "gc" : "by hand") + (overwrite ? ", overwriting" : "");
      RemoveTree(place);
      state.Fill(1);
      if (overwrite) CHECK_OK(tsnap_take(alone.get(), place.c_str(), state.get(), nullptr));
      state.Fill(2);
      const int32_t code =
          TakeWhile(alone, state, place, overwrite, by_gc ? std::function<void()>(collect_as_if_old) : remove_markers);
      CHECK(code != TSNAP_OK);
      if (overwrite) CheckPlaceHolds(place, 1, 1);
      else CheckPlaceIsEmpty(place);
      state.Fill(3);
      const tsnap_take_options options = SmallSlabs(true);
      CHECK_OK(tsnap_take(alone.get(), place.c_str(), state.get(), &options));
      CheckPlaceHolds(place, 1, 3);
    }
  }
}

// Nothing is guessed beside a record that cannot be read.
void DamagedRecordStopsTheCollector() {
  const Folder folder(NewFolder());
  const std::string place = folder / "a";
  {
    Alone alone;
    FaultState state(0, 1, kSmallSizes);
    state.Fill(1);
    CHECK_OK(tsnap_take(alone.get(), place.c_str(), state.get(), nullptr));
  }
  const std::vector<std::string> files = FilesOf(place);
  const std::string record = ReadFile(place + "/tsnap.json");
  Age(place, 100000);
  WriteFile(place + "/tsnap.json", record.substr(0, record.size() / 2));
  tsnap_gc_options options = TSNAP_GC_OPTIONS_INIT;
  options.min_age_seconds = 1;
  CHECK(tsnap_gc(place.c_str(), nullptr, &options, nullptr) == TSNAP_E_CORRUPT);
  CHECK(FilesOf(place) == files);
  WriteFile(place + "/tsnap.json", record);
  CheckPlaceHolds(place, 1, 1, kSmallSizes);
}

// What is not tsnap's is none of its business.
void ForeignFilesStay() {
  const Folder folder(NewFolder());
  const std::string place = folder / "a";
  LeaveDeadTake(place, 1, false);
  WriteFile(place + "/notes.txt", "mine");
  std::filesystem::create_directories(place + "/data/0");
  WriteFile(place + "/data/0/0.0", "mine too");
  const std::string almost(31, 'a');
  std::filesystem::create_directories(place + "/" + almost);
  WriteFile(place + "/" + almost + "/taking", "not an id");
  Age(place, 100000);
  CHECK(Collect(place).result.takes_removed == 1);
  CHECK(ReadFile(place + "/notes.txt") == "mine" && ReadFile(place + "/data/0/0.0") == "mine too");
  CHECK(std::filesystem::exists(place + "/" + almost + "/taking"));
}

// Storage is slow; meanwhile the marker is written again and again, each time as a new file.
void MarkerIsRefreshedWhileATakeRuns() {
  const Folder folder(NewFolder());
  const std::string place = folder / "a";
  struct Markers {
    std::string place;
    std::set<std::string> seen;
  } markers{place, {}};
  tsnap_take_options options = SmallSlabs();
  options.progress = [](uint64_t, uint64_t, uint64_t, void* user) {
    auto* all = static_cast<Markers*>(user);
    for (const std::string& id : IdsAt(all->place)) {
      struct stat info {};
      if (stat((all->place + "/" + id + "/taking").c_str(), &info) != 0) continue;
      all->seen.insert(std::to_string(info.st_mtim.tv_sec) + "." +
                       std::to_string(info.st_mtim.tv_nsec));
    }
  };
  options.progress_user = &markers;
  FaultState state(0, 1);
  for (const bool often : {false, true}) {
    RemoveTree(place);
    markers.seen.clear();
    if (often) setenv("TSNAP_GC_AGE_SECONDS", "2", 1);  // so it is refreshed five times a second
    Alone alone;
    unsetenv("TSNAP_GC_AGE_SECONDS");
    IoFault::Arm("op=pwrite,n=1,sleep=2,path=/data/");
    const int32_t code = tsnap_take(alone.get(), place.c_str(), state.get(), &options);
    CHECK(IoFault::Disarm() > 0);
    CHECK_TEXT(code == TSNAP_OK, tsnap_last_error());
    const size_t seen = markers.seen.size();
    CHECK_TEXT(often ? seen >= 3 : seen == 1, std::to_string(seen) + " markers");
  }
}

// The marker is written beside the transfers, which do not wait for it, nor it for them: with one at a time, and many to come,
// progress is told and the marker refreshed all the same.
void MarkerDoesNotWaitForTransfers() {
  const Folder folder(NewFolder());
  struct Calls {
    std::string place;
    std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
    double longest_gap_seconds = 0;
    std::set<long> markers;
  } calls;
  calls.place = folder / "a";
  tsnap_take_options options = SmallSlabs();
  options.progress = [](uint64_t, uint64_t, uint64_t, void* user) {
    auto* all = static_cast<Calls*>(user);
    const auto now = std::chrono::steady_clock::now();
    all->longest_gap_seconds = std::max(all->longest_gap_seconds, std::chrono::duration<double>(now - all->last).count());
    all->last = now;
    for (const std::string& id : IdsAt(all->place)) {
      struct stat info {};
      if (stat((all->place + "/" + id + "/taking").c_str(), &info) == 0) all->markers.insert(info.st_mtim.tv_nsec);
    }
  };
  options.progress_user = &calls;
  FaultState state(0, 1);
  setenv("TSNAP_GC_AGE_SECONDS", "2", 1);
  setenv("TSNAP_IO_CONCURRENCY", "1", 1);
  {
    Alone alone;
    calls.last = std::chrono::steady_clock::now();
    IoFault::Arm("op=pwrite,n=1,count=5,sleep=1,path=/data/");
    const int32_t code = tsnap_take(alone.get(), calls.place.c_str(), state.get(), &options);
    CHECK(IoFault::Disarm() >= 3);
    CHECK_TEXT(code == TSNAP_OK, tsnap_last_error());
  }
  unsetenv("TSNAP_IO_CONCURRENCY");
  unsetenv("TSNAP_GC_AGE_SECONDS");
  CHECK_TEXT(calls.longest_gap_seconds < 2, std::to_string(calls.longest_gap_seconds) + " s without a word");
  CHECK_TEXT(calls.markers.size() >= 5, std::to_string(calls.markers.size()) + " markers");
}

// A batch system suspends the job while it writes, for longer than io_timeout_seconds, and resumes it: nothing hangs.
void SuspendedJobGoesOn() {
  const Folder folder(NewFolder());
  FaultState state(0, 1);
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.io_timeout_seconds = 4;
  tsnap_context* context = nullptr;
  CHECK_OK(tsnap_context_open_self(&config, &context));
  const pid_t job = getpid(), batch = fork();
  if (batch == 0) {
    usleep(300000);
    kill(job, SIGSTOP);
    usleep(4500000);
    kill(job, SIGCONT);
    _exit(0);
  }
  CHECK(batch > 0);
  IoFault::Arm("op=pwrite,n=1,sleep=6,path=/data/");
  const tsnap_take_options options = SmallSlabs();
  const int32_t code = tsnap_take(context, (folder / "a").c_str(), state.get(), &options);
  CHECK(IoFault::Disarm() > 0);
  CHECK_TEXT(code == TSNAP_OK, tsnap_last_error());
  CHECK(waitpid(batch, nullptr, 0) == batch);
  CHECK_OK(tsnap_context_close(&context));
}

// A second is less than the minute after which a take shows again that it is alive.
void ShortestAgeSparesATakeThatIsAlive() {
  const Folder folder(NewFolder());
  Alone alone;
  FaultState state(0, 1);
  const std::string place = folder / "a";
  state.Fill(1);
  const int32_t code = TakeWhile(alone, state, place, false, [&] {
    Age(place, 100);
    const Collected collected = Collect(place, 1);
    CHECK(collected.result.takes_removed == 0 && collected.result.takes_kept == 1);
  });
  CHECK_TEXT(code == TSNAP_OK, tsnap_last_error());
  CheckPlaceHolds(place, 1, 1);

  LeaveDeadTake(place, 2, true);
  CHECK(Collect(place, 1).result.takes_kept == 1);
  Age(place, 400);  // five minutes of silence are enough
  CHECK(Collect(place, 1).result.takes_removed == 1);
  CheckPlaceHolds(place, 1, 1);
}

void HostileMarkerKeepsNothing() {
  for (const char* text : {"", "x", "a take in progress, refreshed every 1e300 seconds\n",
                           "a take in progress, refreshed every nan seconds\n",
                           "a take in progress, refreshed every -5 seconds\n",
                           "a take in progress, refreshed every 86400 minutes\n"}) {
    const Folder folder(NewFolder());
    const std::string place = folder / "a";
    LeaveDeadTake(place, 1, false);
    for (const std::string& id : IdsAt(place)) WriteFile(place + "/" + id + "/taking", text);
    Age(place, 20000);
    CHECK_TEXT(Collect(place, 1).result.takes_removed == 1, text);
  }
  const Folder folder(NewFolder());
  const std::string place = folder / "a";
  LeaveDeadTake(place, 1, false);
  for (const std::string& id : IdsAt(place))
    WriteFile(place + "/" + id + "/taking", std::string(100000, 'x'));
  Age(place, 20000);
  CHECK(Collect(place, 1).result.takes_removed == 1);
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunAlone(argc, argv, {{"take_in_progress_is_left_alone", TakeInProgressIsLeftAlone},
                               {"dead_take_goes_when_it_is_old", DeadTakeGoesWhenItIsOld},
                               {"take_without_marker_does_not_commit", TakeWithoutMarkerDoesNotCommit},
                               {"damaged_record_stops_the_collector", DamagedRecordStopsTheCollector},
                               {"foreign_files_stay", ForeignFilesStay},
                               {"marker_is_refreshed_while_a_take_runs", MarkerIsRefreshedWhileATakeRuns},
                               {"marker_does_not_wait_for_transfers", MarkerDoesNotWaitForTransfers},
                               {"suspended_job_goes_on", SuspendedJobGoesOn},
                               {"shortest_age_spares_a_take_that_is_alive", ShortestAgeSparesATakeThatIsAlive},
                               {"hostile_marker_keeps_nothing", HostileMarkerKeepsNothing}});
}
