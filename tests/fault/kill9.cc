// A job that is killed with SIGKILL at any moment: "kill9 run FOLDER" (under mpirun, by kill9.py) restores the newest snapshot
// and takes one after another, as TSNAP_TEST_HOW says; "kill9 check FOLDER RANKS gc|leave" tells, without MPI, whether everything
// that was promised is there.
//
// The log of a run, one line each, appended by rank 0: "started", "taken N", "latest N" after the call returned, "removing N" before.
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "damage.h"
#include "fault_state.h"
#include "kill9.h"
#include "ranks.h"

namespace tsnap::test {
namespace {

constexpr Sizes kSizes{6, 1024, 8000, 20000};   // 240 kB a rank, and a bit: several slabs
constexpr uint64_t kKept = 3;

std::string StepPlace(const std::string& folder, uint64_t step) { return PlaceName(folder + "/step-" + std::to_string(step)); }
std::string LatestPlace(const std::string& folder) { return PlaceName(folder + "/latest"); }

struct Promises {
  std::set<uint64_t> taken, removing;
  uint64_t latest = 0;
};

Promises ReadLog(const std::string& folder) {
  Promises promises;
  std::ifstream in(folder + "/log");
  std::string word;
  while (in >> word) {
    if (word == "started") continue;
    uint64_t step = 0;
    CHECK(static_cast<bool>(in >> step));
    if (word == "taken") promises.taken.insert(step);
    else if (word == "removing") promises.removing.insert(step);
    else if (word == "latest") promises.latest = step;
    else CHECK_TEXT(false, word);
  }
  return promises;
}

// Steps whose place exists, newest last; committed or not.
std::set<uint64_t> StepsIn(const std::string& folder) {
  std::set<uint64_t> steps;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("step-")) steps.insert(std::stoull(name.substr(5)));
  }
  return steps;
}

// Restores the newest committed snapshot on the ranks that took it, and returns its step; 0 = there is none yet.
uint64_t RestoreNewest(const std::string& folder, World& world, FaultState& state) {
  const std::set<uint64_t> steps = StepsIn(folder);
  MPI_Barrier(MPI_COMM_WORLD);
  const Promises promises = ReadLog(folder);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    Where() = "restoring step " + std::to_string(*step);
    state.Scribble();
    const int32_t code = SameOnAll(tsnap_restore(world.get(), StepPlace(folder, *step).c_str(), state.get(), nullptr));
    if (code == TSNAP_E_NOT_FOUND) continue;
    CHECK_TEXT(code == TSNAP_OK, std::string(tsnap_status_name(code)) + ": " + tsnap_last_error());
    CHECK(state.Holds(*step));
    CHECK(promises.taken.empty() || *step >= *promises.taken.rbegin());
    return *step;
  }
  CHECK(promises.taken.empty());
  return 0;
}

// The second take is asked for while the first one is pending; either is promised only when it has been waited for.
void TakeInBackground(const std::string& folder, World& world, FaultState& state, uint64_t step) {
  const tsnap_take_options to_new = SmallSlabs(), over_old = SmallSlabs(true);
  const std::string place = StepPlace(folder, step), latest = LatestPlace(folder);
  tsnap_request *first = nullptr, *second = nullptr;
  state.Fill(step);
  CheckSame(tsnap_take_async(world.get(), place.c_str(), state.get(), &to_new, &first), TSNAP_OK);
  state.Scribble();
  state.Fill(step);
  CheckSame(tsnap_take_async(world.get(), latest.c_str(), state.get(), &over_old, &second), TSNAP_OK);
  state.Scribble();
  CheckSame(EndOf(&first), TSNAP_OK);
  Log(folder, "taken " + std::to_string(step));
  CheckSame(EndOf(&second), TSNAP_OK);
  Log(folder, "latest " + std::to_string(step));
}

void Run(const std::string& folder) {
  World world(30, 30);
  FaultState state(WorldRank(), WorldSize(), kSizes);
  uint64_t step = RestoreNewest(folder, world, state);
  const tsnap_take_options to_new = SmallSlabs(), over_old = SmallSlabs(true);
  MPI_Barrier(MPI_COMM_WORLD);
  Log(folder, "started");
  for (;;) {
    ++step;
    Where() = "taking step " + std::to_string(step);
    if (InBackground()) {
      TakeInBackground(folder, world, state, step);
    } else {
      state.Fill(step);
      CheckSame(tsnap_take(world.get(), StepPlace(folder, step).c_str(), state.get(), &to_new), TSNAP_OK);
      Log(folder, "taken " + std::to_string(step));
      CheckSame(tsnap_take(world.get(), LatestPlace(folder).c_str(), state.get(), &over_old), TSNAP_OK);
      Log(folder, "latest " + std::to_string(step));
    }
    if (step <= kKept || WorldRank() != 0) continue;
    Log(folder, "removing " + std::to_string(step - kKept));
    const int32_t removed = tsnap_remove(StepPlace(folder, step - kKept).c_str(), nullptr);
    CHECK(removed == TSNAP_OK || removed == TSNAP_E_NOT_FOUND);
  }
}

// Every place: all of one step, or nothing. What was promised is there.
std::map<std::string, uint64_t> CheckPlaces(const std::string& folder, int ranks) {
  const Promises promises = ReadLog(folder);
  std::map<std::string, uint64_t> committed;
  for (const uint64_t step : StepsIn(folder)) {
    const std::string place = StepPlace(folder, step);
    const Found found = ReadAll(place, ranks, kSizes);
    if (found.code == TSNAP_E_NOT_FOUND && !found.opened) continue;
    CHECK_TEXT(found.code == TSNAP_OK && found.wrong.empty(), place + ": " + found.message + " " + found.wrong);
    CheckPlaceHolds(place, ranks, step, kSizes);
    committed[place] = step;
  }
  for (const uint64_t step : promises.taken)
    CHECK_TEXT(promises.removing.count(step) || committed.count(StepPlace(folder, step)), "lost step " + std::to_string(step));
  const std::string place = LatestPlace(folder);
  const Found found = ReadAll(place, ranks, kSizes);
  if (found.code == TSNAP_E_NOT_FOUND && !found.opened) {
    CHECK(promises.latest == 0);
    return committed;
  }
  CHECK_TEXT(found.code == TSNAP_OK && found.wrong.empty(), place + ": " + found.message + " " + found.wrong);
  CHECK_TEXT(found.step >= promises.latest, place + " fell back to step " + std::to_string(found.step));
  committed[place] = found.step;
  return committed;
}

void Check(const std::string& folder, int ranks, bool collect) {
  const auto before = CheckPlaces(folder, ranks);
  if (!collect) return;
  Age(folder, 100000);
  tsnap_gc_result result = TSNAP_GC_RESULT_INIT;
  CHECK_OK(tsnap_gc(folder.c_str(), nullptr, nullptr, &result));
  CHECK(CheckPlaces(folder, ranks) == before);
  std::set<std::string> places;
  for (const uint64_t step : StepsIn(folder)) places.insert(StepPlace(folder, step));
  if (std::filesystem::exists(LatestPlace(folder))) places.insert(LatestPlace(folder));
  for (const std::string& place : places) {
    const size_t ids = IdsAt(place).size();
    CHECK_TEXT(ids == (PlacesAreFiles() ? 0 : before.count(place)), place + " has " + std::to_string(ids) + " ids after gc");
  }
  result = TSNAP_GC_RESULT_INIT;
  CHECK_OK(tsnap_gc(folder.c_str(), nullptr, nullptr, &result));
  CHECK(result.takes_removed == 0 && result.takes_kept == 0);
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::RunKilled(argc, argv, tsnap::test::Run, tsnap::test::Check); }
