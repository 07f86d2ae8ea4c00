// The generators of examples/rng.h on several ranks: each goes on with its own draws, whatever happens on the others, and with what
// the policies say when ranks come and go.
#include "../api/rng_sources.h"
#include "api_ranks.h"

namespace tsnap::test {
namespace {

constexpr int kDraws = 100;

// All ranks share one seed for the generators that have streams, and have seeds of their own for the others.
void SeedRank(const Sources& sources, int rank, int more = 0) {
  SeedAll(sources, static_cast<uint32_t>(1000 * (rank + 1)));
  DrawFromAll(sources, 3 + rank + more);   // no two ranks are at the same place
}

Draws DrawsOf(const Sources& sources, int rank, int more = 0) {
  SeedRank(sources, rank, more);
  return DrawFromAll(sources, kDraws);
}

// Sorted hashes of every rank's draws: equal ones stand together.
std::vector<uint64_t> HashesOfAll(const Ranks& ranks, const Draws& draws) {
  uint64_t hash = 14695981039346656037u;
  for (const uint64_t draw : draws) hash = (hash ^ draw) * 1099511628211u;
  std::vector<uint64_t> all;
  for (int rank = 0; rank < ranks.size(); ++rank) all.push_back(ranks.Sum(rank == ranks.rank() ? hash : 0));
  return all;
}

bool AllDiffer(std::vector<uint64_t> hashes) {
  std::sort(hashes.begin(), hashes.end());
  return std::adjacent_find(hashes.begin(), hashes.end()) == hashes.end();
}

tsnap_restore_options Policies(int32_t new_ranks, int32_t lost_ranks) {
  tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
  options.new_ranks = new_ranks;
  options.lost_ranks = lost_ranks;
  return options;
}

void EachRankGoesOnWithItsOwnDraws() {
  const RanksFolder folder;
  Ranks ranks(4);
  if (!ranks.in()) return;
  int number = 0;
  for (const Way& way : kWays) {
    Where() = std::string(way.name) + ", rank " + std::to_string(ranks.rank());
    const std::string first = folder / std::to_string(number++), second = folder / std::to_string(number++);
    const Sources sources = SourcesTogether();
    State state;
    AddAll(sources, state);
    const Draws expected = DrawsOf(sources, ranks.rank());
    CHECK(AllDiffer(HashesOfAll(ranks, expected)));
    SeedRank(sources, ranks.rank());
    ranks.Expect(way.take(ranks, first, state), TSNAP_OK);
    ranks.Expect(way.take(ranks, second, state), TSNAP_OK);
    CHECK(DrawFromAll(sources, kDraws) == expected);
    SeedAll(sources, 5);
    for (const std::string& url : {first, second, first}) {
      ranks.Expect(tsnap_restore(ranks, url.c_str(), state, nullptr), TSNAP_OK);
      CHECK(DrawFromAll(sources, kDraws) == expected);
    }
  }
}

// One rank's part draws while it describes itself, or fails after it has drawn: no rank's generator has moved.
void DescribeThatDrawsOnOneRankChangesNothingOnAny() {
  const RanksFolder folder;
  Ranks ranks(4);
  if (!ranks.in()) return;
  int number = 0;
  for (const Way& way : kWays) {
    for (int drawing = 0; drawing < ranks.size(); ++drawing) {
      Where() = std::string(way.name) + ", rank " + std::to_string(ranks.rank()) + ", drawing " + std::to_string(drawing);
      const std::string url = folder / std::to_string(number++);
      const Sources sources = SourcesTogether();
      State state;
      Gambler gambler(sources);
      AddAll(sources, state);
      if (ranks.rank() == drawing) gambler.Add(state, "gambler");
      const Draws expected = DrawsOf(sources, ranks.rank());

      SeedRank(sources, ranks.rank());
      gambler.describe_returns = 3;
      ranks.ExpectFailure(way.take(ranks, url, state), TSNAP_E_CALLBACK, {"gambler"});
      CHECK(DrawFromAll(sources, kDraws) == expected);

      SeedRank(sources, ranks.rank());
      gambler.describe_returns = TSNAP_OK;
      ranks.Expect(way.take(ranks, url, state), TSNAP_OK);
      CHECK(DrawFromAll(sources, kDraws) == expected);
      ranks.Expect(tsnap_restore(ranks, url.c_str(), state, nullptr), TSNAP_OK);
      CHECK(DrawFromAll(sources, kDraws) == expected);
    }
  }
}

// A take of the first so many ranks, each at its place.
void TakeOn(int count, const Way& way, const std::string& url, int32_t kind) {
  Ranks ranks(count);
  if (!ranks.in()) return;
  const Sources sources = SourcesTogether();
  State state;
  AddAll(sources, state, kind);
  SeedRank(sources, kind == TSNAP_REPLICATED ? 0 : ranks.rank());
  ranks.Expect(way.take(ranks, url, state), TSNAP_OK);
}

void NewRanksDrawAsTheirPolicySays() {
  const RanksFolder folder;
  int number = 0;
  for (const Way& way : kWays) {
    const std::string url = folder / std::to_string(number++), after = folder / std::to_string(number++);
    TakeOn(2, way, url, TSNAP_PRIVATE);
    Ranks ranks(4);
    if (!ranks.in()) continue;
    Where() = std::string(way.name) + ", rank " + std::to_string(ranks.rank());
    const bool is_new = ranks.rank() >= 2;
    const Sources sources = SourcesTogether();
    State state;
    AddAll(sources, state);
    const Draws rank_0s = DrawsOf(sources, 0), own = DrawsOf(sources, ranks.rank()), left = DrawsOf(sources, ranks.rank(), 50);

    SeedRank(sources, ranks.rank(), 50);
    ranks.Expect(tsnap_restore(ranks, url.c_str(), state, nullptr), TSNAP_E_MISMATCH);
    CHECK(DrawFromAll(sources, kDraws) == left);

    // The new ranks' draws are rank 0's: right where all ranks are to draw the same, and to be seeded anew where they are not.
    const tsnap_restore_options copy = Policies(TSNAP_NEW_RANKS_COPY_RANK_0, 0);
    ranks.Expect(tsnap_restore(ranks, url.c_str(), state, &copy), TSNAP_OK);
    const Draws copied = DrawFromAll(sources, kDraws);
    CHECK(copied == (is_new ? rank_0s : own));
    const std::vector<uint64_t> hashes = HashesOfAll(ranks, copied);
    CHECK(hashes[0] == hashes[2] && hashes[0] == hashes[3] && hashes[0] != hashes[1]);
    CHECK_REPORT(ranks, {});

    SeedRank(sources, ranks.rank(), 50);
    const tsnap_restore_options leave = Policies(TSNAP_NEW_RANKS_LEAVE, 0);
    ranks.Expect(tsnap_restore(ranks, url.c_str(), state, &leave), TSNAP_OK);
    const Draws drawn = DrawFromAll(sources, kDraws);
    CHECK(drawn == (is_new ? left : own));
    CHECK(AllDiffer(HashesOfAll(ranks, drawn)));
    tsnap_report report = TSNAP_REPORT_INIT;
    CHECK_OK(tsnap_restore_report(ranks, &report));
    CHECK_SAME_INT(report.not_restored_count, is_new ? sources.size() : 0);   // how a rank knows that it is to seed

    // What the four ranks take from there is theirs.
    SeedRank(sources, ranks.rank(), 50);
    ranks.Expect(tsnap_restore(ranks, url.c_str(), state, &leave), TSNAP_OK);
    ranks.Expect(way.take(ranks, after, state), TSNAP_OK);
    SeedAll(sources, 1);
    ranks.Expect(tsnap_restore(ranks, after.c_str(), state, nullptr), TSNAP_OK);
    CHECK(DrawFromAll(sources, kDraws) == drawn);
  }
}

void LostRanksTakeTheirStreamsWithThem() {
  const RanksFolder folder;
  int number = 0;
  for (const Way& way : kWays) {
    const std::string url = folder / std::to_string(number++);
    TakeOn(4, way, url, TSNAP_PRIVATE);
    Ranks ranks(3);
    if (!ranks.in()) continue;
    Where() = std::string(way.name) + ", rank " + std::to_string(ranks.rank());
    const Sources sources = SourcesTogether();
    State state;
    AddAll(sources, state);
    const Draws own = DrawsOf(sources, ranks.rank());
    SeedAll(sources, 1);
    ranks.ExpectFailure(tsnap_restore(ranks, url.c_str(), state, nullptr), TSNAP_E_MISMATCH, {"lost_ranks"});
    const tsnap_restore_options ignore = Policies(0, TSNAP_LOST_RANKS_IGNORE);
    ranks.Expect(tsnap_restore(ranks, url.c_str(), state, &ignore), TSNAP_OK);
    CHECK(DrawFromAll(sources, kDraws) == own);
  }
}

// One that all ranks draw the same numbers from needs no policy; ranks that have drifted apart are found.
void SharedGeneratorReachesAnyRanks() {
  const RanksFolder folder;
  int number = 0;
  for (const Way& way : kWays) {
    const std::string url = folder / std::to_string(number++), drifted = folder / std::to_string(number++);
    TakeOn(2, way, url, TSNAP_REPLICATED);
    for (const int count : {4, 1, 3}) {
      Ranks ranks(count);
      if (!ranks.in()) continue;
      Where() = std::string(way.name) + ", rank " + std::to_string(ranks.rank());
      const Sources sources = SourcesTogether();
      State state;
      AddAll(sources, state, TSNAP_REPLICATED);
      const Draws expected = DrawsOf(sources, 0);
      SeedAll(sources, 1);
      ranks.Expect(tsnap_restore(ranks, url.c_str(), state, nullptr), TSNAP_OK);
      CHECK(DrawFromAll(sources, kDraws) == expected);
      CHECK_REPORT(ranks, {});
      if (count == 1) continue;
      DrawFromAll(sources, ranks.rank() == 1 ? 1 : 2);
      tsnap_take_options options = Quick();
      options.verify_replicated = TSNAP_REPLICATED_CHECK_CONTENT;
      ranks.ExpectFailure(tsnap_take(ranks, drifted.c_str(), state, &options), TSNAP_E_MISMATCH, {"random/"});
    }
  }
}

int Run(int argc, char** argv) {
  return RunCaseOnRanks(argc, argv,
                        {{"each_rank_goes_on_with_its_own_draws", EachRankGoesOnWithItsOwnDraws},
                         {"describe_that_draws_on_one_rank_changes_nothing_on_any", DescribeThatDrawsOnOneRankChangesNothingOnAny},
                         {"new_ranks_draw_as_their_policy_says", NewRanksDrawAsTheirPolicySays},
                         {"lost_ranks_take_their_streams_with_them", LostRanksTakeTheirStreamsWithThem},
                         {"shared_generator_reaches_any_ranks", SharedGeneratorReachesAnyRanks}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
