// Requests: how a take that goes on in the background ends, who is told, and what else may be called meanwhile. Writes are held back
// where a take must be pending for certain.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <mutex>
#include <thread>

#include "async.h"

namespace tsnap::test {
namespace {

// Lets the writes go after a moment, when the call that waits for them has long begun.
class LetGoSoon {
 public:
  LetGoSoon() : thread_([] {
    usleep(60000);
    HoldWrites(false);
  }) {}
  ~LetGoSoon() { thread_.join(); }
  LetGoSoon(const LetGoSoon&) = delete;
  LetGoSoon& operator=(const LetGoSoon&) = delete;

 private:
  std::thread thread_;
};

tsnap_take_options Overwriting() {
  tsnap_take_options options = Quick();
  options.overwrite = TSNAP_ON;
  return options;
}

// A request that is pending, for its writes are held, with seed 1 in it and seed 2 in the memory now.
struct Pending {
  const Folder folder{NewFolder()};
  const std::string url = folder / "snap";
  Self context;
  OneArray one;
  Request request;
  Pending() {
    HoldWrites(true);
    CHECK_OK(TakeAsyncQuick(context, url, one.state, &request));
    one.words.Fill(2);
    CHECK(!IsDone(request));
  }
  ~Pending() { HoldWrites(false); }
};

// --- how it ends ------------------------------------------------------------------------------

void WaitAndTestAreIdempotent() {
  Pending pending;
  CHECK(!IsDone(pending.request) && !IsDone(pending.request));
  HoldWrites(false);
  CHECK_OK(tsnap_request_wait(pending.request));
  for (int i = 0; i < 3; ++i) {
    CHECK(IsDone(pending.request));
    CHECK_OK(tsnap_request_wait(pending.request));
  }
  pending.one.CheckStored(pending.url, 1);
  CHECK_OK(tsnap_request_free(pending.request.out()));
  CHECK(*pending.request.out() == nullptr);
  CHECK_OK(tsnap_request_free(pending.request.out()));
  CHECK_OK(tsnap_request_free(nullptr));
}

void TestAloneSeesTheEnd() {
  Pending pending;
  HoldWrites(false);
  const double end = Now() + 50;
  while (!IsDone(pending.request) && Now() < end) usleep(1000);
  CHECK(IsDone(pending.request));
  pending.one.CheckStored(pending.url, 1);
  CHECK_OK(tsnap_request_wait(pending.request));
}

void FailuresInTheBackgroundAreToldByWait() {
  struct Case {
    int error;
    int32_t code;
  };
  for (const Case& one : {Case{ENOSPC, TSNAP_E_NO_SPACE}, Case{EDQUOT, TSNAP_E_NO_SPACE}, Case{EIO, TSNAP_E_IO}}) {
    for (const bool overwrites : {false, true}) {
      const Folder folder(NewFolder());
      const std::string url = folder / "snap";
      Self context;
      OneArray array;
      if (overwrites) CHECK_OK(TakeQuick(context, url, array.state));
      const Names before = FilesBelow(folder.path());
      array.words.Fill(2);
      const tsnap_take_options options = Overwriting();
      FailWrites(one.error);
      CHECK_CODE(tsnap_take(context, url.c_str(), array.state, &options), one.code);
      const std::string said = tsnap_last_error();
      Request request;
      CHECK_OK(tsnap_take_async(context, url.c_str(), array.state, &options, request.out()));
      for (int i = 0; i < 2; ++i) {
        CHECK_CODE(tsnap_request_wait(request), one.code);
        CHECK_SAYS("writing object");
        CHECK_SAYS(std::strerror(one.error));
      }
      CHECK_TEXT(Contains(said, std::strerror(one.error)), said);
      CHECK(IsDone(request));
      CHECK_OK(tsnap_request_cancel(request));
      CHECK_SAME_INT(StatisticsOf(context).status, one.code);
      CHECK_CODE(tsnap_request_free(request.out()), one.code);   // once more
      CHECK(*request.out() == nullptr);
      FailWrites(0);
      CHECK_TEXT(FilesBelow(folder.path()) == before, Join(FilesBelow(folder.path())));
      if (overwrites) array.CheckStored(url, 1);
      CHECK_OK(tsnap_take_async(context, url.c_str(), array.state, &options, request.out()));   // the context is as good as new
      CHECK_OK(tsnap_request_wait(request));
      array.CheckStored(url, 2);
    }
  }
}

// The state is larger than the budget: the call would wait for room that nobody makes any more.
void FailureEndsACallThatWaitsForRoom() {
  for (const int32_t threads : {1, 3}) {
    const Folder folder(NewFolder());
    const tsnap_config config = Budget(16 * kMiB, threads);
    Self context(&config);
    OneArray one(60 * kMiB / 8);
    FailWrites(EIO);
    Request request;
    CHECK_OK(TakeAsyncQuick(context, folder / "snap", one.state, &request));
    CHECK_CODE(tsnap_request_wait(request), TSNAP_E_IO);
    FailWrites(0);
    CHECK_TEXT(FilesBelow(folder.path()).empty(), Join(FilesBelow(folder.path())));
    Request again;
    CHECK_OK(TakeAsyncQuick(context, folder / "snap", one.state, &again));
    CHECK_OK(tsnap_request_wait(again));
    one.CheckStored(folder / "snap", 1);
  }
}

void FreeWithoutWaitTellsTheFailure() {
  Pending pending;
  FailWrites(EIO);
  {
    const LetGoSoon soon;
    CHECK_CODE(tsnap_request_free(pending.request.out()), TSNAP_E_IO);
  }
  CHECK(*pending.request.out() == nullptr);
  FailWrites(0);
  CHECK_CODE(tsnap_restore(pending.context, pending.url.c_str(), pending.one.state, nullptr), TSNAP_E_NOT_FOUND);
}

// --- nobody waits -----------------------------------------------------------------------------

struct Heard {
  std::mutex mutex;
  Names lines;
  static void Log(int32_t level, const char* message, void* user) {
    auto* heard = static_cast<Heard*>(user);
    const std::lock_guard lock(heard->mutex);
    heard->lines.push_back(std::to_string(level) + " " + message);
  }
};

// What a close does with a request that was asked for nothing, waited for, or cancelled.
void CloseWithRequest(int error, const std::function<void(tsnap_request*)>& before_close, int32_t expected, bool told) {
  const Folder folder(NewFolder());
  Heard heard;
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.log = Heard::Log;
  config.log_user = &heard;
  config.log_level = TSNAP_LOG_ERROR;
  tsnap_context* context = nullptr;
  CHECK_OK(tsnap_context_open_self(&config, &context));
  OneArray one;
  Request request;
  {
    const WritesHeld held;
    FailWrites(error);
    CHECK_OK(TakeAsyncQuick(context, folder / "snap", one.state, &request));
    one.words.Fill(2);
    const LetGoSoon soon;
    if (before_close) before_close(request);
    CHECK_OK(tsnap_context_close(&context));
  }
  FailWrites(0);
  CHECK(context == nullptr);
  CHECK_SAME_INT(heard.lines.size(), told);
  if (told) CHECK_TEXT(Contains(heard.lines[0], "1 ") && Contains(heard.lines[0], std::strerror(error)), heard.lines[0]);
  // The request outlives its context, and knows how it ended.
  CHECK(IsDone(request));
  CHECK_CODE(tsnap_request_wait(request), expected);
  CHECK_OK(tsnap_request_cancel(request));
  CHECK_CODE(tsnap_request_wait(request), expected);
  CHECK_CODE(tsnap_request_free(request.out()), expected);
  if (expected == TSNAP_OK) {
    one.CheckStored(folder / "snap", 1);
  } else {
    CHECK_TEXT(FilesBelow(folder.path()).empty(), Join(FilesBelow(folder.path())));
  }
}

void CloseEndsWhatNobodyWaitsFor() {
  CloseWithRequest(0, {}, TSNAP_OK, false);
  CloseWithRequest(EIO, {}, TSNAP_E_IO, true);
  CloseWithRequest(ENOSPC, [](tsnap_request* request) { IsDone(request); }, TSNAP_E_NO_SPACE, true);
  CloseWithRequest(EIO, [](tsnap_request* request) { CHECK_CODE(tsnap_request_wait(request), TSNAP_E_IO); }, TSNAP_E_IO, false);
  CloseWithRequest(0, [](tsnap_request* request) { CHECK_OK(tsnap_request_cancel(request)); }, TSNAP_E_CANCELLED, false);
}

void RequestMayBeFreedBeforeTheClose() {
  const Folder folder(NewFolder());
  tsnap_context* context = nullptr;
  CHECK_OK(tsnap_context_open_self(nullptr, &context));
  OneArray one;
  Request request;
  CHECK_OK(TakeAsyncQuick(context, folder / "snap", one.state, &request));
  CHECK_OK(tsnap_request_free(request.out()));
  CHECK_OK(tsnap_context_close(&context));
  one.CheckStored(folder / "snap", 1);
}

// --- other calls meanwhile --------------------------------------------------------------------

void SecondTakeWaitsForTheFirst() {
  for (const bool same_place : {true, false}) {
    for (const bool async : {true, false}) {
      Pending pending;
      const std::string second = same_place ? pending.url : pending.folder / "second";
      const tsnap_take_options options = Overwriting();
      Request request;
      {
        const LetGoSoon soon;
        CHECK_OK(async ? tsnap_take_async(pending.context, second.c_str(), pending.one.state, &options, request.out())
                       : tsnap_take(pending.context, second.c_str(), pending.one.state, &options));
      }
      CHECK(IsDone(pending.request));
      pending.one.words.Fill(3);
      if (async) CHECK_OK(tsnap_request_wait(request));
      CHECK_OK(tsnap_request_wait(pending.request));   // the first one was there, and may be replaced by now
      if (!same_place) pending.one.CheckStored(pending.url, 1);
      pending.one.CheckStored(second, 2);
      CHECK(StatisticsOf(pending.context).phase_seconds[TSNAP_PHASE_PENDING] > 0.03);
    }
  }
}

void SecondTakeToTheSamePlaceFindsTheFirst() {
  Pending pending;
  Request request;
  {
    const LetGoSoon soon;
    CHECK_CODE(TakeAsyncQuick(pending.context, pending.url, pending.one.state, &request), TSNAP_E_EXISTS);
  }
  CHECK(*request.out() == nullptr);
  CHECK_OK(tsnap_request_wait(pending.request));
  pending.one.CheckStored(pending.url, 1);
}

void FailureOfTheFirstIsNotTheSeconds() {
  Pending pending;
  FailWrites(EIO);
  Request request;
  {
    std::thread soon([] {
      usleep(60000);
      HoldWrites(false);
    });
    CHECK_OK(TakeAsyncQuick(pending.context, pending.folder / "second", pending.one.state, &request));
    soon.join();
  }
  CHECK_CODE(tsnap_request_wait(request), TSNAP_E_IO);
  FailWrites(0);
  CHECK_OK(TakeQuick(pending.context, pending.folder / "third", pending.one.state));
  CHECK_CODE(tsnap_request_wait(pending.request), TSNAP_E_IO);   // each has its own
  CHECK_CODE(tsnap_request_wait(request), TSNAP_E_IO);
  pending.one.CheckStored(pending.folder / "third", 2);
}

void RestoreSeesThePendingTake() {
  Pending pending;
  {
    const LetGoSoon soon;
    CHECK_OK(tsnap_restore(pending.context, pending.url.c_str(), pending.one.state, nullptr));
  }
  CHECK(pending.one.words.Hold(1));
  CHECK(IsDone(pending.request));
  CHECK_OK(tsnap_request_wait(pending.request));
}

void OpeningSeesThePendingTake() {
  Pending pending;
  tsnap_snapshot* snapshot = nullptr;
  {
    const LetGoSoon soon;
    CHECK_OK(tsnap_snapshot_open_all(pending.context, pending.url.c_str(), &snapshot));
  }
  CHECK(IsDone(pending.request));
  Words words(100000, 0);
  const tsnap_array array = words.Describe();
  CHECK_OK(tsnap_read(snapshot, "0/a", &array, nullptr));
  CHECK(words.Hold(1));
  tsnap_snapshot_close(&snapshot);
}

// Statistics and the report of a restore are of what has ended.
void LocalQuestionsDoNotWait() {
  Pending pending;
  tsnap_report report = TSNAP_REPORT_INIT;
  CHECK_OK(tsnap_restore_report(pending.context, &report));
  CHECK_SAME_INT(StatisticsOf(pending.context).operation_number, 0);
  CHECK(!IsDone(pending.request));
  int64_t more = 0;
  CHECK_OK(tsnap_state_add_int64(pending.one.state, "more", TSNAP_PRIVATE, &more));   // the state is free
  HoldWrites(false);
  CHECK_OK(tsnap_request_wait(pending.request));
  CHECK_SAME_INT(StatisticsOf(pending.context).operation_number, 1);
  pending.one.CheckStored(pending.url, 1);
}

// --- cancelling -------------------------------------------------------------------------------

void CancelledTakeCommitsNothing() {
  for (const bool overwrites : {false, true}) {
    const Folder folder(NewFolder());
    const std::string url = folder / "snap";
    Self context;
    OneArray one;
    if (overwrites) CHECK_OK(TakeQuick(context, url, one.state));
    const Names before = FilesBelow(folder.path());
    one.words.Fill(2);
    const tsnap_take_options options = Overwriting();
    Request request;
    {
      const WritesHeld held;
      CHECK_OK(tsnap_take_async(context, url.c_str(), one.state, &options, request.out()));
      const LetGoSoon soon;
      CHECK_OK(tsnap_request_cancel(request));
    }
    CHECK(IsDone(request));
    CHECK_CODE(tsnap_request_wait(request), TSNAP_E_CANCELLED);
    CHECK_SAYS("cancelled");
    CHECK_OK(tsnap_request_cancel(request));   // once more
    CHECK_CODE(tsnap_request_wait(request), TSNAP_E_CANCELLED);
    CHECK_SAME_INT(StatisticsOf(context).status, TSNAP_E_CANCELLED);
    CHECK_TEXT(FilesBelow(folder.path()) == before, Join(FilesBelow(folder.path())));
    if (overwrites) one.CheckStored(url, 1);
    CHECK_CODE(tsnap_request_free(request.out()), TSNAP_E_CANCELLED);
    CHECK_OK(tsnap_take(context, url.c_str(), one.state, &options));
    one.CheckStored(url, 2);
  }
}

// Many segments, of which the first wait for the storage: the others are not even begun.
void CancelDoesNotWriteTheRest() {
  const Folder folder(NewFolder());
  const tsnap_config config = Budget(256 * kMiB, 0, 2);
  Self context(&config);
  OneArray one(100 * kMiB / 8);
  Request request;
  {
    const WritesHeld held;
    CHECK_OK(TakeAsyncQuick(context, folder / "snap", one.state, &request));
    std::thread soon([] {
      usleep(300000);
      HoldWrites(false);
    });
    CHECK_OK(tsnap_request_cancel(request));
    soon.join();
  }
  CHECK_CODE(tsnap_request_wait(request), TSNAP_E_CANCELLED);
  CHECK_SAME_INT(StatisticsOf(context).bytes, 0);
  CHECK_TEXT(FilesBelow(folder.path()).empty(), Join(FilesBelow(folder.path())));
}

void CancelAfterTheCommitChangesNothing() {
  Pending pending;
  HoldWrites(false);
  while (!IsDone(pending.request)) usleep(1000);
  CHECK_OK(tsnap_request_cancel(pending.request));
  CHECK_OK(tsnap_request_wait(pending.request));
  CHECK_OK(tsnap_request_cancel(pending.request));
  CHECK_OK(tsnap_request_free(pending.request.out()));
  pending.one.CheckStored(pending.url, 1);
}

// At any time: all or nothing, and the answer says which.
void CancelAtAnyTimeIsAllOrNothing() {
  const Folder folder(NewFolder());
  Self context;
  OneArray one(1 << 19);
  int committed = 0, cancelled = 0;
  for (int i = 0; i < (LongMode() ? 400 : 60); ++i) {
    const std::string url = folder / std::to_string(i);
    Request request;
    CHECK_OK(TakeAsyncQuick(context, url, one.state, &request));
    usleep(static_cast<useconds_t>(i % 20) * 300);
    CHECK_OK(tsnap_request_cancel(request));
    const int32_t code = tsnap_request_wait(request);
    CHECK_TEXT(code == TSNAP_OK || code == TSNAP_E_CANCELLED, tsnap_last_error());
    const bool there = std::filesystem::exists(url + "/tsnap.json");
    CHECK(there == (code == TSNAP_OK));
    if (there) {
      one.CheckStored(url, 1);
    } else {
      CHECK_TEXT(FilesBelow(url).empty(), Join(FilesBelow(url)));
    }
    ++(there ? committed : cancelled);
    RemoveTree(url);
  }
  std::printf("%d committed, %d cancelled\n", committed, cancelled);
}

// --- calls from inside ------------------------------------------------------------------------

// Tries everything on the handles of the take that it is called from.
struct Intruder {
  tsnap_context* context = nullptr;
  std::atomic<tsnap_request*> request{nullptr};
  State other;
  std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> by_caller{0}, by_library{0}, with_request{0};

  void TryAll() {
    ++(std::this_thread::get_id() == caller ? by_caller : by_library);
    tsnap_context* closing = context;
    tsnap_request* made = nullptr;
    tsnap_snapshot* snapshot = nullptr;
    tsnap_statistics statistics = TSNAP_STATISTICS_INIT;
    tsnap_report report = TSNAP_REPORT_INIT;
    CHECK_CODE(tsnap_take(context, "mem://intruder", other, nullptr), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_take_async(context, "mem://intruder", other, nullptr, &made), TSNAP_E_BUSY);
    CHECK(made == nullptr);
    CHECK_CODE(tsnap_restore(context, "mem://intruder", other, nullptr), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_snapshot_open_all(context, "mem://intruder", &snapshot), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_context_statistics(context, &statistics), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_restore_report(context, &report), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_context_close(&closing), TSNAP_E_BUSY);
    CHECK(closing == context);
    tsnap_request* mine = request;
    if (mine == nullptr) return;
    ++with_request;
    int32_t done = 7;
    CHECK_CODE(tsnap_request_test(mine, &done), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_request_wait(mine), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_request_cancel(mine), TSNAP_E_BUSY);
    CHECK_CODE(tsnap_request_free(&mine), TSNAP_E_BUSY);
    CHECK(mine == request);
  }
};

void CallsFromInsideAreBusy() {
  const Folder folder(NewFolder());
  Intruder intruder;
  tsnap_config config = Budget(64 * kMiB);
  config.event = [](const tsnap_event*, void* user) {
    auto* self = static_cast<Intruder*>(user);
    if (self->context != nullptr) self->TryAll();
  };
  config.event_user = &intruder;
  Self context(&config);
  intruder.context = context;
  OneArray one;
  tsnap_take_options options = Quick();
  options.progress = [](uint64_t, uint64_t, uint64_t, void* user) { static_cast<Intruder*>(user)->TryAll(); };
  options.progress_user = &intruder;
  for (const bool cancels : {false, true}) {
    Request request;
    {
      const WritesHeld held;
      CHECK_OK(tsnap_take_async(context, (folder / (cancels ? "b" : "a")).c_str(), one.state, &options, request.out()));
      CHECK(intruder.by_caller >= 8);   // both ends of describe, open, agree, plan, stage ...
      intruder.request = request;
      const int before = intruder.with_request;
      while (intruder.with_request < before + 2) usleep(1000);   // the library goes on calling
      if (cancels) {
        const LetGoSoon soon;
        CHECK_OK(tsnap_request_cancel(request));
      }
    }
    CHECK_CODE(tsnap_request_wait(request), cancels ? TSNAP_E_CANCELLED : TSNAP_OK);
    CHECK(intruder.by_library > 2);
    intruder.request = nullptr;
  }
  intruder.context = nullptr;
  one.CheckStored(folder / "a", 1);
}

// A callback may ask about another request, which has ended, and use another context.
void CallsOnOtherHandlesGoThrough() {
  const Folder folder(NewFolder());
  Self context, other;
  OneArray one, another;
  Request ended, request;
  CHECK_OK(TakeAsyncQuick(context, folder / "ended", one.state, &ended));
  CHECK_OK(tsnap_request_wait(ended));
  struct Watcher {
    tsnap_request* ended;
    tsnap_context* other;
    tsnap_state* state;
    std::string url;
    int calls = 0;
  } watcher{ended, other, another.state, folder / "other"};
  tsnap_take_options options = Quick();
  options.progress = [](uint64_t, uint64_t, uint64_t, void* user) {
    auto* self = static_cast<Watcher*>(user);
    CHECK(IsDone(self->ended));
    CHECK_OK(tsnap_request_wait(self->ended));
    CHECK_OK(TakeQuick(self->other, self->url + std::to_string(self->calls++), self->state));
  };
  options.progress_user = &watcher;
  CHECK_OK(tsnap_take_async(context, (folder / "snap").c_str(), one.state, &options, request.out()));
  CHECK_OK(tsnap_request_wait(request));
  CHECK(watcher.calls > 1);
}

// --- bad input --------------------------------------------------------------------------------

// Each failure of tsnap_take that comes before anything is staged: the same code at the call, and no request.
void CodesAreThoseOfTake() {
  const Folder folder(NewFolder());
  const std::string there = folder / "there", url = folder / "snap";
  Self context;
  OneArray one;
  CHECK_OK(TakeQuick(context, there, one.state));
  State failing, globbed, gap, twice;
  const tsnap_stateful describe = {sizeof(tsnap_stateful), [](tsnap_state*, void*) -> int32_t { return 5; }, nullptr, nullptr, nullptr};
  CHECK_OK(tsnap_state_add_stateful(failing, "part", &describe));
  CHECK_OK(tsnap_state_replicate(globbed, "no/such/*"));
  double values[10] = {};
  const tsnap_array box = Line(TSNAP_FLOAT64, values, 10), boxes[] = {box, box};
  const int64_t hundred[] = {100}, ten[] = {10};
  CHECK_OK(tsnap_state_add_sharded(gap, "s", hundred, &box, 1));
  CHECK_OK(tsnap_state_add_sharded(twice, "s", ten, boxes, 2));
  const auto with = [](auto change) {
    tsnap_take_options options = Quick();
    change(&options);
    return options;
  };
  const tsnap_take_options quick = Quick(), overwrite = with([](tsnap_take_options* options) { options->overwrite = 3; }),
                           codec = with([](tsnap_take_options* options) { options->codec = 9; }),
                           sync = with([](tsnap_take_options* options) { options->sync = -1; }),
                           check = with([](tsnap_take_options* options) { options->verify_replicated = 4; }),
                           size = with([](tsnap_take_options* options) { options->struct_size = 0; }),
                           text = with([](tsnap_take_options* options) { options->metadata = "\xff"; });
  struct Longer {
    tsnap_take_options options;
    uint64_t unknown;
  } longer = {quick, 1};
  longer.options.struct_size = sizeof longer;
  struct Case {
    const char* what;
    const char* url;
    tsnap_state* state;
    const tsnap_take_options* options;
    int32_t code;
  };
  const std::string file = folder / "file";
  CHECK(std::fclose(std::fopen(file.c_str(), "w")) == 0);
  const std::string below = file + "/snap";
  CHECK(setenv("TSNAP_HDF5_MODULE", "/nowhere/libtsnap_hdf5.so", 1) == 0);  // as in a build without HDF5
  for (const Case& bad : {Case{"there", there.c_str(), one.state, &quick, TSNAP_E_EXISTS},
                          Case{"no url", nullptr, one.state, &quick, TSNAP_E_INVALID},
                          Case{"empty url", "", one.state, &quick, TSNAP_E_INVALID},
                          Case{"url without a place", "mem://", one.state, &quick, TSNAP_E_INVALID},
                          Case{"hdf5", "hdf5://file.h5", one.state, &quick, TSNAP_E_UNSUPPORTED},
                          Case{"hdf5", "snap.h5", one.state, &quick, TSNAP_E_UNSUPPORTED},
                          Case{"no state", url.c_str(), nullptr, &quick, TSNAP_E_INVALID},
                          Case{"describe", url.c_str(), failing, &quick, TSNAP_E_CALLBACK},
                          Case{"glob", url.c_str(), globbed, &quick, TSNAP_E_INVALID},
                          Case{"gap", url.c_str(), gap, &quick, TSNAP_E_MISMATCH},
                          Case{"overlap", url.c_str(), twice, &quick, TSNAP_E_MISMATCH},
                          Case{"overwrite", url.c_str(), one.state, &overwrite, TSNAP_E_INVALID},
                          Case{"codec", url.c_str(), one.state, &codec, TSNAP_E_INVALID},
                          Case{"sync", url.c_str(), one.state, &sync, TSNAP_E_INVALID},
                          Case{"check", url.c_str(), one.state, &check, TSNAP_E_INVALID},
                          Case{"struct_size", url.c_str(), one.state, &size, TSNAP_E_INVALID},
                          Case{"newer struct", url.c_str(), one.state, &longer.options, TSNAP_E_UNSUPPORTED},
                          Case{"metadata", url.c_str(), one.state, &text, TSNAP_E_INVALID},
                          Case{"below a file", below.c_str(), one.state, &quick, 0}}) {
    Where() = bad.what;
    int32_t code = tsnap_take(context, bad.url, bad.state, bad.options);
    CHECK_TEXT(bad.code == 0 ? code != TSNAP_OK : code == bad.code, tsnap_status_name(code));
    const std::string said = tsnap_last_error();
    tsnap_request* request = reinterpret_cast<tsnap_request*>(&code);
    CHECK_CODE(tsnap_take_async(context, bad.url, bad.state, bad.options, &request), code);
    CHECK(request == nullptr);
    CHECK_TEXT(said == tsnap_last_error(), said + " against " + tsnap_last_error());
    CHECK_SAME_INT(StatisticsOf(context).status, code);
    CHECK_SAME_INT(StatisticsOf(context).operation, TSNAP_OPERATION_TAKE_ASYNC);
  }
  CHECK_CODE(tsnap_take_async(context, url.c_str(), one.state, &quick, nullptr), TSNAP_E_INVALID);
  CHECK_SAYS("out is NULL");
  CHECK_TEXT(FilesBelow(url).empty(), Join(FilesBelow(url)));
  Request request;
  CHECK_OK(TakeAsyncQuick(context, url, one.state, &request));
  CHECK_OK(tsnap_request_wait(request));
  one.CheckStored(url, 1);
}

void RefusedPermissionIsTheSameEitherWay() {
  AsNobody([](const std::string&) {
    const Folder folder(NewFolder());
    const std::string closed = folder / "closed", url = folder / "snap";
    Self context;
    OneArray one;
    Request request;
    CHECK(mkdir(closed.c_str(), 0555) == 0);
    CHECK_CODE(TakeAsyncQuick(context, closed + "/snap", one.state, &request), TSNAP_E_AUTH);
    // It is taken away while the take is pending.
    {
      const WritesHeld held;
      CHECK_OK(TakeAsyncQuick(context, url, one.state, &request));
      usleep(50000);   // its slab is open
      CHECK(chmod(url.c_str(), 0555) == 0);
    }
    CHECK_CODE(tsnap_request_wait(request), TSNAP_E_AUTH);
    CHECK(chmod(url.c_str(), 0755) == 0);
    CHECK_CODE(tsnap_restore(context, url.c_str(), one.state, nullptr), TSNAP_E_NOT_FOUND);
    CHECK_CODE(tsnap_request_free(request.out()), TSNAP_E_AUTH);
    CHECK_OK(TakeAsyncQuick(context, url, one.state, &request));
    CHECK_OK(tsnap_request_wait(request));
  });
}

// The event callback sees the end of whatever began.
void ThreadThatCannotStartIsNoMemory() {
  AsNobody([](const std::string&) {
    const Folder folder(NewFolder());
    std::atomic<int> open{0};   // the caller and the library both tell
    tsnap_config config = TSNAP_CONFIG_INIT;
    config.event = [](const tsnap_event* event, void* user) { *static_cast<std::atomic<int>*>(user) += event->is_end ? -1 : 1; };
    config.event_user = &open;
    Self context(&config);
    OneArray one;
    CHECK_OK(TakeQuick(context, folder / "first", one.state));   // starts the threads that write
    rlimit limit = {};
    CHECK(getrlimit(RLIMIT_NPROC, &limit) == 0);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 1;
    CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
    Request request;
    CHECK_CODE(TakeAsyncQuick(context, folder / "second", one.state, &request), TSNAP_E_NO_MEMORY);
    CHECK_SAYS("ulimit -u");
    CHECK(*request.out() == nullptr);
    CHECK_SAME_INT(open, 0);
    CHECK_OK(TakeQuick(context, folder / "third", one.state));
    limit.rlim_cur = before;
    CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
    CHECK_OK(TakeAsyncQuick(context, folder / "second", one.state, &request));
    CHECK_OK(tsnap_request_wait(request));
    CHECK_SAME_INT(open, 0);
    one.CheckStored(folder / "second", 1);
  });
}

void WhatIsNoRequestIsInvalid() {
  Self context;
  State state;
  int32_t done = 7;
  tsnap_request* none = nullptr;
  uint64_t garbage[64] = {1, 2, 3};
  const auto refuse = [&](tsnap_request* request) {
    CHECK_CODE(tsnap_request_test(request, &done), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_request_wait(request), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_request_cancel(request), TSNAP_E_INVALID);
    CHECK_SAYS("request");
    CHECK_SAME_INT(done, 7);
  };
  refuse(nullptr);
  for (void* const no_request : {static_cast<void*>(garbage), static_cast<void*>(static_cast<tsnap_context*>(context)),
                                 static_cast<void*>(static_cast<tsnap_state*>(state))}) {
    auto* request = static_cast<tsnap_request*>(no_request);
    refuse(request);
    CHECK_CODE(tsnap_request_free(&request), TSNAP_E_INVALID);
    CHECK(request == nullptr);
  }
  CHECK_OK(tsnap_request_free(&none));
  // And what is no context is none for a request either.
  auto* no_context = reinterpret_cast<tsnap_context*>(garbage);
  none = reinterpret_cast<tsnap_request*>(garbage);
  CHECK_CODE(tsnap_take_async(no_context, "mem://x", state, nullptr, &none), TSNAP_E_INVALID);
  CHECK(none == nullptr);
  CHECK_CODE(tsnap_take_async(nullptr, "mem://x", state, nullptr, &none), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_take_async(context, "mem://x", reinterpret_cast<tsnap_state*>(garbage), nullptr, &none), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_context_statistics(no_context, nullptr), TSNAP_E_INVALID);
  Request request;
  CHECK_OK(tsnap_take_async(context, "mem://x", state, nullptr, request.out()));
  CHECK_CODE(tsnap_request_test(request, nullptr), TSNAP_E_INVALID);
  CHECK_OK(tsnap_request_wait(request));
}

void RequestsDoNotSurviveFork() {
  Pending pending;
  std::fflush(nullptr);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    tsnap_request* request = pending.request;
    tsnap_request* made = nullptr;
    int32_t done = 7;
    CHECK_CODE(tsnap_request_test(request, &done), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_request_wait(request), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_request_cancel(request), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_take_async(pending.context, "mem://x", pending.one.state, nullptr, &made), TSNAP_E_INVALID);
    tsnap_statistics statistics = TSNAP_STATISTICS_INIT;
    CHECK_CODE(tsnap_context_statistics(pending.context, &statistics), TSNAP_E_INVALID);
    CHECK_SAYS("fork");
    CHECK_CODE(tsnap_request_free(&request), TSNAP_E_INVALID);
    CHECK(request == nullptr);
    tsnap_context* closing = pending.context;
    CHECK_CODE(tsnap_context_close(&closing), TSNAP_E_INVALID);
    std::_Exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_SAME_INT(status, 0);
  HoldWrites(false);
  CHECK_OK(tsnap_request_wait(pending.request));   // the parent's goes on
  pending.one.CheckStored(pending.url, 1);
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"wait_and_test_are_idempotent", WaitAndTestAreIdempotent},
                  {"test_alone_sees_the_end", TestAloneSeesTheEnd},
                  {"failures_in_the_background_are_told_by_wait", FailuresInTheBackgroundAreToldByWait},
                  {"failure_ends_a_call_that_waits_for_room", FailureEndsACallThatWaitsForRoom},
                  {"free_without_wait_tells_the_failure", FreeWithoutWaitTellsTheFailure},
                  {"close_ends_what_nobody_waits_for", CloseEndsWhatNobodyWaitsFor},
                  {"request_may_be_freed_before_the_close", RequestMayBeFreedBeforeTheClose},
                  {"second_take_waits_for_the_first", SecondTakeWaitsForTheFirst},
                  {"second_take_to_the_same_place_finds_the_first", SecondTakeToTheSamePlaceFindsTheFirst},
                  {"failure_of_the_first_is_not_the_seconds", FailureOfTheFirstIsNotTheSeconds},
                  {"restore_sees_the_pending_take", RestoreSeesThePendingTake},
                  {"opening_sees_the_pending_take", OpeningSeesThePendingTake},
                  {"local_questions_do_not_wait", LocalQuestionsDoNotWait},
                  {"cancelled_take_commits_nothing", CancelledTakeCommitsNothing},
                  {"cancel_does_not_write_the_rest", CancelDoesNotWriteTheRest},
                  {"cancel_after_the_commit_changes_nothing", CancelAfterTheCommitChangesNothing},
                  {"cancel_at_any_time_is_all_or_nothing", CancelAtAnyTimeIsAllOrNothing},
                  {"calls_from_inside_are_busy", CallsFromInsideAreBusy},
                  {"calls_on_other_handles_go_through", CallsOnOtherHandlesGoThrough},
                  {"codes_are_those_of_take", CodesAreThoseOfTake},
                  {"refused_permission_is_the_same_either_way", RefusedPermissionIsTheSameEitherWay},
                  {"thread_that_cannot_start_is_no_memory", ThreadThatCannotStartIsNoMemory},
                  {"what_is_no_request_is_invalid", WhatIsNoRequestIsInvalid},
                  {"requests_do_not_survive_fork", RequestsDoNotSurviveFork}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
