// A callback that fails on one rank: every rank learns it, nothing is committed or half told, and the next call works.
#include <string>

#include "fault_state.h"
#include "ranks.h"

namespace tsnap::test {
namespace {

// A text that names the rank, the object and what happened.
void CheckMessage(int rank, const char* object) {
  const std::string message = tsnap_last_error();
  CHECK_TEXT(Contains(message, "rank " + std::to_string(rank)), message);
  CHECK_TEXT(Contains(message, object), message);
}

void CheckReleased(FaultState& state) {
  CHECK(state.part().releases == state.part().describes);
  CHECK(state.rng().releases == state.rng().describes);
}

using Choose = Behaviour& (FaultState::*)();

void DescribeThatFailsAtTake() {
  SharedFolder folder;
  World world;
  FaultState state(WorldRank(), WorldSize());
  state.Fill(1);
  CheckSame(tsnap_take(world.get(), (folder / "before").c_str(), state.get(), nullptr), TSNAP_OK);
  for (int rank = 0; rank < WorldSize(); ++rank) {
    for (const Choose which : {&FaultState::part, &FaultState::rng}) {
      const char* path = which == &FaultState::part ? "part" : "rng";
      Where() = std::string(path) + " fails on rank " + std::to_string(rank);
      const std::string place = folder / ("new" + std::to_string(rank) + path);
      if (rank == WorldRank()) (state.*which)().describe_returns = -4711;
      CheckSame(TakeAnyhow(world.get(), place, state, nullptr), TSNAP_E_CALLBACK);
      CheckMessage(rank, path);
      CheckPlaceIsEmpty(place);
      const tsnap_take_options overwrite = SmallSlabs(true);
      CheckSame(TakeAnyhow(world.get(), folder / "before", state, &overwrite), TSNAP_E_CALLBACK);
      CheckPlaceHolds(folder / "before", WorldSize(), 1);
      CheckReleased(state);
      (state.*which)().describe_returns = 0;
      CheckSame(TakeAnyhow(world.get(), place, state, nullptr), TSNAP_OK);
      CheckPlaceHolds(place, WorldSize(), 1);
      CheckReleased(state);
      state.Fill(1);
    }
  }
}

// An RNG that cannot be put back ends the take: success would leave the generator changed.
void RngThatCannotBePutBack() {
  SharedFolder folder;
  World world;
  FaultState state(WorldRank(), WorldSize());
  state.Fill(1);
  const int rank = WorldSize() - 1;
  if (rank == WorldRank()) state.rng().loaded_returns = 5;
  CheckSame(TakeAnyhow(world.get(), folder / "a", state, nullptr), TSNAP_E_CALLBACK);
  CheckMessage(rank, "rng");
  CheckPlaceIsEmpty(folder / "a");
  state.rng().loaded_returns = 0;
  CheckSame(TakeAnyhow(world.get(), folder / "a", state, nullptr), TSNAP_OK);
  CheckPlaceHolds(folder / "a", WorldSize(), 1);
  CheckReleased(state);
}

void CallbackThatFailsAtRestore() {
  SharedFolder folder;
  World world;
  FaultState state(WorldRank(), WorldSize());
  state.Fill(3);
  CheckSame(tsnap_take(world.get(), (folder / "a").c_str(), state.get(), nullptr), TSNAP_OK);
  for (int rank = 0; rank < WorldSize(); ++rank) {
    for (const Choose which : {&FaultState::part, &FaultState::rng}) {
      const char* path = which == &FaultState::part ? "part" : "rng";
      Behaviour& behaviour = (state.*which)();
      Where() = std::string("describe of ") + path + " fails on rank " + std::to_string(rank);
      state.Scribble();
      const int part_loads = state.part().loads, rng_loads = state.rng().loads;
      if (rank == WorldRank()) behaviour.describe_returns = 1;
      CheckSame(tsnap_restore(world.get(), (folder / "a").c_str(), state.get(), nullptr), TSNAP_E_CALLBACK);
      CheckMessage(rank, path);
      behaviour.describe_returns = 0;
      CHECK(state.part().loads == part_loads && state.rng().loads == rng_loads);
      CheckReleased(state);

      Where() = std::string("loaded of ") + path + " fails on rank " + std::to_string(rank);
      if (rank == WorldRank()) behaviour.loaded_returns = 1;
      CheckSame(tsnap_restore(world.get(), (folder / "a").c_str(), state.get(), nullptr), TSNAP_E_CALLBACK);
      CheckMessage(rank, path);
      behaviour.loaded_returns = 0;
      CheckReleased(state);

      Where() = "after it";
      state.Scribble();
      CheckSame(tsnap_restore(world.get(), (folder / "a").c_str(), state.get(), nullptr), TSNAP_OK);
      CHECK(state.Holds(3));
      CHECK(state.part().loads > part_loads && state.rng().loads > rng_loads);
      CheckReleased(state);
    }
  }
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunRanks(argc, argv, {{"describe_that_fails_at_take", DescribeThatFailsAtTake},
                               {"rng_that_cannot_be_put_back", RngThatCannotBePutBack},
                               {"callback_that_fails_at_restore", CallbackThatFailsAtRestore}});
}
