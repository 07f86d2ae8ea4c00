// Paths go in and come out byte for byte, bad ones are refused; attributes, metadata and what a snapshot tells about itself.
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "api.h"

namespace tsnap::test {
namespace {

const Names kOddPaths = {
    "a b", "%41", "x:y", "a/1", "a/.hidden", "a/...", "1a", "\\back\\slash", "\"quoted\"", "{\"json\": [1]}", "*", "?x", "a*b/**",
    " lead", "trail ", "tab\tline\nbreak", "\x01\x7f", "\xc3\xa9t\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac/\xf0\x9f\x9a\x80", "e\xcc\x81",
    "#", "a?b=c&d", "C:", "~", "-", "--help", "$HOME", "nul/con", "UPPER", "upper", "%", "%2f", "%2F"};

std::string LongPath(size_t bytes) {
  std::string path;
  while (path.size() < bytes) path += path.size() % 50 == 49 ? '/' : static_cast<char>('a' + path.size() % 26);
  return path;
}

void OddPathsComeBackByteForByte() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  State state;
  Names private_paths = kOddPaths, paths;
  private_paths.push_back(LongPath(4096));
  const size_t count = private_paths.size();
  std::vector<int64_t> own(count), same(count);
  for (size_t i = 0; i < count; ++i) {
    own[i] = static_cast<int64_t>(i) + 1;
    same[i] = -own[i];
    CHECK_OK(tsnap_state_add_int64(state, private_paths[i].c_str(), TSNAP_PRIVATE, &own[i]));
    paths.push_back("0/" + private_paths[i]);
  }
  for (size_t i = 0; i < count; ++i) {
    paths.push_back(i + 1 < count ? private_paths[i] + "-" : LongPath(4095) + "_");
    CHECK_OK(tsnap_state_add_int64(state, paths.back().c_str(), TSNAP_REPLICATED, &same[i]));
  }
  CHECK_OK(TakeQuick(context, url, state));
  const std::vector<int64_t> own_taken = own, same_taken = same;
  own.assign(own.size(), 0);
  same.assign(same.size(), 0);
  CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
  CHECK(own == own_taken && same == same_taken);

  Opened snapshot(url);
  for (size_t i = 0; i < own.size(); ++i) {
    int64_t value = 0;
    CHECK_OK(tsnap_read_int64(snapshot, paths[i].c_str(), &value));
    CHECK_SAME_INT(value, i + 1);
    tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
    CHECK_OK(tsnap_snapshot_find(snapshot, paths[i].c_str(), &info));
    CHECK(paths[i] == info.path);
  }
  Names listed;
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  for (size_t i = 0; i < paths.size(); ++i) {
    CHECK_OK(tsnap_snapshot_object(snapshot, static_cast<int64_t>(i), &info));
    listed.emplace_back(info.path);
  }
  CHECK_CODE(tsnap_snapshot_object(snapshot, static_cast<int64_t>(paths.size()), &info), TSNAP_E_NOT_FOUND);
  CHECK_CODE(tsnap_snapshot_object(snapshot, -1, &info), TSNAP_E_NOT_FOUND);
  std::sort(paths.begin(), paths.end());
  CHECK_TEXT(listed == paths, Join(listed));
}

void BadPathsAreRefused() {
  State state;
  int64_t value = 0;
  const tsnap_array array = Line(TSNAP_INT64, &value, 1);
  const int64_t shape[] = {1};
  const tsnap_stateful stateful = {sizeof(tsnap_stateful), [](tsnap_state*, void*) -> int32_t { return 0; }, nullptr, nullptr, nullptr};
  const Names bad = {"", "/", "/a", "a/", "a//b", ".", "..", "a/.", "a/..", "a/../b", "./a", "1", "007", "12/a", ".a", ".a/b", "...",
                     "\xff", "a\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", LongPath(4097)};
  for (const std::string& path : bad) {
    Where() = path;
    CHECK_CODE(tsnap_state_add_private(state, path.c_str(), &array), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_state_add_replicated(state, path.c_str(), &array), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_state_add_sharded(state, path.c_str(), shape, &array, 1), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_state_add_sharded(state, path.c_str(), shape, nullptr, 0), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_state_add_int64(state, path.c_str(), TSNAP_PRIVATE, &value), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_state_add_stateful(state, path.c_str(), &stateful), TSNAP_E_INVALID);
    CHECK_CODE(tsnap_state_add_rng(state, path.c_str(), &stateful), TSNAP_E_INVALID);
    CHECK(std::strchr(tsnap_last_error(), '\n') == nullptr);
  }
  CHECK_CODE(tsnap_state_add_private(state, nullptr, &array), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_private(nullptr, "a", &array), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_private(state, "a", nullptr), TSNAP_E_INVALID);
}

void PathIsNeverAPrefixOfAnother() {
  State state;
  int64_t value = 0;
  CHECK_OK(tsnap_state_add_int64(state, "a/b", TSNAP_PRIVATE, &value));
  CHECK_CODE(tsnap_state_add_int64(state, "a/b", TSNAP_REPLICATED, &value), TSNAP_E_EXISTS);
  CHECK_SAYS("a/b");
  CHECK_CODE(tsnap_state_add_int64(state, "a", TSNAP_PRIVATE, &value), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_int64(state, "a/b/c", TSNAP_PRIVATE, &value), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_add_int64(state, "a/b/c/d", TSNAP_PRIVATE, &value), TSNAP_E_INVALID);
  CHECK_OK(tsnap_state_add_int64(state, "a/bc", TSNAP_PRIVATE, &value));   // by parts, not by bytes
  CHECK_OK(tsnap_state_add_int64(state, "a/b-", TSNAP_PRIVATE, &value));   // sorts between "a/b" and "a/b/..."
  CHECK_CODE(tsnap_state_add_int64(state, "a", TSNAP_PRIVATE, &value), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_remove(state, "a"), TSNAP_E_NOT_FOUND);
  CHECK_OK(tsnap_state_remove(state, "a/b"));
  CHECK_CODE(tsnap_state_remove(state, "a/b"), TSNAP_E_NOT_FOUND);
  CHECK_OK(tsnap_state_add_int64(state, "a/b/c", TSNAP_PRIVATE, &value));
  CHECK_CODE(tsnap_state_add_int64(state, "a/b", TSNAP_PRIVATE, &value), TSNAP_E_INVALID);

  const tsnap_stateful stateful = {sizeof(tsnap_stateful), [](tsnap_state*, void*) -> int32_t { return 0; }, nullptr, nullptr, nullptr};
  CHECK_CODE(tsnap_state_add_stateful(state, "a", &stateful), TSNAP_E_INVALID);
  CHECK_OK(tsnap_state_add_stateful(state, "model", &stateful));
  CHECK_CODE(tsnap_state_add_rng(state, "model", &stateful), TSNAP_E_EXISTS);
  CHECK_CODE(tsnap_state_add_int64(state, "model/x", TSNAP_PRIVATE, &value), TSNAP_E_INVALID);
  CHECK_OK(tsnap_state_remove(state, "model"));
  CHECK_OK(tsnap_state_add_int64(state, "model/x", TSNAP_PRIVATE, &value));
}

void RemovedObjectsAreNotTaken() {
  const Folder folder(NewFolder());
  Self context;
  State state;
  int64_t a = 1, b = 2;
  CHECK_OK(tsnap_state_add_int64(state, "a", TSNAP_PRIVATE, &a));
  CHECK_OK(tsnap_state_add_int64(state, "b", TSNAP_PRIVATE, &b));
  CHECK_OK(tsnap_state_set_attribute(state, "b", "unit", "m"));
  CHECK_OK(tsnap_state_remove(state, "b"));
  CHECK_OK(TakeQuick(context, folder / "one", state));
  CHECK_OK(tsnap_state_add_int64(state, "b", TSNAP_PRIVATE, &a));
  CHECK_OK(TakeQuick(context, folder / "two", state));
  Opened one(folder / "one"), two(folder / "two");
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  CHECK_CODE(tsnap_snapshot_find(one, "0/b", &info), TSNAP_E_NOT_FOUND);
  const char* value = nullptr;
  CHECK_CODE(tsnap_snapshot_attribute(two, "0/b", "unit", &value), TSNAP_E_NOT_FOUND);   // went with the object
  int64_t read = 0;
  CHECK_OK(tsnap_read_int64(two, "0/b", &read));
  CHECK_SAME_INT(read, 1);
}

void AttributesAreKeptWithTheirObject() {
  const Folder folder(NewFolder());
  Self context;
  State state;
  int64_t number = 1;
  double values[4] = {};
  const tsnap_array array = Line(TSNAP_FLOAT64, values, 4);
  const int64_t shape[] = {4};
  CHECK_OK(tsnap_state_add_int64(state, "p", TSNAP_PRIVATE, &number));
  CHECK_OK(tsnap_state_add_replicated(state, "r", &array));
  CHECK_OK(tsnap_state_add_sharded(state, "s", shape, &array, 1));
  for (const char* path : {"p", "r", "s"}) {
    CHECK_OK(tsnap_state_set_attribute(state, path, "units", "furlong"));
    CHECK_OK(tsnap_state_set_attribute(state, path, "units", "m/s\xc2\xb2"));   // replaces
    CHECK_OK(tsnap_state_set_attribute(state, path, "empty", ""));
    CHECK_OK(tsnap_state_set_attribute(state, path, "a name", "{\"x\": \"line\nbreak\"}"));
  }
  CHECK_CODE(tsnap_state_set_attribute(state, "none", "a", "b"), TSNAP_E_NOT_FOUND);
  CHECK_CODE(tsnap_state_set_attribute(state, "p", "", "b"), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_set_attribute(state, "p", "\xff", "b"), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_set_attribute(state, "p", "a", "\xff"), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_set_attribute(state, "p", nullptr, "a"), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_set_attribute(state, "p", "a", nullptr), TSNAP_E_INVALID);
  CHECK_OK(TakeQuick(context, folder / "snap", state));
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));

  Opened snapshot(folder / "snap");
  for (const char* path : {"0/p", "r", "s"}) {
    const char *name = nullptr, *value = nullptr;
    CHECK_OK(tsnap_snapshot_attribute(snapshot, path, "units", &value));
    CHECK(std::string(value) == "m/s\xc2\xb2");
    CHECK_CODE(tsnap_snapshot_attribute(snapshot, path, "nothing", &value), TSNAP_E_NOT_FOUND);
    const Names names = {"a name", "empty", "units"};
    for (int64_t i = 0; i < 3; ++i) {
      CHECK_OK(tsnap_snapshot_attribute_at(snapshot, path, i, &name, &value));
      CHECK(names[static_cast<size_t>(i)] == name);
    }
    CHECK_OK(tsnap_snapshot_attribute_at(snapshot, path, 0, &name, &value));
    CHECK(std::string(value) == "{\"x\": \"line\nbreak\"}");
    CHECK_CODE(tsnap_snapshot_attribute_at(snapshot, path, 3, &name, &value), TSNAP_E_NOT_FOUND);
    CHECK_CODE(tsnap_snapshot_attribute_at(snapshot, path, -1, &name, &value), TSNAP_E_INVALID);
  }
  const char* value = nullptr;
  CHECK_CODE(tsnap_snapshot_attribute(snapshot, "none", "units", &value), TSNAP_E_NOT_FOUND);
}

void MetadataIsAnyText() {
  const Names texts = {"", "plain", "{\"step\": 12, \"quote\": \"\\\"\"}\n\ttab", "\xc3\xa9\xf0\x9f\x9a\x80", std::string(100000, 'm')};
  for (const std::string& text : texts) {
    const Folder folder(NewFolder());
    Self context;
    State state;
    tsnap_take_options options = Quick();
    options.metadata = text.c_str();
    CHECK_OK(tsnap_take(context, (folder / "snap").c_str(), state, &options));
    Opened snapshot(folder / "snap");
    tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
    CHECK_OK(tsnap_snapshot_info_get(snapshot, &info));
    CHECK(text == info.metadata);
  }
  const Folder folder(NewFolder());
  Self context;
  State state;
  tsnap_take_options options = Quick();
  const std::string too_long((8u << 20) + 1, 'm');
  for (const char* bad : {"not UTF-8: \xff", too_long.c_str()}) {
    options.metadata = bad;
    CHECK_CODE(tsnap_take(context, (folder / "snap").c_str(), state, &options), TSNAP_E_INVALID);
    CHECK_SAYS("metadata");
    CHECK(!std::filesystem::exists(folder / "snap"));   // found before anything was written
  }
  tsnap_snapshot* none = nullptr;
  CHECK_CODE(tsnap_snapshot_open((folder / "snap").c_str(), nullptr, &none), TSNAP_E_NOT_FOUND);
  CHECK(none == nullptr);
}

void SnapshotTellsAboutItself() {
  const Folder folder(NewFolder());
  Self context;
  State state;
  double a[6] = {}, b[4] = {}, c[10] = {};
  int64_t number = 1;
  tsnap_array two = TSNAP_ARRAY_INIT;
  two.dtype = TSNAP_COMPLEX64;
  two.ndim = 2;
  two.shape[0] = 2;
  two.shape[1] = 3;
  two.data = a;
  tsnap_array records = Line(TSNAP_OPAQUE, b, 4);
  records.item_bytes = 8;
  const tsnap_array boxes[] = {Line(TSNAP_FLOAT64, c, 4), Line(TSNAP_FLOAT64, c, 0, 4), Line(TSNAP_FLOAT64, c + 4, 6, 4)};
  const int64_t shape[] = {10};
  CHECK_OK(tsnap_state_add_private(state, "a", &two));
  CHECK_OK(tsnap_state_add_replicated(state, "b", &records));
  CHECK_OK(tsnap_state_add_sharded(state, "c", shape, boxes, 3));
  CHECK_OK(tsnap_state_add_int64(state, "n", TSNAP_REPLICATED, &number));
  const time_t before = std::time(nullptr);
  CHECK_OK(TakeQuick(context, folder / "one", state));
  CHECK_OK(TakeQuick(context, folder / "two", state));
  const time_t after = std::time(nullptr);

  Opened one(folder / "one"), two_snapshot(folder / "two");
  tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT, other = TSNAP_SNAPSHOT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_info_get(one, &info));
  CHECK_OK(tsnap_snapshot_info_get(two_snapshot, &other));
  CHECK(std::string(info.id) != other.id && std::strlen(info.id) > 0);
  CHECK(std::string(info.metadata).empty());
  CHECK(std::string(info.library_version) == tsnap_version());
  CHECK(Contains(info.format, "native"));
  CHECK(info.created_unix_seconds >= before - 1 && info.created_unix_seconds <= after + 1);
  CHECK_SAME_INT(info.world_size, 1);
  CHECK_SAME_INT(info.object_count, 4);
  CHECK_SAME_INT(info.bytes, 48 + 32 + 80 + 8);
  CHECK_SAME_INT(info.stored_bytes, 48 + 32 + 80 + 8);

  tsnap_object_info object = TSNAP_OBJECT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_find(one, "0/a", &object));
  CHECK(object.type == TSNAP_OBJECT_ARRAY && object.kind == TSNAP_PRIVATE && object.dtype == TSNAP_COMPLEX64 && object.ndim == 2);
  CHECK(object.rank == 0 && object.shape[0] == 2 && object.shape[1] == 3 && object.shape[2] == 0 && object.item_bytes == 8);
  CHECK(object.bytes == 48 && object.stored_bytes == 48 && object.box_count == 1);
  CHECK_OK(tsnap_snapshot_find(one, "b", &object));
  CHECK(object.kind == TSNAP_REPLICATED && object.dtype == TSNAP_OPAQUE && object.item_bytes == 8 && object.rank == -1);
  CHECK_OK(tsnap_snapshot_find(one, "c", &object));
  CHECK(object.kind == TSNAP_SHARDED && object.rank == -1 && object.shape[0] == 10 && object.bytes == 80);
  CHECK(object.box_count == 2 || object.box_count == 3);   // whether an empty box is one is nobody's concern
  CHECK_OK(tsnap_snapshot_find(one, "n", &object));
  CHECK(object.type == TSNAP_OBJECT_INT64 && object.bytes == 8 && object.dtype == 0 && object.ndim == 0 && object.item_bytes == 0);
  for (const char* path : {"a", "1/a", "0/b", "0/c", "c/", "", "/", "0", "0/", "99999999999999999999/a", "c/x"}) {
    const int32_t code = tsnap_snapshot_find(one, path, &object);
    CHECK_TEXT(code == TSNAP_E_NOT_FOUND || code == TSNAP_E_INVALID, std::string(path) + ": " + tsnap_status_name(code));
  }
  CHECK_CODE(tsnap_snapshot_find(one, "a", &object), TSNAP_E_NOT_FOUND);
  CHECK_SAYS("\"a\"");
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"odd_paths_come_back_byte_for_byte", OddPathsComeBackByteForByte},
                  {"bad_paths_are_refused", BadPathsAreRefused},
                  {"path_is_never_a_prefix_of_another", PathIsNeverAPrefixOfAnother},
                  {"removed_objects_are_not_taken", RemovedObjectsAreNotTaken},
                  {"attributes_are_kept_with_their_object", AttributesAreKeptWithTheirObject},
                  {"metadata_is_any_text", MetadataIsAnyText},
                  {"snapshot_tells_about_itself", SnapshotTellsAboutItself}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
