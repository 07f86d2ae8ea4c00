// What ranks must agree on when they take: how their boxes cover an array, that replicated objects are the same; and how the
// bytes are shared out: measured at the files that each rank wrote.
#include <map>

#include "api_ranks.h"
#include "test_array.h"

namespace tsnap::test {
namespace {

const Shape kShape = {40, 30};

struct Piece {
  Shape offset, shape;
};

class Sharded {
 public:
  explicit Sharded(const std::vector<Piece>& pieces, const Shape& shape = kShape) {
    for (const Piece& piece : pieces) {
      arrays_.emplace_back(TSNAP_INT32, 0, piece.shape, kLayouts[(arrays_.size() + 1) % 7], piece.offset);
      arrays_.back().Fill(1);
    }
    std::vector<tsnap_array> boxes;
    for (TestArray& array : arrays_) boxes.push_back(array.Describe());
    CHECK_OK(tsnap_state_add_sharded(state_, "mesh/field", shape.data(), boxes.data(), boxes.size()));
  }
  tsnap_state* state() { return state_; }
  std::vector<TestArray>& arrays() { return arrays_; }

 private:
  State state_;
  std::vector<TestArray> arrays_;
};

// The rows that a rank holds.
std::vector<Piece> Rows(int rank, int64_t begin_shift = 0, int64_t end_shift = 0) {
  const int64_t begin = 10 * rank + begin_shift, end = 10 * rank + 10 + end_shift;
  return {{{begin, 0}, {end - begin, 30}}};
}

// All ranks get the same error, which names the object and what is wrong, and no file is left.
void CheckRefused(Ranks& ranks, tsnap_state* state, const Names& says) {
  const RanksFolder folder;
  ranks.ExpectFailure(TakeQuick(ranks, folder / "snap", state), TSNAP_E_MISMATCH, {"mesh/field"});
  for (const std::string& part : says) CHECK_SAYS(part);
  ranks.Wait();
  CHECK_TEXT(FilesBelow(folder.path()).empty(), Join(FilesBelow(folder.path())));
}

void GapsAndOverlapsBetweenRanksAreFound() {
  Ranks ranks(4);
  const int rank = ranks.rank();
  for (const int32_t coverage : {TSNAP_COVER_EXACT, TSNAP_COVER_DUPLICATES}) {
    Where() = "coverage " + std::to_string(coverage);
    Sharded gap(Rows(rank, 0, rank == 2 ? -1 : 0));   // row 29 is nobody's
    CHECK_OK(tsnap_state_set_coverage(gap.state(), "mesh/field", coverage, nullptr));
    CheckRefused(ranks, gap.state(), {"29"});
    Sharded absent(rank == 1 ? std::vector<Piece>() : Rows(rank));
    CHECK_OK(tsnap_state_set_coverage(absent.state(), "mesh/field", coverage, nullptr));
    CheckRefused(ranks, absent.state(), {"10"});
  }
  for (const int32_t coverage : {TSNAP_COVER_EXACT, TSNAP_COVER_SPARSE}) {
    Where() = "coverage " + std::to_string(coverage);
    Sharded overlap(Rows(rank, rank == 3 ? -1 : 0));
    CHECK_OK(tsnap_state_set_coverage(overlap.state(), "mesh/field", coverage, nullptr));
    CheckRefused(ranks, overlap.state(), {"20", "29"});   // the boxes of ranks 2 and 3
    Sharded all({{{0, 0}, {40, 30}}});
    CHECK_OK(tsnap_state_set_coverage(all.state(), "mesh/field", coverage, nullptr));
    CheckRefused(ranks, all.state(), {});
  }
  Sharded whole(Rows(rank));   // and the context is as good as new
  const RanksFolder folder;
  ranks.Expect(TakeQuick(ranks, folder / "snap", whole.state()), TSNAP_OK);
}

void RanksDescribeOneArray() {
  Ranks ranks(4);
  const int rank = ranks.rank();
  const Shape other = {40, rank == 3 ? 31 : 30};
  Sharded shapes(Rows(rank), other);
  CheckRefused(ranks, shapes.state(), {});
  Sharded coverages(Rows(rank));
  CHECK_OK(tsnap_state_set_coverage(coverages.state(), "mesh/field", rank == 2 ? TSNAP_COVER_DUPLICATES : TSNAP_COVER_EXACT, nullptr));
  CheckRefused(ranks, coverages.state(), {});
  Sharded fills(Rows(rank));
  const int32_t fill = rank == 3 ? 8 : 7, zero = 0;
  CHECK_OK(tsnap_state_set_coverage(fills.state(), "mesh/field", TSNAP_COVER_SPARSE, &fill));
  CheckRefused(ranks, fills.state(), {"fill"});
  CHECK_OK(tsnap_state_set_coverage(fills.state(), "mesh/field", TSNAP_COVER_SPARSE, rank == 1 ? &zero : nullptr));
  const RanksFolder folder;   // NULL means zeros
  ranks.Expect(TakeQuick(ranks, folder / "snap", fills.state()), TSNAP_OK);
  State dtypes;
  float number[300] = {};
  tsnap_array box = Line(rank == 1 ? TSNAP_FLOAT32 : TSNAP_INT32, number, 10, 10 * rank);
  const int64_t length[] = {40};
  CHECK_OK(tsnap_state_add_sharded(dtypes, "mesh/field", length, &box, 1));
  CheckRefused(ranks, dtypes, {});
}

void NobodyHoldsIt() {
  Ranks ranks(4);
  Sharded nothing({});
  CheckRefused(ranks, nothing.state(), {});
  // One rank that holds an empty box describes it, and then all of it is missing.
  Sharded empty(ranks.rank() == 2 ? std::vector<Piece>{{{0, 0}, {0, 30}}} : std::vector<Piece>());
  CheckRefused(ranks, empty.state(), {});
}

// Ranks hold all, several boxes, none, or do not even register it.
void AnyNumberOfBoxesARank() {
  const RanksFolder folder;
  const std::string url = folder / "snap";
  Ranks ranks(4);
  const int rank = ranks.rank();
  {
    std::vector<Piece> pieces;
    if (rank == 0) pieces = {{{0, 0}, {40, 10}}, {{0, 20}, {40, 10}}};
    if (rank == 3) pieces = {{{0, 10}, {7, 10}}, {{7, 10}, {33, 3}}, {{7, 13}, {33, 7}}, {{40, 0}, {0, 30}}};
    Sharded field(pieces);
    if (rank == 2) CHECK_OK(tsnap_state_remove(field.state(), "mesh/field"));
    ranks.Expect(TakeQuick(ranks, url, field.state()), TSNAP_OK);
  }
  {
    Sharded field(rank == 1 ? std::vector<Piece>() : Rows(rank, -rank, rank == 0 ? 30 : 0));
    if (rank == 2) CHECK_OK(tsnap_state_remove(field.state(), "mesh/field"));
    for (TestArray& array : field.arrays()) array.Clear();
    ranks.Expect(tsnap_restore(ranks, url.c_str(), field.state(), nullptr), TSNAP_OK);
    CHECK_REPORT(ranks, {});
    if (rank != 2) {
      for (TestArray& array : field.arrays()) CHECK(array.Holds(1));
    }
  }
  Opened snapshot(url);
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_find(snapshot, "mesh/field", &info));
  CHECK_SAME_INT(info.bytes, 40 * 30 * 4);
  CHECK_OK(tsnap_snapshot_verify(snapshot, nullptr, nullptr));
}

bool InPatch(const int64_t* place) { return place[0] % 10 < 4 && place[1] < 5; }

void SparsePatchesOfRanks() {
  const RanksFolder folder;
  const std::string url = folder / "snap";
  Ranks ranks(4);
  const int rank = ranks.rank();
  const int32_t fill = -9;
  Sharded field(rank == 2 ? std::vector<Piece>() : std::vector<Piece>{{{10 * rank, 0}, {4, 5}}});
  CHECK_OK(tsnap_state_set_coverage(field.state(), "mesh/field", TSNAP_COVER_SPARSE, &fill));
  ranks.Expect(TakeQuick(ranks, url, field.state()), TSNAP_OK);
  Sharded other({{{0, rank}, {40, 20}}, {{rank * 9, 0}, {3, 3}}});
  for (TestArray& array : other.arrays()) array.Clear();
  ranks.Expect(tsnap_restore(ranks, url.c_str(), other.state(), nullptr), TSNAP_OK);
  std::vector<uint8_t> fill_bytes(4);
  std::memcpy(fill_bytes.data(), &fill, 4);
  for (const TestArray& array : other.arrays()) {
    CHECK(array.HoldsOr(1, fill_bytes, [](const int64_t* place) { return InPatch(place) && place[0] / 10 != 2; }));
  }
}

// --- replicated objects -----------------------------------------------------------------------

void ReplicatedObjectsAreCompared() {
  Ranks ranks(4);
  const int rank = ranks.rank();
  double values[6] = {1, 2, 3, 4, 5, 6};
  int64_t step = 3;
  const auto take = [&](State& state, int32_t check, const std::string& url) {
    tsnap_take_options options = Quick();
    options.verify_replicated = check;
    return tsnap_take(ranks, url.c_str(), state, &options);
  };
  const RanksFolder folder;
  {
    State state;   // a shape that differs is named with its rank
    const tsnap_array array = Line(TSNAP_FLOAT64, values, rank == 2 ? 5 : 6);
    CHECK_OK(tsnap_state_add_replicated(state, "weights", &array));
    CHECK_OK(tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &step));
    ranks.ExpectFailure(take(state, 0, folder / "shape"), TSNAP_E_MISMATCH, {"weights", "rank 2"});
  }
  {
    State state;   // so is one that only some ranks have
    CHECK_OK(tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &step));
    if (rank == 3) CHECK_OK(tsnap_state_add_int64(state, "more", TSNAP_REPLICATED, &step));
    ranks.ExpectFailure(take(state, 0, folder / "set"), TSNAP_E_MISMATCH, {"more", "rank 3"});
  }
  {
    State state;   // or that some hold as something else
    const tsnap_array array = Line(rank == 1 ? TSNAP_INT64 : TSNAP_FLOAT64, values, 6);
    CHECK_OK(tsnap_state_add_replicated(state, "weights", &array));
    ranks.ExpectFailure(take(state, 0, folder / "dtype"), TSNAP_E_MISMATCH, {"weights", "rank 1"});
  }
  ranks.Wait();
  CHECK_TEXT(FilesBelow(folder.path()).empty(), Join(FilesBelow(folder.path())));
  ranks.Wait();   // rank 0 marks the next place as soon as it gets there
  // Contents are compared where that is asked for.
  State state;
  tsnap_array array = Line(TSNAP_FLOAT64, values, 6);
  double strided[12];
  for (int i = 0; i < 12; ++i) strided[i] = i % 2 == 0 ? i / 2 + 1 : -rank;
  if (rank == 1) {   // the same values, another layout
    array.data = strided;
    array.strides_bytes[0] = 16;
  }
  CHECK_OK(tsnap_state_add_replicated(state, "weights", &array));
  CHECK_OK(tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &step));
  ranks.Expect(take(state, TSNAP_REPLICATED_CHECK_CONTENT, folder / "equal"), TSNAP_OK);
  if (rank == 3) step = 4;
  ranks.ExpectFailure(take(state, TSNAP_REPLICATED_CHECK_CONTENT, folder / "content"), TSNAP_E_MISMATCH, {"step", "rank 3"});
  step = 3;
  if (rank == 2) values[5] = 7;
  ranks.ExpectFailure(take(state, TSNAP_REPLICATED_CHECK_CONTENT, folder / "content"), TSNAP_E_MISMATCH, {"weights", "rank 2"});
  ranks.Expect(take(state, TSNAP_REPLICATED_CHECK_SHAPE, folder / "unseen"), TSNAP_OK);
  ranks.Expect(take(state, TSNAP_REPLICATED_CHECK_NONE, folder / "unasked"), TSNAP_OK);
}

// --- who writes what --------------------------------------------------------------------------

// Bytes of slabs by writer: files are named data/<folder>/<writer>.<number>.
std::map<int, uint64_t> WrittenBy(const std::string& url) {
  std::map<int, uint64_t> bytes;
  for (const std::string& file : FilesBelow(url)) {
    if (Contains(file, "/data/")) bytes[std::stoi(file.substr(file.rfind('/') + 1))] += FileBytes(url + "/" + file);
  }
  return bytes;
}

void CheckBalance(const std::string& url, uint64_t state_bytes, double most) {
  uint64_t total = 0, largest = 0, files = 0;
  for (const auto& [writer, bytes] : WrittenBy(url)) {
    total += bytes;
    largest = std::max(largest, bytes);
    ++files;
  }
  CHECK_SAME_INT(files, 4);
  CHECK_TEXT(total >= state_bytes && static_cast<double>(total) <= 1.01 * static_cast<double>(state_bytes),
             std::to_string(total) + " bytes written, the state has " + std::to_string(state_bytes));
  CHECK_TEXT(static_cast<double>(largest) * 4 <= most * static_cast<double>(total), std::to_string(largest) + " of " + std::to_string(total));
}

// What the extents say of who wrote what is what the files say, alignment left aside.
void CheckWriters(tsnap_snapshot* snapshot, const std::string& url, const tsnap_snapshot_info& info) {
  std::map<int, uint64_t> said;
  for (int64_t i = 0; i < info.object_count; ++i) {
    tsnap_object_info object = TSNAP_OBJECT_INFO_INIT;
    CHECK_OK(tsnap_snapshot_object(snapshot, i, &object));
    tsnap_extent_info extent = TSNAP_EXTENT_INFO_INIT;
    for (int64_t k = 0; tsnap_snapshot_extent(snapshot, object.path, k, &extent) == TSNAP_OK; ++k) {
      CHECK_TEXT(Contains(extent.file, "/" + std::to_string(extent.writer) + "."), extent.file);
      said[static_cast<int>(extent.writer)] += extent.stored_bytes;
    }
  }
  const std::map<int, uint64_t> written = WrittenBy(url);
  CHECK_SAME_INT(said.size(), written.size());
  for (const auto& [writer, bytes] : said) {
    const uint64_t in_files = written.at(writer);
    CHECK_TEXT(bytes <= in_files && static_cast<double>(bytes) >= 0.98 * static_cast<double>(in_files),
               std::to_string(bytes) + " of " + std::to_string(in_files));
  }
}

// A state of replicated arrays, taken, checked for balance, and restored.
void TakeReplicated(int count, int64_t length, int64_t own_length, int32_t codec = TSNAP_CODEC_NONE) {
  const RanksFolder folder;
  const std::string url = folder / "snap";
  Ranks ranks(4);
  std::vector<TestArray> arrays;
  State state;
  for (int i = 0; i < count; ++i) {
    arrays.emplace_back(TSNAP_FLOAT32, 0, Shape{length}, Layout::kContiguous);
    arrays.back().Fill(static_cast<uint64_t>(i));
  }
  for (int i = 0; i < count; ++i) {
    const tsnap_array array = arrays[static_cast<size_t>(i)].Describe();
    CHECK_OK(tsnap_state_add_replicated(state, ("w" + std::to_string(i)).c_str(), &array));
  }
  TestArray own(TSNAP_FLOAT32, 0, {ranks.rank() == 3 ? own_length : 0}, Layout::kContiguous);
  own.Fill(99);
  const tsnap_array own_array = own.Describe();
  CHECK_OK(tsnap_state_add_private(state, "own", &own_array));
  const tsnap_take_options options = Quick(codec);
  ranks.Expect(tsnap_take(ranks, url.c_str(), state, &options), TSNAP_OK);
  const auto bytes = static_cast<uint64_t>(4 * (count * length + own_length));
  if (codec == TSNAP_CODEC_NONE) CheckBalance(url, bytes, 1.1);
  Opened snapshot(url);
  tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_info_get(snapshot, &info));
  CHECK_SAME_INT(info.bytes, bytes);
  CheckWriters(snapshot, url, info);
  for (TestArray& array : arrays) array.Clear();
  own.Clear();
  ranks.Expect(tsnap_restore(ranks, url.c_str(), state, nullptr), TSNAP_OK);
  for (size_t i = 0; i < arrays.size(); ++i) CHECK(arrays[i].Holds(i));
  CHECK(own.Holds(99));
}

void FiftyEqualArraysAreSharedOut() { TakeReplicated(50, 50000, 0); }
void OneLargeArrayIsSharedOut() {
  TakeReplicated(1, 5000000, 0);
  TakeReplicated(1, 1500000, 0, TSNAP_CODEC_ZSTD);
}
void OwnLoadIsTakenIntoAccount() { TakeReplicated(50, 50000, 600000); }   // rank 3 has its fill almost

void SmallObjectsMakeFewFiles() {
  const RanksFolder folder;
  const std::string url = folder / "snap";
  Ranks ranks(4);
  State state;
  std::vector<std::array<int32_t, 25>> values(2500);
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t k = 0; k < 25; ++k) values[i][k] = static_cast<int32_t>(i * 25 + k) * (ranks.rank() + 1);
    const tsnap_array array = Line(TSNAP_INT32, values[i].data(), 25);
    CHECK_OK(tsnap_state_add_private(state, ("objects/" + std::to_string(i)).c_str(), &array));
  }
  ranks.Expect(TakeQuick(ranks, url, state), TSNAP_OK);
  const Names files = FilesBelow(url);
  CHECK_TEXT(files.size() <= 4 * 3, std::to_string(files.size()) + " files");
  const auto taken = values;
  for (auto& value : values) value.fill(0);
  ranks.Expect(tsnap_restore(ranks, url.c_str(), state, nullptr), TSNAP_OK);
  CHECK(values == taken);
}

int Run(int argc, char** argv) {
  return RunCaseOnRanks(argc, argv,
                        {{"gaps_and_overlaps_between_ranks_are_found", GapsAndOverlapsBetweenRanksAreFound},
                         {"ranks_describe_one_array", RanksDescribeOneArray},
                         {"nobody_holds_it", NobodyHoldsIt},
                         {"any_number_of_boxes_a_rank", AnyNumberOfBoxesARank},
                         {"sparse_patches_of_ranks", SparsePatchesOfRanks},
                         {"replicated_objects_are_compared", ReplicatedObjectsAreCompared},
                         {"fifty_equal_arrays_are_shared_out", FiftyEqualArraysAreSharedOut},
                         {"one_large_array_is_shared_out", OneLargeArrayIsSharedOut},
                         {"own_load_is_taken_into_account", OwnLoadIsTakenIntoAccount},
                         {"small_objects_make_few_files", SmallObjectsMakeFewFiles}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
