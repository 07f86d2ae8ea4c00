// Reads the golden snapshots on one process: every object is there and nothing else, value by value; and restores them on one rank.
// With "dump" it writes all values to files, for another reader to be held against (compare.py).
#include <fstream>

#include "golden_state.h"

namespace tsnap::test {
namespace {

struct Place {
  std::string url;
  Opened snapshot;
  explicit Place(const std::string& path) : url(path), snapshot(path) {}
};

void CheckArray(tsnap_snapshot* snapshot, const GoldenArray& array, int rank) {
  const bool is_private = array.kind == TSNAP_PRIVATE;
  const std::string path = is_private ? std::to_string(rank) + "/" + array.path : array.path;
  Where() = path;
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_find(snapshot, path.c_str(), &info));
  CHECK(info.type == TSNAP_OBJECT_ARRAY && info.kind == array.kind && info.dtype == array.dtype && info.rank == (is_private ? rank : -1));
  CHECK_SAME_INT(info.ndim, array.shape.size());
  for (size_t axis = 0; axis < array.shape.size(); ++axis) CHECK_SAME_INT(info.shape[axis], array.shape[axis]);
  if (array.path == "large") {
    std::vector<uint8_t> values(static_cast<size_t>(array.shape[0]));
    const tsnap_array target = Line(TSNAP_UINT8, values.data(), array.shape[0]);
    CHECK_OK(tsnap_read(snapshot, path.c_str(), &target, nullptr));
    for (size_t i = 0; i < values.size(); ++i) CHECK(values[i] == GoldenByte(i));
    return;
  }
  TestArray read(array.dtype, array.item_bytes, array.shape, Layout::kReversed);
  const tsnap_array target = read.Describe();
  CHECK_OK(tsnap_read(snapshot, path.c_str(), &target, nullptr));
  if (array.path == "sparse") {
    std::vector<uint8_t> fill(4);
    std::memcpy(fill.data(), &kGoldenFill, 4);
    CHECK(read.HoldsOr(GoldenSeed(array, rank), fill, IsInGoldenPatch));
  } else {
    CHECK(read.Holds(GoldenSeed(array, rank)));
  }
}

void CheckValues(tsnap_snapshot* snapshot, int rank) {
  const std::string own = std::to_string(rank) + "/values/";
  int64_t integer = 0;
  double number = 0;
  int32_t truth = 0;
  char text[40];
  uint8_t block[8];
  size_t size = 99;
  CHECK_OK(tsnap_read_int64(snapshot, "values/step", &integer));
  CHECK_SAME_INT(integer, 0x0123456789abcdef);
  CHECK_OK(tsnap_read_float64(snapshot, "values/time", &number));
  CHECK(number == -1.0 / 3);
  CHECK_OK(tsnap_read_bool(snapshot, (own + "done").c_str(), &truth));
  CHECK_SAME_INT(truth, rank % 2);
  CHECK_OK(tsnap_read_int64(snapshot, (own + "number").c_str(), &integer));
  CHECK_SAME_INT(integer, -1 - rank);
  CHECK_OK(tsnap_read_int64(snapshot, (std::to_string(rank) + "/random/state").c_str(), &integer));
  CHECK_SAME_INT(integer, 1000 + rank);
  CHECK_OK(tsnap_read_string(snapshot, "values/\xe6\x97\xa5\xe6\x9c\xac %41", text, sizeof text, nullptr));
  CHECK(std::string(text) == "gr\xc3\xbc\xc3\x9f Gott");
  CHECK_OK(tsnap_read_string(snapshot, (own + "nothing").c_str(), text, sizeof text, nullptr));
  CHECK(text[0] == '\0');
  CHECK_OK(tsnap_read_bytes(snapshot, (own + "block").c_str(), block, sizeof block, &size));
  CHECK_SAME_INT(size, rank);
  for (int i = 0; i < rank; ++i) CHECK_SAME_INT(block[i], 0xf0 + i);
  for (const std::string& path : {std::to_string(rank) + "/private/t15", std::string("replicated/t15"), std::string("sharded/t15")}) {
    const char* value = nullptr;
    CHECK_OK(tsnap_snapshot_attribute(snapshot, path.c_str(), "units", &value));
    CHECK(std::string(value) == "m/s\xc2\xb2");
    CHECK_OK(tsnap_snapshot_attribute(snapshot, path.c_str(), "empty", &value));
    CHECK(*value == '\0');
  }
}

void Check(const std::string& url, bool with_large) {
  Place place(url);
  CHECK_OK(tsnap_snapshot_verify(place.snapshot, nullptr, nullptr));
  int64_t count = 3;   // the shared values
  for (const GoldenArray& array : GoldenArrays(with_large)) {
    for (int rank = 0; rank < kGoldenRanks; ++rank) {
      if (array.only_rank >= 0 ? rank != array.only_rank : array.kind != TSNAP_PRIVATE && rank > 0) continue;
      CheckArray(place.snapshot, array, rank);
      ++count;
    }
  }
  for (int rank = 0; rank < kGoldenRanks; ++rank) {
    CheckValues(place.snapshot, rank);
    count += 5;
  }
  tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_info_get(place.snapshot, &info));
  CHECK_SAME_INT(info.object_count, count);
  CHECK_SAME_INT(info.world_size, kGoldenRanks);
  CHECK(std::string(info.metadata) == kGoldenMetadata);

  Self context;   // on one rank: ranks 1 and 2 are gone
  GoldenState state(0, kGoldenRanks, with_large);
  state.Clear();
  tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
  CHECK_CODE(tsnap_restore(context, url.c_str(), state.state(), &options), TSNAP_E_MISMATCH);
  options.lost_ranks = TSNAP_LOST_RANKS_IGNORE;
  CHECK_OK(tsnap_restore(context, url.c_str(), state.state(), &options));
  state.Check();
}

// Each object's values, row-major, in a file of its number; and their names, one a line, in "names".
void Dump(const std::string& url, const std::string& folder) {
  Place place(url);
  tsnap_snapshot_info all = TSNAP_SNAPSHOT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_info_get(place.snapshot, &all));
  std::ofstream names(folder + "/names", std::ios::binary);
  for (int64_t i = 0; i < all.object_count; ++i) {
    tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
    CHECK_OK(tsnap_snapshot_object(place.snapshot, i, &info));
    names << info.path << '\n';
    std::vector<char> bytes;
    int32_t truth = 0;
    if (info.type == TSNAP_OBJECT_ARRAY) {
      TestArray read(info.dtype, info.item_bytes, Shape(info.shape, info.shape + info.ndim), Layout::kContiguous);
      const tsnap_array target = read.Describe();
      CHECK_OK(tsnap_read(place.snapshot, info.path, &target, nullptr));
      bytes.assign(static_cast<const char*>(target.data), static_cast<const char*>(target.data) + read.bytes());
    } else {
      bytes.resize(info.bytes + 1);
      switch (info.type) {
        case TSNAP_OBJECT_INT64: CHECK_OK(tsnap_read_int64(place.snapshot, info.path, reinterpret_cast<int64_t*>(bytes.data()))); break;
        case TSNAP_OBJECT_FLOAT64: CHECK_OK(tsnap_read_float64(place.snapshot, info.path, reinterpret_cast<double*>(bytes.data()))); break;
        case TSNAP_OBJECT_BOOL:
          CHECK_OK(tsnap_read_bool(place.snapshot, info.path, &truth));
          bytes[0] = static_cast<char>(truth);
          break;
        case TSNAP_OBJECT_STRING: CHECK_OK(tsnap_read_string(place.snapshot, info.path, bytes.data(), bytes.size(), nullptr)); break;
        default: CHECK_OK(tsnap_read_bytes(place.snapshot, info.path, bytes.data(), bytes.size(), nullptr)); break;
      }
      bytes.pop_back();
    }
    std::ofstream(folder + "/" + std::to_string(i), std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;  // NOLINT
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "check" && argc == 3) {
    for (const GoldenSnapshot& one : kGoldenSnapshots)
      if (const std::string url = UrlOf(argv[2], one); !url.empty()) Check(url, HasLarge(argv[2]));
    return 0;
  }
  if (what == "dump" && argc == 4) {
    Dump(argv[2], argv[3]);
    return 0;
  }
  std::fprintf(stderr, "usage: %s check FOLDER | dump SNAPSHOT FOLDER\n", argv[0]);
  return 2;
}
