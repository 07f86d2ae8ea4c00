// The process dies at each of its system calls: whatever it was doing to the storage, the old snapshot or the new one is there in
// full afterwards, a take to the same place works, and gc finds the rest.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "alone.h"
#include "damage.h"
#include "dies_at.h"
#include "fault_state.h"
#include "io_fault.h"

namespace tsnap::test {
namespace {

constexpr Sizes kSizes{24, 1536, 20000, 30000};

void Take(const std::string& place, uint64_t step, bool overwrite) {
  Alone alone;
  FaultState state(0, 1, kSizes);
  state.Fill(step);
  const tsnap_take_options options = SmallSlabs(overwrite);
  CHECK_OK(TakeAnyhow(alone.get(), place, state, &options));
}

// In a child, so that this process never has threads when it forks.
void TakeInChild(const std::string& place, uint64_t step, bool overwrite) {
  CHECK(!DiesAt(0, [&] { Take(place, step, overwrite); }));
}

// Collects what looks old by now; what is committed must be all that is left.
void CollectAll(const std::string& place, size_t committed) {
  if (!std::filesystem::exists(FolderOfTakes(place)) && !std::filesystem::exists(place)) {
    CHECK(committed == 0);
    return;
  }
  if (std::filesystem::exists(FolderOfTakes(place))) Age(FolderOfTakes(place), 100000);
  CHECK_OK(tsnap_gc(place.c_str(), nullptr, nullptr, nullptr));
  if (PlacesAreFiles()) {
    CHECK(std::filesystem::exists(place) == (committed == 1));
    CHECK_TEXT(IdsAt(place).empty(), *IdsAt(place).begin() + " stays after gc");
    return;
  }
  CHECK(IdsAt(place).size() == committed);
  for (const std::string& file : FilesOf(place)) {
    const bool lock = file == place + "/.tsnap-lock";
    CHECK_TEXT(committed > 0 || lock, file + " stays after gc");
    CHECK_TEXT(lock || !Contains(file, "/.tsnap-"), file + " stays after gc");
  }
}

void WhileTaking() {
  for (const bool overwrite : {false, true}) {
    int calls = 0, committed = 0;
    for (int n = 1;; ++n) {
      Where() = std::string(overwrite ? "overwriting" : "new place") + ", killed at call " + std::to_string(n);
      const Folder folder(NewFolder());
      const std::string place = folder / "a";
      if (overwrite) TakeInChild(place, 1, false);
      const bool died = DiesAt(n, [&] { Take(place, 2, overwrite); });
      const Found found = ReadAll(place, 1, kSizes);
      const bool there = found.opened;
      if (there) {
        CHECK_TEXT(found.code == TSNAP_OK && found.wrong.empty(), found.message + found.wrong);
        CHECK(found.step == 2 || (overwrite && died && found.step == 1));
        CheckPlaceHolds(place, 1, found.step, kSizes);
      } else {
        CHECK_TEXT(found.code == TSNAP_E_NOT_FOUND && !overwrite && died, found.message);
      }
      committed += there && found.step == 2;
      CollectAll(place, there);
      if (there) CheckPlaceHolds(place, 1, found.step, kSizes);
      TakeInChild(place, 3, true);   // what is left does not stand in the way
      CheckPlaceHolds(place, 1, 3, kSizes);
      if (!died) break;
      ++calls;
    }
    CHECK(calls > 20 && committed >= 1);
  }
}

void WhileRemoving() {
  int calls = 0;
  for (int n = 1;; ++n) {
    Where() = "killed at call " + std::to_string(n);
    const Folder folder(NewFolder());
    const std::string place = folder / "a";
    TakeInChild(place, 1, false);
    const bool died = DiesAt(n, [&] { CHECK_OK(tsnap_remove(place.c_str(), nullptr)); });
    const Found found = ReadAll(place, 1, kSizes);
    if (found.opened) {
      CHECK(died);
      CheckPlaceHolds(place, 1, 1, kSizes);
    } else {
      CHECK(found.code == TSNAP_E_NOT_FOUND);
    }
    CollectAll(place, found.opened);
    if (!died) break;
    ++calls;
  }
  CHECK(calls >= 4);
}

void WhileCollecting() {
  int calls = 0;
  for (int n = 1;; ++n) {
    Where() = "killed at call " + std::to_string(n);
    const Folder folder(NewFolder());
    const std::string place = folder / "a";
    TakeInChild(place, 1, false);
    CHECK(DiesAt(25, [&] { Take(place, 2, true); }));
    Age(FolderOfTakes(place), 100000);
    const bool died = DiesAt(n, [&] { CHECK_OK(tsnap_gc(place.c_str(), nullptr, nullptr, nullptr)); });
    CheckPlaceHolds(place, 1, 1, kSizes);
    CollectAll(place, 1);
    CheckPlaceHolds(place, 1, 1, kSizes);
    if (!died) break;
    ++calls;
  }
  CHECK(calls >= 3);
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunAlone(argc, argv, {{"while_taking", WhileTaking}, {"while_removing", WhileRemoving}, {"while_collecting", WhileCollecting}});
}
