// Ranks that do not do the same: every one of them is told so, with one code, and the context stays usable. Takes are made as
// TSNAP_TEST_HOW says.
#include <string>

#include "fault_state.h"
#include "ranks.h"

namespace tsnap::test {
namespace {

struct Scene {
  SharedFolder folder;
  World world;
  FaultState state{WorldRank(), WorldSize(), kSmallSizes};
  std::string place = folder / "a";
  int odd = 0;   // the rank that does something else

  Scene() {
    state.Fill(1);
    CheckSame(Take(place), TSNAP_OK);
  }
  bool IsOdd() const { return WorldRank() == odd; }
  int32_t Take(const std::string& where, const tsnap_take_options* options = nullptr, How how = TheHow()) {
    const int32_t code = TakeBy(how, world.get(), where, state, options);
    if (code == TSNAP_OK) state.Fill(1);   // of one in the background it has changed
    return code;
  }
  int32_t Restore(const std::string& where, const tsnap_restore_options* options = nullptr) {
    return tsnap_restore(world.get(), where.c_str(), state.get(), options);
  }
  // Nothing was committed, nothing was read, and the next calls work.
  void CheckMismatchAndGoOn(int32_t code, const std::string& untouched) {
    CheckSame(code, TSNAP_E_MISMATCH);
    CheckPlaceIsEmpty(untouched);
    CHECK(state.Holds(1));
    CheckSame(Restore(place), TSNAP_OK);
    CHECK(state.Holds(1));
    CheckSame(Take(untouched), TSNAP_OK);
    CheckPlaceHolds(untouched, WorldSize(), 1, kSmallSizes);
    MPI_Barrier(MPI_COMM_WORLD);
    if (WorldRank() == 0) CHECK_OK(tsnap_remove(untouched.c_str(), nullptr));
    MPI_Barrier(MPI_COMM_WORLD);
  }
};

void DifferentFunctions() {
  Scene scene;
  const std::string fresh = scene.folder / "b";
  for (scene.odd = 0; scene.odd < WorldSize(); ++scene.odd) {
    Where() = "rank " + std::to_string(scene.odd) + " restores, the others take";
    int32_t code = scene.IsOdd() ? scene.Restore(scene.place) : scene.Take(fresh);
    CHECK(Contains(tsnap_last_error(), "tsnap_take") && Contains(tsnap_last_error(), "tsnap_restore"));
    scene.CheckMismatchAndGoOn(code, fresh);
    Where() = "rank " + std::to_string(scene.odd) + " opens a snapshot, the others take";
    tsnap_snapshot* snapshot = nullptr;
    code = scene.IsOdd() ? tsnap_snapshot_open_all(scene.world.get(), scene.place.c_str(), &snapshot) : scene.Take(fresh);
    CHECK(snapshot == nullptr);
    scene.CheckMismatchAndGoOn(code, fresh);
    if (!InBackground()) continue;
    Where() = "rank " + std::to_string(scene.odd) + " waits for its take, the others go on";
    code = scene.Take(fresh, nullptr, scene.IsOdd() ? How::kSync : TheHow());
    CHECK(Contains(tsnap_last_error(), "tsnap_take") && Contains(tsnap_last_error(), "tsnap_take_async"));
    scene.CheckMismatchAndGoOn(code, fresh);
  }
}

// While a take is pending everywhere, a rank makes another call than the others: the take ends well, the calls do not.
void DifferentFunctionsWhileOneIsPending() {
  Scene scene;
  const std::string fresh = scene.folder / "b", pending = scene.folder / "pending";
  const tsnap_take_options over = SmallSlabs(true);
  for (scene.odd = 0; scene.odd < WorldSize(); ++scene.odd) {
    Where() = "rank " + std::to_string(scene.odd) + " restores, the others take";
    tsnap_request* request = nullptr;
    CHECK_OK(tsnap_take_async(scene.world.get(), pending.c_str(), scene.state.get(), &over, &request));
    const int32_t code = scene.IsOdd() ? scene.Restore(scene.place) : scene.Take(fresh);
    CheckSame(code, TSNAP_E_MISMATCH);
    CheckSame(EndOf(&request), TSNAP_OK);
    CheckPlaceHolds(pending, WorldSize(), 1, kSmallSizes);
    scene.CheckMismatchAndGoOn(code, fresh);
  }
}

void DifferentUrls() {
  Scene scene;
  const std::string fresh = scene.folder / "b", other = scene.folder / "c";
  for (scene.odd = 0; scene.odd < WorldSize(); ++scene.odd) {
    Where() = "rank " + std::to_string(scene.odd);
    scene.CheckMismatchAndGoOn(scene.Take(scene.IsOdd() ? other : fresh), fresh);
    CheckPlaceIsEmpty(other);
    scene.CheckMismatchAndGoOn(scene.Restore(scene.IsOdd() ? other : scene.place), fresh);
    tsnap_snapshot* snapshot = nullptr;
    const std::string& opened = scene.IsOdd() ? other : scene.place;
    scene.CheckMismatchAndGoOn(tsnap_snapshot_open_all(scene.world.get(), opened.c_str(), &snapshot), fresh);
    CHECK(snapshot == nullptr);
  }
}

void DifferentOptions() {
  Scene scene;
  const std::string fresh = scene.folder / "b";
  scene.odd = WorldSize() - 1;
  const auto take_with = [&](const char* what, auto change) {
    Where() = what;
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    if (scene.IsOdd()) change(options);
    scene.CheckMismatchAndGoOn(scene.Take(fresh, &options), fresh);
  };
  take_with("overwrite", [](tsnap_take_options& o) { o.overwrite = TSNAP_ON; });
  take_with("sync", [](tsnap_take_options& o) { o.sync = TSNAP_OFF; });
  take_with("verify_replicated", [](tsnap_take_options& o) { o.verify_replicated = TSNAP_REPLICATED_CHECK_CONTENT; });
  take_with("chunk_bytes", [](tsnap_take_options& o) { o.chunk_bytes = 1 << 20; });
  take_with("slab_bytes", [](tsnap_take_options& o) { o.slab_bytes = 1 << 20; });
  take_with("metadata", [](tsnap_take_options& o) { o.metadata = "mine only"; });

  const auto restore_with = [&](const char* what, auto change) {
    Where() = what;
    tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
    if (scene.IsOdd()) change(options);
    scene.CheckMismatchAndGoOn(scene.Restore(scene.place, &options), fresh);
  };
  restore_with("strict", [](tsnap_restore_options& o) { o.strict = TSNAP_OFF; });
  restore_with("new_ranks", [](tsnap_restore_options& o) { o.new_ranks = TSNAP_NEW_RANKS_LEAVE; });
  restore_with("lost_ranks", [](tsnap_restore_options& o) { o.lost_ranks = TSNAP_LOST_RANKS_IGNORE; });
  restore_with("verify", [](tsnap_restore_options& o) { o.verify = TSNAP_OFF; });
}

// What only says the same in other words is the same.
void DefaultsAreNoDifference() {
  Scene scene;
  tsnap_take_options spelled_out = TSNAP_TAKE_OPTIONS_INIT;
  spelled_out.overwrite = TSNAP_OFF;
  spelled_out.sync = TSNAP_ON;
  spelled_out.verify_replicated = TSNAP_REPLICATED_CHECK_SHAPE;
  CheckSame(scene.Take(scene.folder / "b", scene.IsOdd() ? &spelled_out : nullptr), TSNAP_OK);
  tsnap_restore_options defaults = TSNAP_RESTORE_OPTIONS_INIT;
  defaults.strict = TSNAP_ON;
  defaults.new_ranks = TSNAP_NEW_RANKS_ERROR;
  CheckSame(scene.Restore(scene.folder / "b", scene.IsOdd() ? &defaults : nullptr), TSNAP_OK);
}

// A rank that is a call ahead of the others.
void DifferentOrder() {
  Scene scene;
  const std::string b = scene.folder / "b", c = scene.folder / "c";
  CheckSame(scene.Take(scene.IsOdd() ? c : b), TSNAP_E_MISMATCH);
  CheckSame(scene.Take(scene.IsOdd() ? b : c), TSNAP_E_MISMATCH);
  CheckPlaceIsEmpty(c);
  scene.CheckMismatchAndGoOn(scene.IsOdd() ? scene.Take(b) : scene.Restore(scene.place), b);
}

// A bad argument of one rank only is that rank's error on all.
void BadArgumentOfOneRank() {
  Scene scene;
  const std::string fresh = scene.folder / "b";
  for (scene.odd = 0; scene.odd < WorldSize(); ++scene.odd) {
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    if (scene.IsOdd()) options.codec = 77;
    const int32_t code = SameOnAll(scene.Take(fresh, &options));
    CHECK(code == TSNAP_E_INVALID || code == TSNAP_E_UNSUPPORTED);
    CHECK_TEXT(Contains(tsnap_last_error(), "rank " + std::to_string(scene.odd)), tsnap_last_error());
    CheckPlaceIsEmpty(fresh);
    const auto take_with = [&](const char* url, tsnap_state* state, bool gives_out) {
      tsnap_request* request = nullptr;
      const int32_t taken = InBackground()
                                ? tsnap_take_async(scene.world.get(), url, state, nullptr, gives_out ? &request : nullptr)
                                : tsnap_take(scene.world.get(), url, state, nullptr);
      CHECK(request == nullptr);
      CheckSame(taken, TSNAP_E_INVALID);
      CHECK_TEXT(Contains(tsnap_last_error(), "rank " + std::to_string(scene.odd)), tsnap_last_error());
    };
    take_with(scene.IsOdd() ? nullptr : fresh.c_str(), scene.state.get(), true);
    take_with(fresh.c_str(), scene.IsOdd() ? nullptr : scene.state.get(), true);
    if (InBackground()) take_with(fresh.c_str(), scene.state.get(), !scene.IsOdd());
    CheckPlaceIsEmpty(fresh);
    CheckSame(scene.Restore(scene.place), TSNAP_OK);
  }
}

// Whoever closes is told, and so are the others, in bounded time. The snapshot that was there stays.
void CloseWhileOthersTake() {
  Scene scene;
  const std::string fresh = scene.folder / "b";
  scene.odd = WorldSize() - 1;
  const double begin = Now();
  const int32_t code = scene.IsOdd() ? scene.world.Close() : scene.Take(fresh);
  CheckSame(code, TSNAP_E_MISMATCH);
  CHECK(Now() - begin < 20);
  CheckPlaceIsEmpty(fresh);
  CheckPlaceHolds(scene.place, WorldSize(), 1, kSmallSizes);
  if (scene.IsOdd()) {
    CHECK(scene.world.get() == nullptr);
  } else {
    // The others' context lost a rank: it fails at once, and closes alone.
    const double later = Now();
    CHECK(scene.Take(fresh) != TSNAP_OK);
    static_cast<void>(scene.world.Close());
    CHECK(scene.world.get() == nullptr);
    CHECK(Now() - later < 5);
  }
}

// A rank closes while a take is pending, and the others take: the pending one ends first, and well.
void CloseWhileOthersTakeAndOneIsPending() {
  Scene scene;
  const std::string pending = scene.folder / "pending", fresh = scene.folder / "b";
  scene.odd = 0;
  tsnap_request* request = nullptr;
  CHECK_OK(tsnap_take_async(scene.world.get(), pending.c_str(), scene.state.get(), nullptr, &request));
  const double begin = Now();
  CheckSame(scene.IsOdd() ? scene.world.Close() : scene.Take(fresh), TSNAP_E_MISMATCH);
  CHECK(Now() - begin < 20);
  CheckSame(EndOf(&request), TSNAP_OK);
  CheckPlaceIsEmpty(fresh);
  CheckPlaceHolds(pending, WorldSize(), 1, kSmallSizes);
  static_cast<void>(scene.world.Close());
  CHECK(scene.world.get() == nullptr);
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunRanks(argc, argv, {{"different_functions", DifferentFunctions},
                               {"different_urls", DifferentUrls},
                               {"different_options", DifferentOptions},
                               {"defaults_are_no_difference", DefaultsAreNoDifference},
                               {"different_order", DifferentOrder},
                               {"bad_argument_of_one_rank", BadArgumentOfOneRank},
                               {"different_functions_while_one_is_pending", DifferentFunctionsWhileOneIsPending},
                               {"close_while_others_take", CloseWhileOthersTake},
                               {"close_while_others_take_and_one_is_pending", CloseWhileOthersTakeAndOneIsPending}});
}
