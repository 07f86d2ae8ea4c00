// Damaged snapshots under mpirun: the rank that meets the damage is not the only one who learns of it.
#include <memory>
#include <string>

#include "damage.h"
#include "fault_state.h"
#include "ranks.h"

namespace tsnap::test {
namespace {

void SameErrorOnAllRanks() {
  SharedFolder folder;
  World world(20);
  FaultState state(WorldRank(), WorldSize());
  const std::string place = folder / "a";
  const tsnap_take_options options = SmallSlabs();
  state.Fill(4);
  CheckSame(tsnap_take(world.get(), place.c_str(), state.get(), &options), TSNAP_OK);
  const std::vector<std::string> files = FilesOf(place);
  MPI_Barrier(MPI_COMM_WORLD);

  // `damage` is done by rank 0; then all ranks restore and open.
  const auto expect_error = [&](const std::string& file, const std::string& what, auto damage) {
    Where() = file.substr(place.size() + 1) + " " + what;
    std::unique_ptr<Damage> damaged;
    if (WorldRank() == 0) {
      damaged = std::make_unique<Damage>(file);
      damage(*damaged);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    state.Scribble();
    const int32_t code = SameOnAll(tsnap_restore(world.get(), place.c_str(), state.get(), nullptr));
    CHECK_TEXT(code == TSNAP_E_CORRUPT || code == TSNAP_E_NOT_FOUND || code == TSNAP_E_IO, tsnap_status_name(code));
    CHECK_TEXT(Contains(tsnap_last_error(), "rank "), tsnap_last_error());
    const size_t reported = CheckReport(world.get(), state, 4);
    CHECK(Largest(static_cast<int64_t>(reported)) > 0);
    tsnap_snapshot* snapshot = nullptr;
    const int32_t opened = SameOnAll(tsnap_snapshot_open_all(world.get(), place.c_str(), &snapshot));
    CHECK(opened == TSNAP_OK || IsRecord(file));
    tsnap_snapshot_close(&snapshot);
    MPI_Barrier(MPI_COMM_WORLD);
    damaged.reset();
    MPI_Barrier(MPI_COMM_WORLD);
  };
  for (const std::string& file : files) {
    expect_error(file, "deleted", [](Damage& d) { d.Delete(); });
    expect_error(file, "cut in half", [](Damage& d) { d.Truncate(d.bytes().size() / 2); });
    expect_error(file, "empty", [](Damage& d) { d.Truncate(0); });
    expect_error(file, "a folder", [](Damage& d) { d.BecomeFolder(); });
    for (const size_t part : {0, 3, 7, 9}) {
      expect_error(file, "flipped at " + std::to_string(part) + " tenths",
                   [part](Damage& d) { d.Flip(d.bytes().size() * part / 10, 0x40); });
    }
  }
  Where() = "healed";
  state.Scribble();
  CheckSame(tsnap_restore(world.get(), place.c_str(), state.get(), nullptr), TSNAP_OK);
  CHECK(state.Holds(4));
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunRanks(argc, argv, {{"same_error_on_all_ranks", SameErrorOnAllRanks}});
}
