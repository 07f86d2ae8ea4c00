// Many small objects go to a file of datasets, and come back, in as many calls of MPI as few: no
// collective operation and no message is one object's own. Run as `program CASE` on some ranks.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "api_ranks.h"
#include "pmpi_probe.h"

namespace tsnap::test {
namespace {

constexpr size_t kWords = 3;

// So many numbers that are equal on all ranks, and so many small arrays of each rank's own.
class Many {
 public:
  explicit Many(size_t count) : numbers_(count), words_(count * kWords) {
    tsnap_array array = TSNAP_ARRAY_INIT;
    array.dtype = TSNAP_INT64;
    array.ndim = 1;
    array.shape[0] = kWords;
    for (size_t i = 0; i < count; ++i) {
      const std::string name = std::to_string(i / 100) + "/" + std::to_string(i);
      CHECK_OK(tsnap_state_add_int64(state_, ("numbers/" + name).c_str(), TSNAP_REPLICATED, &numbers_[i]));
      array.data = &words_[i * kWords];
      CHECK_OK(tsnap_state_add_private(state_, ("arrays/" + name).c_str(), &array));
    }
  }
  tsnap_state* state() { return state_; }
  void Fill(int rank) {
    for (size_t i = 0; i < numbers_.size(); ++i) numbers_[i] = static_cast<int64_t>(i * 7);
    for (size_t i = 0; i < words_.size(); ++i) words_[i] = Own(i, rank);
  }
  void Clear() {
    std::fill(numbers_.begin(), numbers_.end(), -1);
    std::fill(words_.begin(), words_.end(), -1);
  }
  void Check(int rank) const {
    for (size_t i = 0; i < numbers_.size(); ++i) CHECK_SAME_INT(numbers_[i], i * 7);
    for (size_t i = 0; i < words_.size(); ++i) CHECK_SAME_INT(words_[i], Own(i, rank));
  }

 private:
  static int64_t Own(size_t i, int rank) { return static_cast<int64_t>(i) * 1000 + rank; }

  State state_;
  std::vector<int64_t> numbers_, words_;
};

// What one rank starts in a call; of all ranks the most.
struct Calls {
  uint64_t collectives = 0, messages = 0;
};

Calls MostCalls(const MpiTraffic& before) {
  const MpiTraffic after = Traffic();
  const uint64_t mine[] = {after.collectives - before.collectives, after.messages - before.messages};
  uint64_t most[2] = {};
  MPI_Allreduce(mine, most, 2, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
  return {most[0], most[1]};
}

struct Both {
  Calls take, restore;
};

Both TakeAndRestore(size_t objects, const std::string& url) {
  Ranks ranks(4);
  Many many(objects);
  many.Fill(ranks.rank());
  Both calls;
  MpiTraffic before = Traffic();
  ranks.Expect(tsnap_take(ranks, url.c_str(), many.state(), nullptr), TSNAP_OK);
  calls.take = MostCalls(before);
  many.Clear();
  before = Traffic();
  ranks.Expect(tsnap_restore(ranks, url.c_str(), many.state(), nullptr), TSNAP_OK);
  calls.restore = MostCalls(before);
  many.Check(ranks.rank());
  if (ranks.rank() == 0) {
    std::printf("%zu objects: take %" PRIu64 " collectives, %" PRIu64 " messages; restore %" PRIu64 ", %" PRIu64 "\n", 2 * objects,
                calls.take.collectives, calls.take.messages, calls.restore.collectives, calls.restore.messages);
  }
  return calls;
}

void ExpectAboutTheSame(const Calls& few, const Calls& many) {
  // Where the datasets lie, and what they are called, is told in pieces of 256 KiB.
  constexpr uint64_t kMore = 40, kMoreMessages = 64;
  CHECK_TEXT(many.collectives <= few.collectives + kMore,
             std::to_string(many.collectives) + " collectives instead of " + std::to_string(few.collectives));
  CHECK_TEXT(many.messages <= few.messages + kMoreMessages,
             std::to_string(many.messages) + " messages instead of " + std::to_string(few.messages));
}

void CallsDoNotGrowWithObjects() {
  const RanksFolder folder;
  const Both few = TakeAndRestore(100, folder / "few.h5"), many = TakeAndRestore(10'000, folder / "many.h5");
  ExpectAboutTheSame(few.take, many.take);
  ExpectAboutTheSame(few.restore, many.restore);
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  return tsnap::test::RunCaseOnRanks(argc, argv, {{"calls_do_not_grow_with_objects", tsnap::test::CallsDoNotGrowWithObjects}});
}
