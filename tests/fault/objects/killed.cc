// A job over an object store that is killed with SIGKILL at any moment (kill9.py): "killed run FOLDER" takes one snapshot after another
// at two places in turn, "killed check FOLDER RANKS gc|leave" tells, without MPI, whether what was promised is there, and that gc
// leaves nothing else: no object, no unfinished upload. FOLDER is for the log; the places are in the bucket, under its name.
#include <unistd.h>

#include <fstream>
#include <set>
#include <string>

#include "faults.h"
#include "kill9.h"

namespace tsnap::test {
namespace {

constexpr Sizes kSizes{24, 2048, 1700000, 40000};   // a slab in parts on every rank

std::string Url(const std::string& folder) { return "s3://" + Needed("S3_BUCKET") + folder; }
std::string Place(const std::string& folder, uint64_t step) { return Url(folder) + (step % 2 == 0 ? "/even" : "/odd"); }

uint64_t LastTaken(const std::string& folder) {
  std::ifstream in(folder + "/log");
  uint64_t last = 0, step = 0;
  for (std::string word; in >> word;) {
    if (word == "taken" && in >> step) last = step;
  }
  return last;
}

tsnap_config Config() {
  tsnap_config config = ObjectConfig(60);
  config.memory_budget_bytes = 16 << 20;
  return config;
}

void Run(const std::string& folder) {
  const tsnap_config config = Config();
  tsnap_context* context = nullptr;
  CHECK_OK(tsnap_context_open(MPI_COMM_WORLD, &config, &context));
  FaultState state(WorldRank(), WorldSize(), kSizes);
  const uint64_t last = LastTaken(folder);
  MPI_Barrier(MPI_COMM_WORLD);
  if (last > 0) {
    state.Scribble();
    CheckSame(tsnap_restore(context, Place(folder, last).c_str(), state.get(), nullptr), TSNAP_OK);
    CHECK(state.Holds(last));
  }
  tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
  options.overwrite = TSNAP_ON;
  for (uint64_t step = last + 1;; ++step) {
    Where() = "taking step " + std::to_string(step);
    state.Fill(step);
    CheckSame(TakeAnyhow(context, Place(folder, step), state, &options), TSNAP_OK);
    Log(folder, "taken " + std::to_string(step));
    if (step == last + 1) Log(folder, "started");
  }
}

// The newest step that was promised, or the one that was under way; returns the places that hold a snapshot.
std::set<std::string> CheckPlaces(const std::string& folder, int ranks) {
  const uint64_t last = LastTaken(folder);
  uint64_t newest = 0;
  std::set<std::string> committed;
  for (uint64_t parity = 0; parity < 2; ++parity) {
    const std::string place = Place(folder, parity);
    const Found found = ReadAll(place, ranks, kSizes);
    if (found.code == TSNAP_E_NOT_FOUND && !found.opened) continue;
    CHECK_TEXT(found.code == TSNAP_OK && found.wrong.empty(), place + ": " + found.message + " " + found.wrong);
    CHECK(found.step % 2 == parity && found.step <= last + 1 && found.step + 2 > last);
    newest = std::max(newest, found.step);
    committed.insert(place);
  }
  CHECK_TEXT(newest >= last, "lost step " + std::to_string(last));
  return committed;
}

void Check(const std::string& folder, int ranks, bool collect) {
  const std::set<std::string> before = CheckPlaces(folder, ranks);
  if (!collect) return;
  const double begin = Now();
  for (tsnap_gc_result result = TSNAP_GC_RESULT_INIT;; usleep(200000)) {
    CHECK_OK(tsnap_gc(Url(folder).c_str(), nullptr, nullptr, &result));
    if (result.takes_kept == 0) break;
    CHECK(Now() - begin < 60);
  }
  CHECK(CheckPlaces(folder, ranks) == before);
  std::set<std::string> ids;
  for (const std::string& line : ListBelow(Url(folder))) {
    CHECK_TEXT(line.starts_with("object /"), "after gc there is " + line);
    const std::string key = line.substr(8);
    if (!key.ends_with("/tsnap.json")) ids.insert(key.substr(0, key.find('/', key.find('/') + 1)));
  }
  CHECK_TEXT(ids.size() == before.size(), std::to_string(ids.size()) + " ids after gc");
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  setenv("TSNAP_OBJECT_SLAB_BYTES", std::to_string(7 << 20).c_str(), 1);
  setenv("TSNAP_GC_AGE_SECONDS", "1", 1);
  return tsnap::test::RunKilled(argc, argv, tsnap::test::Run, tsnap::test::Check);
}
