// What an application sees of an operation: progress, events, the statistics of the last one, and traces; and the settings of the
// memory that takes in the background stage into.
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "async.h"

namespace tsnap::test {
namespace {

// --- progress ---------------------------------------------------------------------------------

struct Progress {
  std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> inside{0};
  std::mutex mutex;
  uint64_t staged = 0, written = 0, total = 0;
  int by_caller = 0, by_library = 0;

  static void Watch(uint64_t staged, uint64_t written, uint64_t total, void* user) {
    auto* self = static_cast<Progress*>(user);
    CHECK(++self->inside == 1);
    {
      const std::lock_guard lock(self->mutex);
      CHECK(staged >= self->staged && written >= self->written && (self->total == 0 || total == self->total));
      CHECK(staged <= total && written <= total);
      self->staged = staged;
      self->written = written;
      self->total = total;
      const bool is_caller = std::this_thread::get_id() == self->caller;
      CHECK(!is_caller || self->by_library == 0);   // first the one, then the other
      ++(is_caller ? self->by_caller : self->by_library);
    }
    usleep(500);
    --self->inside;
  }
  void AddTo(tsnap_take_options* options) {
    options->progress = Watch;
    options->progress_user = this;
  }
};

void ProgressEndsAtTheTotalInTheBackground() {
  for (const int32_t codec : {TSNAP_CODEC_NONE, TSNAP_CODEC_ZSTD}) {
    for (const uint64_t budget : {16 * kMiB, 200 * kMiB}) {
      for (const int32_t threads : {1, 3}) {
        const Folder folder(NewFolder());
        const tsnap_config config = Budget(budget, threads);
        Self context(&config);
        OneArray one(40 * kMiB / 8);
        Progress progress;
        tsnap_take_options options = Quick(codec);
        progress.AddTo(&options);
        Request request;
        CHECK_OK(tsnap_take_async(context, (folder / "snap").c_str(), one.state, &options, request.out()));
        {
          const std::lock_guard lock(progress.mutex);
          CHECK(progress.by_caller > 0 && progress.staged == 40 * kMiB);   // all is staged when the call returns
        }
        CHECK_OK(tsnap_request_wait(request));
        CHECK(progress.by_library > 0);
        CHECK(progress.total == 40 * kMiB && progress.written == progress.total && progress.staged == progress.total);
        one.CheckStored(folder / "snap", 1);
      }
    }
  }
}

void ProgressGoesOnWhileTheTakeIsPending() {
  const Folder folder(NewFolder());
  Self context;
  OneArray one;
  Progress progress;
  tsnap_take_options options = Quick();
  progress.AddTo(&options);
  Request request;
  {
    const WritesHeld held;
    CHECK_OK(tsnap_take_async(context, (folder / "snap").c_str(), one.state, &options, request.out()));
    for (int seen = 0; seen < 3; usleep(1000)) {
      const std::lock_guard lock(progress.mutex);
      seen = progress.by_library;
      CHECK(progress.written == 0);
    }
  }
  CHECK_OK(tsnap_request_wait(request));
  const int calls = progress.by_library;
  usleep(250000);
  CHECK_SAME_INT(progress.by_library, calls);   // never again
}

// --- events -----------------------------------------------------------------------------------

struct Events {
  struct Seen {
    tsnap_event event;
    std::thread::id thread;
  };
  std::mutex mutex;
  std::vector<Seen> seen;

  static void Watch(const tsnap_event* event, void* user) {
    auto* self = static_cast<Events*>(user);
    CHECK(event->struct_size == sizeof *event);
    const std::lock_guard lock(self->mutex);
    self->seen.push_back({*event, std::this_thread::get_id()});
  }
  tsnap_config Config(uint64_t budget_bytes = 64 * kMiB) {
    tsnap_config config = Budget(budget_bytes);
    config.event = Watch;
    config.event_user = this;
    return config;
  }
};

using Phases = std::set<int32_t>;

// One operation from its begin to its end: every phase that begins ends, on the same thread; the times and bytes are those of the
// statistics. Returns its phases.
Phases CheckOperation(Events* events, const tsnap_statistics& statistics) {
  const std::lock_guard lock(events->mutex);
  CHECK(events->seen.size() >= 2);
  const tsnap_event &first = events->seen.front().event, &last = events->seen.back().event;
  CHECK(first.phase == 0 && first.is_end == 0 && last.phase == 0 && last.is_end == 1);
  CHECK_SAME_INT(last.status, statistics.status);
  CHECK_SAME_INT(last.bytes, statistics.bytes);
  CHECK(last.seconds == statistics.seconds);
  std::map<int32_t, Events::Seen> open;
  std::map<int32_t, double> seconds;
  std::map<int32_t, uint64_t> bytes;
  Phases phases;
  for (const Events::Seen& one : events->seen) {
    const tsnap_event& event = one.event;
    CHECK_SAME_INT(event.operation_number, statistics.operation_number);
    CHECK_SAME_INT(event.operation, statistics.operation);
    CHECK(event.unix_nanoseconds >= first.unix_nanoseconds && event.unix_nanoseconds <= last.unix_nanoseconds);
    CHECK(event.phase >= 0 && event.phase < TSNAP_PHASE_LIMIT);
    if (event.phase != 0) CHECK(std::string(tsnap_phase_name(event.phase)) != "unknown");
    if (event.is_end == 0) {
      CHECK(event.status == 0 && event.seconds == 0 && event.bytes == 0);
      CHECK(open.emplace(event.phase, one).second);
      continue;
    }
    const auto begun = open.find(event.phase);
    CHECK_TEXT(begun != open.end(), tsnap_phase_name(event.phase));
    if (event.phase != 0) CHECK(begun->second.thread == one.thread);
    const double lasted = static_cast<double>(event.unix_nanoseconds - begun->second.event.unix_nanoseconds) * 1e-9;
    CHECK(event.seconds >= 0 && event.seconds <= lasted + 0.01 && event.seconds >= lasted - 0.01);
    open.erase(begun);
    seconds[event.phase] += event.seconds;
    bytes[event.phase] += event.bytes;
    phases.insert(event.phase);
  }
  CHECK_TEXT(open.empty(), std::to_string(open.size()) + " phases have no end");
  for (int32_t phase = 1; phase < TSNAP_PHASE_LIMIT; ++phase) {
    CHECK(statistics.phase_seconds[phase] == seconds[phase]);
    CHECK_SAME_INT(statistics.phase_bytes[phase], bytes[phase]);
  }
  phases.erase(0);
  events->seen.clear();
  return phases;
}

std::string Text(const Phases& phases) {
  std::string text;
  for (const int32_t phase : phases) text += std::string(tsnap_phase_name(phase)) + " ";
  return text;
}

void CheckPhases(const Phases& actual, const Phases& expected) {
  CHECK_TEXT(actual == expected, Text(actual) + "instead of " + Text(expected));
}

enum : int32_t {
  kPending = TSNAP_PHASE_PENDING,
  kDescribe = TSNAP_PHASE_DESCRIBE,
  kOpen = TSNAP_PHASE_OPEN,
  kAgree = TSNAP_PHASE_AGREE,
  kPlan = TSNAP_PHASE_PLAN,
  kStage = TSNAP_PHASE_STAGE,
  kWrite = TSNAP_PHASE_WRITE,
  kIndex = TSNAP_PHASE_INDEX,
  kSync = TSNAP_PHASE_SYNC,
  kCommit = TSNAP_PHASE_COMMIT,
  kClean = TSNAP_PHASE_CLEAN,
  kResolve = TSNAP_PHASE_RESOLVE,
  kRead = TSNAP_PHASE_READ,
  kLoaded = TSNAP_PHASE_LOADED,
};

void EventsTellEachPhase() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Events events;
  const tsnap_config config = events.Config();
  Self context(&config);
  OneArray one;
  CHECK(events.seen.empty());
  CHECK_OK(TakeQuick(context, folder / "sync", one.state));
  CheckPhases(CheckOperation(&events, StatisticsOf(context)),
              {kDescribe, kOpen, kAgree, kPlan, kWrite, kIndex, kSync, kCommit, kClean});
  Request request;
  {
    const WritesHeld held;
    CHECK_OK(TakeAsyncQuick(context, url, one.state, &request));
    const std::lock_guard lock(events.mutex);
    for (const Events::Seen& seen : events.seen) {   // so far: the caller's, and the begin of the writing
      const bool is_caller = seen.thread == std::this_thread::get_id();
      CHECK(is_caller == (seen.event.phase != kWrite));
      CHECK(seen.event.is_end == 0 || seen.event.phase != 0);
    }
  }
  CHECK_OK(tsnap_request_wait(request));
  const auto mine = std::this_thread::get_id();
  {
    const std::lock_guard lock(events.mutex);
    for (const Events::Seen& seen : events.seen) {
      if (seen.event.phase >= kDescribe && seen.event.phase <= kStage) CHECK(seen.thread == mine);
      if (seen.event.phase >= kWrite) CHECK(seen.thread != mine);
    }
  }
  CheckPhases(CheckOperation(&events, StatisticsOf(context)),
              {kDescribe, kOpen, kAgree, kStage, kWrite, kIndex, kSync, kCommit, kClean});   // the plan is the one above
  CHECK_SAME_INT(StatisticsOf(context).operation_number, 2);
  CHECK_OK(tsnap_restore(context, url.c_str(), one.state, nullptr));
  const Phases restored = CheckOperation(&events, StatisticsOf(context));
  for (const int32_t phase : {kDescribe, kOpen, kAgree, kResolve, kRead, kLoaded}) CHECK_TEXT(restored.count(phase) == 1, Text(restored));
  CHECK_SAME_INT(StatisticsOf(context).operation_number, 3);
}

void EventsOfFailuresAreBalanced() {
  const Folder folder(NewFolder());
  Events events;
  const tsnap_config config = events.Config(16 * kMiB);
  Self context(&config);
  OneArray one(30 * kMiB / 8);
  int64_t number = 0;
  const auto ended = [&](int32_t code, int32_t operation) {
    const tsnap_statistics statistics = StatisticsOf(context);
    CHECK_SAME_INT(statistics.status, code);
    CHECK_SAME_INT(statistics.operation, operation);
    CHECK_SAME_INT(statistics.operation_number, ++number);
    return CheckOperation(&events, statistics);
  };
  const auto fails = [&](const char* url, tsnap_state* state, int32_t code) {
    Where() = url == nullptr ? "NULL" : url;
    Request request;
    CHECK_CODE(tsnap_take(context, url, state, nullptr), code);
    ended(code, TSNAP_OPERATION_TAKE);
    CHECK_CODE(tsnap_take_async(context, url, state, nullptr, request.out()), code);
    ended(code, TSNAP_OPERATION_TAKE_ASYNC);
    CHECK_CODE(tsnap_restore(context, url, state, nullptr), code);
    ended(code, TSNAP_OPERATION_RESTORE);
  };
  fails(nullptr, one.state, TSNAP_E_INVALID);
  CHECK(setenv("TSNAP_HDF5_MODULE", "/nowhere/libtsnap_hdf5.so", 1) == 0);  // as in a build without HDF5
  fails("hdf5://file.h5", one.state, TSNAP_E_UNSUPPORTED);
  State failing;
  const tsnap_stateful describe = {sizeof(tsnap_stateful), [](tsnap_state*, void*) -> int32_t { return 5; }, nullptr, nullptr, nullptr};
  CHECK_OK(tsnap_state_add_stateful(failing, "part", &describe));
  fails((folder / "describe").c_str(), failing, TSNAP_E_CALLBACK);
  const std::string url = folder / "snap";
  FailWrites(ENOSPC);
  CHECK_CODE(TakeQuick(context, url, one.state), TSNAP_E_NO_SPACE);
  CheckPhases(ended(TSNAP_E_NO_SPACE, TSNAP_OPERATION_TAKE), {kDescribe, kOpen, kAgree, kPlan, kWrite, kClean});
  Request request;
  CHECK_OK(TakeAsyncQuick(context, url, one.state, &request));
  CHECK_CODE(tsnap_request_wait(request), TSNAP_E_NO_SPACE);
  CheckPhases(ended(TSNAP_E_NO_SPACE, TSNAP_OPERATION_TAKE_ASYNC), {kDescribe, kOpen, kAgree, kStage, kWrite, kClean});
  FailWrites(0);
  Request cancelled;
  {
    const WritesHeld held;
    OneArray small(1000, 1, "small");
    CHECK_OK(TakeAsyncQuick(context, url, small.state, &cancelled));
    std::thread soon([] {
      usleep(60000);
      HoldWrites(false);
    });
    CHECK_OK(tsnap_request_cancel(cancelled));
    soon.join();
  }
  CheckPhases(ended(TSNAP_E_CANCELLED, TSNAP_OPERATION_TAKE_ASYNC), {kDescribe, kOpen, kAgree, kPlan, kStage, kWrite, kClean});
  CHECK_CODE(tsnap_restore(context, url.c_str(), one.state, nullptr), TSNAP_E_NOT_FOUND);
  ended(TSNAP_E_NOT_FOUND, TSNAP_OPERATION_RESTORE);
}

// --- statistics -------------------------------------------------------------------------------

double SumOfPhases(const tsnap_statistics& statistics, int32_t first, int32_t last) {
  double sum = 0;
  for (int32_t phase = first; phase <= last; ++phase) sum += statistics.phase_seconds[phase];
  return sum;
}

void StatisticsTellTheLastOperation() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  const tsnap_config config = Budget(64 * kMiB);
  Self context(&config);
  OneArray one(10 * kMiB / 8);
  const uint64_t bytes = one.words.bytes();
  tsnap_statistics none = StatisticsOf(context);
  const tsnap_statistics initial = TSNAP_STATISTICS_INIT;
  CHECK(std::memcmp(&none, &initial, sizeof none) == 0);

  CHECK_OK(TakeQuick(context, url, one.state));
  tsnap_statistics last = StatisticsOf(context);
  CHECK(last.operation_number == 1 && last.operation == TSNAP_OPERATION_TAKE && last.status == TSNAP_OK && last.plan_reused == 0);
  CHECK(last.bytes == bytes && last.stored_bytes == bytes);
  CHECK(last.phase_bytes[kDescribe] == bytes && last.phase_bytes[kWrite] == bytes && last.phase_bytes[kStage] == 0);
  CHECK(last.blocked_seconds > 0 && last.seconds >= last.blocked_seconds && last.seconds < last.blocked_seconds + 0.1);
  CHECK(last.phase_seconds[0] == 0 && last.phase_bytes[0] == 0);
  CHECK(SumOfPhases(last, 1, TSNAP_PHASE_LIMIT - 1) <= last.seconds + 0.001);   // they follow each other
  CHECK(last.rank_wait_seconds >= 0 && last.rank_wait_seconds < last.seconds && last.budget_wait_seconds == 0);

  Request request;
  {
    const WritesHeld held;
    const double begin = Now();
    CHECK_OK(TakeAsyncQuick(context, folder / "async", one.state, &request, TSNAP_CODEC_ZSTD));
    const double blocked = Now() - begin;
    usleep(100000);
    CHECK_SAME_INT(StatisticsOf(context).operation_number, 1);   // the last one that has ended
    HoldWrites(false);
    CHECK_OK(tsnap_request_wait(request));
    last = StatisticsOf(context);
    CHECK(last.blocked_seconds > 0 && last.blocked_seconds <= blocked + 0.001);
  }
  CHECK(last.operation_number == 2 && last.operation == TSNAP_OPERATION_TAKE_ASYNC && last.status == TSNAP_OK);
  CHECK(last.seconds >= last.blocked_seconds + 0.09);
  CHECK(last.bytes == bytes && last.stored_bytes > 0 && last.stored_bytes <= bytes);
  CHECK(last.phase_bytes[kStage] == bytes && last.phase_bytes[kWrite] == last.stored_bytes);
  CHECK(SumOfPhases(last, kPending, kStage) <= last.blocked_seconds + 0.001);
  CHECK(SumOfPhases(last, kWrite, kClean) <= last.seconds + 0.001);
  CHECK(last.peak_buffer_bytes > 0 && last.peak_buffer_bytes <= 64 * kMiB);

  CHECK_OK(tsnap_restore(context, url.c_str(), one.state, nullptr));
  last = StatisticsOf(context);
  CHECK(last.operation_number == 3 && last.operation == TSNAP_OPERATION_RESTORE && last.status == TSNAP_OK);
  CHECK(last.bytes == bytes && last.phase_bytes[kRead] == bytes);
  CHECK(last.seconds == last.blocked_seconds || last.seconds < last.blocked_seconds + 0.1);

  CHECK_CODE(TakeQuick(context, url, one.state), TSNAP_E_EXISTS);
  last = StatisticsOf(context);
  CHECK(last.operation_number == 4 && last.status == TSNAP_E_EXISTS && last.bytes == 0);
  tsnap_snapshot* snapshot = nullptr;   // is no operation
  CHECK_OK(tsnap_snapshot_open_all(context, url.c_str(), &snapshot));
  tsnap_snapshot_close(&snapshot);
  CHECK_SAME_INT(StatisticsOf(context).operation_number, 4);
}

// Programs that were built when the struct was shorter, or will be longer.
void StatisticsKeepToTheStructOfTheCaller() {
  Self context;
  OneArray one;
  CHECK_OK(TakeQuick(context, "mem://statistics", one.state));
  CHECK_OK(tsnap_remove("mem://statistics", nullptr));
  struct Longer {
    tsnap_statistics known;
    uint64_t unknown[4];
  } longer;
  for (const size_t size : {sizeof(size_t) + sizeof(int64_t), offsetof(tsnap_statistics, bytes), offsetof(tsnap_statistics, phase_bytes),
                            sizeof(tsnap_statistics), sizeof longer}) {
    std::memset(static_cast<void*>(&longer), 0x5a, sizeof longer);
    longer.known.struct_size = size;
    CHECK_OK(tsnap_context_statistics(context, &longer.known));
    CHECK(longer.known.struct_size == size && longer.known.operation_number == 1);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&longer);
    for (size_t i = size; i < sizeof longer; ++i) CHECK_TEXT(bytes[i] == 0x5a, std::to_string(i) + " of " + std::to_string(size));
  }
  tsnap_statistics none = TSNAP_STATISTICS_INIT;
  none.struct_size = 0;
  CHECK_CODE(tsnap_context_statistics(context, &none), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_context_statistics(context, nullptr), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_context_statistics(nullptr, &none), TSNAP_E_INVALID);
}

void PhasesHaveNames() {
  Names names;
  for (int32_t phase = kPending; phase <= kLoaded; ++phase) names.emplace_back(tsnap_phase_name(phase));
  CHECK_TEXT(Join(names) == "[pending, describe, open, agree, plan, stage, write, index, sync, commit, clean, resolve, read, loaded]",
             Join(names));
  for (const int32_t phase : {INT32_MIN, -1, 0, kLoaded + 1, static_cast<int32_t>(TSNAP_PHASE_LIMIT), INT32_MAX}) {
    CHECK(std::string(tsnap_phase_name(phase)) == "unknown");
  }
}

// --- settings ---------------------------------------------------------------------------------

uint64_t PeakAfterASmallTake(const tsnap_config& config) {
  Self context(&config);
  OneArray one(10);
  Request request;
  CHECK_OK(TakeAsyncQuick(context, "mem://small", one.state, &request));
  CHECK_OK(tsnap_request_wait(request));
  CHECK_OK(tsnap_remove("mem://small", nullptr));
  return StatisticsOf(context).peak_buffer_bytes;
}

void StagingMemoryIsTouchedWithinTheBudget() {
  tsnap_config config = Budget(32 * kMiB);
  CHECK(PeakAfterASmallTake(config) <= 4 * kMiB);
  config.staging_prefault_bytes = 20 * kMiB;
  CHECK_SAME_INT(PeakAfterASmallTake(config), 20 * kMiB);
  config.staging_prefault_bytes = 1;
  CHECK_SAME_INT(PeakAfterASmallTake(config), 4 * kMiB);   // one buffer
  for (const uint64_t most : {33 * kMiB, 1024 * kMiB, UINT64_MAX}) {
    config.staging_prefault_bytes = most;
    CHECK_SAME_INT(PeakAfterASmallTake(config), 32 * kMiB);
  }
  setenv("TSNAP_STAGING_PREFAULT_BYTES", "12M", 1);
  CHECK_SAME_INT(PeakAfterASmallTake(config), 32 * kMiB);   // the field wins
  config.staging_prefault_bytes = 0;
  CHECK_SAME_INT(PeakAfterASmallTake(config), 12 * kMiB);
  for (const char* bad : {"-1", "12 M", "12m", "x", "1e6", "99999999999999999999", "99999999T"}) {
    setenv("TSNAP_STAGING_PREFAULT_BYTES", bad, 1);
    tsnap_context* context = nullptr;
    CHECK_CODE(tsnap_context_open_self(&config, &context), TSNAP_E_INVALID);
    CHECK_SAYS("TSNAP_STAGING_PREFAULT_BYTES");
    CHECK(context == nullptr);
  }
  setenv("TSNAP_STAGING_PREFAULT_BYTES", "", 1);
  CHECK(PeakAfterASmallTake(config) <= 4 * kMiB);
}

// --- traces -----------------------------------------------------------------------------------

using Json = nlohmann::json;

// The Trace Event format, as far as viewers insist on it; and that lanes have names, and phases lie within operations.
Json ReadTrace(const std::string& path) {
  std::ifstream file(path);
  CHECK_TEXT(file.good(), path);
  const Json trace = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  CHECK_TEXT(!trace.is_discarded(), path + " is no JSON");
  CHECK(trace.is_object() && trace.at("traceEvents").is_array());
  CHECK(trace.at("otherData").at("tool") == "tsnap" && trace.at("otherData").at("dropped_spans") == 0);
  std::set<std::pair<int, int>> named, used;
  for (const Json& event : trace.at("traceEvents")) {
    const std::string kind = event.at("ph");
    CHECK(event.at("name").is_string() && event.at("pid").is_number_integer() && event.at("tid").is_number_integer());
    const std::pair<int, int> lane = {event.at("pid"), event.at("tid")};
    if (kind == "M") {
      CHECK(event.at("args").is_object());
      if (event.at("name") == "thread_name") CHECK(named.insert(lane).second);
      continue;
    }
    used.insert(lane);
    CHECK(event.at("ts").is_number() && event.at("ts") >= 0 && event.at("cat").is_string() && event.at("args").is_object());
    if (kind == "X") {
      CHECK(event.at("dur").is_number() && event.at("dur") >= 0);
    } else {
      CHECK(kind == "i" && event.at("s") == "t");
    }
  }
  CHECK(std::includes(named.begin(), named.end(), used.begin(), used.end()));
  return trace;
}

std::vector<Json> EventsOf(const Json& trace, const std::string& category, const std::string& name = "") {
  std::vector<Json> found;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.value("cat", "") == category && (name.empty() || event.at("name") == name)) found.push_back(event);
  }
  return found;
}

void TraceTellsOfAllOperations() {
  const Folder folder(NewFolder());
  const std::string path = folder / "trace.json", url = folder / "snap";
  { std::ofstream(path) << "what was there"; }
  tsnap_config config = Budget(16 * kMiB);
  config.trace = path.c_str();
  OneArray one(40 * kMiB / 8);
  {
    Self context(&config);
    Request request;
    CHECK_OK(TakeAsyncQuick(context, url, one.state, &request));
    CHECK_OK(tsnap_request_wait(request));
    CHECK_OK(tsnap_restore(context, url.c_str(), one.state, nullptr));
    CHECK_CODE(TakeQuick(context, url, one.state), TSNAP_E_EXISTS);
  }
  CHECK(FilesBelow(folder.path()).size() == FilesBelow(url).size() + 1);   // nothing beside it
  const Json trace = ReadTrace(path);
  const std::vector<Json> operations = EventsOf(trace, "operation");
  CHECK_SAME_INT(operations.size(), 3);
  const char* const names[] = {"take_async", "restore", "take"};
  for (size_t i = 0; i < 3; ++i) {
    const Json& args = operations[i].at("args");
    CHECK(operations[i].at("name") == names[i] && args.at("number") == i + 1 && args.at("url") == url);
    CHECK(args.at("status") == (i == 2 ? "TSNAP_E_EXISTS" : "TSNAP_OK"));
    CHECK(args.at("bytes") == (i == 2 ? 0 : 40 * kMiB));
    for (const Json& phase : EventsOf(trace, "phase")) {
      if (phase.at("args").at("operation") != i + 1) continue;
      const double begin = operations[i].at("ts"), end = begin + operations[i].at("dur").get<double>();
      const double from = phase.at("ts"), to = from + phase.at("dur").get<double>();
      CHECK(from >= begin - 0.01 && to <= end + 0.01);
    }
  }
  uint64_t staged = 0, written = 0, read = 0;
  for (const Json& span : EventsOf(trace, "transfer")) {
    const uint64_t bytes = span.at("args").at("bytes");
    if (span.at("name") == "stage") staged += bytes;
    if (span.at("name") == "write") written += bytes;
    if (span.at("name") == "read") read += bytes;
  }
  CHECK_SAME_INT(staged, 40 * kMiB);
  CHECK(written >= 40 * kMiB && read >= 40 * kMiB);
  CHECK(!EventsOf(trace, "wait", "memory").empty());   // the budget is smaller than the state
  CHECK_SAME_INT(EventsOf(trace, "phase", "stage").size(), 1);
  const std::vector<Json> largest = EventsOf(trace, "objects");
  CHECK(largest.size() == 3 && largest[0].at("args").at("objects")[0] == Json({{"path", "0/a"}, {"bytes", 40 * kMiB}}));
}

void TraceEscapesHostileNames() {
  const Folder folder(NewFolder());
  const std::string hostile = "a\"b\\c\n\t\x01\x1f\x7f</script><!-- \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80";
  const std::string place = folder / "snap\"\\\n\x02 \xff\xc3( \xed\xa0\x80";   // of which not all is UTF-8
  const std::string path = folder / "trace\"\n.json";
  tsnap_config config = Budget(16 * kMiB);
  config.trace = path.c_str();
  OneArray one(1000, 1, hostile.c_str());
  {
    Self context(&config);
    CHECK_OK(TakeQuick(context, place, one.state));
  }
  const Json trace = ReadTrace(path);
  const std::vector<Json> largest = EventsOf(trace, "objects");
  CHECK(largest.size() == 1 && largest[0].at("args").at("objects")[0].at("path") == "0/" + hostile);
  const std::string url = EventsOf(trace, "operation")[0].at("args").at("url");
  CHECK_TEXT(Contains(url, folder / "snap\"\\\n\x02 "), url);
}

void TraceOfNothingIsATrace() {
  const Folder folder(NewFolder());
  const std::string path = folder / "trace.json", other = folder / "other.json";
  tsnap_config config = Budget(16 * kMiB);
  config.trace = path.c_str();
  { Self context(&config); }
  CHECK(EventsOf(ReadTrace(path), "operation").empty());
  // The environment's name, where the config has none.
  setenv("TSNAP_TRACE", other.c_str(), 1);
  std::filesystem::remove(path);
  { Self context(&config); }
  CHECK(std::filesystem::exists(path) && !std::filesystem::exists(other));
  config.trace = nullptr;
  {
    Self context(&config);
    OneArray one(10);
    CHECK_OK(TakeQuick(context, folder / "snap", one.state));
    CHECK(!std::filesystem::exists(other));   // when it is closed, and not before
  }
  CHECK_SAME_INT(EventsOf(ReadTrace(other), "operation", "take").size(), 1);
  unsetenv("TSNAP_TRACE");
  std::filesystem::remove(other);
  { Self context(&config); }
  CHECK(!std::filesystem::exists(other));
}

// What a close with a request that nobody waited for writes: the take is in it.
void TraceHoldsWhatWasPendingAtTheClose() {
  const Folder folder(NewFolder());
  const std::string path = folder / "trace.json";
  tsnap_config config = Budget(16 * kMiB);
  config.trace = path.c_str();
  OneArray one;
  Request request;
  {
    Self context(&config);
    CHECK_OK(TakeAsyncQuick(context, folder / "snap", one.state, &request));
  }
  const std::vector<Json> operations = EventsOf(ReadTrace(path), "operation", "take_async");
  CHECK(operations.size() == 1 && operations[0].at("args").at("status") == "TSNAP_OK");
}

void TraceThatCannotBeWrittenIsToldByTheClose() {
  const Folder folder(NewFolder());
  CHECK(mkdir((folder / "directory").c_str(), 0700) == 0);
  CHECK(mkdir((folder / "full.part").c_str(), 0700) == 0);
  for (const std::string& path : {folder / "no/such/folder/trace.json", folder / "directory", folder / "full"}) {
    tsnap_config config = Budget(16 * kMiB);
    config.trace = path.c_str();
    tsnap_context* context = nullptr;
    CHECK_OK(tsnap_context_open_self(&config, &context));
    OneArray one(10);
    CHECK_OK(TakeQuick(context, "mem://traced", one.state));   // a trace is never worth a failure of a take
    CHECK_OK(tsnap_remove("mem://traced", nullptr));
    const int32_t code = tsnap_context_close(&context);
    CHECK_TEXT(code != TSNAP_OK && code != TSNAP_E_INTERNAL, tsnap_status_name(code));
    CHECK_SAYS(path);
    CHECK(context == nullptr);
    CHECK_TEXT(FilesBelow(folder.path()).empty(), Join(FilesBelow(folder.path())));
  }
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"progress_ends_at_the_total_in_the_background", ProgressEndsAtTheTotalInTheBackground},
                  {"progress_goes_on_while_the_take_is_pending", ProgressGoesOnWhileTheTakeIsPending},
                  {"events_tell_each_phase", EventsTellEachPhase},
                  {"events_of_failures_are_balanced", EventsOfFailuresAreBalanced},
                  {"statistics_tell_the_last_operation", StatisticsTellTheLastOperation},
                  {"statistics_keep_to_the_struct_of_the_caller", StatisticsKeepToTheStructOfTheCaller},
                  {"phases_have_names", PhasesHaveNames},
                  {"staging_memory_is_touched_within_the_budget", StagingMemoryIsTouchedWithinTheBudget},
                  {"trace_tells_of_all_operations", TraceTellsOfAllOperations},
                  {"trace_escapes_hostile_names", TraceEscapesHostileNames},
                  {"trace_of_nothing_is_a_trace", TraceOfNothingIsATrace},
                  {"trace_holds_what_was_pending_at_the_close", TraceHoldsWhatWasPendingAtTheClose},
                  {"trace_that_cannot_be_written_is_told_by_the_close", TraceThatCannotBeWrittenIsToldByTheClose}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
