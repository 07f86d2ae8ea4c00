// Two jobs that take to one place at the same time, and readers beside them. race JOB FOLDER CASE: the two jobs (0 and 1, each
// under its own mpirun) and the reader meet at barriers in a file of the folder. Run by race.sh.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <string>

#include "fault_state.h"
#include "ranks.h"

namespace tsnap::test {
namespace {

constexpr int kJobs = 2;
constexpr double kPatienceSeconds = 60;
constexpr Sizes kSizes{4, 1024, 3000, 9000};

// In a file that the jobs map; all begins as zeros.
struct Board {
  std::atomic<uint64_t> arrived;
  std::atomic<uint64_t> done;            // jobs that are through
  std::atomic<int32_t> codes[kJobs];
  std::atomic<uint64_t> steps[kJobs];
};

class Meeting {
 public:
  explicit Meeting(const std::string& path) {
    const int file = open(path.c_str(), O_RDWR | O_CREAT, 0600);
    CHECK(file >= 0 && ftruncate(file, sizeof(Board)) == 0);
    void* memory = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(memory != MAP_FAILED);
    close(file);
    board_ = static_cast<Board*>(memory);
  }
  Board& board() { return *board_; }
  // Rank 0 of both jobs, then all ranks of each.
  void Meet() {
    if (WorldRank() == 0) {
      ++rounds_;
      board_->arrived.fetch_add(1);
      const double begin = Now();
      while (board_->arrived.load() < rounds_ * kJobs) {
        CHECK_TEXT(Now() - begin < kPatienceSeconds, "the other job did not come");
        usleep(100);
      }
    }
    MPI_Barrier(MPI_COMM_WORLD);
  }

 private:
  Board* board_ = nullptr;
  uint64_t rounds_ = 0;
};

class Job {
 public:
  Job(int number, const std::string& folder) : number_(number), folder_(folder), meeting_(folder + "/board") {}

  void OneWins() {
    const int rounds = LongMode() ? 200 : 25;
    for (int round = 0; round < rounds; ++round) {
      const std::string place = PlaceName(folder_ + "/one" + std::to_string(round));
      Where() = "round " + std::to_string(round) + ", job " + std::to_string(number_);
      Take(place, round, false);
      const int32_t mine = Code(number_), theirs = Code(1 - number_);
      CHECK_TEXT((mine == TSNAP_OK && theirs == TSNAP_E_EXISTS) || (mine == TSNAP_E_EXISTS && theirs == TSNAP_OK),
                 std::string(tsnap_status_name(mine)) + " and " + tsnap_status_name(theirs) + " " + message_);
      CheckPlaceHolds(place, WorldSize(), StepOf(mine == TSNAP_OK ? number_ : 1 - number_), kSizes);
      meeting_.Meet();
    }
  }

  // A round of overwriting: whoever was seen to lose the place may fail, never both.
  void BothOverwrite() {
    const int rounds = LongMode() ? 200 : 25;
    const std::string place = PlaceName(folder_ + "/both");
    uint64_t last[kJobs] = {0, 0};
    for (int round = 0; round < rounds; ++round) {
      Where() = "round " + std::to_string(round) + ", job " + std::to_string(number_);
      Take(place, round, true);
      for (int job = 0; job < kJobs; ++job) {
        const int32_t code = Code(job);
        CHECK_TEXT(code == TSNAP_OK || code == TSNAP_E_EXISTS, std::string(tsnap_status_name(code)) + " " + message_);
        if (code == TSNAP_OK) last[job] = StepOf(job);
      }
      CHECK(Code(0) == TSNAP_OK || Code(1) == TSNAP_OK);
      const Found found = ReadAll(place, WorldSize(), kSizes);
      CHECK_TEXT(found.code == TSNAP_OK && found.wrong.empty(), found.message + found.wrong);
      // It is one that was committed in this round.
      CHECK((Code(0) == TSNAP_OK && found.step == StepOf(0)) || (Code(1) == TSNAP_OK && found.step == StepOf(1)));
      meeting_.Meet();
    }
    CHECK(last[0] > 0 || last[1] > 0);
    MPI_Barrier(MPI_COMM_WORLD);
    if (WorldRank() == 0) ++meeting_.board().done;
  }

 private:
  void Take(const std::string& place, int round, bool overwrite) {
    const auto step = static_cast<uint64_t>(2 * round + number_ + 1);
    state_.Fill(step);
    const tsnap_take_options options = SmallSlabs(overwrite);
    meeting_.Meet();
    const int32_t code = SameOnAll(TakeAnyhow(world_.get(), place, state_, &options));
    message_ = code == TSNAP_OK ? "" : tsnap_last_error();
    if (WorldRank() == 0) {
      meeting_.board().codes[number_] = code;
      meeting_.board().steps[number_] = step;
    }
    meeting_.Meet();
  }
  int32_t Code(int job) { return meeting_.board().codes[job]; }
  uint64_t StepOf(int job) { return meeting_.board().steps[job]; }

  const int number_;
  const std::string folder_;
  Meeting meeting_;
  World world_;
  FaultState state_{WorldRank(), WorldSize(), kSizes};
  std::string message_;
};

// Reads the place over and over while the jobs overwrite it: each time all of one snapshot, or, when that was replaced before it
// was read, NOT_FOUND. Never NOT_FOUND at opening: some snapshot is always there.
void ReadBeside(const std::string& folder) {
  Meeting meeting(folder + "/board");
  const std::string place = PlaceName(folder + "/both");
  const double begin = Now();
  while (ReadAll(place, 2, kSizes).code != TSNAP_OK) CHECK(Now() - begin < kPatienceSeconds);
  int64_t whole = 1, replaced = 0;   // the first was read above
  std::string last_message;
  while (meeting.board().done < kJobs) {
    CHECK(Now() - begin < 5 * kPatienceSeconds);
    const Found found = ReadAll(place, 2, kSizes);
    CHECK_TEXT(found.opened, "a place that always holds a snapshot gave: " + found.message);
    CHECK_TEXT(found.code == TSNAP_OK || found.code == TSNAP_E_NOT_FOUND,
               std::string(tsnap_status_name(found.code)) + ": " + found.message);
    CHECK_TEXT(found.wrong.empty(), "wrong values in " + found.wrong);
    ++(found.code == TSNAP_OK ? whole : replaced);
  }
  std::printf("reader: %lld whole, %lld replaced meanwhile\n", static_cast<long long>(whole), static_cast<long long>(replaced));
  CHECK(whole > 0);
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  if (argc != 4) return 2;
  const std::string job = argv[1], folder = argv[2], name = argv[3];
  if (job == "reader") {
    ReadBeside(folder);
    return 0;
  }
  StartMpi(&argc, &argv);
  {
    Job one(job == "0" ? 0 : 1, folder);
    if (name == "one_wins") one.OneWins();
    else if (name == "both_overwrite") one.BothOverwrite();
    else return 2;
  }
  MPI_Finalize();
  return 0;
}
