// Copying snapshots: what is committed at the destination is the source, byte for byte, or nothing; whatever interrupts a copy, the
// next one ends it and does not copy twice what was noted.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <string>

#include "alone.h"
#include "damage.h"
#include "dies_at.h"
#include "fault_state.h"
#include "io_fault.h"

namespace tsnap::test {
namespace {

constexpr Sizes kSizes{24, 1536, 20000, 30000};
constexpr Sizes kManySlabs{400, 12000, 20000, 30000};   // some 150 of 256 KiB

void Take(const std::string& place, uint64_t step, const Sizes& sizes = kSizes, bool overwrite = false) {
  Alone alone;
  FaultState state(0, 1, sizes);
  state.Fill(step);
  const tsnap_take_options options = SmallSlabs(overwrite);
  CHECK_OK(tsnap_take(alone.get(), place.c_str(), state.get(), &options));
}

struct Copied {
  int32_t code = TSNAP_OK;
  std::string message;
  tsnap_copy_result result = TSNAP_COPY_RESULT_INIT;
  uint64_t done = 0, total = 0;   // of the last progress
  int64_t objects() const { return result.objects_copied + result.objects_skipped; }
};

// `meanwhile` is called at each progress, the first of which comes before any object is copied.
Copied Copy(const std::string& from, const std::string& to, bool overwrite = false, bool verify = false,
            const std::function<void()>& meanwhile = {}) {
  struct Watched {
    Copied copied;
    const std::function<void()>& meanwhile;
  } watched{{}, meanwhile};
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = 16 << 20;
  config.io_timeout_seconds = 2;
  tsnap_copy_options options = TSNAP_COPY_OPTIONS_INIT;
  options.overwrite = overwrite ? TSNAP_ON : TSNAP_OFF;
  options.verify = verify ? TSNAP_ON : TSNAP_OFF;
  options.progress = [](uint64_t done, uint64_t total, void* user) {
    auto* now = static_cast<Watched*>(user);
    CHECK(done >= now->copied.done && done <= total && (now->copied.total == 0 || total == now->copied.total));
    now->copied.done = done;
    now->copied.total = total;
    if (now->meanwhile) now->meanwhile();
  };
  options.progress_user = &watched;
  watched.copied.code = tsnap_copy(from.c_str(), &config, to.c_str(), &config, &options, &watched.copied.result);
  if (watched.copied.code != TSNAP_OK) watched.copied.message = tsnap_last_error();
  return watched.copied;
}

void CheckCopied(const Copied& copied) {
  CHECK_TEXT(copied.code == TSNAP_OK, copied.message);
  CHECK(copied.done == copied.total && copied.total > 0);
  CHECK(copied.result.server_side == 0);
}

// Paths below a place and what is in them. Locks are nobody's; temporary names beside the record, of a process that was killed,
// are gc's.
std::map<std::string, std::string> ContentsOf(const std::string& place) {
  std::map<std::string, std::string> contents;
  for (const std::string& file : FilesOf(place)) {
    if (file.compare(place.size(), 8, "/.tsnap-") != 0) contents[file.substr(place.size())] = ReadFile(file);
  }
  return contents;
}

void CheckSameFiles(const std::string& from, const std::string& to) {
  const auto source = ContentsOf(from), copy = ContentsOf(to);
  for (const auto& [file, bytes] : copy) CHECK_TEXT(source.count(file) == 1, file + " is only at the copy");
  for (const auto& [file, bytes] : source) CHECK_TEXT(copy.count(file) == 1 && copy.at(file) == bytes, file + " differs or is missing");
}

void CopiesAreTheSameByteForByte() {
  const Folder folder(NewFolder());
  const std::string a = folder / "a", b = folder / "deep/er/b", c = folder / "c";
  Take(a, 1);
  const int64_t files = static_cast<int64_t>(FilesOf(a).size()) - 1;   // but the record
  for (const bool verify : {false, true}) {
    const std::string to = b + (verify ? "2" : "");
    const Copied copied = Copy(a, to, false, verify);
    CheckCopied(copied);
    CHECK(copied.result.objects_copied == files && copied.result.objects_skipped == 0 && copied.result.bytes_skipped == 0);
    CHECK((copied.total > copied.result.bytes_copied) == verify);
    CheckSameFiles(a, to);
    CheckPlaceHolds(to, 1, 1, kSizes);
  }
  CheckCopied(Copy(b, "mem://copied"));
  CheckPlaceHolds("mem://copied", 1, 1, kSizes);
  CheckCopied(Copy("mem://copied", "mem://again", false, true));
  CHECK_OK(tsnap_remove(b.c_str(), nullptr));
  CheckCopied(Copy("mem://again", "fs://" + c));
  CheckSameFiles(a, c);
  // Once more: there is nothing to do.
  const Copied again = Copy(a, c, true, true);
  CheckCopied(again);
  CHECK(again.result.objects_copied == 0 && again.result.objects_skipped == files && again.result.bytes_copied == 0);
  CheckSameFiles(a, c);
}

void AnotherSnapshotIsOnlyReplacedWhenAsked() {
  const Folder folder(NewFolder());
  const std::string a = folder / "a", b = folder / "b";
  Take(a, 1);
  Take(b, 2);
  const Copied refused = Copy(a, b);
  CHECK_TEXT(refused.code == TSNAP_E_EXISTS && Contains(refused.message, b), refused.message);
  CheckPlaceHolds(b, 1, 2, kSizes);
  CHECK(IdsAt(b).size() == 1);
  CheckCopied(Copy(a, b, true));
  CheckSameFiles(a, b);
  CheckPlaceHolds(b, 1, 1, kSizes);
  // A damaged one too.
  WriteFile(b + "/tsnap.json", "{");
  CHECK(Copy(a, b).code == TSNAP_E_EXISTS);
  CheckCopied(Copy(a, b, true));
  CheckSameFiles(a, b);
}

void WhatCannotBeCopiedIsRefused() {
  const Folder folder(NewFolder());
  const std::string a = folder / "a", b = folder / "b";
  Take(a, 1, kSmallSizes);
  const auto refused = [&](const std::string& from, const std::string& to, int32_t code, const std::string& says) {
    const Copied copied = Copy(from, to);
    CHECK_TEXT(copied.code == code && Contains(copied.message, says), std::string(tsnap_status_name(copied.code)) + " " + copied.message);
    CHECK(!std::filesystem::exists(b));
  };
  refused(a, a, TSNAP_E_INVALID, "same place");
  refused(a, "fs://" + a + "/", TSNAP_E_INVALID, "same place");
  refused(folder / "nothing", b, TSNAP_E_NOT_FOUND, "nothing");
  refused("warp://core", b, TSNAP_E_INVALID, "warp");
  refused(a, "warp://core", TSNAP_E_INVALID, "warp");
  CHECK(tsnap_copy(nullptr, nullptr, b.c_str(), nullptr, nullptr, nullptr) == TSNAP_E_INVALID);
  CHECK(tsnap_copy(a.c_str(), nullptr, nullptr, nullptr, nullptr, nullptr) == TSNAP_E_INVALID);
  tsnap_copy_options options = TSNAP_COPY_OPTIONS_INIT;
  options.verify = 3;
  CHECK(tsnap_copy(a.c_str(), nullptr, b.c_str(), nullptr, &options, nullptr) == TSNAP_E_INVALID);
  tsnap_copy_result result = TSNAP_COPY_RESULT_INIT;
  result.struct_size = 3;
  CHECK(tsnap_copy(a.c_str(), nullptr, b.c_str(), nullptr, nullptr, &result) == TSNAP_E_INVALID);
  // The same place by another name holds the snapshot already.
  std::filesystem::create_directory_symlink(a, folder / "link");
  CHECK(Copy(a, folder / "link").result.objects_copied == 0);
  CheckPlaceHolds(a, 1, 1, kSmallSizes);
  {
    Damage record(a + "/tsnap.json");
    record.Flip(record.bytes().size() / 2, 1);
    refused(a, b, TSNAP_E_CORRUPT, a);
  }
  CHECK_OK(tsnap_copy(a.c_str(), nullptr, b.c_str(), nullptr, nullptr, nullptr));
  CheckPlaceHolds(b, 1, 1, kSmallSizes);
}

// Ends a copy that was interrupted, and looks at what is there then.
Copied CopyAgain(const std::string& from, const std::string& to, bool overwrite) {
  const Copied copied = Copy(from, to, overwrite);
  CheckCopied(copied);
  CheckSameFiles(from, to);
  CHECK(copied.objects() == static_cast<int64_t>(FilesOf(from).size()) - 1);
  return copied;
}

void FailsAtEveryCall(const std::string& op) {
  for (const bool overwrite : {false, true}) {
    const Folder source(NewFolder());
    const std::string from = source / "from";
    Take(from, 1);
    int failures = 0, skipped = 0;
    for (int n = 1;; ++n) {
      Where() = op + " number " + std::to_string(n) + (overwrite ? ", overwriting" : "");
      const Folder folder(NewFolder());
      const std::string to = folder / "to";
      if (overwrite) Take(to, 2);
      IoFault::Arm(IoFault::Spec(op, n, "EIO"));
      const Copied copied = Copy(from, to, overwrite);
      const bool failed = IoFault::Disarm() >= n;
      const Found found = ReadAll(to, 1, kSizes);
      CHECK_TEXT(copied.code != TSNAP_OK || (found.code == TSNAP_OK && found.step == 1), copied.message);
      CHECK_TEXT(found.code == TSNAP_OK ? found.wrong.empty() : found.code == TSNAP_E_NOT_FOUND && !overwrite, found.message);
      const bool committed = found.code == TSNAP_OK && found.step == 1;   // and what it could not remove then is gc's
      failures += copied.code != TSNAP_OK && !committed;
      const Copied again = committed ? Copy(from, to, overwrite) : CopyAgain(from, to, overwrite);
      CheckCopied(again);
      CheckPlaceHolds(to, 1, 1, kSizes);
      skipped += copied.code != TSNAP_OK && again.result.objects_skipped > 0 && again.result.objects_copied > 0;
      if (!failed) break;
    }
    CHECK_TEXT(failures > 3, std::to_string(failures));
    if (op == "pwrite") CHECK(skipped > 0);
  }
}

void FailedCopyIsTakenUp() {
  for (const char* op : {"any", "pwrite"}) FailsAtEveryCall(op);
}

void KilledCopyIsTakenUp() {
  for (const bool overwrite : {false, true}) {
    const Folder source(NewFolder());
    const std::string from = source / "from";
    CHECK(!DiesAt(0, [&] { Take(from, 1); }));
    int calls = 0, committed = 0;
    for (int n = 1;; ++n) {
      Where() = std::string(overwrite ? "overwriting" : "new place") + ", killed at call " + std::to_string(n);
      const Folder folder(NewFolder());
      const std::string to = folder / "to";
      if (overwrite) CHECK(!DiesAt(0, [&] { Take(to, 2); }));
      const bool died = DiesAt(n, [&] { CheckCopied(Copy(from, to, overwrite)); });
      const Found found = ReadAll(to, 1, kSizes);
      if (found.opened) {
        CHECK_TEXT(found.code == TSNAP_OK && found.wrong.empty(), found.message + found.wrong);
        CHECK(found.step == 1 || (overwrite && died && found.step == 2));
      } else {
        CHECK_TEXT(found.code == TSNAP_E_NOT_FOUND && !overwrite && died, found.message);
      }
      const bool there = found.opened && found.step == 1;
      committed += there;
      const Copied again = Copy(from, to, overwrite);
      CheckCopied(again);
      CheckPlaceHolds(to, 1, 1, kSizes);
      // Killed after its commit, a copy leaves what gc finds, and its marker.
      if (!there) CheckSameFiles(from, to);
      if (!died) break;
      ++calls;
    }
    CHECK(calls > 40 && committed >= 1);
  }
}

// The objects that the notes at a place name.
int64_t NotedAt(const std::string& place) {
  int64_t noted = 0;
  if (!std::filesystem::exists(place)) return 0;
  for (const std::string& file : FilesOf(place)) {
    if (!Contains(file, "/copied/") || Contains(file, "/.tsnap-")) continue;
    const std::string text = ReadFile(file);
    noted += std::count(text.begin(), text.end(), '\n') - 1;
  }
  return noted;
}

void WhatIsNotedIsNotCopiedTwice() {
  const Folder folder(NewFolder());
  const std::string from = folder / "from", to = folder / "to";
  CHECK(!DiesAt(0, [&] { Take(from, 1, kManySlabs); }));
  const int64_t files = static_cast<int64_t>(FilesOf(from).size()) - 1;
  CHECK(files > 100);
  int64_t before = 0;
  for (int kills = 0; kills < 2; ++kills) {
    Where() = "killed " + std::to_string(kills) + " times before";
    CHECK_TEXT(DiesAt(0, [&] {
      // Slowly, so that there is something to interrupt.
      IoFault::Arm("op=open,n=1,count=all,sleep=0.01,path=/to/");
      Copy(from, to, false, false, [&] {
        if (NotedAt(to) > before) kill(getpid(), SIGKILL);
      });
    }), "the copy was not interrupted");
    const int64_t noted = NotedAt(to);
    CHECK_TEXT(noted > before && noted < files, std::to_string(noted));
    before = noted;
  }
  Where() = "";
  CheckPlaceIsEmpty(to);
  // As preallocation leaves it: the size of a whole one, and no note.
  std::string half;
  for (const std::string& file : FilesOf(from)) {
    const std::string copy = to + file.substr(from.size());
    if (!IsSlab(file) || std::filesystem::exists(copy)) continue;
    std::filesystem::create_directories(std::filesystem::path(copy).parent_path());
    WriteFile(copy, std::string(std::filesystem::file_size(file), '\0'));
    half = copy;
    break;
  }
  CHECK(!half.empty());
  const Copied copied = CopyAgain(from, to, false);
  CHECK_TEXT(copied.result.objects_skipped == before && copied.result.objects_copied == files - before,
             std::to_string(copied.result.objects_skipped) + " of " + std::to_string(before));
  CheckPlaceHolds(to, 1, 1, kManySlabs);
}

// Notes that are damaged, of another owner, or of files that are not there are not believed.
void NotesAreCheckedBeforeTheyAreBelieved() {
  const Folder folder(NewFolder());
  const std::string from = folder / "from";
  Take(from, 1);
  enum { kDamaged, kForeign, kShorter, kMissing, kCount };
  for (int what = 0; what < kCount; ++what) {
    Where() = "case " + std::to_string(what);
    const std::string to = folder / ("to" + std::to_string(what));
    IoFault::Arm("op=pwrite,n=3,errno=EIO,count=all,path=/data/");
    CHECK(Copy(from, to).code == TSNAP_E_IO);
    IoFault::Disarm();
    const int64_t noted = NotedAt(to);
    CHECK(noted > 0);
    int64_t doubted = noted;
    for (const std::string& file : FilesOf(to)) {
      if (what == kDamaged && Contains(file, "/copied/")) WriteFile(file, "1" + ReadFile(file));
      if (what == kForeign && Contains(file, "/taking")) {
        std::string text = ReadFile(file);
        text[text.find("by ") + 3] ^= 1;
        WriteFile(file, text);
      }
      if (!IsSlab(file) || what < kShorter || doubted < noted) continue;
      doubted = 1;
      if (what == kShorter) WriteFile(file, ReadFile(file).substr(1));
      if (what == kMissing) std::filesystem::remove(file);
    }
    CHECK(CopyAgain(from, to, false).result.objects_skipped == noted - doubted);
    CheckPlaceHolds(to, 1, 1, kSizes);
  }
}

void SourceThatChangesIsNotCommitted() {
  enum { kReplaced, kRemoved, kCount };
  for (const bool late : {false, true}) {
    for (int what = 0; what < kCount; ++what) {
      Where() = std::string(what == kReplaced ? "replaced" : "removed") + (late ? " late" : "");
      const Folder folder(NewFolder());
      const std::string from = folder / "from", to = folder / "to";
      Take(from, 1);
      Take(to, 3);
      bool done = false;
      int calls = 0;
      const Copied copied = Copy(from, to, true, false, [&] {
        if (done || (late && ++calls == 1)) return;
        done = true;
        if (what == kReplaced) Take(from, 2, kSizes, true);
        else CHECK_OK(tsnap_remove(from.c_str(), nullptr));
      });
      CHECK(done);
      CHECK_TEXT(copied.code == TSNAP_E_NOT_FOUND && Contains(copied.message, what == kReplaced ? "replaced" : "removed"),
                 std::string(tsnap_status_name(copied.code)) + " " + copied.message);
      CheckPlaceHolds(to, 1, 3, kSizes);
      if (what == kRemoved) continue;
      CheckCopied(Copy(from, to, true));
      CheckPlaceHolds(to, 1, 2, kSizes);
    }
  }
}

void DamagedDataIsFoundByVerify() {
  const Folder folder(NewFolder());
  const std::string from = folder / "from", to = folder / "to", kept = folder / "kept";
  Take(from, 1);
  Take(kept, 2);
  std::string slab;
  for (const std::string& file : FilesOf(from)) {
    if (IsSlab(file)) slab = file;
  }
  {
    Damage damage(slab);
    damage.Flip(100, 4);
    for (const std::string& place : {to, kept}) {
      const bool overwrite = place == kept;
      const Copied copied = Copy(from, place, overwrite, true);
      CHECK_TEXT(copied.code == TSNAP_E_CORRUPT && Contains(copied.message, "nothing is committed"), copied.message);
      CHECK(IdsAt(place).size() == (overwrite ? 1u : 0u));
    }
    CheckPlaceIsEmpty(to);
    CheckPlaceHolds(kept, 1, 2, kSizes);
    // As it is, when nobody asks.
    CheckCopied(Copy(from, to));
    CheckSameFiles(from, to);
    CHECK(Copy(from, to, false, true).code == TSNAP_E_CORRUPT);
  }
  {
    Damage damage(slab);
    damage.Truncate(damage.bytes().size() - 1);
    CheckCopied(Copy(from, folder / "short"));
    CHECK(Copy(from, folder / "short", false, true).code == TSNAP_E_CORRUPT);
  }
  CHECK_OK(tsnap_remove(to.c_str(), nullptr));
  CheckCopied(Copy(from, to, false, true));
  CheckPlaceHolds(to, 1, 1, kSizes);
}

void GarbageCollectionSparesACopyAtWork() {
  const Folder folder(NewFolder());
  const std::string from = folder / "from", to = folder / "to";
  Take(from, 1);
  tsnap_gc_result seen = TSNAP_GC_RESULT_INIT;
  const Copied copied = Copy(from, to, false, true, [&] {
    if (std::filesystem::exists(to + "/tsnap.json")) return;
    CHECK_OK(tsnap_gc(folder.path().c_str(), nullptr, nullptr, &seen));
    CHECK(seen.takes_removed == 0 && seen.takes_kept == 1);
  });
  CheckCopied(copied);
  CHECK(seen.takes_kept == 1);
  CheckSameFiles(from, to);
}

void AbandonedCopyIsGarbage() {
  const Folder folder(NewFolder());
  const std::string from = folder / "from", to = folder / "to";
  CHECK(!DiesAt(0, [&] { Take(from, 1); }));
  CHECK(DiesAt(0, [&] { Copy(from, to, false, false, [] { kill(getpid(), SIGKILL); }); }));
  IoFault::Disarm();
  CHECK(IdsAt(to).size() == 1);
  CHECK_OK(tsnap_gc(to.c_str(), nullptr, nullptr, nullptr));
  CHECK(IdsAt(to).size() == 1);
  Age(to, 100000);
  CHECK_OK(tsnap_gc(to.c_str(), nullptr, nullptr, nullptr));
  CHECK(IdsAt(to).empty());
  CopyAgain(from, to, false);
}

// Whatever takes the place away while a copy runs, it commits nothing that is not whole.
void CopyThatLostItsPlaceDoesNotCommit() {
  enum { kMarker, kObject, kAll, kOtherCopy, kCount };
  const Folder folder(NewFolder());
  const std::string from = folder / "from";
  Take(from, 1);
  for (int what = 0; what < kCount; ++what) {
    for (const bool late : {false, true}) {
      Where() = "case " + std::to_string(what) + (late ? " late" : "");
      const std::string to = folder / ("to" + std::to_string(2 * what + late));
      if (what == kObject && !late) continue;
      bool done = false;
      const Copied copied = Copy(from, to, false, false, [&] {
        if (done) return;
        const std::string data = to + "/" + *IdsAt(to).begin();
        if (late && !std::filesystem::exists(data + "/data")) return;
        done = true;
        if (what == kMarker) std::filesystem::remove(data + "/taking");
        if (what == kObject) std::filesystem::remove(FilesOf(data + "/data").front());
        if (what == kAll) std::filesystem::remove_all(data);
        if (what == kOtherCopy) CheckCopied(Copy(from, to));
      });
      CHECK(done);
      CHECK_TEXT(copied.code != TSNAP_OK, "it committed");
      if (what == kOtherCopy) {
        CheckSameFiles(from, to);
        CheckPlaceHolds(to, 1, 1, kSizes);
      } else {
        CheckPlaceIsEmpty(to);
        CopyAgain(from, to, false);
      }
    }
  }
}

void HungStorageIsATimeout() {
  const Folder folder(NewFolder());
  const std::string from = folder / "from";
  Take(from, 1);
  int number = 0;
  for (const std::string fault : {"op=pwrite,path=/to", "op=pread,path=/from/", "op=open,path=/to", "op=fsync,path=/to"}) {
    Where() = fault;
    const std::string to = folder / ("to" + std::to_string(++number));
    const double begin = Now();
    IoFault::Arm(fault + ",n=1,sleep=5");
    const Copied copied = Copy(from, to);   // two seconds
    const double seconds = Now() - begin;
    IoFault::Disarm();
    CHECK_TEXT(copied.code == TSNAP_E_TIMEOUT, std::string(tsnap_status_name(copied.code)) + " " + copied.message);
    CHECK_TEXT(seconds > 1.5 && seconds < 4.9, std::to_string(seconds));
    while (Now() - begin < 6) usleep(10000);   // the thread that was left behind wakes up and ends
    CopyAgain(from, to, false);
  }
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunAlone(argc, argv,
                  {{"copies_are_the_same_byte_for_byte", CopiesAreTheSameByteForByte},
                   {"another_snapshot_is_only_replaced_when_asked", AnotherSnapshotIsOnlyReplacedWhenAsked},
                   {"what_cannot_be_copied_is_refused", WhatCannotBeCopiedIsRefused},
                   {"failed_copy_is_taken_up", FailedCopyIsTakenUp},
                   {"killed_copy_is_taken_up", KilledCopyIsTakenUp},
                   {"what_is_noted_is_not_copied_twice", WhatIsNotedIsNotCopiedTwice},
                   {"notes_are_checked_before_they_are_believed", NotesAreCheckedBeforeTheyAreBelieved},
                   {"source_that_changes_is_not_committed", SourceThatChangesIsNotCommitted},
                   {"damaged_data_is_found_by_verify", DamagedDataIsFoundByVerify},
                   {"garbage_collection_spares_a_copy_at_work", GarbageCollectionSparesACopyAtWork},
                   {"abandoned_copy_is_garbage", AbandonedCopyIsGarbage},
                   {"copy_that_lost_its_place_does_not_commit", CopyThatLostItsPlaceDoesNotCommit},
                   {"hung_storage_is_a_timeout", HungStorageIsATimeout}});
}
