// Memory that runs out on one rank, at every allocation of a call: all ranks get the same code, nothing half done stays, and
// the context goes on. (A rank that throws past a collective would leave the others waiting: TIMEOUT there.) Takes are made as
// TSNAP_TEST_HOW says.
#include <optional>
#include <string>

#include "counting_new.h"
#include "damage.h"
#include "fault_state.h"
#include "ranks.h"

namespace tsnap::test {
namespace {

constexpr double kTimeoutSeconds = 15;
// Where MPI takes one thread only it is the same code but for a few steps.
int64_t EachUntil() { return LongMode() ? 5000 : TheHow() == How::kDriven ? 25 : 200; }

// Calls `attempt` with every allocation of rank after rank failing, until a call needs fewer allocations than that.
// It returns the code that all ranks got.
template <class Attempt>
void FailEach(Shortage shortage, Attempt attempt) {
  int64_t failures = 0;
  for (int victim = 0; victim < WorldSize(); ++victim) {
    for (int64_t nth = 1;; nth = NextAllocation(nth, EachUntil())) {
      Where() = "allocation " + std::to_string(nth) + (shortage == Shortage::kOnce ? "" : " and all later ones") + " on rank " +
                std::to_string(victim);
      const auto call = [&](auto function) {
        const double begin = Now();
        if (WorldRank() == victim) FailAllocation(nth, shortage);
        const int32_t code = function();
        const int64_t seen = WorldRank() == victim ? AllocationsSeen() : 0;
        SameOnAll(code);
        CHECK_TEXT(code == TSNAP_OK || code == TSNAP_E_NO_MEMORY || CallbackWithoutMemory(code),
                   tsnap_status_name(code) + std::string(": ") + tsnap_last_error());
        CHECK(Now() - begin < kTimeoutSeconds);
        failures += code != TSNAP_OK;
        return std::pair(code, Largest(seen) >= nth);
      };
      if (!attempt(call)) break;
    }
  }
  CHECK(failures > 20);   // the allocations that failed were the library's
}

void TakeWith(Shortage shortage, bool fresh_context) {
  SharedFolder folder;
  World world(kTimeoutSeconds);
  FaultState state(WorldRank(), WorldSize());
  const tsnap_take_options to_new = SmallSlabs(), over_old = SmallSlabs(true);
  const std::string place = folder / "new", kept = folder / "kept";
  uint64_t step = 1, kept_step = 1;
  state.Fill(step);
  CheckSame(tsnap_take(world.get(), kept.c_str(), state.get(), &over_old), TSNAP_OK);
  FailEach(shortage, [&](auto call) {
    state.Fill(++step);
    std::optional<World> other;
    if (fresh_context) other.emplace(kTimeoutSeconds);
    tsnap_context* context = fresh_context ? other->get() : world.get();
    const auto [code, fired] = call([&] { return TakeAnyhow(context, place, state, &to_new); });
    if (code != TSNAP_OK) CheckPlaceIsEmpty(place);
    else CheckPlaceHolds(place, WorldSize(), step);
    // Who had memory again has cleaned up: no data, no marker.
    if (code != TSNAP_OK && shortage == Shortage::kOnce && std::filesystem::exists(FolderOfTakes(place))) CHECK(IdsAt(place).empty());
    CHECK(state.part().releases == state.part().describes);
    MPI_Barrier(MPI_COMM_WORLD);
    state.Fill(step);
    const auto [again, fired_again] = call([&] { return TakeAnyhow(context, kept, state, &over_old); });
    if (again == TSNAP_OK) kept_step = step;
    CheckPlaceHolds(kept, WorldSize(), kept_step);
    MPI_Barrier(MPI_COMM_WORLD);
    state.Fill(step);
    CheckSame(TakeBy(NowAndThen(static_cast<int64_t>(step)), context, place, state, &over_old), TSNAP_OK);   // the context goes on
    MPI_Barrier(MPI_COMM_WORLD);
    if (WorldRank() == 0) CHECK_OK(tsnap_remove(place.c_str(), nullptr));
    MPI_Barrier(MPI_COMM_WORLD);
    return fired || fired_again;
  });
}

void RestoreWith(Shortage shortage, bool fresh_context) {
  SharedFolder folder;
  World world(kTimeoutSeconds);
  FaultState state(WorldRank(), WorldSize());
  const tsnap_take_options options = SmallSlabs();
  const std::string place = folder / "a";
  state.Fill(7);
  CheckSame(tsnap_take(world.get(), place.c_str(), state.get(), &options), TSNAP_OK);
  FailEach(shortage, [&](auto call) {
    std::optional<World> other;
    if (fresh_context) other.emplace(kTimeoutSeconds);
    tsnap_context* context = fresh_context ? other->get() : world.get();
    state.Scribble();
    const auto [code, fired] = call([&] { return tsnap_restore(context, place.c_str(), state.get(), nullptr); });
    if (code == TSNAP_OK) CHECK(state.Holds(7));
    CheckReport(context, state, 7);
    state.Scribble();
    CheckSame(tsnap_restore(context, place.c_str(), state.get(), nullptr), TSNAP_OK);
    CHECK(state.Holds(7));
    CHECK(CheckReport(context, state, 7) == 0);
    CHECK(state.part().releases == state.part().describes);
    return fired;
  });
}

void OpenWith(Shortage shortage) {
  SharedFolder folder;
  FaultState state(WorldRank(), WorldSize(), kSmallSizes);
  {
    World world(kTimeoutSeconds);
    state.Fill(7);
    CheckSame(tsnap_take(world.get(), (folder / "a").c_str(), state.get(), nullptr), TSNAP_OK);
  }
  const std::string place = folder / "a";
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.collective_timeout_seconds = kTimeoutSeconds;
  config.memory_budget_bytes = 64 << 20;
  FailEach(shortage, [&](auto call) {
    tsnap_context* context = nullptr;
    const auto [code, fired] = call([&] { return tsnap_context_open(MPI_COMM_WORLD, &config, &context); });
    CHECK((code == TSNAP_OK) == (context != nullptr));
    if (context == nullptr) CheckSame(tsnap_context_open(MPI_COMM_WORLD, &config, &context), TSNAP_OK);
    tsnap_snapshot* snapshot = nullptr;
    const auto [opened, fired_again] = call([&] { return tsnap_snapshot_open_all(context, place.c_str(), &snapshot); });
    CHECK((opened == TSNAP_OK) == (snapshot != nullptr));
    tsnap_snapshot_close(&snapshot);
    const auto [closed, fired_at_last] = call([&] { return tsnap_context_close(&context); });
    static_cast<void>(closed);
    CHECK(context == nullptr);
    return fired || fired_again || fired_at_last;
  });
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunRanks(argc, argv, {{"take_once", [] { TakeWith(Shortage::kOnce, false); }},
                               {"take_from_then_on", [] { TakeWith(Shortage::kFromThenOn, false); }},
                               {"take_of_fresh_context", [] { TakeWith(Shortage::kOnce, true); }},
                               {"restore_once", [] { RestoreWith(Shortage::kOnce, false); }},
                               {"restore_from_then_on", [] { RestoreWith(Shortage::kFromThenOn, false); }},
                               {"restore_of_fresh_context", [] { RestoreWith(Shortage::kOnce, true); }},
                               {"open_once", [] { OpenWith(Shortage::kOnce); }},
                               {"open_from_then_on", [] { OpenWith(Shortage::kFromThenOn); }}});
}
