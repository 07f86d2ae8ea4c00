// A disk that is really full: full_disk FOLDER, where FOLDER is a small file system of its own (full_disk.sh mounts it). With less
// and less room, so that every step of a take runs out of it once: all ranks get NO_SPACE, nothing is committed, nothing of the
// attempt stays on the disk, the old snapshot is whole, and with room again the same context works.
#include <sys/statvfs.h>

#include <string>

#include "damage.h"
#include "fault_state.h"
#include "ranks.h"

namespace tsnap::test {
namespace {

uint64_t FreeBytes(const std::string& folder) {
  struct statvfs about;
  CHECK(statvfs(folder.c_str(), &about) == 0);
  return about.f_bavail * about.f_frsize;
}

void LessAndLessRoom(const std::string& folder) {
  World world;
  FaultState state(WorldRank(), WorldSize());
  const std::string kept = PlaceName(folder + "/kept"), fresh = PlaceName(folder + "/fresh"), filler = folder + "/filler";
  const tsnap_take_options to_new = SmallSlabs(), over_old = SmallSlabs(true);
  state.Fill(1);
  CheckSame(tsnap_take(world.get(), kept.c_str(), state.get(), &to_new), TSNAP_OK);
  uint64_t step = 1, kept_step = 1;
  int failures = 0, successes = 0;
  const auto room = static_cast<uint64_t>(Largest(static_cast<int64_t>(FreeBytes(folder))));
  const uint64_t stride = LongMode() ? 4096 : 40960;
  for (uint64_t left = 0; left < room; left += stride) {
    Where() = std::to_string(left) + " bytes left";
    if (WorldRank() == 0) WriteFile(filler, std::string(room - left, 'f'));
    MPI_Barrier(MPI_COMM_WORLD);
    const uint64_t free_before = FreeBytes(folder);
    MPI_Barrier(MPI_COMM_WORLD);
    for (const bool overwrites : {false, true}) {
      state.Fill(++step);
      const double begin = Now();
      const int32_t code =
          SameOnAll(TakeAnyhow(world.get(), overwrites ? kept : fresh, state, overwrites ? &over_old : &to_new));
      CHECK(Now() - begin < 30);
      CHECK_TEXT(code == TSNAP_OK || code == TSNAP_E_NO_SPACE, std::string(tsnap_status_name(code)) + ": " + tsnap_last_error());
      if (code == TSNAP_OK) {
        ++successes;
        if (overwrites) kept_step = step;
        else CheckPlaceHolds(fresh, WorldSize(), step);
      } else {
        ++failures;
        CHECK_TEXT(Contains(tsnap_last_error(), "rank ") && Contains(tsnap_last_error(), "space"), tsnap_last_error());
        CheckPlaceIsEmpty(fresh);
        MPI_Barrier(MPI_COMM_WORLD);
        // A folder may stay; no data does.
        CHECK_TEXT(FreeBytes(folder) + 16384 >= free_before, std::to_string(FreeBytes(folder)) + " of " + std::to_string(free_before));
      }
      CheckPlaceHolds(kept, WorldSize(), kept_step);
      MPI_Barrier(MPI_COMM_WORLD);
      if (!overwrites && WorldRank() == 0) RemoveTree(fresh);
      MPI_Barrier(MPI_COMM_WORLD);
    }
  }
  CHECK(failures > 10 && successes > 2);
  if (WorldRank() == 0) std::filesystem::remove(filler);
  MPI_Barrier(MPI_COMM_WORLD);
  state.Fill(++step);
  CheckSame(TakeAnyhow(world.get(), fresh, state, &to_new), TSNAP_OK);
  CheckPlaceHolds(fresh, WorldSize(), step);
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  if (argc != 2) return 2;
  const std::string folder = argv[1];
  StartMpi(&argc, &argv);
  LessAndLessRoom(folder);
  MPI_Finalize();
  return 0;
}
