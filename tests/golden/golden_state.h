// The state of the golden snapshots: what each of three ranks registered when they were taken. The values follow from the paths, so
// that a later library can check every one of them. Never change what is here: add a new folder of snapshots beside v1 instead.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "api.h"
#include "test_array.h"

namespace tsnap::test {

inline constexpr int kGoldenRanks = 3;
inline const char* const kGoldenMetadata = "{\"what\": \"golden\", \"text\": \"gr\xc3\xbc\xc3\x9f Gott\\n\"}";

struct GoldenArray {
  std::string path;
  int32_t kind = 0, dtype = 0;
  int64_t item_bytes = 0;
  Shape shape;              // of the whole array
  int only_rank = -1;       // private ones that one rank alone has
};

inline uint64_t GoldenSeed(const GoldenArray& array, int rank) {
  uint64_t seed = array.kind == TSNAP_PRIVATE ? Mix(static_cast<uint64_t>(rank) + 1) : 0;
  for (const char c : array.path) seed = Mix(seed ^ static_cast<uint8_t>(c));
  return seed;
}

inline std::vector<GoldenArray> GoldenArrays(bool with_large = true) {
  std::vector<GoldenArray> arrays;
  for (int32_t dtype = TSNAP_BOOL; dtype <= TSNAP_OPAQUE; ++dtype) {
    const std::string name = "/t" + std::to_string(dtype);
    arrays.push_back({"private" + name, TSNAP_PRIVATE, dtype, 5, {2, 3}});
    arrays.push_back({"replicated" + name, TSNAP_REPLICATED, dtype, 12, {3, 2, 2}});
    arrays.push_back({"sharded" + name, TSNAP_SHARDED, dtype, 3, {6, 5}});
  }
  Shape shape;
  for (int ndim = 0; ndim <= TSNAP_MAX_DIMS; ++ndim) {
    arrays.push_back({"dims/" + std::to_string(ndim), TSNAP_PRIVATE, TSNAP_INT16, 0, shape});
    shape.push_back(1 + ndim % 3);
  }
  arrays.push_back({"empty", TSNAP_REPLICATED, TSNAP_FLOAT64, 0, {4, 0, 2}});
  if (with_large) arrays.push_back({"large", TSNAP_PRIVATE, TSNAP_UINT8, 0, {300001}, 1});   // of two checksum blocks
  arrays.push_back({"sparse", TSNAP_SHARDED, TSNAP_INT32, 0, {9, 8}});
  arrays.push_back({"shared nodes", TSNAP_SHARDED, TSNAP_FLOAT32, 0, {7, 4}});
  return arrays;
}

inline constexpr int32_t kGoldenFill = -77;
// What of "sparse" is held: rank r has 2 x 3 elements at (3 r, r).
inline bool IsInGoldenPatch(const int64_t* place) {
  const int64_t rank = place[0] / 3;
  return place[0] % 3 < 2 && place[1] >= rank && place[1] < rank + 3;
}

// The values of "large" repeat, so that the repository stays small.
inline uint8_t GoldenByte(size_t i) { return static_cast<uint8_t>(i % 251); }

class GoldenState {
 public:
  GoldenState(int rank, int size, bool with_large = true) : rank_(rank) {
    for (const GoldenArray& array : GoldenArrays(with_large)) Add(array, size);
    const int32_t fill = kGoldenFill;
    CHECK_OK(tsnap_state_set_coverage(state_, "sparse", TSNAP_COVER_SPARSE, &fill));
    CHECK_OK(tsnap_state_set_coverage(state_, "shared nodes", TSNAP_COVER_DUPLICATES, nullptr));
    for (const char* path : {"private/t15", "replicated/t15", "sharded/t15"}) {
      CHECK_OK(tsnap_state_set_attribute(state_, path, "units", "m/s\xc2\xb2"));
      CHECK_OK(tsnap_state_set_attribute(state_, path, "empty", ""));
    }
    CHECK_OK(tsnap_state_add_int64(state_, "values/step", TSNAP_REPLICATED, &step_));
    CHECK_OK(tsnap_state_add_float64(state_, "values/time", TSNAP_REPLICATED, &time_));
    CHECK_OK(tsnap_state_add_bool(state_, "values/done", TSNAP_PRIVATE, &done_));
    CHECK_OK(tsnap_state_add_int64(state_, "values/number", TSNAP_PRIVATE, &number_));
    CHECK_OK(tsnap_state_add_string(state_, "values/\xe6\x97\xa5\xe6\x9c\xac %41", TSNAP_REPLICATED, text_, sizeof text_));
    CHECK_OK(tsnap_state_add_string(state_, "values/nothing", TSNAP_PRIVATE, nothing_, sizeof nothing_));
    CHECK_OK(tsnap_state_add_bytes(state_, "values/block", TSNAP_PRIVATE, block_, sizeof block_, &block_size_));
    const tsnap_stateful rng = {sizeof(tsnap_stateful),
                                [](tsnap_state* child, void* user) -> int32_t {
                                  return tsnap_state_add_int64(child, "state", TSNAP_PRIVATE,
                                                               &static_cast<GoldenState*>(user)->random_);
                                },
                                nullptr, nullptr, this};
    CHECK_OK(tsnap_state_add_rng(state_, "random", &rng));
  }

  tsnap_state* state() { return state_; }

  void Fill() {
    for (Held& held : held_) held.memory.Fill(held.seed);
    for (size_t i = 0; i < large_.size(); ++i) large_[i] = GoldenByte(i);
    step_ = 0x0123456789abcdef;
    time_ = -1.0 / 3;
    done_ = rank_ % 2;
    number_ = -1 - rank_;
    random_ = 1000 + rank_;
    std::snprintf(text_, sizeof text_, "gr\xc3\xbc\xc3\x9f Gott");
    nothing_[0] = '\0';
    block_size_ = static_cast<size_t>(rank_);
    for (int i = 0; i < 8; ++i) block_[i] = static_cast<uint8_t>(0xf0 + i);
  }

  void Check() const {
    for (const Held& held : held_) CHECK_TEXT(held.memory.Holds(held.seed), held.path);
    for (size_t i = 0; i < large_.size(); ++i) CHECK(large_[i] == GoldenByte(i));
    CHECK(step_ == 0x0123456789abcdef && time_ == -1.0 / 3 && done_ == rank_ % 2 && number_ == -1 - rank_ && random_ == 1000 + rank_);
    CHECK(std::string(text_) == "gr\xc3\xbc\xc3\x9f Gott" && nothing_[0] == '\0');
    CHECK_SAME_INT(block_size_, rank_);
    for (int i = 0; i < rank_; ++i) CHECK_SAME_INT(block_[i], 0xf0 + i);
  }

  void Clear() {
    for (Held& held : held_) held.memory.Clear();
    large_.assign(large_.size(), 0);
    step_ = number_ = random_ = 5;
    time_ = 5;
    done_ = 5;
    text_[0] = nothing_[0] = 'x';
    block_size_ = 5;
  }

 private:
  struct Held {
    std::string path;
    uint64_t seed;
    TestArray memory;
  };

  void Add(const GoldenArray& array, int size) {
    if (array.only_rank >= 0 && array.only_rank != rank_) return;
    if (array.path == "large") {
      large_.resize(static_cast<size_t>(array.shape[0]));
      const tsnap_array described = Line(TSNAP_UINT8, large_.data(), array.shape[0]);
      CHECK_OK(tsnap_state_add_private(state_, "large", &described));
      return;
    }
    Shape shape = array.shape, offset(array.shape.size());
    if (array.kind == TSNAP_SHARDED) Cut(array, size, &shape, &offset);
    const Layout layout = kLayouts[held_.size() % 7];
    held_.push_back({array.path, GoldenSeed(array, rank_), TestArray(array.dtype, array.item_bytes, shape, layout, offset)});
    const tsnap_array described = held_.back().memory.Describe();
    if (array.kind == TSNAP_PRIVATE) CHECK_OK(tsnap_state_add_private(state_, array.path.c_str(), &described));
    if (array.kind == TSNAP_REPLICATED) CHECK_OK(tsnap_state_add_replicated(state_, array.path.c_str(), &described));
    if (array.kind == TSNAP_SHARDED) CHECK_OK(tsnap_state_add_sharded(state_, array.path.c_str(), array.shape.data(), &described, 1));
  }

  // Rows for each rank; of shared nodes also the first row of the next rank; of the sparse array a patch.
  void Cut(const GoldenArray& array, int size, Shape* shape, Shape* offset) const {
    if (array.path == "sparse") {
      *offset = {3 * rank_, rank_};
      *shape = {2, 3};
      return;
    }
    const int64_t begin = array.shape[0] * rank_ / size, end = array.shape[0] * (rank_ + 1) / size;
    (*offset)[0] = begin;
    (*shape)[0] = end - begin + (array.path == "shared nodes" && rank_ + 1 < size ? 1 : 0);
  }

  int rank_;
  State state_;
  std::deque<Held> held_;
  std::vector<uint8_t> large_;
  int64_t step_ = 0, number_ = 0, random_ = 0;
  double time_ = 0;
  int32_t done_ = 0;
  char text_[40] = {}, nothing_[4] = {};
  uint8_t block_[8] = {};
  size_t block_size_ = 0;
};

struct GoldenSnapshot {
  const char* name;
  int32_t codec;
};
inline constexpr GoldenSnapshot kGoldenSnapshots[] = {{"none", TSNAP_CODEC_NONE}, {"zstd", TSNAP_CODEC_ZSTD}, {"lz4", TSNAP_CODEC_LZ4}};

// In a folder that ends in "v3" they are HDF5 files, which have no codecs: only the first has a place. HDF5 stores the large array
// as it is, so v3 is without it; new files in a folder that ends in "h5" have it.
inline bool HasLarge(const std::string& folder) { return !folder.ends_with("v3"); }
inline std::string UrlOf(const std::string& folder, const GoldenSnapshot& one) {
  if (!folder.ends_with("v3") && !folder.ends_with("h5")) return folder + "/" + one.name;
  return one.codec == TSNAP_CODEC_NONE ? folder + "/" + one.name + ".h5" : "";
}

}  // namespace tsnap::test
