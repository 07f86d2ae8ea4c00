// Parts of an application that describe themselves, and random number generators: who is asked when, and that no call on a handle
// from inside its own callback goes through.
#include "api.h"

namespace tsnap::test {
namespace {

Names journal;

// A generator whose next value follows from its state; drawing changes it.
struct Generator {
  uint64_t state = 1;
  uint64_t Draw() { return state = state * 6364136223846793005u + 1442695040888963407u; }
};

struct Rng {
  Generator* generator;
  int64_t captured = 0;
  int releases = 0;
  static int32_t Describe(tsnap_state* child, void* user) {
    auto* rng = static_cast<Rng*>(user);
    journal.emplace_back("rng described");
    rng->captured = static_cast<int64_t>(rng->generator->state);
    return tsnap_state_add_int64(child, "state", TSNAP_PRIVATE, &rng->captured);
  }
  static int32_t Loaded(void* user) {
    auto* rng = static_cast<Rng*>(user);
    journal.emplace_back("rng loaded");
    rng->generator->state = static_cast<uint64_t>(rng->captured);
    return TSNAP_OK;
  }
  static void Release(void* user) { ++static_cast<Rng*>(user)->releases; }
  tsnap_stateful Callbacks() { return {sizeof(tsnap_stateful), Describe, Loaded, Release, this}; }
};

// Holds its values packed in a buffer only between describe and release, and draws random numbers in every callback.
struct Model {
  const char* name;
  Generator* generator;
  double weights[5] = {};
  double* packed = nullptr;
  int describes = 0, releases = 0;
  int32_t describe_returns = TSNAP_OK, loaded_returns = TSNAP_OK;

  static int32_t Describe(tsnap_state* child, void* user) {
    auto* model = static_cast<Model*>(user);
    journal.push_back(std::string(model->name) + " described");
    ++model->describes;
    model->generator->Draw();
    model->packed = new double[5];
    std::memcpy(model->packed, model->weights, sizeof model->weights);
    const tsnap_array array = Line(TSNAP_FLOAT64, model->packed, 5);
    const int32_t added = tsnap_state_add_private(child, "weights", &array);
    return added != TSNAP_OK ? added : model->describe_returns;
  }
  static int32_t Loaded(void* user) {
    auto* model = static_cast<Model*>(user);
    journal.push_back(std::string(model->name) + " loaded");
    model->generator->Draw();
    std::memcpy(model->weights, model->packed, sizeof model->weights);
    return model->loaded_returns;
  }
  static void Release(void* user) {
    auto* model = static_cast<Model*>(user);
    ++model->releases;
    delete[] model->packed;
    model->packed = nullptr;
  }
  tsnap_stateful Callbacks() { return {sizeof(tsnap_stateful), Describe, Loaded, Release, this}; }
};

// One generator and two parts, registered so that neither order of registration nor of names puts the generator first.
struct Application {
  Generator generator;
  Rng rng{&generator};
  Model first{"first", &generator}, second{"second", &generator};
  State state;

  Application() {
    const tsnap_stateful one = first.Callbacks(), two = second.Callbacks(), random = rng.Callbacks();
    CHECK_OK(tsnap_state_add_stateful(state, "a/first", &one));
    CHECK_OK(tsnap_state_add_rng(state, "m/random", &random));
    CHECK_OK(tsnap_state_add_stateful(state, "z/second", &two));
    for (int i = 0; i < 5; ++i) {
      first.weights[i] = 1.5 * i;
      second.weights[i] = -2.5 * i;
    }
    journal.clear();
  }
};

void RngIsDescribedFirstAndLoadedLast() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  Application app;
  app.generator.state = 12345;
  CHECK_OK(TakeQuick(context, url, app.state));
  CHECK(journal.front() == "rng described" && journal.back() == "rng loaded");
  CHECK_SAME_INT(app.generator.state, 12345);   // a take leaves it as it was, whatever the parts drew
  CHECK_SAME_INT(journal.size(), 4);            // both parts were described, and not loaded
  CHECK(app.first.releases == 1 && app.second.releases == 1 && app.rng.releases == 1);
  const uint64_t drawn_after_take = app.generator.Draw();

  app.generator.state = 777;
  std::memset(app.first.weights, 0, sizeof app.first.weights);
  std::memset(app.second.weights, 0, sizeof app.second.weights);
  journal.clear();
  CHECK_OK(tsnap_restore(context, url.c_str(), app.state, nullptr));
  CHECK(journal.front() == "rng described" && journal.back() == "rng loaded");
  CHECK_SAME_INT(journal.size(), 6);
  CHECK(app.generator.Draw() == drawn_after_take);
  for (int i = 0; i < 5; ++i) CHECK(app.first.weights[i] == 1.5 * i && app.second.weights[i] == -2.5 * i);
  CHECK(app.first.releases == 2 && app.second.releases == 2 && app.rng.releases == 2);

  Opened snapshot(url);   // their objects lie under their paths
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_find(snapshot, "0/a/first/weights", &info));
  CHECK_OK(tsnap_snapshot_find(snapshot, "0/z/second/weights", &info));
  int64_t state = 0;
  CHECK_OK(tsnap_read_int64(snapshot, "0/m/random/state", &state));
  CHECK_SAME_INT(state, 12345);
}

void FailedCallbackEndsTheCall() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  Application app;
  app.generator.state = 99;
  app.second.describe_returns = 7;
  CHECK_CODE(TakeQuick(context, url, app.state), TSNAP_E_CALLBACK);
  CHECK_SAYS("z/second");
  CHECK_SAYS("7");
  CHECK_SAME_INT(app.generator.state, 99);
  CHECK(app.first.describes == app.first.releases && app.second.describes == app.second.releases);
  CHECK(app.first.packed == nullptr && app.second.packed == nullptr);
  CHECK_TEXT(FilesBelow(folder.path()).empty(), Join(FilesBelow(folder.path())));
  app.second.describe_returns = TSNAP_OK;
  CHECK_OK(TakeQuick(context, url, app.state));   // the context is usable

  app.first.loaded_returns = -3;
  journal.clear();
  CHECK_CODE(tsnap_restore(context, url.c_str(), app.state, nullptr), TSNAP_E_CALLBACK);
  CHECK_SAYS("a/first");
  CHECK_REPORT(context, {.not_restored = {"0/a/first/weights"}});
  CHECK(app.first.packed == nullptr && app.second.packed == nullptr);
  app.first.loaded_returns = TSNAP_OK;
  app.second.describe_returns = 1;
  CHECK_CODE(tsnap_restore(context, url.c_str(), app.state, nullptr), TSNAP_E_CALLBACK);
  CHECK(app.first.describes == app.first.releases && app.second.describes == app.second.releases);
  app.second.describe_returns = TSNAP_OK;
  CHECK_OK(tsnap_restore(context, url.c_str(), app.state, nullptr));
}

void LoadedIsNotCalledForWhatIsNotRestored() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  {
    Application app;
    CHECK_OK(tsnap_state_remove(app.state, "z/second"));
    CHECK_OK(TakeQuick(context, url, app.state));
  }
  Application app;
  CHECK_CODE(tsnap_restore(context, url.c_str(), app.state, nullptr), TSNAP_E_MISMATCH);
  for (const std::string& entry : journal) CHECK_TEXT(Contains(entry, "described"), entry);
  CHECK_REPORT(context, {.missing = {"0/z/second/weights"},
                         .not_restored = {"0/a/first/weights", "0/m/random/state", "0/z/second/weights"}});
  journal.clear();
  CHECK_OK(RestoreLoose(context, url, app.state));
  for (const std::string& entry : journal) CHECK_TEXT(entry != "second loaded", entry);
  CHECK(journal.back() == "rng loaded");
  CHECK_REPORT(context, {.missing = {"0/z/second/weights"}, .not_restored = {"0/z/second/weights"}});
}

// What the callbacks below try on handles that are in use.
struct Intruder {
  tsnap_context* context = nullptr;
  tsnap_state* state = nullptr;
  tsnap_snapshot* snapshot = nullptr;
  std::string url;
  int64_t value = 0;
  int calls = 0;

  void TryAll() {
    ++calls;
    tsnap_report report = TSNAP_REPORT_INIT;
    tsnap_context* closing = context;
    tsnap_state* destroying = state;
    CHECK_CODE(tsnap_take(context, url.c_str(), state, nullptr), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_restore(context, url.c_str(), state, nullptr), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_restore_report(context, &report), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_context_close(&closing), TSNAP_E_BUSY);
    CHECK(closing == context);
    CHECK_CODE(tsnap_snapshot_open_all(context, url.c_str(), &snapshot), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_state_add_int64(state, "late", TSNAP_PRIVATE, &value), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_state_remove(state, "late"), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_state_replicate(state, "*"), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_state_set_attribute(state, "late", "a", "b"), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_state_set_coverage(state, "late", TSNAP_COVER_EXACT, nullptr), TSNAP_E_BUSY);
    tsnap_state_destroy(&destroying);
    CHECK(destroying == state);
  }
};

void HandlesInUseAreBusy() {
  const Folder folder(NewFolder());
  Self context;
  State state;
  Intruder intruder{context, state, nullptr, folder / "snap"};
  const tsnap_stateful callbacks = {
      sizeof(tsnap_stateful),
      [](tsnap_state* child, void* user) -> int32_t {
        auto* self = static_cast<Intruder*>(user);
        self->TryAll();
        tsnap_state* destroying = child;
        tsnap_state_destroy(&destroying);   // not the application's to destroy
        return tsnap_state_add_int64(child, "value", TSNAP_PRIVATE, &self->value);
      },
      [](void* user) -> int32_t {
        static_cast<Intruder*>(user)->TryAll();
        return 0;
      },
      [](void* user) { static_cast<Intruder*>(user)->TryAll(); }, &intruder};
  CHECK_OK(tsnap_state_add_stateful(state, "s", &callbacks));
  tsnap_take_options options = Quick();
  options.progress = [](uint64_t, uint64_t, uint64_t, void* user) { static_cast<Intruder*>(user)->TryAll(); };
  options.progress_user = &intruder;
  CHECK_OK(tsnap_take(context, intruder.url.c_str(), state, &options));
  CHECK(intruder.calls >= 3);   // describe, progress, release
  intruder.calls = 0;
  tsnap_restore_options restoring = TSNAP_RESTORE_OPTIONS_INIT;
  restoring.progress = options.progress;
  restoring.progress_user = &intruder;
  CHECK_OK(tsnap_restore(context, intruder.url.c_str(), state, &restoring));
  CHECK(intruder.calls >= 4);   // and loaded
}

void SnapshotIsBusyInItsProgress() {
  const Folder folder(NewFolder());
  Self context;
  State state;
  std::vector<double> values(100000, 1);
  const tsnap_array array = Line(TSNAP_FLOAT64, values.data(), 100000);
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  CHECK_OK(TakeQuick(context, folder / "snap", state));
  Opened snapshot(folder / "snap"), other(folder / "snap");
  struct Watcher {
    tsnap_snapshot *snapshot, *other;
    tsnap_array array;
    uint64_t done = 0, total = 0;
    int calls = 0;
  } watcher{snapshot, other, array};
  const auto watch = [](uint64_t done, uint64_t total, void* user) {
    auto* self = static_cast<Watcher*>(user);
    ++self->calls;
    CHECK(done >= self->done && done <= total);
    self->done = done;
    self->total = total;
    CHECK_CODE(tsnap_read(self->snapshot, "0/a", &self->array, nullptr), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_snapshot_verify(self->snapshot, nullptr, nullptr), TSNAP_E_BUSY);
    tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
    CHECK_CODE(tsnap_snapshot_info_get(self->snapshot, &info), TSNAP_E_BUSY);
    tsnap_snapshot* closing = self->snapshot;
    tsnap_snapshot_close(&closing);
    CHECK(closing == self->snapshot);
    CHECK_OK(tsnap_read(self->other, "0/a", &self->array, nullptr));
  };
  CHECK_OK(tsnap_snapshot_set_progress(snapshot, watch, &watcher));
  std::vector<double> read(100000);
  const tsnap_array target = Line(TSNAP_FLOAT64, read.data(), 100000);
  watcher.array = Line(TSNAP_FLOAT64, values.data(), 100000);
  CHECK_OK(tsnap_read(snapshot, "0/a", &target, nullptr));
  CHECK(read == values);
  CHECK(watcher.calls > 0 && watcher.done == watcher.total && watcher.total == 800000);
  watcher.done = 0;
  watcher.calls = 0;
  CHECK_OK(tsnap_snapshot_verify(snapshot, nullptr, nullptr));
  CHECK(watcher.calls > 0 && watcher.done == watcher.total);
  CHECK_OK(tsnap_snapshot_set_progress(snapshot, nullptr, nullptr));
  watcher.calls = 0;
  CHECK_OK(tsnap_read(snapshot, "0/a", &target, nullptr));
  CHECK_SAME_INT(watcher.calls, 0);
}

void ProgressEndsAtTheTotal() {
  const Folder folder(NewFolder());
  Self context;
  State state;
  std::vector<double> values(600000, 1);
  const tsnap_array array = Line(TSNAP_FLOAT64, values.data(), 600000);
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  struct Seen {
    uint64_t staged = 0, moved = 0, total = 0;
    int calls = 0;
  } seen;
  const auto watch = [](uint64_t staged, uint64_t moved, uint64_t total, void* user) {
    auto* self = static_cast<Seen*>(user);
    CHECK(staged >= self->staged && moved >= self->moved);
    *self = {staged, moved, total, self->calls + 1};
  };
  tsnap_take_options options = Quick();
  options.progress = watch;
  options.progress_user = &seen;
  CHECK_OK(tsnap_take(context, (folder / "snap").c_str(), state, &options));
  CHECK(seen.calls > 0 && seen.total == 4800000 && seen.moved == seen.total);
  seen = {};
  tsnap_restore_options restoring = TSNAP_RESTORE_OPTIONS_INIT;
  restoring.progress = watch;
  restoring.progress_user = &seen;
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, &restoring));
  CHECK(seen.calls > 0 && seen.total == 4800000 && seen.moved == seen.total);
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"rng_is_described_first_and_loaded_last", RngIsDescribedFirstAndLoadedLast},
                  {"failed_callback_ends_the_call", FailedCallbackEndsTheCall},
                  {"loaded_is_not_called_for_what_is_not_restored", LoadedIsNotCalledForWhatIsNotRestored},
                  {"handles_in_use_are_busy", HandlesInUseAreBusy},
                  {"snapshot_is_busy_in_its_progress", SnapshotIsBusyInItsProgress},
                  {"progress_ends_at_the_total", ProgressEndsAtTheTotal}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
