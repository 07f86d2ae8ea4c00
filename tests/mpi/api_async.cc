// Takes in the background on several ranks: with MPI_THREAD_MULTIPLE, where the library talks by itself, and with
// MPI_THREAD_FUNNELED, where it talks inside of calls only. Run as `program CASE multiple|funneled`.
#include <atomic>
#include <cerrno>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "api_job.h"
#include "async.h"
#include "pmpi_probe.h"

namespace tsnap::test {
namespace {

bool multiple = false;   // what this run was asked for

// A folder with a commit record; or, where every place is an HDF5 file (tests/one_file), the file.
bool IsCommitted(const std::string& url) {
  return access((url + "/tsnap.json").c_str(), F_OK) == 0 || access((url + ".h5").c_str(), F_OK) == 0;
}

void SleepMilliseconds(int64_t count) { usleep(static_cast<useconds_t>(count * 1000)); }

// One rank's job and its request; a folder for all.
struct Taken {
  const RanksFolder folder;
  const std::string url = folder / "snap";
  Ranks ranks{4};
  Job job{1, ranks.rank(), ranks.size()};
  Request request;
  Taken() { job.Fill(ranks.rank()); }
  void Take() {
    ranks.Expect(TakeAsyncQuick(ranks, url, job.state(), &request), TSNAP_OK);
    job.Clear();
  }
  void CheckStored() {
    CHECK(IsCommitted(url));
    job.Clear();
    ranks.Expect(tsnap_restore(ranks, url.c_str(), job.state(), nullptr), TSNAP_OK);
    job.Check(ranks.rank());
  }
};

// --- who drives it ----------------------------------------------------------------------------

// No call of tsnap, and none of MPI, until the record is there.
void CommitsWithoutAnyHelp() {
  Taken taken;
  WatchThreads();
  CHECK_OK(TakeAsyncQuick(taken.ranks, taken.url, taken.job.state(), &taken.request));
  taken.job.Clear();
  if (!multiple) {   // then it cannot, and does not try
    SleepMilliseconds(400);
    CHECK(!IsCommitted(taken.url));
    taken.ranks.Wait();
    CHECK(!IsCommitted(taken.url));
  } else {
    for (const double end = Now() + 50; !IsCommitted(taken.url);) {
      CHECK(Now() < end);
      SleepMilliseconds(5);
    }
  }
  CHECK_OK(tsnap_request_wait(taken.request));
  taken.CheckStored();
  CHECK(multiple == (CallsByOtherThreads() > 0));
}

void TestAloneDrives() {
  Taken taken;
  SleepMilliseconds(30 * taken.ranks.rank());
  taken.Take();
  for (const double end = Now() + 50; !IsDone(taken.request);) {
    CHECK(Now() < end);
    SleepMilliseconds(taken.ranks.rank());
  }
  CHECK(IsCommitted(taken.url));
  taken.ranks.Wait();
  taken.ranks.Expect(tsnap_request_wait(taken.request), TSNAP_OK);
  taken.CheckStored();
}

void WaitAloneDrives() {
  Taken taken;
  taken.Take();
  SleepMilliseconds(50 * taken.ranks.rank());
  taken.ranks.Expect(tsnap_request_wait(taken.request), TSNAP_OK);
  taken.CheckStored();
  taken.ranks.Expect(tsnap_request_wait(taken.request), TSNAP_OK);
}

void NextTakeDrives() {
  for (const bool async : {true, false}) {
    Taken taken;
    taken.Take();
    SleepMilliseconds(40 * (3 - taken.ranks.rank()));
    taken.job.Fill(taken.ranks.rank());
    Request next;
    const std::string url = taken.folder / "next";
    taken.ranks.Expect(async ? TakeAsyncQuick(taken.ranks, url, taken.job.state(), &next) : TakeQuick(taken.ranks, url, taken.job.state()),
                       TSNAP_OK);
    CHECK(IsCommitted(taken.url) && IsDone(taken.request));
    taken.CheckStored();   // waits for the next one
    CHECK(IsCommitted(url));
  }
}

void RestoreDrives() {
  Taken taken;
  taken.Take();
  SleepMilliseconds(40 * taken.ranks.rank());
  taken.ranks.Expect(tsnap_restore(taken.ranks, taken.url.c_str(), taken.job.state(), nullptr), TSNAP_OK);
  taken.job.Check(taken.ranks.rank());
  CHECK(IsDone(taken.request));
}

void OpeningDrives() {
  Taken taken;
  taken.Take();
  tsnap_snapshot* snapshot = nullptr;
  taken.ranks.Expect(tsnap_snapshot_open_all(taken.ranks, taken.url.c_str(), &snapshot), TSNAP_OK);
  CHECK_OK(tsnap_snapshot_verify(snapshot, nullptr, nullptr));
  tsnap_snapshot_close(&snapshot);
  CHECK(IsDone(taken.request));
}

void CloseDrives() {
  Taken taken;
  taken.Take();
  SleepMilliseconds(40 * taken.ranks.rank());
  taken.ranks.Expect(taken.ranks.Close(), TSNAP_OK);
  CHECK(IsCommitted(taken.url) && IsDone(taken.request));
  taken.ranks.Expect(tsnap_request_free(taken.request.out()), TSNAP_OK);
  Ranks again(4);
  again.Expect(tsnap_restore(again, taken.url.c_str(), taken.job.state(), nullptr), TSNAP_OK);
  taken.job.Check(again.rank());
}

void FreeDrives() {
  Taken taken;
  taken.Take();
  taken.ranks.Expect(tsnap_request_free(taken.request.out()), TSNAP_OK);
  taken.CheckStored();
}

// The last rank goes on only when the others have tested often: if one test waited for it, none would end.
void TestWaitsForNobody() {
  Taken taken;
  const bool last = taken.ranks.rank() == taken.ranks.size() - 1;
  if (last) HoldWrites(true);
  CHECK_OK(TakeAsyncQuick(taken.ranks, taken.url, taken.job.state(), &taken.request));
  taken.job.Clear();
  if (!last) {
    for (int i = 0; i < 200; ++i) CHECK(!IsDone(taken.request));
  }
  taken.ranks.Wait();
  HoldWrites(false);
  taken.ranks.Expect(tsnap_request_wait(taken.request), TSNAP_OK);
  taken.CheckStored();
}

// --- the budget -------------------------------------------------------------------------------

// Only one rank's state is larger than its budget. Between the call and the wait the application talks itself.
void BudgetOfOneRankHoldsNobodyElse() {
  const RanksFolder folder;
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  tsnap_config config = Budget(rank == 1 ? 16 * kMiB : (48 + static_cast<uint64_t>(rank)) * kMiB);
  config.collective_timeout_seconds = 60;
  Ranks ranks(4, &config);
  for (const bool first : {true, false}) {   // with a plan of its own, and without
    const std::string url = folder / (first ? "first" : "second");
    OneArray one((rank == 1 ? 60 : 8) * kMiB / 8, static_cast<uint64_t>(rank));
    Request request;
    const int32_t code = TakeAsyncQuick(ranks, url, one.state, &request);
    one.words.Fill(99);
    MPI_Barrier(MPI_COMM_WORLD);
    ranks.Expect(code, TSNAP_OK);
    MPI_Barrier(MPI_COMM_WORLD);
    ranks.Expect(tsnap_request_wait(request), TSNAP_OK);
    const tsnap_statistics statistics = StatisticsOf(ranks);
    CHECK((statistics.over_budget_bytes > 0) == (rank == 1) && (statistics.budget_wait_seconds > 0) == (rank == 1));
    CHECK(statistics.plan_reused == !first);
    CHECK(statistics.peak_buffer_bytes <= config.memory_budget_bytes + 4 * kMiB);
    ranks.Expect(tsnap_restore(ranks, url.c_str(), one.state, nullptr), TSNAP_OK);
    CHECK(one.words.Hold(static_cast<uint64_t>(rank)));
  }
}

// --- how it ends ------------------------------------------------------------------------------

void OneRankCancelsForAll() {
  for (const bool all_cancel : {false, true}) {
    Taken taken;
    if (taken.ranks.rank() == 2) HoldWrites(true);
    taken.Take();
    std::thread soon([] {
      SleepMilliseconds(150);
      HoldWrites(false);
    });
    if (all_cancel || taken.ranks.rank() == 1) CHECK_OK(tsnap_request_cancel(taken.request));
    const int32_t code = tsnap_request_wait(taken.request);
    soon.join();
    taken.ranks.ExpectFailure(code, TSNAP_E_CANCELLED, {"rank ", "cancelled"});
    taken.ranks.Expect(tsnap_request_cancel(taken.request), TSNAP_OK);
    taken.ranks.Wait();
    CHECK_TEXT(FilesBelow(taken.url).empty(), Join(FilesBelow(taken.url)));
    taken.ranks.Expect(tsnap_request_free(taken.request.out()), TSNAP_E_CANCELLED);
    taken.job.Fill(taken.ranks.rank());
    taken.Take();   // the place and the context are as good as new
    taken.ranks.Expect(tsnap_request_wait(taken.request), TSNAP_OK);
    taken.ranks.Expect(tsnap_request_cancel(taken.request), TSNAP_OK);   // too late
    taken.ranks.Expect(tsnap_request_wait(taken.request), TSNAP_OK);
    taken.CheckStored();
  }
}

void FailureOfOneRankIsToldToAll() {
  Taken taken;
  if (taken.ranks.rank() == 2) FailWrites(ENOSPC);
  taken.Take();
  taken.ranks.ExpectFailure(tsnap_request_wait(taken.request), TSNAP_E_NO_SPACE, {"rank 2", "writing object"});
  FailWrites(0);
  CHECK_SAME_INT(StatisticsOf(taken.ranks).status, TSNAP_E_NO_SPACE);
  taken.ranks.Wait();
  CHECK_TEXT(FilesBelow(taken.url).empty(), Join(FilesBelow(taken.url)));
  taken.ranks.Expect(tsnap_request_free(taken.request.out()), TSNAP_E_NO_SPACE);
  taken.job.Fill(taken.ranks.rank());
  taken.Take();
  taken.ranks.Expect(tsnap_request_wait(taken.request), TSNAP_OK);
  taken.CheckStored();
}

// Some take, some take in the background, or with other options: all learn of it at once.
void DifferentCallsAreAMismatch() {
  Taken taken;
  const bool odd = taken.ranks.rank() % 2 == 1;
  const auto take = [&](const std::string& url, const tsnap_take_options& options) {
    const int32_t code = tsnap_take_async(taken.ranks, url.c_str(), taken.job.state(), &options, taken.request.out());
    if (code != TSNAP_OK) CHECK(*taken.request.out() == nullptr);
    return code;
  };
  taken.ranks.ExpectFailure(odd ? take(taken.url, Quick()) : TakeQuick(taken.ranks, taken.url, taken.job.state()), TSNAP_E_MISMATCH,
                            {"tsnap_take", "tsnap_take_async"});
  taken.ranks.Expect(take(odd ? taken.url : taken.url + "x", Quick()), TSNAP_E_MISMATCH);
  taken.ranks.Expect(take(taken.url, Quick(odd ? TSNAP_CODEC_LZ4 : TSNAP_CODEC_NONE)), TSNAP_E_MISMATCH);
  tsnap_take_options bad = Quick();
  if (taken.ranks.rank() == 3) bad.codec = 77;
  taken.ranks.ExpectFailure(take(taken.url, bad), TSNAP_E_INVALID, {"rank 3"});
  taken.Take();
  taken.ranks.Expect(tsnap_request_wait(taken.request), TSNAP_OK);
  CHECK_SAME_INT(StatisticsOf(taken.ranks).operation_number, 5);
  taken.CheckStored();
}

// Below MPI_THREAD_MULTIPLE: a rank that never calls is missed in bounded time, and what follows fails at once.
void RankThatNeverCallsIsMissed() {
  const RanksFolder folder;
  tsnap_config config = Budget(64 * kMiB);
  config.collective_timeout_seconds = 1.5;
  Ranks ranks(4, &config);
  OneArray one;
  Request request, none;
  const bool missing = ranks.rank() == 3;
  CHECK_OK(TakeAsyncQuick(ranks, folder / "snap", one.state, &request));
  if (!missing) {
    CHECK_CODE(tsnap_request_wait(request), TSNAP_E_TIMEOUT);
    const double begin = Now();
    CHECK_CODE(tsnap_request_wait(request), TSNAP_E_TIMEOUT);
    CHECK_CODE(TakeQuick(ranks, folder / "sync", one.state), TSNAP_E_TIMEOUT);
    CHECK_CODE(TakeAsyncQuick(ranks, folder / "async", one.state, &none), TSNAP_E_TIMEOUT);
    CHECK(*none.out() == nullptr);
    CHECK_CODE(tsnap_restore(ranks, (folder / "snap").c_str(), one.state, nullptr), TSNAP_E_TIMEOUT);
    CHECK_OK(ranks.Close());
    CHECK(Now() - begin < 1.4);   // none of them waited for the rank again
  }
  MPI_Barrier(MPI_COMM_WORLD);
  if (missing) {
    CHECK_CODE(tsnap_request_wait(request), TSNAP_E_TIMEOUT);
    CHECK_OK(ranks.Close());
  }
  CHECK(!IsCommitted(folder / "snap"));
  CHECK_CODE(tsnap_request_free(request.out()), TSNAP_E_TIMEOUT);
}

// --- what is stored ---------------------------------------------------------------------------

void RestoresOnOtherRankCounts() {
  const RanksFolder folder;
  const std::string url = folder / "snap";
  {
    Ranks ranks(4);
    Job job(0, ranks.rank(), ranks.size());
    for (int i = 0; i < 2; ++i) {   // the second one has no plan of its own
      job.Fill(ranks.rank());
      Request request;
      const std::string place = i == 0 ? folder / "before" : url;
      ranks.Expect(TakeAsyncQuick(ranks, place, job.state(), &request), TSNAP_OK);
      job.Clear();
      ranks.Expect(tsnap_request_free(request.out()), TSNAP_OK);
    }
    CHECK_SAME_INT(StatisticsOf(ranks).plan_reused, 1);
  }
  for (const int count : {4, 3, 2, 1}) {
    Ranks ranks(count);
    if (!ranks.in()) continue;
    Job job(count % 4, ranks.rank(), ranks.size());
    job.Clear();
    tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
    options.lost_ranks = 2;
    ranks.Expect(tsnap_restore(ranks, url.c_str(), job.state(), &options), TSNAP_OK);
    job.Check(ranks.rank());
  }
}

// Calls in any order, at any time, with requests that are kept, tested, waited for, cancelled or forgotten.
void MixedCallsAreInOrder() {
  uint64_t seed = std::random_device{}();
  if (const char* text = std::getenv("TSNAP_TEST_SEED")) seed = std::strtoull(text, nullptr, 10);
  MPI_Bcast(&seed, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  const RanksFolder folder;
  Ranks ranks(4);
  if (ranks.rank() == 0) std::fprintf(stderr, "seed: TSNAP_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed), own(seed + static_cast<uint64_t>(ranks.rank()) * 7919);
  const auto draw = [&](uint64_t below) { return random() % below; };
  const auto rank = static_cast<uint64_t>(ranks.rank());
  OneArray one(30000);
  std::map<std::string, uint64_t> stored;   // what is committed, as far as it is known
  std::vector<std::string> places;
  std::deque<Request> requests;
  uint64_t value = 0;
  const int steps = LongMode() ? 200 : 20;
  for (int step = 0; step < steps; ++step) {
    Where() = "seed " + std::to_string(seed) + ", step " + std::to_string(step) + ", rank " + std::to_string(rank);
    SleepMilliseconds(static_cast<int64_t>(own() % 8));
    const uint64_t what = draw(8);
    if (what <= 4 || places.empty()) {
      const bool again = !places.empty() && draw(3) == 0;
      const std::string url = again ? places[draw(places.size())] : folder / std::to_string(step);
      if (!again) places.push_back(url);
      value += 100;
      one.words.Fill(value + rank);
      tsnap_take_options options = Quick(static_cast<int32_t>(draw(3)));
      options.overwrite = TSNAP_ON;
      stored[url] = value;
      if (what < 3) {
        Request& request = requests.emplace_back();
        ranks.Expect(tsnap_take_async(ranks, url.c_str(), one.state, &options, request.out()), TSNAP_OK);
        one.words.Fill(12345);
        if (draw(4) == 0) IsDone(request);
        if (draw(3) == 0) ranks.Expect(tsnap_request_wait(request), TSNAP_OK);
        if (draw(3) == 0) ranks.Expect(tsnap_request_free(request.out()), TSNAP_OK);
      } else {
        ranks.Expect(tsnap_take(ranks, url.c_str(), one.state, &options), TSNAP_OK);
      }
    } else if (what <= 6) {
      const std::string url = places[draw(places.size())];
      ranks.Expect(tsnap_restore(ranks, url.c_str(), one.state, nullptr), TSNAP_OK);
      CHECK(one.words.Hold(stored[url] + rank));
    } else {
      const std::string url = folder / ("cancelled" + std::to_string(step));
      Request request;
      ranks.Expect(TakeAsyncQuick(ranks, url, one.state, &request), TSNAP_OK);
      ranks.Expect(tsnap_request_cancel(request), TSNAP_OK);
      const int32_t code = tsnap_request_wait(request);
      ranks.Expect(code, code == TSNAP_OK ? TSNAP_OK : TSNAP_E_CANCELLED);
      CHECK(IsCommitted(url) == (code == TSNAP_OK));
    }
  }
  for (const auto& [url, expected] : stored) {
    ranks.Expect(tsnap_restore(ranks, url.c_str(), one.state, nullptr), TSNAP_OK);
    CHECK_TEXT(one.words.Hold(expected + rank), url);
  }
  for (Request& request : requests) CHECK_OK(tsnap_request_free(request.out()));
}

// --- what it costs ----------------------------------------------------------------------------

// A take whose structure is the one before: one small collective of the calling thread until all is staged.
void SecondTakeSendsLittle() {
  const RanksFolder folder;
  Ranks ranks(4);
  constexpr int kCount = 100;
  State state;
  std::deque<Words> words;
  const int64_t shape[] = {4 * 500};
  for (int i = 0; i < kCount; ++i) {
    const std::string name = std::to_string(i);
    for (const char* kind : {"own", "same", "cut"}) {
      tsnap_array array = words.emplace_back(500, kind[0] == 's' ? 7 : static_cast<uint64_t>(ranks.rank())).Describe();
      array.offset[0] = 500 * ranks.rank();
      CHECK_OK(kind[0] == 'o'   ? tsnap_state_add_private(state, ("own" + name).c_str(), &array)
               : kind[0] == 's' ? tsnap_state_add_replicated(state, ("same" + name).c_str(), &array)
                                : tsnap_state_add_sharded(state, ("cut" + name).c_str(), shape, &array, 1));
    }
  }
  int64_t more = 5;
  for (int i = 0; i < 5; ++i) {
    if (i == 3 && ranks.rank() == 2) CHECK_OK(tsnap_state_add_int64(state, "more", TSNAP_PRIVATE, &more));   // of one rank
    const MpiTraffic before = Traffic();
    Request request;
    const int32_t code = TakeAsyncQuick(ranks, folder / std::to_string(i), state, &request);
    const MpiTraffic after = Traffic();
    ranks.Expect(code, TSNAP_OK);
    ranks.Expect(tsnap_request_wait(request), TSNAP_OK);
    const uint64_t collectives = after.collectives - before.collectives, messages = after.messages - before.messages;
    const uint64_t bytes = after.collective_bytes - before.collective_bytes + after.message_bytes - before.message_bytes;
    if (ranks.rank() == 0)
      std::printf("take %d: %d collectives, %d messages, %d bytes of rank 0 before all is staged\n", i, static_cast<int>(collectives),
                  static_cast<int>(messages), static_cast<int>(bytes));
    const bool planned = i == 0 || i == 3;
    CHECK_SAME_INT(StatisticsOf(ranks).plan_reused, !planned);
    if (planned) {
      CHECK(collectives > 1);
    } else {
      CHECK(collectives == 1 && messages == 0 && bytes <= 256);
    }
  }
  for (size_t i = 0; i < words.size(); ++i) words[i].Fill(99);
  more = 0;
  ranks.Expect(tsnap_restore(ranks, (folder / "4").c_str(), state, nullptr), TSNAP_OK);
  for (size_t i = 0; i < words.size(); ++i) CHECK(words[i].Hold(i % 3 == 1 ? 7 : static_cast<uint64_t>(ranks.rank())));
  CHECK_SAME_INT(more, ranks.rank() == 2 ? 5 : 0);
}

// Below MPI_THREAD_MULTIPLE the library's threads keep away from MPI, whatever is going on.
void OnlyTheCallersThreadTalks() {
  const RanksFolder folder;
  WatchThreads();
  {
    Ranks ranks(4);
    Job job(2, ranks.rank(), ranks.size());
    job.Fill(ranks.rank());
    Request first, second, third;
    CHECK_OK(TakeAsyncQuick(ranks, folder / "a", job.state(), &first, TSNAP_CODEC_ZSTD));
    SleepMilliseconds(100);
    for (int i = 0; i < 20; ++i) IsDone(first);
    CHECK_OK(TakeAsyncQuick(ranks, folder / "b", job.state(), &second));
    CHECK_OK(tsnap_request_wait(second));
    FailWrites(ranks.rank() == 1 ? EIO : 0);
    CHECK_OK(TakeAsyncQuick(ranks, folder / "c", job.state(), &third));
    CHECK_CODE(tsnap_request_wait(third), TSNAP_E_IO);
    FailWrites(0);
    CHECK_OK(tsnap_restore(ranks, (folder / "b").c_str(), job.state(), nullptr));
    Request last;
    CHECK_OK(TakeAsyncQuick(ranks, folder / "d", job.state(), &last));
    CHECK_OK(ranks.Close());
  }
  CHECK(multiple == (CallsByOtherThreads() > 0));   // else the probe sees nothing
}

// --- what is seen -----------------------------------------------------------------------------

void TraceHasAllRanks() {
  using Json = nlohmann::json;
  const RanksFolder folder;
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const std::string path = folder / "trace.json", ignored = folder / "ignored.json";
  tsnap_config config = Budget(64 * kMiB);
  config.trace = rank == 0 ? path.c_str() : rank == 1 ? ignored.c_str() : nullptr;   // rank 0's counts for all
  {
    Ranks ranks(4, &config);
    OneArray one(2 * kMiB / 8);
    for (const char* name : {"a", "b"}) {
      Request request;
      CHECK_OK(TakeAsyncQuick(ranks, folder / name, one.state, &request));
      CHECK_OK(tsnap_request_wait(request));
    }
    CHECK_OK(tsnap_restore(ranks, (folder / "b").c_str(), one.state, nullptr));
    CHECK(!std::filesystem::exists(path));
    ranks.Expect(ranks.Close(), TSNAP_OK);
  }
  CHECK(!std::filesystem::exists(ignored) && !std::filesystem::exists(path + ".part"));
  if (rank != 0) return;
  std::ifstream file(path);
  const Json trace = Json::parse(file, nullptr, false);
  CHECK(!trace.is_discarded() && trace.at("otherData").at("ranks") == 4);
  std::map<int, std::map<std::string, int>> seen;   // by pid
  for (const Json& event : trace.at("traceEvents")) {
    const std::string kind = event.at("ph"), category = event.value("cat", "");
    if (kind == "X") CHECK(event.at("ts") >= 0 && event.at("dur") >= 0);
    ++seen[event.at("pid")][kind == "M" ? event.at("name").get<std::string>() : category + " " + event.at("name").get<std::string>()];
  }
  CHECK_SAME_INT(seen.size(), 4);
  for (int pid = 0; pid < 4; ++pid) {
    for (const char* what : {"process_name", "operation restore", "phase index", "phase commit", "transfer write", "transfer stage",
                             "transfer read", "wait ranks"}) {
      CHECK_TEXT(seen[pid][what] > 0, std::to_string(pid) + " lacks " + what);
    }
    CHECK_SAME_INT(seen[pid]["operation take_async"], 2);
    CHECK_SAME_INT(seen[pid]["phase plan"], 1);
  }
}

void TraceThatCannotBeWrittenIsToldToAll() {
  const RanksFolder folder;
  const std::string path = folder / "no/such/folder/trace.json";
  tsnap_config config = Budget(64 * kMiB);
  config.trace = path.c_str();
  Ranks ranks(4, &config);
  const int32_t code = ranks.Close();
  int32_t first = code;
  MPI_Bcast(&first, 1, MPI_INT32_T, 0, MPI_COMM_WORLD);
  CHECK(code != TSNAP_OK && code == first);
  CHECK_SAYS(path);
}

int Run(int argc, char** argv) {
  if (argc != 3) return 2;
  multiple = std::strcmp(argv[2], "multiple") == 0;
  int level = MPI_THREAD_SINGLE;
  MPI_Init_thread(&argc, &argv, multiple ? MPI_THREAD_MULTIPLE : MPI_THREAD_FUNNELED, &level);
  // An MPI may grant more than it is asked for, and then the library needs no visits.
  int code = 77;
  if (multiple == (level == MPI_THREAD_MULTIPLE)) {
    code = RunCase(2, argv,
                   {{"commits_without_any_help", CommitsWithoutAnyHelp},
                    {"test_alone_drives", TestAloneDrives},
                    {"wait_alone_drives", WaitAloneDrives},
                    {"next_take_drives", NextTakeDrives},
                    {"restore_drives", RestoreDrives},
                    {"opening_drives", OpeningDrives},
                    {"close_drives", CloseDrives},
                    {"free_drives", FreeDrives},
                    {"test_waits_for_nobody", TestWaitsForNobody},
                    {"budget_of_one_rank_holds_nobody_else", BudgetOfOneRankHoldsNobodyElse},
                    {"one_rank_cancels_for_all", OneRankCancelsForAll},
                    {"failure_of_one_rank_is_told_to_all", FailureOfOneRankIsToldToAll},
                    {"different_calls_are_a_mismatch", DifferentCallsAreAMismatch},
                    {"rank_that_never_calls_is_missed", RankThatNeverCallsIsMissed},
                    {"restores_on_other_rank_counts", RestoresOnOtherRankCounts},
                    {"mixed_calls_are_in_order", MixedCallsAreInOrder},
                    {"second_take_sends_little", SecondTakeSendsLittle},
                    {"only_the_callers_thread_talks", OnlyTheCallersThreadTalks},
                    {"trace_has_all_ranks", TraceHasAllRanks},
                    {"trace_that_cannot_be_written_is_told_to_all", TraceThatCannotBeWrittenIsToldToAll}});
  } else {
    std::printf("skipped: MPI grants thread level %d\n", level);
  }
  MPI_Finalize();
  return code;
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
