// Columns: arrays that are cut along their last axis, unevenly, so that ranks share chunks and rows, go to a file and come back in
// rows, compressed or not, with a budget that makes many rounds of it. Run as `program CASE` on some ranks, with small chunks.
#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "api_ranks.h"

namespace tsnap::test {
namespace {

constexpr int64_t kRows = 3000, kColumns = 307;

double ValueAt(int64_t row, int64_t column) { return static_cast<double>(row) + static_cast<double>(column % 16) / 16; }

// A part of the array, and records of the rank's own, of which rank 1 has none.
class Cut {
 public:
  Cut(const Ranks& ranks, bool in_columns) : rank_(ranks.rank()) {
    const int64_t size = ranks.size(), rank = ranks.rank();
    if (in_columns) {
      first_column_ = rank * rank * kColumns / (size * size);
      columns_ = (rank + 1) * (rank + 1) * kColumns / (size * size) - first_column_;
    } else {
      first_row_ = rank * kRows / size;
      rows_ = (rank + 1) * kRows / size - first_row_;
    }
    values_.resize(static_cast<size_t>(rows_ * columns_));
    own_.resize(rank == 1 ? 0 : static_cast<size_t>(20000 + 777 * rank));
    tsnap_array array = TSNAP_ARRAY_INIT;
    array.dtype = TSNAP_FLOAT64;
    array.ndim = 2;
    array.shape[0] = rows_;
    array.shape[1] = columns_;
    array.data = values_.data();
    array.offset[0] = first_row_;
    array.offset[1] = first_column_;
    const int64_t shape[] = {kRows, kColumns};
    CHECK_OK(tsnap_state_add_sharded(state_, "columns", shape, &array, 1));
    tsnap_array own = TSNAP_ARRAY_INIT;
    own.dtype = TSNAP_INT64;
    own.ndim = 1;
    own.shape[0] = static_cast<int64_t>(own_.size());
    own.data = own_.data();
    CHECK_OK(tsnap_state_add_private(state_, "own", &own));
  }
  tsnap_state* state() { return state_; }
  void Fill() {
    ForEach([](double* value, int64_t row, int64_t column) { *value = ValueAt(row, column); });
    for (size_t i = 0; i < own_.size(); ++i) own_[i] = Own(i);
  }
  void Clear() {
    std::fill(values_.begin(), values_.end(), -1);
    std::fill(own_.begin(), own_.end(), -1);
  }
  void Check() {
    ForEach([](double* value, int64_t row, int64_t column) {
      CHECK_TEXT(*value == ValueAt(row, column), "row " + std::to_string(row) + ", column " + std::to_string(column));
    });
    for (size_t i = 0; i < own_.size(); ++i) CHECK_SAME_INT(own_[i], Own(i));
  }

 private:
  int64_t Own(size_t i) const { return static_cast<int64_t>(i) * 100 + rank_; }
  template <class Visit>
  void ForEach(Visit visit) {
    for (int64_t row = 0; row < rows_; ++row)
      for (int64_t column = 0; column < columns_; ++column)
        visit(&values_[static_cast<size_t>(row * columns_ + column)], first_row_ + row, first_column_ + column);
  }

  State state_;
  const int rank_;
  int64_t first_row_ = 0, rows_ = kRows, first_column_ = 0, columns_ = kColumns;
  std::vector<double> values_;
  std::vector<int64_t> own_;
};

// Of this process so far.
uint64_t WriteCalls() {
  std::FILE* const file = std::fopen("/proc/self/io", "r");
  CHECK(file != nullptr);
  uint64_t calls = 0, value = 0;
  char name[32];
  while (std::fscanf(file, "%31s %" SCNu64, name, &value) == 2)
    if (std::string(name) == "syscw:") calls = value;
  std::fclose(file);
  return calls;
}

void ComeBack(int32_t codec, bool in_background) {
  const RanksFolder folder;
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = 1 << 20;
  config.collective_timeout_seconds = 60;
  Ranks ranks(4, &config);
  const std::string place = folder / "columns.h5";
  Cut taken(ranks, /*in_columns=*/true), restored(ranks, /*in_columns=*/false);
  taken.Fill();
  restored.Clear();
  tsnap_take_options options = Quick(codec);
  const uint64_t before = WriteCalls();
  if (in_background) {
    tsnap_request* request = nullptr;
    ranks.Expect(tsnap_take_async(ranks, place.c_str(), taken.state(), &options, &request), TSNAP_OK);
    taken.Clear();
    ranks.Expect(tsnap_request_wait(request), TSNAP_OK);
    tsnap_request_free(&request);
  } else {
    ranks.Expect(tsnap_take(ranks, place.c_str(), taken.state(), &options), TSNAP_OK);
  }
  const uint64_t calls = ranks.Sum(WriteCalls() - before);
  std::printf("codec %d: %" PRIu64 " write calls\n", static_cast<int>(codec), calls);
  // Each rank has a piece of each row; written one by one that is a call for each of them.
  if (!in_background) CHECK_TEXT(calls < kRows / 2, std::to_string(calls) + " write calls");
  ranks.Expect(tsnap_restore(ranks, place.c_str(), restored.state(), nullptr), TSNAP_OK);
  restored.Check();
  if (ranks.rank() == 0) {
    tsnap_snapshot* snapshot = nullptr;
    int64_t bad = -1;
    CHECK_OK(tsnap_snapshot_open(place.c_str(), nullptr, &snapshot));
    CHECK_OK(tsnap_snapshot_verify(snapshot, &bad, nullptr));
    CHECK_SAME_INT(bad, 0);
    tsnap_snapshot_close(&snapshot);
  }
  ranks.Wait();
}

void All(bool in_background) {
  for (const int32_t codec : {TSNAP_CODEC_NONE, TSNAP_CODEC_DEFLATE, TSNAP_CODEC_ZSTD, TSNAP_CODEC_LZ4}) {
    Where() = "codec " + std::to_string(codec);
    ComeBack(codec, in_background);
  }
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunCaseOnRanks(argc, argv, {{"columns_come_back_as_rows", [] { All(false); }},
                               {"columns_come_back_as_rows_from_the_background", [] { All(true); }}});
}
