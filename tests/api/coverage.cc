// How boxes cover a sharded array, on one process: gaps and overlaps are found before a byte is written, sparse arrays read as their
// fill item elsewhere, duplicates are stored once.
#include "api.h"
#include "test_array.h"

namespace tsnap::test {
namespace {

struct Piece {
  Shape offset, shape;
};

const Shape kShape = {60, 80};

// A sharded array "field" of the given pieces.
class Sharded {
 public:
  explicit Sharded(const std::vector<Piece>& pieces, uint64_t seed = 1) {
    for (const Piece& piece : pieces) {
      arrays_.emplace_back(TSNAP_FLOAT64, 0, piece.shape, kLayouts[arrays_.size() % 7], piece.offset);
      arrays_.back().Fill(seed);
    }
    std::vector<tsnap_array> boxes;
    for (TestArray& array : arrays_) boxes.push_back(array.Describe());
    CHECK_OK(tsnap_state_add_sharded(state_, "field", kShape.data(), boxes.data(), boxes.size()));
  }
  tsnap_state* state() { return state_; }
  std::vector<TestArray>& arrays() { return arrays_; }

 private:
  State state_;
  std::vector<TestArray> arrays_;
};

void CheckRefused(const std::vector<Piece>& pieces, int32_t coverage, const Names& says) {
  const Folder folder(NewFolder());
  Self context;
  Sharded field(pieces);
  CHECK_OK(tsnap_state_set_coverage(field.state(), "field", coverage, nullptr));
  CHECK_CODE(TakeQuick(context, folder / "snap", field.state()), TSNAP_E_MISMATCH);
  CHECK_SAYS("field");
  for (const std::string& part : says) CHECK_SAYS(part);
  CHECK_TEXT(FilesBelow(folder.path()).empty(), Join(FilesBelow(folder.path())));
}

void GapsAreFound() {
  for (const int32_t coverage : {TSNAP_COVER_EXACT, TSNAP_COVER_DUPLICATES}) {
    CheckRefused({{{0, 0}, {30, 80}}, {{30, 0}, {30, 79}}}, coverage, {"30", "79"});   // the last column of the lower half
    CheckRefused({{{0, 0}, {30, 80}}}, coverage, {"30"});
    CheckRefused({{{0, 0}, {60, 40}}, {{0, 40}, {20, 40}}, {{21, 40}, {39, 40}}}, coverage, {"20", "40"});   // one row
    CheckRefused({{{0, 0}, {0, 80}}}, coverage, {});
  }
}

void OverlapsAreFound() {
  for (const int32_t coverage : {TSNAP_COVER_EXACT, TSNAP_COVER_SPARSE}) {
    CheckRefused({{{0, 0}, {31, 80}}, {{30, 0}, {30, 80}}}, coverage, {"31", "30"});
    CheckRefused({{{0, 0}, {60, 80}}, {{59, 79}, {1, 1}}}, coverage, {"59", "79"});
    CheckRefused({{{0, 0}, {60, 80}}, {{0, 0}, {60, 80}}}, coverage, {});
  }
}

void ManyBoxesTileExactly() {
  const Folder folder(NewFolder());
  Self context;
  std::vector<Piece> pieces;
  for (int64_t i = 0; i < 6; ++i) {
    for (int64_t j = 0; j < 8; ++j) pieces.push_back({{i * 10, j * 10}, {10, 10}});
  }
  pieces.push_back({{60, 80}, {0, 0}});
  Sharded field(pieces);
  CHECK_OK(TakeQuick(context, folder / "snap", field.state()));
  Sharded other({{{13, 7}, {40, 41}}, {{0, 0}, {60, 80}}}, 2);
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), other.state(), nullptr));
  for (const TestArray& array : other.arrays()) CHECK(array.Holds(1));
}

// Comparing each with each would outlast the time that a test is given.
void VeryManyBoxesAreRestored() {
  constexpr int64_t kPatches = 320, kEdge = 2;   // along each axis; elements along each edge of one
  const Folder folder(NewFolder());
  Self context;
  State state;
  std::vector<double> data(static_cast<size_t>(kPatches * kPatches * kEdge * kEdge));
  std::vector<tsnap_array> boxes;
  for (int64_t i = 0; i < kPatches; ++i) {
    for (int64_t j = 0; j < kPatches; ++j) {
      tsnap_array& box = boxes.emplace_back(tsnap_array TSNAP_ARRAY_INIT);
      box.dtype = TSNAP_FLOAT64;
      box.ndim = 2;
      box.shape[0] = box.shape[1] = kEdge;
      box.offset[0] = i * kEdge;
      box.offset[1] = j * kEdge;
      box.data = &data[static_cast<size_t>((i * kPatches + j) * kEdge * kEdge)];
    }
  }
  const int64_t shape[] = {kPatches * kEdge, kPatches * kEdge};
  CHECK_OK(tsnap_state_add_sharded(state, "amr", shape, boxes.data(), boxes.size()));
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<double>(i);
  CHECK_OK(TakeQuick(context, folder / "snap", state));
  std::fill(data.begin(), data.end(), -1.0);
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
  for (size_t i = 0; i < data.size(); ++i) CHECK(data[i] == static_cast<double>(i));
}

bool InPatch(const int64_t* place) {
  return (place[0] >= 10 && place[0] < 30 && place[1] >= 20 && place[1] < 50) || (place[0] >= 50 && place[0] < 55 && place[1] < 5);
}

void SparseReadsAsItsFillItem() {
  const std::vector<Piece> patches = {{{10, 20}, {20, 30}}, {{50, 0}, {5, 5}}};
  for (const double fill : {0.0, -7.25}) {
    const Folder folder(NewFolder());
    const std::string url = folder / "snap";
    Self context;
    Sharded field(patches);
    CHECK_OK(tsnap_state_set_coverage(field.state(), "field", TSNAP_COVER_SPARSE, fill == 0 ? nullptr : &fill));
    CHECK_OK(TakeQuick(context, url, field.state()));
    std::vector<uint8_t> fill_bytes(8);
    std::memcpy(fill_bytes.data(), &fill, 8);

    // The whole, a box that meets a patch, and one that meets none.
    Sharded other({{{0, 0}, {60, 80}}, {{25, 40}, {30, 20}}, {{40, 60}, {20, 20}}}, 2);
    CHECK_OK(tsnap_state_set_coverage(other.state(), "field", TSNAP_COVER_SPARSE, nullptr));
    CHECK_OK(tsnap_restore(context, url.c_str(), other.state(), nullptr));
    for (const TestArray& array : other.arrays()) CHECK(array.HoldsOr(1, fill_bytes, InPatch));

    Opened snapshot(url);
    tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
    CHECK_OK(tsnap_snapshot_find(snapshot, "field", &info));
    CHECK_SAME_INT(info.bytes, (600 + 25) * 8);   // what is held
    CHECK_SAME_INT(info.box_count, 2);
    CHECK_OK(tsnap_snapshot_verify(snapshot, nullptr, nullptr));
    TestArray read(TSNAP_FLOAT64, 0, {50, 60}, Layout::kReversed, {8, 3});
    const tsnap_array target = read.Describe();
    CHECK_OK(tsnap_read(snapshot, "field", &target, nullptr));
    CHECK(read.HoldsOr(1, fill_bytes, InPatch));
  }
}

void SparseMayHoldNothing() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  Sharded field({{{0, 0}, {0, 80}}});
  const double fill = 3;
  CHECK_OK(tsnap_state_set_coverage(field.state(), "field", TSNAP_COVER_SPARSE, &fill));
  CHECK_OK(TakeQuick(context, url, field.state()));
  std::vector<uint8_t> fill_bytes(8);
  std::memcpy(fill_bytes.data(), &fill, 8);
  Sharded other({{{3, 4}, {5, 6}}}, 2);
  CHECK_OK(tsnap_restore(context, url.c_str(), other.state(), nullptr));
  CHECK(other.arrays()[0].HoldsOr(1, fill_bytes, [](const int64_t*) { return false; }));
}

void DuplicatesAreStoredOnce() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  // Partly and wholly the same, one inside another, the whole twice over in places.
  Sharded field({{{0, 0}, {35, 80}}, {{25, 0}, {35, 80}}, {{0, 0}, {60, 10}}, {{0, 0}, {60, 10}}, {{30, 30}, {2, 2}}, {{0, 70}, {60, 10}}});
  CHECK_OK(tsnap_state_set_coverage(field.state(), "field", TSNAP_COVER_DUPLICATES, nullptr));
  CHECK_OK(TakeQuick(context, url, field.state()));
  Opened snapshot(url);
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_find(snapshot, "field", &info));
  CHECK_SAME_INT(info.bytes, 60 * 80 * 8);
  CHECK_SAME_INT(info.stored_bytes, 60 * 80 * 8);
  CHECK_OK(tsnap_snapshot_verify(snapshot, nullptr, nullptr));
  Sharded other({{{0, 0}, {60, 80}}, {{20, 5}, {25, 70}}}, 2);
  CHECK_OK(tsnap_restore(context, url.c_str(), other.state(), nullptr));
  for (const TestArray& array : other.arrays()) CHECK(array.Holds(1));
}

void CoverageIsChecked() {
  State state;
  double value = 0;
  const tsnap_array array = Line(TSNAP_FLOAT64, &value, 1);
  const int64_t shape[] = {1};
  CHECK_OK(tsnap_state_add_private(state, "p", &array));
  CHECK_OK(tsnap_state_add_sharded(state, "s", shape, &array, 1));
  CHECK_CODE(tsnap_state_set_coverage(state, "none", TSNAP_COVER_SPARSE, nullptr), TSNAP_E_NOT_FOUND);
  CHECK_CODE(tsnap_state_set_coverage(state, "p", TSNAP_COVER_SPARSE, nullptr), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_set_coverage(state, "s", 0, nullptr), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_set_coverage(state, "s", 4, nullptr), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_set_coverage(state, "s", TSNAP_COVER_EXACT, &value), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_set_coverage(state, "s", TSNAP_COVER_DUPLICATES, &value), TSNAP_E_INVALID);
  CHECK_OK(tsnap_state_set_coverage(state, "s", TSNAP_COVER_SPARSE, &value));
  CHECK_OK(tsnap_state_set_coverage(state, "s", TSNAP_COVER_EXACT, nullptr));
}

// An object that no one can describe cannot be stored, and is not dropped either.
void ArrayThatNobodyHoldsIsAnError() {
  const Folder folder(NewFolder());
  Self context;
  State state;
  CHECK_OK(tsnap_state_add_sharded(state, "field", kShape.data(), nullptr, 0));
  CHECK_CODE(TakeQuick(context, folder / "snap", state), TSNAP_E_MISMATCH);
  CHECK_SAYS("field");
  CHECK_TEXT(FilesBelow(folder.path()).empty(), Join(FilesBelow(folder.path())));
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"gaps_are_found", GapsAreFound},
                  {"overlaps_are_found", OverlapsAreFound},
                  {"many_boxes_tile_exactly", ManyBoxesTileExactly},
                  {"very_many_boxes_are_restored", VeryManyBoxesAreRestored},
                  {"sparse_reads_as_its_fill_item", SparseReadsAsItsFillItem},
                  {"sparse_may_hold_nothing", SparseMayHoldNothing},
                  {"duplicates_are_stored_once", DuplicatesAreStoredOnce},
                  {"coverage_is_checked", CoverageIsChecked},
                  {"array_that_nobody_holds_is_an_error", ArrayThatNobodyHoldsIsAnError}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
