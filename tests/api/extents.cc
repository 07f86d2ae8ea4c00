// Where the bytes of an object rest: what tsnap_snapshot_extent says is held against the files.
#include <algorithm>
#include <fstream>
#include <limits>
#include <set>
#include <thread>

#include "api.h"
#include "test_array.h"

namespace tsnap::test {
namespace {

std::vector<tsnap_extent_info> ExtentsOf(tsnap_snapshot* snapshot, const std::string& path) {
  std::vector<tsnap_extent_info> extents;
  tsnap_extent_info info = TSNAP_EXTENT_INFO_INIT;
  int32_t code = TSNAP_OK;
  while ((code = tsnap_snapshot_extent(snapshot, path.c_str(), static_cast<int64_t>(extents.size()), &info)) == TSNAP_OK)
    extents.push_back(info);
  CHECK_CODE(code, TSNAP_E_NOT_FOUND);
  CHECK_SAYS(path);
  return extents;
}

std::vector<uint8_t> BytesAt(const std::string& path, uint64_t offset, uint64_t bytes) {
  std::ifstream file(path, std::ios::binary);
  std::vector<uint8_t> found(bytes);
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(found.data()), static_cast<std::streamsize>(bytes));
  CHECK_TEXT(static_cast<uint64_t>(file.gcount()) == bytes, path);
  return found;
}

// The stored bytes of each extent are those of its box; the boxes are disjoint and there are so many bytes in all.
void CheckField(tsnap_snapshot* snapshot, const std::string& url, const std::string& path, uint64_t seed, int64_t elements) {
  Where() = path;
  std::set<std::pair<int64_t, int64_t>> seen;
  for (const tsnap_extent_info& extent : ExtentsOf(snapshot, path)) {
    CHECK_SAME_INT(extent.writer, 0);
    CHECK_SAME_INT(extent.codec, TSNAP_CODEC_NONE);
    CHECK_SAME_INT(extent.ndim, 2);
    CHECK_SAME_INT(extent.bytes, extent.box_shape[0] * extent.box_shape[1] * 4);
    CHECK_SAME_INT(extent.stored_bytes, extent.bytes);
    CHECK(extent.box_offset[2] == 0 && extent.box_shape[2] == 0 && extent.box_shape[7] == 0);
    const std::vector<uint8_t> bytes = BytesAt(url + "/" + extent.file, extent.offset_bytes, extent.stored_bytes);
    size_t at = 0;
    for (int64_t i = 0; i < extent.box_shape[0]; ++i) {
      for (int64_t k = 0; k < extent.box_shape[1]; ++k, at += 4) {
        const int64_t place[] = {extent.box_offset[0] + i, extent.box_offset[1] + k};
        uint8_t expected[4];
        ElementBytes(seed, TSNAP_INT32, 4, place, 2, expected);
        CHECK(std::equal(expected, expected + 4, bytes.begin() + static_cast<std::ptrdiff_t>(at)));
        CHECK(seen.insert({place[0], place[1]}).second);
      }
    }
  }
  CHECK_SAME_INT(seen.size(), elements);
}

void ExtentsHoldTheBytesOfTheirBoxes() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  const Shape shape = {600, 700}, upper = {250, 700}, lower = {350, 700};
  TestArray whole(TSNAP_INT32, 0, shape, Layout::kContiguous), first(TSNAP_INT32, 0, upper, Layout::kGhosts),
      second(TSNAP_INT32, 0, lower, Layout::kContiguous, {250, 0});
  whole.Fill(1);
  first.Fill(2);
  second.Fill(2);
  {
    Self context;
    State state;
    const tsnap_array array = whole.Describe();
    const tsnap_array boxes[] = {first.Describe(), second.Describe()};
    CHECK_OK(tsnap_state_add_private(state, "own", &array));
    CHECK_OK(tsnap_state_add_replicated(state, "same", &array));
    CHECK_OK(tsnap_state_add_sharded(state, "parts", shape.data(), boxes, 2));
    tsnap_take_options options = Quick();
    options.chunk_bytes = 1 << 18;   // several extents each
    CHECK_OK(tsnap_take(context, url.c_str(), state, &options));
  }
  Opened snapshot(url);
  CheckField(snapshot, url, "0/own", 1, 600 * 700);
  CheckField(snapshot, url, "same", 1, 600 * 700);
  CheckField(snapshot, url, "parts", 2, 600 * 700);
  CHECK(ExtentsOf(snapshot, "parts").size() > 2);
}

void ExtentsAddUpToTheirObject() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  const Shape shape = {1000, 400};
  std::vector<double> zeros(400000);
  TestArray patch(TSNAP_FLOAT32, 0, {100, 100}, Layout::kContiguous, {300, 200});
  patch.Fill(3);
  {
    Self context;
    State state;
    int64_t step = 7;
    char text[] = "some text";
    tsnap_array array = Line(TSNAP_FLOAT64, zeros.data(), 400000), nothing = Line(TSNAP_FLOAT64, zeros.data(), 0);
    const tsnap_array box = patch.Describe();
    CHECK_OK(tsnap_state_add_private(state, "zeros", &array));
    CHECK_OK(tsnap_state_add_replicated(state, "nothing", &nothing));
    CHECK_OK(tsnap_state_add_sharded(state, "patches", shape.data(), &box, 1));
    CHECK_OK(tsnap_state_set_coverage(state, "patches", TSNAP_COVER_SPARSE, nullptr));
    tsnap_array no_rows = box;   // says the type of an array of which nobody holds anything
    no_rows.shape[0] = 0;
    CHECK_OK(tsnap_state_add_sharded(state, "absent", shape.data(), &no_rows, 1));
    CHECK_OK(tsnap_state_set_coverage(state, "absent", TSNAP_COVER_SPARSE, nullptr));
    CHECK_OK(tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &step));
    CHECK_OK(tsnap_state_add_string(state, "text", TSNAP_PRIVATE, text, sizeof(text)));
    const tsnap_take_options options = Quick(TSNAP_CODEC_ZSTD);
    const int32_t code = tsnap_take(context, url.c_str(), state, &options);
    if (code == TSNAP_E_UNSUPPORTED) return;   // built without zstd
    CHECK_OK(code);
  }
  Opened snapshot(url);
  tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_info_get(snapshot, &info));
  CHECK_SAME_INT(info.object_count, 6);
  // There an extent lies in a dataset, and its bytes are those before the filters.
  const bool in_one_file = std::string(info.format).starts_with("hdf5");
  for (int64_t i = 0; i < info.object_count; ++i) {
    tsnap_object_info object = TSNAP_OBJECT_INFO_INIT;
    CHECK_OK(tsnap_snapshot_object(snapshot, i, &object));
    Where() = object.path;
    uint64_t bytes = 0, stored_bytes = 0;
    for (const tsnap_extent_info& extent : ExtentsOf(snapshot, object.path)) {
      bytes += extent.bytes;
      stored_bytes += extent.stored_bytes;
      if (!in_one_file) CHECK(extent.offset_bytes + extent.stored_bytes <= FileBytes(url + "/" + extent.file));
    }
    CHECK_SAME_INT(bytes, object.bytes);
    CHECK_SAME_INT(stored_bytes, object.stored_bytes);
  }
  CHECK(ExtentsOf(snapshot, "absent").empty() && ExtentsOf(snapshot, "nothing").empty());
  const std::vector<tsnap_extent_info> text = ExtentsOf(snapshot, "0/text"), zip = ExtentsOf(snapshot, "0/zeros");
  CHECK(text.size() == 1 && text[0].ndim == 1 && text[0].box_shape[0] == 9);
  if (in_one_file) CHECK(zip[0].codec == TSNAP_CODEC_NONE && zip[0].stored_bytes == zip[0].bytes);
  else CHECK(zip[0].codec == TSNAP_CODEC_ZSTD && zip[0].stored_bytes < zip[0].bytes);
}

void BadQuestionsAboutExtentsAreRefused() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  int64_t step = 7;
  {
    Self context;
    State state;
    CHECK_OK(tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &step));
    CHECK_OK(TakeQuick(context, url, state));
  }
  Opened snapshot(url);
  tsnap_extent_info info = TSNAP_EXTENT_INFO_INIT;
  CHECK_CODE(tsnap_snapshot_extent(snapshot, "step", 1, &info), TSNAP_E_NOT_FOUND);
  CHECK_CODE(tsnap_snapshot_extent(snapshot, "step", std::numeric_limits<int64_t>::max(), &info), TSNAP_E_NOT_FOUND);
  CHECK_CODE(tsnap_snapshot_extent(snapshot, "nothing", 0, &info), TSNAP_E_NOT_FOUND);
  CHECK_CODE(tsnap_snapshot_extent(snapshot, "step", -1, &info), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_snapshot_extent(snapshot, nullptr, 0, &info), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_snapshot_extent(snapshot, "step", 0, nullptr), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_snapshot_extent(nullptr, "step", 0, &info), TSNAP_E_INVALID);
  CHECK(info.file == nullptr && info.stored_bytes == 0);   // set only on success
  CHECK_OK(tsnap_snapshot_extent(snapshot, "step", 0, &info));
  CHECK_SAME_INT(info.stored_bytes, 8);
}

// All at once on a fresh handle: lists are made while others look for them.
void ManyThreadsAskForExtents() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  const Shape shape = {1 << 20};
  std::vector<double> values(1 << 20);
  {
    Self context;
    State state;
    const tsnap_array array = Line(TSNAP_FLOAT64, values.data(), 1 << 20);
    for (int i = 0; i < 8; ++i) CHECK_OK(tsnap_state_add_sharded(state, ("s" + std::to_string(i)).c_str(), shape.data(), &array, 1));
    tsnap_take_options options = Quick();
    options.chunk_bytes = 1 << 20;
    CHECK_OK(tsnap_take(context, url.c_str(), state, &options));
  }
  for (int round = 0; round < 5; ++round) {
    Opened opened(url);
    tsnap_snapshot* const snapshot = opened;
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([snapshot, t] {
        for (int i = 0; i < 8; ++i) {
          uint64_t bytes = 0;
          for (const tsnap_extent_info& extent : ExtentsOf(snapshot, "s" + std::to_string((i * 3 + t) % 8))) {
            bytes += extent.stored_bytes;
            CHECK(std::strlen(extent.file) > 0);
          }
          CHECK_SAME_INT(bytes, 8 << 20);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"extents_hold_the_bytes_of_their_boxes", ExtentsHoldTheBytesOfTheirBoxes},
                  {"extents_add_up_to_their_object", ExtentsAddUpToTheirObject},
                  {"bad_questions_about_extents_are_refused", BadQuestionsAboutExtentsAreRefused},
                  {"many_threads_ask_for_extents", ManyThreadsAskForExtents}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
