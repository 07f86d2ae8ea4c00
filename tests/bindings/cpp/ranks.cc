// The C++ binding on several ranks: restores on other numbers of them, one rank's exception is all ranks' failure, and nobody waits
// for a rank that is on its way out. RANKS CASE: every case runs on four.
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tsnap_mpi.hpp>

#include "cases.h"

namespace tsnap::test {
namespace {

int world_rank, world_size;

// A folder of all ranks; rank 0 makes and removes it.
struct Place {
  Place() {
    char path[200] = {};
    if (world_rank == 0) {
      folder = std::make_unique<Folder>(NewFolder());
      std::snprintf(path, sizeof path, "%s", folder->path().c_str());
    }
    MPI_Bcast(path, sizeof path, MPI_CHAR, 0, MPI_COMM_WORLD);
    text = path;
  }
  ~Place() { MPI_Barrier(MPI_COMM_WORLD); }
  std::string operator/(const char* name) const { return text + "/" + PlaceName(name); }
  std::unique_ptr<Folder> folder;
  std::string text;
};

// The first so many ranks; the others get MPI_COMM_NULL.
struct Some {
  explicit Some(int count) {
    MPI_Comm_split(MPI_COMM_WORLD, world_rank < count ? 0 : MPI_UNDEFINED, world_rank, &comm);
  }
  ~Some() {
    if (comm != MPI_COMM_NULL) MPI_Comm_free(&comm);
    MPI_Barrier(MPI_COMM_WORLD);
  }
  MPI_Comm comm = MPI_COMM_NULL;
};

Config Quick(double seconds = 60) {
  Config config;
  config.memory_budget_bytes = 64 << 20;
  config.collective_timeout = Seconds(seconds);
  return config;
}

double SecondsSince(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

// Rows of a global array of 12 x 5, its ghosts around it, cut among ranks; what is in it tells where it lies.
struct Rows {
  Rows(std::int64_t rank, std::int64_t ranks)
      : first(12 * rank / ranks), count(12 * (rank + 1) / ranks - first), memory(static_cast<std::size_t>((count + 2) * 7), -1) {}
  View<double> view() { return View(memory, {count + 2, 7}).interior(1); }
  void Fill() {
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t j = 0; j < 5; ++j) view()(i, j) = static_cast<double>(100 * (first + i) + j);
  }
  bool Good() {
    bool good = memory[0] == -1 && memory.back() == -1;
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t j = 0; j < 5; ++j) good = good && view()(i, j) == static_cast<double>(100 * (first + i) + j);
    return good;
  }
  std::int64_t first, count;
  std::vector<double> memory;
};

void RestoresOnAnyNumber() {
  const Place place;
  const std::string url = place / "snap";
  std::int64_t step = 12;
  std::string title = "a title that is longer than what a string has in itself";
  std::vector<double> particles(static_cast<std::size_t>(10 + world_rank), world_rank);
  {
    Context context = open_context(MPI_COMM_WORLD, Quick());
    CHECK(context.rank() == world_rank && context.ranks() == 4);
    Rows rows(world_rank, world_size);
    rows.Fill();
    State state;
    state.sharded("density", rows.view(), {12, 5}, {rows.first, 0});
    state.replicated("step", step);
    state.replicated("title", title);
    state.private_("particles", grow(particles));
    Request request = context.take_async(url, state);
    rows.memory.assign(rows.memory.size(), 0);
    request.wait();
    particles.clear();
    context.restore(url, state);
    CHECK(particles == std::vector<double>(static_cast<std::size_t>(10 + world_rank), world_rank));
    context.close();
  }
  for (int ranks = 1; ranks <= 3; ++ranks) {
    const Some some(ranks);
    if (some.comm == MPI_COMM_NULL) continue;
    Context context = open_context(some.comm, Quick());
    Rows rows(context.rank(), ranks);
    State state;
    std::string restored_title;
    state.sharded("density", rows.view(), {12, 5}, {rows.first, 0});
    state.replicated("step", step);
    state.replicated("title", restored_title);
    state.private_("particles", grow(particles));
    step = 0;
    particles.clear();
    RestoreOptions options;
    CHECK_THROWS(context.restore(url, state, options), Mismatch, "");
    options.lost_ranks = LostRanks::ignore;
    context.restore(url, state, options);
    CHECK(rows.Good() && step == 12 && restored_title == title);
    CHECK(particles == std::vector<double>(static_cast<std::size_t>(10 + context.rank()), static_cast<double>(context.rank())));
    Snapshot snapshot = context.open_snapshot(url);
    CHECK(snapshot.info().world_size == 4 && snapshot["density"].read<double>({11, 4}, {1, 1})[0] == 1104);
    snapshot.close();
  }
}

// Ranks that the snapshot lacks get rank 0's, whatever their own vectors held.
void NewRanksGetWhatGrew() {
  const Place place;
  const std::string url = place / "snap";
  std::vector<int> numbers;
  std::mt19937 engine(static_cast<unsigned>(world_rank));
  State state;
  state.private_("numbers", grow(numbers));
  state.rng("rng", engine);
  {
    const Some some(2);
    if (some.comm != MPI_COMM_NULL) {
      Context context = open_context(some.comm, Quick());
      numbers.assign(static_cast<std::size_t>(5 + world_rank), world_rank);
      context.take(url, state);
    }
  }
  numbers.assign(100, 0);
  Context context = open_context(MPI_COMM_WORLD, Quick());
  CHECK_THROWS(context.restore(url, state), Mismatch, "");
  RestoreOptions options;
  options.new_ranks = NewRanks::copy_rank_0;
  context.restore(url, state, options);
  const int from = world_rank < 2 ? world_rank : 0;
  CHECK(numbers == std::vector<int>(static_cast<std::size_t>(5 + from), from));
  std::mt19937 fresh(static_cast<unsigned>(from));
  CHECK(engine == fresh);
}

// Ranks that the snapshot lacks, and that are to be left, keep what they hold now and not what they held at the registration.
void NewRanksThatAreLeft() {
  const Place place;
  const std::string url = place / "snap";
  bool flag = false;
  std::vector<std::byte> block(3, std::byte{1});
  State state;
  state.private_("flag", flag);
  state.private_bytes("block", block);
  {
    const Some some(2);
    if (some.comm != MPI_COMM_NULL) open_context(some.comm, Quick()).take(url, state);
  }
  flag = true;
  block.assign(3, std::byte{2});
  Context context = open_context(MPI_COMM_WORLD, Quick());
  RestoreOptions options;
  options.new_ranks = NewRanks::leave;
  context.restore(url, state, options);
  CHECK(flag == (world_rank >= 2) && block == std::vector<std::byte>(3, std::byte(world_rank < 2 ? 1 : 2)));
}

// The place or metadata of one rank cannot be passed on: the call fails on all ranks, and none waits.
void TextOfOneRankIsAllRanksFailure() {
  const Place place;
  std::string url = place / "snap";
  TakeOptions options;
  State state;
  Config config = Quick();
  if (world_rank == 1) config.s3_region = std::string("a\0b", 3);
  CHECK_THROWS(open_context(MPI_COMM_WORLD, config), Error, world_rank == 1 ? "the s3_region holds a NUL" : "rank 1");
  Context context = open_context(MPI_COMM_WORLD, Quick());
  options.metadata = world_rank == 2 ? std::string("a\0b", 3) : std::string();
  CHECK_THROWS(context.take(url, state, options), Error, world_rank == 2 ? "the metadata holds a NUL" : "rank 2");
  if (world_rank == 3) url.append(std::string("\0b", 2));
  CHECK_THROWS(context.take(url, state), Error, world_rank == 3 ? "the place holds a NUL" : "rank 3");
  CHECK_THROWS(context.open_snapshot(url), Error, world_rank == 3 ? "the place holds a NUL" : "rank 3");
  context.take(place / "snap", state);
  CHECK(Snapshot(place / "snap").info().world_size == 4);
}

struct OnFire : std::runtime_error {
  OnFire() : std::runtime_error("the disk of rank 2 is on fire") {}
};

void ExceptionOfOneRankIsAllRanksFailure() {
  const Place place;
  Context context = open_context(MPI_COMM_WORLD, Quick());
  std::vector<double> values(10, 1);
  std::string text = "fine";
  State state;
  bool fail = true;
  state.stateful("part", [&](State& child) {
    child.private_("values", values);
    if (fail && world_rank == 2) throw OnFire();
  });
  state.private_("text", text);
  const auto expect_failure = [&](const std::function<void()>& call, bool nested_here) {
    bool nested = false, thrown = false;
    try {
      call();
    } catch (const CallbackFailed& error) {
      thrown = true;
      try {
        std::rethrow_if_nested(error);
      } catch (const std::exception&) {
        nested = true;
      }
    }
    CHECK(thrown && nested == nested_here);
  };
  expect_failure([&] { context.take(place / "a", state); }, world_rank == 2);
  expect_failure([&] { (void)context.take_async(place / "a", state); }, world_rank == 2);
  fail = false;
  // What one rank cannot register anew is the same: it makes the call, and the call fails.
  if (world_rank == 1) text = std::string("a\0b", 3);
  expect_failure([&] { context.take(place / "a", state); }, world_rank == 1);
  text = "fine";
  context.take(place / "a", state);   // and the context is as good as before
  fail = true;
  expect_failure([&] { context.restore(place / "a", state); }, world_rank == 2);
  context.close();
}

// A failure of all: the destructors close the context, together. Its trace is written at the close.
void AllLeaveTogether() {
  const Place place;
  Config config = Quick();
  config.trace = place / "trace.json";
  bool thrown = false;
  try {
    Context context = open_context(MPI_COMM_WORLD, config);
    State state;
    context.restore(place / "none", state);
  } catch (const NotFound&) {
    thrown = true;
  }
  MPI_Barrier(MPI_COMM_WORLD);
  CHECK(thrown && std::filesystem::exists(place / "trace.json"));
}

// One rank meets an exception of its own: its destructors wait for nobody, and the exception gets on. The others learn of it by
// the time limit here; in a program the rank that catches it calls MPI_Abort.
void NobodyWaitsForOneThatLeaves() {
  const Place place;
  std::vector<double> values(1000, 1);
  const auto began = std::chrono::steady_clock::now();
  bool left = false;
  try {
    Context context = open_context(MPI_COMM_WORLD, Quick(8));
    State state;
    state.private_("values", values);
    Request request = context.take_async(place / "snap", state);
    if (world_rank == 1) throw OnFire();
    request.wait();
    CHECK_THROWS(context.close(), Timeout, "TSNAP_E_TIMEOUT");
  } catch (const OnFire&) {
    left = true;
    CHECK(SecondsSince(began) < 6);
  }
  CHECK(left == (world_rank == 1));
}

void NotACommunicatorIsInvalid() {
  CHECK_THROWS(open_context(MPI_COMM_NULL), Error, "TSNAP_E_INVALID");
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  int granted = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &granted);
  MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
  MPI_Comm_size(MPI_COMM_WORLD, &world_size);
  const int status = RunCase(argc, argv,
                             {{"restores_on_any_number_of_ranks", RestoresOnAnyNumber},
                              {"new_ranks_get_what_grew", NewRanksGetWhatGrew},
                              {"new_ranks_that_are_left_stay_as_they_are", NewRanksThatAreLeft},
                              {"text_of_one_rank_is_all_ranks_failure", TextOfOneRankIsAllRanksFailure},
                              {"exception_of_one_rank_is_all_ranks_failure", ExceptionOfOneRankIsAllRanksFailure},
                              {"all_leave_together", AllLeaveTogether},
                              {"nobody_waits_for_one_that_leaves", NobodyWaitsForOneThatLeaves},
                              {"what_is_no_communicator_is_invalid", NotACommunicatorIsInvalid}});
  MPI_Finalize();
  return status;
}
