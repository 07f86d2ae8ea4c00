// Every system call of a take and of a restore fails once, on every rank: all ranks get the same code and text, the old snapshot
// or the new one is there in full, nothing stale is passed off as restored, and the next call works. Takes are made as
// TSNAP_TEST_HOW says.
#include <algorithm>
#include <set>
#include <string>

#include "damage.h"
#include "fault_state.h"
#include "io_fault.h"
#include "ranks.h"

namespace tsnap::test {
namespace {

constexpr Sizes kSizes{24, 1536, 20000, 30000};   // several slabs a rank
constexpr double kPatienceSeconds = 20;

struct Kind {
  const char* call;
  const char* error;
  int32_t code;
};

std::string FolderOf(const std::string& place) { return place.substr(0, place.rfind('/')); }

std::string Listing(const std::string& place) {
  std::string listing;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(PlacesAreFiles() ? FolderOf(place) : place)) listing += "\n    " + entry.path().string();
  return listing;
}

// Where MPI takes one thread only the steps are those of the background anywhere else: some calls are enough.
int Stride() { return TheHow() != How::kDriven || LongMode() ? 1 : 2; }
int FirstOf(int rank) { return 1 + rank % Stride(); }

bool MayBeCommitted(const std::string& message) {
  return Contains(message, "snapshot is there") || Contains(message, "may be there") || Contains(message, "may or may not");
}

// The text says who, what and where.
void CheckMessage(const std::string& message, int rank, const std::string& folder) {
  CHECK_TEXT(Contains(message, "rank " + std::to_string(rank)), message);
  CHECK_TEXT(Contains(message, folder) || Contains(message, "/data/") || Contains(message, "/index/") ||
                 Contains(message, "tsnap.json") || Contains(message, "taking"),
             message);
  CHECK_TEXT(message.size() > 30 && Contains(message, ": "), message);
}

class Taking {
 public:
  Taking(int32_t direct_io, bool tight) : world_(60, tight ? 10 : 60, direct_io, tight) {
    state_.Fill(step_);
    CheckSame(Take(Kept(), true), TSNAP_OK);
    kept_step_ = step_;
  }

  // Fails the nth such call on one rank, for n from 1 until there are no more calls to fail; returns how often one failed.
  int FailEach(const Kind& kind) {
    int fired = 0;
    for (int rank = 0; rank < WorldSize(); ++rank) {
      for (int n = FirstOf(rank); FailOne(kind, rank, n); n += Stride()) ++fired;
    }
    return fired;
  }

 private:
  std::string Kept() const { return folder_ / "kept"; }
  std::string Fresh() const { return folder_ / "fresh"; }

  int32_t Take(const std::string& place, bool overwrite, How how = TheHow()) {
    const tsnap_take_options options = SmallSlabs(overwrite);
    return TakeBy(how, world_.get(), place, state_, &options);
  }

  bool FailOne(const Kind& kind, int rank, int n) {
    bool fired = false;
    for (const bool overwrites : {false, true}) {
      const std::string place = overwrites ? Kept() : Fresh();
      Where() = std::string(overwrites ? "overwriting: " : "new place: ") + kind.error + " at " + kind.call + " number " +
                std::to_string(n) + " on rank " + std::to_string(rank);
      state_.Fill(++step_);
      // A replaced snapshot whose removal was disturbed stays until gc; a failed take adds nothing to that.
      before_ = IdsAt(place);
      MPI_Barrier(MPI_COMM_WORLD);
      if (rank == WorldRank()) IoFault::Arm(IoFault::Spec(kind.call, n, kind.error));
      const double begin = Now();
      const int32_t code = Take(place, overwrites);
      const int64_t seen = rank == WorldRank() ? IoFault::Disarm() : 0;
      CHECK_TEXT(Now() - begin < kPatienceSeconds, std::to_string(Now() - begin) + " s");
      SameOnAll(code);
      const std::string message = code == TSNAP_OK ? "" : tsnap_last_error();
      if (WorldRank() == 0) CheckPlace(kind, rank, place, overwrites, code, message);
      MPI_Barrier(MPI_COMM_WORLD);
      fired = Largest(seen) >= n || fired;
      CHECK(code == TSNAP_OK || Largest(seen) >= n);   // nothing fails unasked
      GoOn(place);
    }
    return fired;
  }

  void CheckPlace(const Kind& kind, int rank, const std::string& place, bool overwrites, int32_t code, const std::string& message) {
    if (code == TSNAP_OK) {
      CheckPlaceHolds(place, WorldSize(), step_, kSizes);
      return;
    }
    CHECK_TEXT(code == kind.code, std::string(tsnap_status_name(code)) + ": " + message);
    CheckMessage(message, rank, place.substr(0, place.rfind('/')));
    const Found found = ReadAll(place, WorldSize(), kSizes);
    const std::set<std::string> ids = IdsAt(place);
    if (found.code == TSNAP_E_NOT_FOUND && !found.opened) {
      CHECK_TEXT(!overwrites, "the old snapshot is gone: " + message);
      CHECK_TEXT(ids == before_, "data of the failed take stays: " + message + Listing(place));
      return;
    }
    CHECK_TEXT(found.code == TSNAP_OK && found.wrong.empty(), found.message + found.wrong);
    if (found.step == step_) {
      CHECK_TEXT(MayBeCommitted(message), message);
      return;
    }
    CHECK(overwrites && found.step == kept_step_);
    CHECK_TEXT(ids == before_, "data of the failed take stays: " + message + Listing(place));
  }

  // The context is usable, and what the failure left does not stand in the way.
  void GoOn(const std::string& place) {
    state_.Fill(step_);
    CheckSame(Take(place, true, NowAndThen(static_cast<int64_t>(step_))), TSNAP_OK);
    kept_step_ = place == Kept() ? step_ : kept_step_;
    if (WorldRank() == 0) {
      CheckPlaceHolds(place, WorldSize(), step_, kSizes);
      if (place == Fresh()) {
        RemoveTree(Fresh());
        RemoveTree(FolderOfTakes(Fresh()));
      }
    }
    MPI_Barrier(MPI_COMM_WORLD);
  }

  SharedFolder folder_;
  World world_;
  FaultState state_{WorldRank(), WorldSize(), kSizes};
  uint64_t step_ = 1, kept_step_ = 0;
  std::set<std::string> before_;   // ids at the place before a take
};

void FailTake(int32_t direct_io, const std::vector<Kind>& kinds, const std::set<std::string>& must_fail, bool tight = false) {
  Taking taking(direct_io, tight);
  for (const Kind& kind : kinds) {
    const int fired = taking.FailEach(kind);
    if (WorldRank() == 0) std::printf("%s %s: %d times\n", kind.call, kind.error, fired);
    CHECK_TEXT(fired > 0 || must_fail.count(kind.call) == 0, std::string(kind.call) + " was never called");
  }
}

const std::vector<Kind> kWriting = {{"pwrite", "EIO", TSNAP_E_IO},      {"pwrite", "ENOSPC", TSNAP_E_NO_SPACE},
                                    {"fallocate", "ENOSPC", TSNAP_E_NO_SPACE}, {"fallocate", "EIO", TSNAP_E_IO},
                                    {"ftruncate", "EIO", TSNAP_E_IO},   {"fsync", "EIO", TSNAP_E_IO}};
const std::vector<Kind> kNaming = {{"open", "EIO", TSNAP_E_IO},   {"open", "ENOSPC", TSNAP_E_NO_SPACE},
                                   {"link", "EIO", TSNAP_E_IO},   {"rename", "EIO", TSNAP_E_IO}, {"renameat2", "EIO", TSNAP_E_IO},
                                   {"mkdir", "EIO", TSNAP_E_IO},  {"mkdir", "ENOSPC", TSNAP_E_NO_SPACE},
                                   {"unlink", "EIO", TSNAP_E_IO}, {"close", "EIO", TSNAP_E_IO}};

void TakeWriting() { FailTake(TSNAP_OFF, kWriting, {"pwrite", "fsync"}); }
void TakeNaming() { FailTake(TSNAP_OFF, kNaming, {"open", "mkdir", "close"}); }
void TakeDirect() { FailTake(TSNAP_ON, kWriting, {"pwrite", "fsync"}); }
// More than the memory holds: who copies waits for who writes, and must be told when nobody does any more.
void TakeOverBudget() { FailTake(TSNAP_OFF, kWriting, {"pwrite", "fsync"}, true); }

// A short write or read, or one that a signal cut off, is no failure.
void ShortTransfers() {
  SharedFolder folder;
  World world;
  FaultState state(WorldRank(), WorldSize(), kSizes);
  uint64_t step = 0;
  for (const bool reads : {false, true}) {
    if (reads && InBackground()) continue;   // a restore is a restore
    for (const bool interrupted : {false, true}) {
      int fired = 0;
      for (int rank = 0; rank < WorldSize(); ++rank) {
        for (int n = 1;; ++n) {
          const char* call = reads ? "pread" : "pwrite";
          Where() = std::string(interrupted ? "EINTR of " : "short ") + call + " number " + std::to_string(n) + " on rank " +
                    std::to_string(rank);
          state.Fill(++step);
          const std::string place = folder / "a";
          const std::string spec = interrupted ? IoFault::Spec(call, n, "EINTR") : IoFault::Short(call, n);
          const tsnap_take_options options = SmallSlabs(true);
          if (rank == WorldRank() && !reads) IoFault::Arm(spec);
          CheckSame(TakeAnyhow(world.get(), place, state, &options), TSNAP_OK);
          int64_t seen = rank == WorldRank() && !reads ? IoFault::Disarm() : 0;
          state.Scribble();
          if (rank == WorldRank() && reads) IoFault::Arm(spec);
          CheckSame(tsnap_restore(world.get(), place.c_str(), state.get(), nullptr), TSNAP_OK);
          if (rank == WorldRank() && reads) seen = IoFault::Disarm();
          CHECK(state.Holds(step));
          if (WorldRank() == 0) CheckPlaceHolds(place, WorldSize(), step, kSizes);
          MPI_Barrier(MPI_COMM_WORLD);
          if (Largest(seen) < n) break;
          ++fired;
        }
      }
      CHECK(fired > WorldSize());
    }
  }
}

void Restore() {
  SharedFolder folder;
  World world;
  FaultState state(WorldRank(), WorldSize(), kSizes);
  const std::string place = folder / "a";
  const tsnap_take_options options = SmallSlabs();
  state.Fill(9);
  CheckSame(tsnap_take(world.get(), place.c_str(), state.get(), &options), TSNAP_OK);
  for (const char* call : {"open", "pread", "close"}) {
    int failed = 0;
    for (int rank = 0; rank < WorldSize(); ++rank) {
      for (int n = 1;; ++n) {
        Where() = std::string("EIO at ") + call + " number " + std::to_string(n) + " on rank " + std::to_string(rank);
        state.Scribble();
        if (rank == WorldRank()) IoFault::Arm(IoFault::Spec(call, n, "EIO"));
        const double begin = Now();
        const int32_t code = tsnap_restore(world.get(), place.c_str(), state.get(), nullptr);
        const int64_t seen = rank == WorldRank() ? IoFault::Disarm() : 0;
        CHECK(Now() - begin < kPatienceSeconds);
        SameOnAll(code);
        const bool fired = Largest(seen) >= n;
        if (code != TSNAP_OK) {
          ++failed;
          CHECK_TEXT(fired && code == TSNAP_E_IO, std::string(tsnap_status_name(code)) + ": " + tsnap_last_error());
          CheckMessage(tsnap_last_error(), rank, place);
          const size_t reported = CheckReport(world.get(), state, 9);
          CHECK(Largest(static_cast<int64_t>(reported)) > 0);
          state.Scribble();
          CheckSame(tsnap_restore(world.get(), place.c_str(), state.get(), nullptr), TSNAP_OK);
        }
        CHECK(state.Holds(9) && CheckReport(world.get(), state, 9) == 0);
        if (!fired) break;
      }
    }
    CHECK_TEXT(failed > 0 || std::string(call) == "close", call);
  }
}

// The storage dies for good on one rank, at any call of it.
void StorageThatDies() {
  SharedFolder folder;
  World world;
  FaultState state(WorldRank(), WorldSize(), kSizes);
  const std::string place = folder / "a";
  uint64_t step = 1;
  state.Fill(step);
  const tsnap_take_options options = SmallSlabs(true);
  CheckSame(tsnap_take(world.get(), place.c_str(), state.get(), &options), TSNAP_OK);
  for (int rank = 0; rank < WorldSize(); ++rank) {
    for (int n = FirstOf(rank);; n += LongMode() ? 1 : TheHow() == How::kDriven ? 7 : 3) {
      Where() = "everything fails from call " + std::to_string(n) + " on, on rank " + std::to_string(rank);
      const uint64_t old_step = step;
      state.Fill(++step);
      if (rank == WorldRank()) IoFault::Arm(IoFault::Forever("any", n, "EIO"));
      const double begin = Now();
      const int32_t code = SameOnAll(TakeAnyhow(world.get(), place, state, &options));
      const std::string message = tsnap_last_error();
      const int64_t seen = rank == WorldRank() ? IoFault::Disarm() : 0;
      CHECK(Now() - begin < kPatienceSeconds);
      const bool fired = Largest(seen) >= n;
      CHECK_TEXT(code == TSNAP_OK || (fired && code == TSNAP_E_IO), std::string(tsnap_status_name(code)) + ": " + message);
      const Found found = ReadAll(place, WorldSize(), kSizes);
      CHECK_TEXT(found.code == TSNAP_OK && found.wrong.empty(), found.message + found.wrong);
      if (code == TSNAP_OK) CHECK(found.step == step);
      else CHECK_TEXT(found.step == old_step || (found.step == step && MayBeCommitted(message)), message);
      step = std::max(found.step, old_step);
      MPI_Barrier(MPI_COMM_WORLD);
      if (!fired) break;
    }
  }
  state.Fill(++step);
  CheckSame(tsnap_take(world.get(), place.c_str(), state.get(), &options), TSNAP_OK);
  CheckPlaceHolds(place, WorldSize(), step, kSizes);
}

// One transfer after the other, and no calls that depend on which rank made a folder first: so the nth call is the same one whoever
// makes it, and must end in the same code.
void SameCodesAsInTheForeground() {
  SharedFolder folder;
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.collective_timeout_seconds = config.io_timeout_seconds = 60;
  config.memory_budget_bytes = 64 << 20;
  config.io_concurrency = config.staging_threads = 1;
  tsnap_context* context = nullptr;
  CHECK_OK(tsnap_context_open(MPI_COMM_WORLD, &config, &context));
  FaultState state(WorldRank(), WorldSize(), kSizes);
  const tsnap_take_options options = SmallSlabs();
  int failed = 0;
  for (const Kind& kind : kWriting) {
    for (int rank = 0; rank < WorldSize(); ++rank) {
      for (int n = FirstOf(rank);; n += Stride()) {
        int32_t code[2] = {};
        int64_t seen[2] = {};
        for (const bool in_background : {false, true}) {
          Where() = std::string(in_background ? "background: " : "foreground: ") + kind.error + " at " + kind.call + " number " +
                    std::to_string(n) + " on rank " + std::to_string(rank);
          const std::string place = folder / (in_background ? "b" : "a");
          state.Fill(1);
          if (rank == WorldRank()) IoFault::Arm(IoFault::Spec(kind.call, n, kind.error) + ",path=/data/");
          code[in_background] = SameOnAll(TakeBy(in_background ? TheHow() : How::kSync, context, place, state, &options));
          seen[in_background] = Largest(rank == WorldRank() ? IoFault::Disarm() : 0);
          MPI_Barrier(MPI_COMM_WORLD);
          if (WorldRank() == 0) RemoveTree(place);
          MPI_Barrier(MPI_COMM_WORLD);
        }
        CHECK_TEXT(code[0] == code[1], std::string(tsnap_status_name(code[0])) + " in the foreground, " + tsnap_status_name(code[1]));
        if (seen[0] < n && seen[1] < n) break;
        ++failed;
      }
    }
  }
  CHECK(failed > WorldSize());
  CHECK_OK(tsnap_context_close(&context));
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunRanks(argc, argv, {{"take_writing", TakeWriting},
                               {"take_naming", TakeNaming},
                               {"take_direct", TakeDirect},
                               {"take_over_budget", TakeOverBudget},
                               {"short_transfers", ShortTransfers},
                               {"restore", Restore},
                               {"storage_that_dies", StorageThatDies},
                               {"same_codes_as_in_the_foreground", SameCodesAsInTheForeground}});
}
