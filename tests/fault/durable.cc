// What must have reached the disk before a snapshot exists: every file of it, and every folder that
// names one, is synced before the commit record gets its name, and that name before the take
// returns. Stands in front of fsync, link and rename to see in which order they come.
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>

#include "alone.h"
#include "damage.h"
#include "fault_state.h"

namespace tsnap::test {
namespace {

struct Seen {
  std::mutex mutex;
  bool committed = false;
  std::set<std::string> before, after;  // paths that were synced, before and after the commit
};

Seen& Log() {
  static Seen seen;
  return seen;
}

void SawSync(int fd) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = readlink(link.c_str(), path, sizeof path);
  if (length <= 0) return;
  const std::lock_guard lock(Log().mutex);
  (Log().committed ? Log().after : Log().before)
      .insert(std::string(path, static_cast<size_t>(length)));
}

// What was synced under a temporary name is so under its own.
void SawName(const char* from, const char* to) {
  std::error_code error;
  const std::string temporary = std::filesystem::canonical(from, error).string();
  const std::lock_guard lock(Log().mutex);
  if (Log().before.count(temporary) > 0)
    Log().before.insert(std::filesystem::weakly_canonical(to, error).string());
  const std::string name = to;
  if (name.ends_with("/tsnap.json") || name.ends_with("/a.h5")) Log().committed = true;
}

template <class Function>
Function* Next(const char* name) {
  void* const found = dlsym(RTLD_NEXT, name);
  CHECK(found != nullptr);
  Function* function = nullptr;
  std::memcpy(&function, &found, sizeof function);
  return function;
}

}  // namespace
}  // namespace tsnap::test

extern "C" {

__attribute__((visibility("default"))) int fsync(int fd) {
  tsnap::test::SawSync(fd);
  return tsnap::test::Next<int(int)>("fsync")(fd);
}

__attribute__((visibility("default"))) int link(const char* from, const char* to) noexcept {
  tsnap::test::SawName(from, to);
  return tsnap::test::Next<int(const char*, const char*)>("link")(from, to);
}

__attribute__((visibility("default"))) int rename(const char* from, const char* to) noexcept {
  tsnap::test::SawName(from, to);
  return tsnap::test::Next<int(const char*, const char*)>("rename")(from, to);
}

__attribute__((visibility("default"))) int renameat2(int from_folder, const char* from,
                                                     int to_folder, const char* to,
                                                     unsigned flags) noexcept {
  tsnap::test::SawName(from, to);
  return tsnap::test::Next<int(int, const char*, int, const char*, unsigned)>("renameat2")(
      from_folder, from, to_folder, to, flags);
}

}  // extern "C"

namespace tsnap::test {
namespace {

void Take(const std::string& place, uint64_t step, bool overwrite, int32_t sync) {
  Alone alone;
  FaultState state(0, 1);
  state.Fill(step);
  tsnap_take_options options = SmallSlabs(overwrite);
  options.sync = sync;
  Log().committed = false;
  Log().before.clear();
  Log().after.clear();
  CHECK_OK(tsnap_take(alone.get(), place.c_str(), state.get(), &options));
  CHECK(Log().committed);
}

bool Before(const std::string& path) { return Log().before.count(path) > 0; }

void AllIsSyncedBeforeTheCommit() {
  const Folder folder(NewFolder());
  std::filesystem::create_directories(folder / "new");
  const std::string above = std::filesystem::canonical(folder / "new").string();
  const std::string place = above + "/run/a";
  for (const bool overwrite : {false, true}) {
    Where() = overwrite ? "overwriting" : "a new place";
    Take(place, overwrite ? 2 : 1, overwrite, TSNAP_ON);
    CHECK(IdsAt(place).size() == 1);
    const std::string id = *IdsAt(place).begin();
    size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(place + "/" + id)) {
      CHECK_TEXT(Before(entry.path().string()), entry.path().string() + " was not synced");
      files += entry.is_regular_file();
    }
    CHECK(files > 3);
    for (const std::string& one :
         {place + "/tsnap.json", place + "/" + id, place, above + "/run", above})
      CHECK_TEXT(Before(one), one + " was not synced");
    CHECK_TEXT(Log().after.count(place) > 0, "the name of the record was not synced");
  }
}

// One HDF5 file: its bytes before it has its name, then its name, and the folders that were new.
void OneFileIsSyncedBeforeItHasItsName() {
  const Folder folder(NewFolder());
  const std::string above = std::filesystem::canonical(folder.path()).string();
  const std::string place = above + "/new/run/a.h5";
  for (const bool overwrite : {false, true}) {
    Where() = overwrite ? "overwriting" : "a new place";
    Take(place, overwrite ? 2 : 1, overwrite, TSNAP_ON);
    CHECK_TEXT(Before(place), "the file was not synced before it had its name");
    CHECK_TEXT(Log().after.count(above + "/new/run") > 0, "its name was not synced");
    for (const std::string& one : {above + "/new", above})
      CHECK_TEXT(Before(one) || Log().after.count(one) > 0, one + " was not synced");
  }
}

void NothingIsSyncedWhenThatIsSwitchedOff() {
  const Folder folder(NewFolder());
  Take(folder / "a", 1, false, TSNAP_OFF);
  CHECK(Log().before.empty() && Log().after.empty());
}

void RemovalIsSynced() {
  const Folder folder(NewFolder());
  const std::string place = std::filesystem::canonical(folder.path()).string() + "/a";
  Take(place, 1, false, TSNAP_ON);
  Log().committed = false;
  Log().before.clear();
  CHECK_OK(tsnap_remove(place.c_str(), nullptr));
  CHECK(Before(place));
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunAlone(
      argc, argv,
      {{"all_is_synced_before_the_commit", AllIsSyncedBeforeTheCommit},
       {"nothing_is_synced_when_that_is_switched_off", NothingIsSyncedWhenThatIsSwitchedOff},
       {"one_file_is_synced_before_it_has_its_name", OneFileIsSyncedBeforeItHasItsName},
       {"removal_is_synced", RemovalIsSynced}});
}
