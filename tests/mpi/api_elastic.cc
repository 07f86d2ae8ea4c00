// Restores on other numbers of ranks than took the snapshot, and what happens to the private state of ranks that come and go.
#include "api_job.h"

namespace tsnap::test {
namespace {

tsnap_restore_options Policies(int32_t new_ranks, int32_t lost_ranks, bool strict = true) {
  tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
  options.new_ranks = new_ranks;
  options.lost_ranks = lost_ranks;
  options.strict = strict ? TSNAP_ON : TSNAP_OFF;
  return options;
}

void TakeOn(int count, int style, const std::string& url, int32_t codec = TSNAP_CODEC_NONE) {
  Ranks ranks(count);
  if (!ranks.in()) return;
  Job job(style, ranks.rank(), ranks.size());
  job.Fill(ranks.rank());
  tsnap_take_options options = Quick(codec);
  options.chunk_bytes = 256 * 1024;
  ranks.Expect(tsnap_take(ranks, url.c_str(), job.state(), &options), TSNAP_OK);
  job.Check(ranks.rank());
}

// Restored on other ranks and cut differently, taken again, and so on; nothing is lost on the way.
void FourThreeTwoFive() {
  const RanksFolder folder;
  TakeOn(4, 0, folder / "0", TSNAP_CODEC_LZ4);
  int step = 0;
  for (const int count : {3, 2, 5, 5, 1}) {
    Ranks ranks(count);
    ++step;
    if (!ranks.in()) continue;
    Where() = "step " + std::to_string(step) + ", rank " + std::to_string(ranks.rank());
    // Ranks 0 and 1 have always been there, except at the end; the others got the state of rank 0 when they came.
    const int source = count > 3 && ranks.rank() >= 2 ? 0 : ranks.rank();
    const std::string from = folder / std::to_string(step - 1), to = folder / std::to_string(step);
    Job job(step, ranks.rank(), ranks.size());
    job.Clear();
    const tsnap_restore_options policies = Policies(TSNAP_NEW_RANKS_COPY_RANK_0, TSNAP_LOST_RANKS_IGNORE);
    ranks.Expect(tsnap_restore(ranks, from.c_str(), job.state(), &policies), TSNAP_OK);
    job.Check(source);
    CHECK_REPORT(ranks, {});
    const tsnap_take_options options = Quick(step % 3);
    ranks.Expect(tsnap_take(ranks, to.c_str(), job.state(), &options), TSNAP_OK);
    if (ranks.rank() == 0) {
      Opened snapshot(to);
      CHECK_OK(tsnap_snapshot_verify(snapshot, nullptr, nullptr));
      tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
      CHECK_OK(tsnap_snapshot_find(snapshot, "nodes", &info));
      CHECK_SAME_INT(info.bytes, kField[0] * kField[1] * 4);   // once, whoever holds it twice
      // Any box of a sharded array, by a program that knows nothing of ranks.
      TestArray box(TSNAP_FLOAT32, 0, {20, 33}, Layout::kPermuted, {9, 4});
      const tsnap_array target = box.Describe();
      CHECK_OK(tsnap_read(snapshot, "field", &target, nullptr));
      CHECK(box.Holds(3));
    }
    ranks.Wait();
  }
}

void NewRanksAreAnErrorOrGetTheirPolicy() {
  const RanksFolder folder;
  const std::string url = folder / "snap";
  TakeOn(2, 1, url);
  Ranks ranks(4);
  if (!ranks.in()) return;
  const bool is_new = ranks.rank() >= 2;
  Job job(2, ranks.rank(), ranks.size());
  for (const bool strict : {true, false}) {
    for (const int32_t policy : {0, int32_t{TSNAP_NEW_RANKS_ERROR}}) {
      job.Clear();
      const tsnap_restore_options options = Policies(policy, 0, strict);
      ranks.ExpectFailure(tsnap_restore(ranks, url.c_str(), job.state(), &options), TSNAP_E_MISMATCH, {"own/array", "new_ranks"});
      job.CheckPrivateIsClear();
      CHECK_REPORT(ranks, {.missing = is_new ? OwnOf(ranks.rank()) : Names(), .not_restored = AllOf(ranks.rank())});
    }
    job.Clear();
    const tsnap_restore_options copy = Policies(TSNAP_NEW_RANKS_COPY_RANK_0, 0, strict);
    ranks.Expect(tsnap_restore(ranks, url.c_str(), job.state(), &copy), TSNAP_OK);
    job.Check(is_new ? 0 : ranks.rank());
    CHECK_REPORT(ranks, {});
    job.Clear();
    const tsnap_restore_options leave = Policies(TSNAP_NEW_RANKS_LEAVE, 0, strict);
    ranks.Expect(tsnap_restore(ranks, url.c_str(), job.state(), &leave), TSNAP_OK);
    if (is_new) job.CheckPrivateIsClear();
    if (!is_new) job.Check(ranks.rank());
    job.CheckShared();
    CHECK_REPORT(ranks, {.not_restored = is_new ? OwnOf(ranks.rank()) : Names()});
  }
}

void LostRanksAreAnErrorOrIgnored() {
  const RanksFolder folder;
  const std::string url = folder / "snap";
  TakeOn(4, 2, url);
  Ranks ranks(2);
  if (!ranks.in()) return;
  Names lost = OwnOf(2);
  for (const std::string& name : OwnOf(3)) lost.push_back(name);
  Job job(0, ranks.rank(), ranks.size());
  for (const bool strict : {true, false}) {
    for (const int32_t policy : {0, int32_t{TSNAP_LOST_RANKS_ERROR}}) {
      job.Clear();
      const tsnap_restore_options options = Policies(0, policy, strict);
      ranks.ExpectFailure(tsnap_restore(ranks, url.c_str(), job.state(), &options), TSNAP_E_MISMATCH, {"lost_ranks"});
      job.CheckPrivateIsClear();
      tsnap_report report = TSNAP_REPORT_INIT;
      CHECK_OK(tsnap_restore_report(ranks, &report));
      const Names all = ranks.Together(List(report.unexpected, report.unexpected_count));
      CHECK_TEXT(all == lost, Join(all));   // each is named by one of the ranks that are left
      CHECK(List(report.not_restored, report.not_restored_count) == AllOf(ranks.rank()));
      CHECK_SAME_INT(report.missing_count + report.mismatched_count, 0);
    }
    job.Clear();
    const tsnap_restore_options ignore = Policies(0, TSNAP_LOST_RANKS_IGNORE, strict);
    ranks.Expect(tsnap_restore(ranks, url.c_str(), job.state(), &ignore), TSNAP_OK);
    job.Check(ranks.rank());
    CHECK_REPORT(ranks, {});
  }
  // What else is wrong does not hide them.
  double wrong = 0;
  CHECK_OK(tsnap_state_remove(job.state(), "own/number"));
  CHECK_OK(tsnap_state_add_float64(job.state(), "own/number", TSNAP_PRIVATE, &wrong));
  ranks.ExpectFailure(tsnap_restore(ranks, url.c_str(), job.state(), nullptr), TSNAP_E_MISMATCH, {"own/number"});
  tsnap_report report = TSNAP_REPORT_INIT;
  CHECK_OK(tsnap_restore_report(ranks, &report));
  CHECK(ranks.Together(List(report.unexpected, report.unexpected_count)) == lost);
  CHECK_SAME_INT(report.mismatched_count, 1);
}

// What a glob made replicated has no rank: it reaches new ranks without any policy.
void PrivateFromReplicatedReachesNewRanks() {
  const RanksFolder folder;
  const std::string url = folder / "snap";
  const auto registered = [](tsnap_state* state, TestArray* weights, int64_t* step) {
    const tsnap_array array = weights->Describe();
    CHECK_OK(tsnap_state_add_private(state, "model/weights", &array));
    CHECK_OK(tsnap_state_add_int64(state, "model/step", TSNAP_PRIVATE, step));
  };
  TestArray weights(TSNAP_FLOAT64, 0, {300, 200}, Layout::kFortran);
  int64_t step = 5;
  weights.Fill(1);
  {
    Ranks ranks(2);
    if (ranks.in()) {
      State state;
      registered(state, &weights, &step);
      CHECK_OK(tsnap_state_replicate(state, "model/*"));
      ranks.Expect(TakeQuick(ranks, url, state), TSNAP_OK);
      Opened snapshot(url);
      tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
      CHECK_OK(tsnap_snapshot_find(snapshot, "model/weights", &info));
      CHECK(info.kind == TSNAP_REPLICATED && info.bytes == 480000);   // once
      CHECK_CODE(tsnap_snapshot_find(snapshot, "0/model/weights", &info), TSNAP_E_NOT_FOUND);
    }
  }
  Ranks ranks(4);
  weights.Clear();
  step = 0;
  State state;
  registered(state, &weights, &step);
  ranks.Expect(tsnap_restore(ranks, url.c_str(), state, nullptr), TSNAP_OK);
  CHECK(weights.Holds(1) && step == 5);
  CHECK_REPORT(ranks, {});
}

// Each rank's report names what is wrong there, and what is wrong with shared objects everywhere.
void EachRankReportsItsOwn() {
  const RanksFolder folder;
  const std::string url = folder / "snap";
  TakeOn(4, 0, url);
  Ranks ranks(4);
  Job job(1, ranks.rank(), ranks.size());
  job.Clear();
  const int rank = ranks.rank();
  int64_t extra = 0;
  double wrong = 0;
  Lists lists;
  lists.unexpected = {"rows", "same/time"};
  CHECK_OK(tsnap_state_remove(job.state(), "rows"));
  CHECK_OK(tsnap_state_remove(job.state(), "same/time"));
  if (rank == 1) {
    CHECK_OK(tsnap_state_add_int64(job.state(), "own/extra", TSNAP_PRIVATE, &extra));
    lists.missing = {"1/own/extra"};
  }
  if (rank == 2) {
    CHECK_OK(tsnap_state_remove(job.state(), "own/number"));
    lists.unexpected.insert(lists.unexpected.begin(), "2/own/number");
  }
  if (rank == 3) {
    CHECK_OK(tsnap_state_remove(job.state(), "own/number"));
    CHECK_OK(tsnap_state_add_float64(job.state(), "own/number", TSNAP_PRIVATE, &wrong));
    lists.mismatched = {"3/own/number"};
  }
  for (const std::string& name : AllOf(rank)) {
    if (name == "rows" || name == "same/time" || (rank == 2 && name == "2/own/number")) continue;
    if (rank == 1 && name == "1/own/name") lists.not_restored.emplace_back("1/own/extra");
    lists.not_restored.push_back(name);
  }
  ranks.Expect(tsnap_restore(ranks, url.c_str(), job.state(), nullptr), TSNAP_E_MISMATCH);
  job.CheckPrivateIsClear();
  CHECK_REPORT(ranks, lists);

  // Without strict the mismatch alone remains, on all ranks.
  ranks.ExpectFailure(RestoreLoose(ranks, url, job.state()), TSNAP_E_MISMATCH, {"3/own/number"});
  if (rank == 3) CHECK_OK(tsnap_state_remove(job.state(), "own/number"));
  ranks.Expect(RestoreLoose(ranks, url, job.state()), TSNAP_OK);
  CHECK_REPORT(ranks, {.missing = lists.missing, .not_restored = lists.missing});
  ranks.Expect(tsnap_restore(ranks, (folder / "nothing").c_str(), job.state(), nullptr), TSNAP_E_NOT_FOUND);
}

// One rank asks for a replicated object, the others do not: without strict each is served.
void RanksMayAskForDifferentObjects() {
  const RanksFolder folder;
  const std::string url = folder / "snap";
  TakeOn(4, 0, url);
  Ranks ranks(4);
  State state;
  TestArray same(TSNAP_INT32, 0, {50, 60}, Layout::kReversed);
  const tsnap_array array = same.Describe();
  if (ranks.rank() == 2) CHECK_OK(tsnap_state_add_replicated(state, "same/array", &array));
  ranks.Expect(tsnap_restore(ranks, url.c_str(), state, nullptr), TSNAP_E_MISMATCH);
  CHECK(same.IsUntouched());
  ranks.Expect(RestoreLoose(ranks, url, state), TSNAP_OK);
  CHECK(ranks.rank() == 2 ? same.Holds(7) : same.IsUntouched());
}

void SnapshotIsOpenedOnAllRanks() {
  const RanksFolder folder;
  const std::string url = folder / "snap";
  TakeOn(3, 2, url);
  Ranks ranks(4);
  tsnap_snapshot* snapshot = nullptr;
  ranks.Expect(tsnap_snapshot_open_all(ranks, url.c_str(), &snapshot), TSNAP_OK);
  TestArray mine(TSNAP_FLOAT32, 0, {9, 41}, kLayouts[ranks.rank()], {9 * ranks.rank(), 0});
  const tsnap_array target = mine.Describe();
  CHECK_OK(tsnap_read(snapshot, "field", &target, nullptr));   // not collective
  CHECK(mine.Holds(3));
  int64_t number = 0;
  CHECK_OK(tsnap_read_int64(snapshot, "2/own/number", &number));
  CHECK_SAME_INT(number, 1002);
  tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_info_get(snapshot, &info));
  CHECK_SAME_INT(info.world_size, 3);
  CHECK_SAME_INT(info.object_count, 3 * 5 + 8);
  tsnap_snapshot_close(&snapshot);
  snapshot = reinterpret_cast<tsnap_snapshot*>(&number);
  ranks.Expect(tsnap_snapshot_open_all(ranks, (folder / "none").c_str(), &snapshot), TSNAP_E_NOT_FOUND);
  CHECK(snapshot == nullptr);
  const std::string own = ranks.rank() == 1 ? folder / "other" : url;
  ranks.Expect(tsnap_snapshot_open_all(ranks, own.c_str(), &snapshot), TSNAP_E_MISMATCH);
}

int Run(int argc, char** argv) {
  return RunCaseOnRanks(argc, argv,
                        {{"four_three_two_five", FourThreeTwoFive},
                         {"new_ranks_are_an_error_or_get_their_policy", NewRanksAreAnErrorOrGetTheirPolicy},
                         {"lost_ranks_are_an_error_or_ignored", LostRanksAreAnErrorOrIgnored},
                         {"private_from_replicated_reaches_new_ranks", PrivateFromReplicatedReachesNewRanks},
                         {"each_rank_reports_its_own", EachRankReportsItsOwn},
                         {"ranks_may_ask_for_different_objects", RanksMayAskForDifferentObjects},
                         {"snapshot_is_opened_on_all_ranks", SnapshotIsOpenedOnAllRanks}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
