// MPI that fails, at one call after the other, on one rank: it is told MPI, the others MPI or TIMEOUT, all in bounded time; the
// context is broken and closes by itself, and what was committed before stays whole. Takes are made as TSNAP_TEST_HOW says.
#include <string>

#include "fault_state.h"
#include "pmpi_probe.h"
#include "ranks.h"

namespace tsnap::test {
namespace {

constexpr double kTimeoutSeconds = 1;
constexpr double kSlackSeconds = 6;   // of a loaded machine

struct Kind {
  MpiCall call;
  const char* name;
};

bool IsBroken(int32_t code) { return code == TSNAP_E_MPI || code == TSNAP_E_TIMEOUT; }

void CheckBrokenAndClose(World& world, FaultState& state, const std::string& place) {
  const double begin = Now();
  tsnap_request* request = nullptr;
  CHECK(tsnap_take(world.get(), place.c_str(), state.get(), nullptr) == TSNAP_E_TIMEOUT);
  CHECK(tsnap_take_async(world.get(), place.c_str(), state.get(), nullptr, &request) == TSNAP_E_TIMEOUT);
  CHECK(tsnap_restore(world.get(), place.c_str(), state.get(), nullptr) == TSNAP_E_TIMEOUT);
  static_cast<void>(world.Close());
  CHECK(world.get() == nullptr);
  CHECK_TEXT(Now() - begin < 1, std::to_string(Now() - begin) + " s");
}

// False when the take makes fewer calls of the kind.
bool FailOne(const Kind& kind, int64_t n, int victim, const std::string& kept, uint64_t step) {
  Where() = std::string(kind.name) + " number " + std::to_string(n) + " fails on rank " + std::to_string(victim);
  World world(kTimeoutSeconds);
  FaultState state(WorldRank(), WorldSize(), kSmallSizes);
  state.Fill(step);
  const tsnap_take_options options = SmallSlabs(true);
  if (WorldRank() == victim) FailNth(kind.call, n);
  const double begin = Now();
  const int32_t code = TakeAnyhow(world.get(), kept, state, &options);
  const std::string message = tsnap_last_error();
  const double seconds = Now() - begin;
  const bool fired = Largest(WorldRank() == victim ? CallsSeen() : 0) >= n;
  if (!fired) {
    CheckSame(code, TSNAP_OK);
    return false;
  }
  CHECK_TEXT(IsBroken(code) && (WorldRank() != victim || code == TSNAP_E_MPI), tsnap_status_name(code) + (": " + message));
  CHECK_TEXT(Contains(message, "rank "), message);
  CHECK_TEXT(seconds < 2 * kTimeoutSeconds + kSlackSeconds, std::to_string(seconds) + " s");
  CheckBrokenAndClose(world, state, kept);
  MPI_Barrier(MPI_COMM_WORLD);
  const Found found = ReadAll(kept, WorldSize(), kSmallSizes);
  CHECK_TEXT(found.code == TSNAP_OK && found.wrong.empty(), found.message + found.wrong);
  CHECK(found.step == step || found.step == 1);
  if (found.step != 1) {   // the last agreement failed, behind the commit
    World again;
    state.Fill(1);
    CheckSame(tsnap_take(again.get(), kept.c_str(), state.get(), &options), TSNAP_OK);
  }
  return true;
}

void Take() {
  SharedFolder folder;
  const std::string kept = folder / "kept";
  {
    World world;
    FaultState state(WorldRank(), WorldSize(), kSmallSizes);
    state.Fill(1);
    CheckSame(tsnap_take(world.get(), kept.c_str(), state.get(), nullptr), TSNAP_OK);
  }
  // Each failure costs a timeout: in short every kind of call, and the steps from the first to the last.
  const int64_t stride = LongMode() ? 1 : TheHow() == How::kAsync ? 4 : 6;
  for (const Kind& kind : {Kind{MpiCall::kIdup, "a duplication"}, Kind{MpiCall::kIallreduce, "a reduction"},
                           Kind{MpiCall::kIallgather, "a gather"}, Kind{MpiCall::kIbarrier, "a barrier"},
                           Kind{MpiCall::kIssend, "a send"}}) {
    int victim = WorldSize() - 1;
    int64_t n = 1;
    for (; FailOne(kind, n, victim, kept, 2); n += stride) victim = kind.call == MpiCall::kIssend ? victim : (victim + 1) % WorldSize();
    if (WorldRank() == 0) std::printf("%s: up to %lld\n", kind.name, static_cast<long long>(n - 1));
    CHECK(n > 1 || (kind.call == MpiCall::kIdup && !InBackground()));
  }
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunRanks(argc, argv, {{"take", Take}});
}
