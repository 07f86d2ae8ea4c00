// One rank's state with an object of every kind and type, cut in one of several ways, whose values say where they came from.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "api_ranks.h"
#include "test_array.h"

namespace tsnap::test {

inline const Shape kField = {37, 41};

struct Piece {
  Shape offset, shape;
};

// The pieces of one rank: 0 rows, of unequal height; 1 columns; 2 rows dealt out in turn; 3 a grid that leaves the last rank empty.
inline std::vector<Piece> Cut(int style, int rank, int size, const Shape& shape = kField) {
  const auto part = [](int64_t length, int64_t i, int64_t n) { return length * i / n; };
  const int64_t rows = shape[0], columns = shape[1];
  std::vector<Piece> pieces;
  if (style == 0) {
    const int64_t weights = int64_t{size} * (size + 1) / 2;
    const int64_t begin = rows * (int64_t{rank} * (rank + 1) / 2) / weights, end = rows * (int64_t{rank + 1} * (rank + 2) / 2) / weights;
    pieces.push_back({{begin, 0}, {end - begin, columns}});
  } else if (style == 1) {
    const int64_t begin = part(columns, rank, size), end = part(columns, rank + 1, size);
    pieces.push_back({{0, begin}, {rows, end - begin}});
  } else if (style == 2) {
    for (int64_t row = rank * 3; row < rows; row += size * 3) pieces.push_back({{row, 0}, {std::min<int64_t>(3, rows - row), columns}});
  } else {
    const int holders = std::max(1, size - 1);
    if (rank >= holders) return pieces;
    const int across = holders % 2 == 0 ? 2 : 1, down = holders / across;
    const int64_t top = part(rows, rank / across, down), bottom = part(rows, rank / across + 1, down);
    const int64_t left = part(columns, rank % across, across), right = part(columns, rank % across + 1, across);
    pieces.push_back({{top, left}, {bottom - top, right - left}});
  }
  return pieces;
}

class Job {
 public:
  // With style 2 the last rank does not even register the sharded objects when it has no piece.
  Job(int style, int rank, int size) : own_(TSNAP_FLOAT64, 0, {10, 7}, kLayouts[style % 7]),
                                       same_(TSNAP_INT32, 0, {50, 60}, kLayouts[(style + 3) % 7]) {
    AddArrays();
    AddSharded("field", Cut(style, rank, size), &field_);
    // Neighbours share rows: what the next rank has too.
    std::vector<Piece> grown = Cut(style % 2, rank, size);
    for (Piece& piece : grown) {
      for (size_t axis = 0; axis < 2; ++axis) {
        piece.shape[axis] = std::min(piece.shape[axis] + 2, kField[axis] - piece.offset[axis]);
      }
    }
    AddSharded("nodes", grown, &nodes_);
    CHECK_OK(tsnap_state_set_coverage(state_, "nodes", TSNAP_COVER_DUPLICATES, nullptr));
    AddSharded("rows", Cut(style, rank, size), &rows_);
    const tsnap_stateful rng = {sizeof(tsnap_stateful),
                                [](tsnap_state* child, void* user) -> int32_t {
                                  auto* job = static_cast<Job*>(user);
                                  job->captured_ = job->random_;
                                  return tsnap_state_add_int64(child, "state", TSNAP_PRIVATE, &job->captured_);
                                },
                                [](void* user) -> int32_t {
                                  auto* job = static_cast<Job*>(user);
                                  job->random_ = job->captured_;
                                  return 0;
                                },
                                nullptr, this};
    CHECK_OK(tsnap_state_add_rng(state_, "random", &rng));
  }

  tsnap_state* state() { return state_; }

  // Private values are those of this rank.
  void Fill(int64_t source_rank) {
    own_.Fill(100 + static_cast<uint64_t>(source_rank));
    same_.Fill(7);
    for (auto* arrays : {&field_, &nodes_, &rows_}) {
      for (TestArray& array : *arrays) array.Fill(3);
    }
    number_ = 1000 + source_rank;
    random_ = 77 * (source_rank + 1);
    step_ = 12;
    time_ = 0.1;
    done_ = 1;
    std::snprintf(name_, sizeof name_, "rank %d", static_cast<int>(source_rank));
    std::snprintf(title_, sizeof title_, "same on all");
    block_size_ = static_cast<size_t>(source_rank + 1);
    for (size_t i = 0; i < block_size_; ++i) block_[i] = static_cast<uint8_t>(i + 1);
  }
  void Clear() {
    own_.Clear();
    same_.Clear();
    for (auto* arrays : {&field_, &nodes_, &rows_}) {
      for (TestArray& array : *arrays) array.Clear();
    }
    number_ = random_ = step_ = -1;
    time_ = -1;
    done_ = 0;
    name_[0] = title_[0] = '\0';
    block_size_ = 0;
  }
  void Check(int64_t source_rank) const {
    CHECK(own_.Holds(100 + static_cast<uint64_t>(source_rank)));
    CHECK_SAME_INT(number_, 1000 + source_rank);
    CHECK_SAME_INT(random_, 77 * (source_rank + 1));
    CHECK_SAME_INT(block_size_, source_rank + 1);
    for (size_t i = 0; i < block_size_; ++i) CHECK_SAME_INT(block_[i], i + 1);
    CHECK(std::string(name_) == "rank " + std::to_string(source_rank));
    CheckShared();
  }
  // All but the private objects.
  void CheckShared() const {
    CHECK(same_.Holds(7));
    for (const TestArray& array : field_) CHECK(array.Holds(3));
    for (const TestArray& array : nodes_) CHECK(array.Holds(3));
    for (const TestArray& array : rows_) CHECK(array.Holds(3));
    CHECK(step_ == 12 && time_ == 0.1 && done_ == 1 && std::string(title_) == "same on all");
  }
  void CheckPrivateIsClear() const {
    CHECK(own_.IsUntouched() && number_ == -1 && random_ == -1 && name_[0] == '\0' && block_size_ == 0);
  }

 private:
  void AddArrays() {
    const tsnap_array own = own_.Describe(), same = same_.Describe();
    CHECK_OK(tsnap_state_add_private(state_, "own/array", &own));
    CHECK_OK(tsnap_state_add_replicated(state_, "same/array", &same));
    CHECK_OK(tsnap_state_add_int64(state_, "own/number", TSNAP_PRIVATE, &number_));
    CHECK_OK(tsnap_state_add_string(state_, "own/name", TSNAP_PRIVATE, name_, sizeof name_));
    CHECK_OK(tsnap_state_add_bytes(state_, "own/block", TSNAP_PRIVATE, block_, sizeof block_, &block_size_));
    CHECK_OK(tsnap_state_add_int64(state_, "same/step", TSNAP_REPLICATED, &step_));
    CHECK_OK(tsnap_state_add_float64(state_, "same/time", TSNAP_REPLICATED, &time_));
    CHECK_OK(tsnap_state_add_bool(state_, "same/done", TSNAP_REPLICATED, &done_));
    CHECK_OK(tsnap_state_add_string(state_, "same/title", TSNAP_REPLICATED, title_, sizeof title_));
  }

  void AddSharded(const char* path, const std::vector<Piece>& pieces, std::deque<TestArray>* arrays) {
    std::vector<tsnap_array> boxes;
    for (const Piece& piece : pieces) {
      arrays->emplace_back(TSNAP_FLOAT32, 0, piece.shape, kLayouts[(arrays->size() + pieces.size()) % 7], piece.offset);
      boxes.push_back(arrays->back().Describe());
    }
    CHECK_OK(tsnap_state_add_sharded(state_, path, kField.data(), boxes.data(), boxes.size()));
  }

  State state_;
  TestArray own_, same_;
  std::deque<TestArray> field_, nodes_, rows_;
  int64_t number_ = 0, random_ = 0, captured_ = 0, step_ = 0;
  double time_ = 0;
  int32_t done_ = 0;
  char name_[40] = {}, title_[40] = {};
  uint8_t block_[40] = {};
  size_t block_size_ = 0;
};

inline const Names kOwnPaths = {"own/array", "own/block", "own/name", "own/number", "random/state"};
inline const Names kSharedPaths = {"field", "nodes", "rows", "same/array", "same/done", "same/step", "same/time", "same/title"};

inline Names OwnOf(int rank) {
  Names names;
  for (const std::string& path : kOwnPaths) names.push_back(std::to_string(rank) + "/" + path);
  return names;
}

// Everything that a rank registers, as a report lists it.
inline Names AllOf(int rank) {
  Names names = OwnOf(rank);
  names.insert(names.end(), kSharedPaths.begin(), kSharedPaths.end());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tsnap::test
