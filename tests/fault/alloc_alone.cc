// Memory that runs out at every allocation of a call, one process: NO_MEMORY or OK, nothing half done stays, nothing is leaked
// (the sanitizers see that), and the next call works.
#include <string>

#include "alone.h"
#include "counting_new.h"
#include "fault_state.h"

namespace tsnap::test {
namespace {

int64_t EachUntil() { return LongMode() ? 5000 : 400; }

// `attempt(call)` makes its calls through `call`, with every allocation of it failing in turn, until one needs fewer than that.
template <class Attempt>
void FailEach(Attempt attempt) {
  int64_t failures = 0;
  for (const Shortage shortage : {Shortage::kOnce, Shortage::kFromThenOn}) {
    for (int64_t nth = 1;; nth = NextAllocation(nth, EachUntil())) {
      Where() = "allocation " + std::to_string(nth) + (shortage == Shortage::kOnce ? "" : " and all later ones");
      bool fired = false;
      attempt([&](auto function) {
        FailAllocation(nth, shortage);
        const int32_t code = function();
        const bool enough = AllocationsSeen() < nth;
        CHECK_TEXT(code == TSNAP_OK || code == TSNAP_E_NO_MEMORY || CallbackWithoutMemory(code),
                   tsnap_status_name(code) + std::string(": ") + tsnap_last_error());
        CHECK(code == TSNAP_OK || tsnap_last_error()[0] != '\0');
        failures += code != TSNAP_OK;
        fired = fired || !enough;
        return code;
      });
      if (!fired) break;
    }
  }
  CHECK(failures > 10);
}

void TakeWith(bool tight) {
  const Folder folder(NewFolder());
  FaultState state(0, 1);
  const tsnap_take_options to_new = SmallSlabs(), over_old = SmallSlabs(true);
  const std::string fresh = folder / "fresh", kept = folder / "kept";
  uint64_t step = 1, kept_step = 1;
  Alone steady(tight);
  state.Fill(step);
  CHECK_OK(tsnap_take(steady.get(), kept.c_str(), state.get(), &over_old));
  FailEach([&](auto call) {
    Alone new_context(tight);
    state.Fill(++step);
    if (call([&] { return TakeAnyhow(new_context.get(), fresh, state, &to_new); }) == TSNAP_OK)
      CheckPlaceHolds(fresh, 1, step);
    else
      CheckPlaceIsEmpty(fresh);
    RemoveTree(fresh);
    state.Fill(step);
    if (call([&] { return TakeAnyhow(steady.get(), kept, state, &over_old); }) == TSNAP_OK) kept_step = step;
    CheckPlaceHolds(kept, 1, kept_step);
    CHECK_OK(TakeBy(NowAndThen(static_cast<int64_t>(step)), steady.get(), fresh, state, &to_new));
    RemoveTree(fresh);
    CHECK(state.part().releases == state.part().describes);
  });
}

// A request that is looked at, cancelled or not, and freed.
void Requests() {
  const Folder folder(NewFolder());
  FaultState state(0, 1);
  const tsnap_take_options options = SmallSlabs();
  const std::string place = folder / "a";
  uint64_t step = 0;
  int ended[2] = {};   // taken, cancelled
  Alone steady;
  FailEach([&](auto call) {
    for (const bool cancels : {false, true}) {
      state.Fill(++step);
      bool cancelled = false;
      const int32_t code = call([&] {
        tsnap_request* request = nullptr;
        const int32_t begun = tsnap_take_async(steady.get(), place.c_str(), state.get(), &options, &request);
        state.Scribble();
        if (begun != TSNAP_OK) return begun;
        int32_t done = -1;
        CHECK(tsnap_request_test(request, &done) == TSNAP_OK && done >= 0);
        if (cancels) CHECK(tsnap_request_cancel(request) == TSNAP_OK);
        const int32_t freed = tsnap_request_free(&request);
        cancelled = freed == TSNAP_E_CANCELLED;
        CHECK(!cancelled || cancels);
        return cancelled ? TSNAP_OK : freed;
      });
      if (code == TSNAP_OK) ++ended[cancelled];
      if (code == TSNAP_OK && !cancelled) CheckPlaceHolds(place, 1, step);
      else CheckPlaceIsEmpty(place);
      RemoveTree(place);
      CHECK(state.part().releases == state.part().describes);
    }
  });
  CHECK(ended[0] > 0 && ended[1] > 0);
}

void Restore() {
  const Folder folder(NewFolder());
  FaultState state(0, 1);
  const tsnap_take_options options = SmallSlabs();
  const std::string place = folder / "a";
  Alone steady;
  state.Fill(7);
  CHECK_OK(tsnap_take(steady.get(), place.c_str(), state.get(), &options));
  FailEach([&](auto call) {
    Alone new_context;
    for (tsnap_context* context : {new_context.get(), steady.get()}) {
      state.Scribble();
      const int32_t code = call([&] { return tsnap_restore(context, place.c_str(), state.get(), nullptr); });
      CHECK(code != TSNAP_OK || state.Holds(7));
      CheckReport(context, state, 7);
      state.Scribble();
      CHECK_OK(tsnap_restore(context, place.c_str(), state.get(), nullptr));
      CHECK(state.Holds(7) && CheckReport(context, state, 7) == 0);
      CHECK(state.part().releases == state.part().describes);
    }
  });
}

void Read() {
  const Folder folder(NewFolder());
  FaultState state(0, 1, kSmallSizes);
  const std::string place = folder / "a";
  Alone steady;
  state.Fill(7);
  CHECK_OK(tsnap_take(steady.get(), place.c_str(), state.get(), nullptr));
  FailEach([&](auto call) {
    tsnap_snapshot* snapshot = nullptr;
    if (call([&] { return tsnap_snapshot_open(place.c_str(), nullptr, &snapshot); }) != TSNAP_OK) {
      CHECK(snapshot == nullptr);
      CHECK_OK(tsnap_snapshot_open(place.c_str(), nullptr, &snapshot));
    }
    int64_t step = 0;
    CHECK(call([&] { return tsnap_read_int64(snapshot, "step", &step); }) != TSNAP_OK || step == 7);
    tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
    CHECK(call([&] { return tsnap_snapshot_object(snapshot, 0, &info); }) != TSNAP_OK || std::string(info.path) == "0/blob");
    CHECK(call([&] { return tsnap_snapshot_find(snapshot, "0/part/values", &info); }) != TSNAP_OK || info.rank == 0);
    char label[64];
    size_t needed = 0;
    static_cast<void>(call([&] { return tsnap_read_string(snapshot, "0/label", label, sizeof label, &needed); }));
    int64_t bad = -1;
    CHECK(call([&] { return tsnap_snapshot_verify(snapshot, &bad, nullptr); }) != TSNAP_OK || bad == 0);
    tsnap_snapshot_close(&snapshot);
    tsnap_gc_result result = TSNAP_GC_RESULT_INIT;
    CHECK(call([&] { return tsnap_gc(place.c_str(), nullptr, nullptr, &result); }) != TSNAP_OK || result.takes_removed == 0);
    CheckPlaceHolds(place, 1, 7, kSmallSizes);
  });
}

void State() {
  double value = 0;
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = TSNAP_FLOAT64;
  array.data = &value;
  FailEach([&](auto call) {
    tsnap_state* state = nullptr;
    if (call([&] { return tsnap_state_create(&state); }) != TSNAP_OK) {
      CHECK(state == nullptr);
      CHECK_OK(tsnap_state_create(&state));
    }
    const std::string path(100, 'p'), a = path + "/a", b = path + "/b", c = path + "/c", all = path + "/**";
    // What failed was not registered, what did not was: the second time it works, or it is there.
    const auto both = [&](auto add) {
      const int32_t first = call(add), second = add();
      CHECK(second == (first == TSNAP_OK ? TSNAP_E_EXISTS : TSNAP_OK));
    };
    both([&] { return tsnap_state_add_private(state, a.c_str(), &array); });
    both([&] { return tsnap_state_add_replicated(state, b.c_str(), &array); });
    both([&] { return tsnap_state_add_float64(state, c.c_str(), TSNAP_PRIVATE, &value); });
    static_cast<void>(call([&] { return tsnap_state_set_attribute(state, a.c_str(), "units of it, a long text", path.c_str()); }));
    static_cast<void>(call([&] { return tsnap_state_replicate(state, all.c_str()); }));
    static_cast<void>(call([&] { return tsnap_state_remove(state, a.c_str()); }));
    tsnap_context* context = nullptr;
    CHECK((call([&] { return tsnap_context_open_self(nullptr, &context); }) == TSNAP_OK) == (context != nullptr));
    static_cast<void>(call([&] { return tsnap_context_close(&context); }));
    CHECK(context == nullptr);
    tsnap_state_destroy(&state);
  });
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunAlone(argc, argv, {{"take_alone", [] { TakeWith(false); }},
                               {"take_over_budget_alone", [] { TakeWith(true); }},
                               {"requests_alone", Requests},
                               {"restore_alone", Restore},
                               {"read_alone", Read},
                               {"state_alone", State}});
}
