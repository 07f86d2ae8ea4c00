// A place and the snapshots that come and go there: overwriting, verifying, removing, collecting garbage.
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "api.h"

namespace tsnap::test {
namespace {

struct Values {
  State state;
  int64_t step = 0;
  std::vector<double> field;
  tsnap_array array;
  explicit Values(size_t length = 100000) : field(length), array(Line(TSNAP_FLOAT64, field.data(), static_cast<int64_t>(length))) {
    CHECK_OK(tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &step));
    CHECK_OK(tsnap_state_add_private(state, "field", &array));
  }
  void Set(int64_t value) {
    step = value;
    for (size_t i = 0; i < field.size(); ++i) field[i] = static_cast<double>(value) + 1.0 / static_cast<double>(i + 1);
  }
  bool Are(int64_t value) const {
    if (step != value) return false;
    for (size_t i = 0; i < field.size(); ++i) {
      if (field[i] != static_cast<double>(value) + 1.0 / static_cast<double>(i + 1)) return false;
    }
    return true;
  }
};

std::string IdAt(const std::string& url) {
  Opened snapshot(url);
  tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_info_get(snapshot, &info));
  return info.id;
}

Names FoldersIn(const std::string& url) {
  Names names;
  for (const auto& entry : std::filesystem::directory_iterator(url)) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  return names;
}

void ExistingSnapshotIsNotOverwritten() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  Values values;
  values.Set(1);
  CHECK_OK(TakeQuick(context, url, values.state));
  const Names before = FilesBelow(url);
  values.Set(2);
  CHECK_CODE(TakeQuick(context, url, values.state), TSNAP_E_EXISTS);
  CHECK_SAYS(url);
  CHECK_CODE(tsnap_take(context, ("fs://" + url).c_str(), values.state, nullptr), TSNAP_E_EXISTS);
  tsnap_take_options off = Quick();
  off.overwrite = TSNAP_OFF;
  CHECK_CODE(tsnap_take(context, url.c_str(), values.state, &off), TSNAP_E_EXISTS);
  CHECK(FilesBelow(url) == before);
  CHECK_OK(tsnap_restore(context, url.c_str(), values.state, nullptr));
  CHECK(values.Are(1));
}

void OverwriteRemovesTheOldOneAfterTheCommit() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  Values values;
  values.Set(1);
  CHECK_OK(TakeQuick(context, url, values.state));
  const std::string first = IdAt(url);
  values.Set(2);
  tsnap_take_options options = Quick();
  options.overwrite = TSNAP_ON;
  struct Watcher {
    std::string url, first;
    int looked = 0;
  } watcher{url, first};
  options.progress = [](uint64_t, uint64_t, uint64_t, void* user) {
    auto* self = static_cast<Watcher*>(user);
    CHECK(IdAt(self->url) == self->first);   // until the commit the old one is whole
    Opened old(self->url);
    CHECK_OK(tsnap_snapshot_verify(old, nullptr, nullptr));
    ++self->looked;
  };
  options.progress_user = &watcher;
  CHECK_OK(tsnap_take(context, url.c_str(), values.state, &options));
  CHECK(watcher.looked > 0);
  const std::string second = IdAt(url);
  CHECK(second != first);
  CHECK_TEXT(FoldersIn(url) == Names{second}, Join(FoldersIn(url)));
  values.Set(3);
  CHECK_OK(tsnap_restore(context, url.c_str(), values.state, nullptr));
  CHECK(values.Are(2));
  for (const std::string& file : FilesBelow(url)) CHECK_TEXT(!Contains(file, "taking"), file);
}

void FailedOverwriteLeavesTheOldOne() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  Values values;
  values.Set(1);
  CHECK_OK(TakeQuick(context, url, values.state));
  const Names before = FilesBelow(url);
  const tsnap_stateful failing = {sizeof(tsnap_stateful), [](tsnap_state*, void*) -> int32_t { return 1; }, nullptr, nullptr, nullptr};
  double value = 0;
  const tsnap_array box = Line(TSNAP_FLOAT64, &value, 1);
  const int64_t shape[] = {2};
  tsnap_take_options options = Quick();
  options.overwrite = TSNAP_ON;
  values.Set(2);
  CHECK_OK(tsnap_state_add_stateful(values.state, "s", &failing));
  CHECK_CODE(tsnap_take(context, url.c_str(), values.state, &options), TSNAP_E_CALLBACK);
  CHECK_OK(tsnap_state_remove(values.state, "s"));
  CHECK_OK(tsnap_state_add_sharded(values.state, "gap", shape, &box, 1));
  CHECK_CODE(tsnap_take(context, url.c_str(), values.state, &options), TSNAP_E_MISMATCH);
  CHECK_OK(tsnap_state_remove(values.state, "gap"));
  CHECK_TEXT(FilesBelow(url) == before, Join(FilesBelow(url)));
  CHECK_OK(tsnap_restore(context, url.c_str(), values.state, nullptr));
  CHECK(values.Are(1));
}

// Changes one byte in the middle of a file.
void Damage(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto middle = static_cast<std::streamoff>(FileBytes(path) / 2);
  file.seekg(middle);
  const int byte = file.get();
  file.seekp(middle);
  file.put(static_cast<char>(byte ^ 0x10));
  file.flush();
  CHECK(file.good());
}

void VerifyListsExactlyTheBadPaths() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  constexpr size_t kLength = 400000;   // 3.2 MB each: a slab of its own
  std::vector<std::vector<double>> fields(5, std::vector<double>(kLength));
  int64_t number = 5;
  State state;
  for (size_t i = 0; i < fields.size(); ++i) {
    for (size_t k = 0; k < kLength; ++k) fields[i][k] = static_cast<double>(i * kLength + k);
    const tsnap_array array = Line(TSNAP_FLOAT64, fields[i].data(), kLength);
    const int64_t shape[] = {kLength};
    const std::string path = "f" + std::to_string(i);
    CHECK_OK(i < 2    ? tsnap_state_add_private(state, path.c_str(), &array)
             : i == 2 ? tsnap_state_add_replicated(state, path.c_str(), &array)
                      : tsnap_state_add_sharded(state, path.c_str(), shape, &array, 1));
  }
  CHECK_OK(tsnap_state_add_int64(state, "n", TSNAP_REPLICATED, &number));
  tsnap_take_options options = Quick();
  options.slab_bytes = 1 << 20;
  CHECK_OK(tsnap_take(context, url.c_str(), state, &options));
  {
    Opened clean(url);
    int64_t bad = 7;
    const char* const* paths = nullptr;
    CHECK_OK(tsnap_snapshot_verify(clean, &bad, &paths));
    CHECK_SAME_INT(bad, 0);
  }
  // Which slab holds what is not ours to know: find two by trying, then damage both.
  Names slabs, victims, damaged;
  for (const std::string& file : FilesBelow(url)) {
    if (Contains(file, "/data/")) slabs.push_back(url + "/" + file);
  }
  CHECK_TEXT(slabs.size() >= 5, Join(slabs));
  const auto verify = [&] {
    Opened snapshot(url);
    int64_t bad = -1;
    const char* const* paths = nullptr;
    const int32_t code = tsnap_snapshot_verify(snapshot, &bad, &paths);
    CHECK_CODE(code, bad == 0 ? TSNAP_OK : TSNAP_E_CORRUPT);
    return List(paths, static_cast<size_t>(bad));
  };
  for (const std::string& slab : slabs) {
    Damage(slab);
    const Names bad = verify();
    if (bad == Names{"0/f1"} || bad == Names{"f3"} || bad == Names{"f2"}) {
      victims.push_back(bad[0]);
      damaged.push_back(slab);
    }
    Damage(slab);   // and back
    CHECK(verify().empty());
  }
  std::sort(victims.begin(), victims.end());
  victims.erase(std::unique(victims.begin(), victims.end()), victims.end());
  CHECK_TEXT((victims == Names{"0/f1", "f2", "f3"}), Join(victims));
  for (const std::string& slab : damaged) Damage(slab);
  CHECK_TEXT(verify() == victims, Join(verify()));

  // A restore reports the same objects and delivers the others; without checksums it is what was asked for.
  for (auto& field : fields) field.assign(kLength, -1);
  CHECK_CODE(tsnap_restore(context, url.c_str(), state, nullptr), TSNAP_E_CORRUPT);
  CHECK_REPORT(context, {.not_restored = victims});
  CHECK(fields[0][kLength - 1] == kLength - 1 && fields[4][7] == 4.0 * kLength + 7 && number == 5);
  tsnap_restore_options blind = TSNAP_RESTORE_OPTIONS_INIT;
  blind.verify = TSNAP_OFF;
  CHECK_OK(tsnap_restore(context, url.c_str(), state, &blind));
  Opened snapshot(url);
  const tsnap_array target = Line(TSNAP_FLOAT64, fields[1].data(), kLength);
  CHECK_CODE(tsnap_read(snapshot, "0/f1", &target, nullptr), TSNAP_E_CORRUPT);
  CHECK_SAYS("f1");
  tsnap_read_options blind_read = TSNAP_READ_OPTIONS_INIT;
  blind_read.verify = TSNAP_OFF;
  CHECK_OK(tsnap_read(snapshot, "0/f1", &target, &blind_read));
}

void MissingAndTruncatedFilesAreFound() {
  for (const bool truncate : {true, false}) {
    const Folder folder(NewFolder());
    const std::string url = folder / "snap";
    Self context;
    Values values;
    values.Set(1);
    CHECK_OK(TakeQuick(context, url, values.state));
    for (const std::string& file : FilesBelow(url)) {
      if (!Contains(file, "/data/")) continue;
      if (truncate) std::filesystem::resize_file(url + "/" + file, FileBytes(url + "/" + file) / 2);
      if (!truncate) std::filesystem::remove(url + "/" + file);
    }
    const int32_t code = tsnap_restore(context, url.c_str(), values.state, nullptr);
    CHECK_TEXT(code == TSNAP_E_CORRUPT || (!truncate && code == TSNAP_E_NOT_FOUND), tsnap_status_name(code));
    Opened snapshot(url);
    int64_t bad = 0;
    const char* const* paths = nullptr;
    CHECK_CODE(tsnap_snapshot_verify(snapshot, &bad, &paths), TSNAP_E_CORRUPT);
    CHECK(bad >= 1 && Contains(Join(List(paths, static_cast<size_t>(bad))), "0/field"));
  }
  for (const char* what : {"/index/", "tsnap.json"}) {
    const Folder folder(NewFolder());
    const std::string url = folder / "snap";
    Self context;
    Values values;
    values.Set(1);
    CHECK_OK(TakeQuick(context, url, values.state));
    for (const std::string& file : FilesBelow(url)) {
      if (Contains(file, what)) Damage(url + "/" + file);
    }
    CHECK_CODE(tsnap_restore(context, url.c_str(), values.state, nullptr), TSNAP_E_CORRUPT);
    CHECK_SAYS(url);
    CHECK_CODE(TakeQuick(context, url, values.state), TSNAP_E_EXISTS);   // what is damaged is not thrown away unasked
  }
}

void RemoveTakesAllOfOneSnapshot() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap", other = folder / "other";
  Self context;
  Values values;
  values.Set(1);
  CHECK_OK(TakeQuick(context, url, values.state));
  CHECK_OK(TakeQuick(context, other, values.state));
  // Data of a take in progress, and something of the user's.
  const std::string foreign = url + "/0123456789abcdef0123456789abcdef";
  std::filesystem::create_directories(foreign + "/data/0");
  std::ofstream(foreign + "/taking") << "x";
  std::ofstream(foreign + "/data/0/0.0") << "x";
  std::ofstream(url + "/notes.txt") << "mine";
  CHECK_OK(tsnap_remove(url.c_str(), nullptr));
  CHECK_CODE(tsnap_remove(url.c_str(), nullptr), TSNAP_E_NOT_FOUND);
  CHECK_CODE(tsnap_restore(context, url.c_str(), values.state, nullptr), TSNAP_E_NOT_FOUND);
  Names left = FilesBelow(url);
  std::sort(left.begin(), left.end());
  const std::string id = "0123456789abcdef0123456789abcdef";
  CHECK_TEXT((left == Names{id + "/data/0/0.0", id + "/taking", "notes.txt"}), Join(left));
  values.Set(2);
  CHECK_OK(tsnap_restore(context, other.c_str(), values.state, nullptr));
  CHECK(values.Are(1));
  CHECK_OK(TakeQuick(context, url, values.state));   // the place is free
  CHECK_OK(tsnap_remove(other.c_str(), nullptr));
  CHECK(!std::filesystem::exists(other));
}

// When the commit record cannot go, nothing goes.
void RemoveBeginsWithTheRecord() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  Values values;
  values.Set(1);
  CHECK_OK(TakeQuick(context, url, values.state));
  const std::string id = IdAt(url);
  // A folder below cannot be emptied: the record must be gone already, and the snapshot with it.
  if (geteuid() == 0) {   // root is refused nothing: look at times instead
    Opened reader(url);
    CHECK_OK(tsnap_remove(url.c_str(), nullptr));
    tsnap_array target = values.array;
    const int32_t code = tsnap_read(reader, "0/field", &target, nullptr);
    CHECK_TEXT(code == TSNAP_E_NOT_FOUND, tsnap_status_name(code));
    return;
  }
  CHECK(chmod(url.c_str(), 0555) == 0);
  CHECK_CODE(tsnap_remove(url.c_str(), nullptr), TSNAP_E_AUTH);
  CHECK(chmod(url.c_str(), 0755) == 0);
  CHECK_OK(tsnap_restore(context, url.c_str(), values.state, nullptr));
  CHECK(values.Are(1));
  CHECK(chmod((url + "/" + id + "/data/0").c_str(), 0555) == 0);
  CHECK_CODE(tsnap_remove(url.c_str(), nullptr), TSNAP_E_AUTH);
  CHECK_CODE(tsnap_restore(context, url.c_str(), values.state, nullptr), TSNAP_E_NOT_FOUND);
  CHECK(chmod((url + "/" + id + "/data/0").c_str(), 0755) == 0);
}

void ReaderNeverGetsAnotherSnapshotsData() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  Values values;
  values.Set(1);
  CHECK_OK(TakeQuick(context, url, values.state));
  Opened old(url);
  values.Set(2);
  tsnap_take_options options = Quick();
  options.overwrite = TSNAP_ON;
  CHECK_OK(tsnap_take(context, url.c_str(), values.state, &options));
  std::vector<double> read(100000);
  const tsnap_array target = Line(TSNAP_FLOAT64, read.data(), 100000);
  CHECK_CODE(tsnap_read(old, "0/field", &target, nullptr), TSNAP_E_NOT_FOUND);
}

void GarbageIsWhatNoRecordNames() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  Values values;
  values.Set(1);
  CHECK_OK(TakeQuick(context, url, values.state));
  const std::string dead = url + "/0123456789abcdef0123456789abcdef";
  std::filesystem::create_directories(dead + "/data/0");
  std::ofstream(dead + "/taking") << "x";
  std::ofstream(dead + "/data/0/0.0") << std::string(1000, 'x');
  tsnap_gc_result result = TSNAP_GC_RESULT_INIT;
  CHECK_OK(tsnap_gc(url.c_str(), nullptr, nullptr, &result));   // it may be in progress
  CHECK(result.takes_removed == 0 && result.takes_kept == 1 && result.bytes_removed == 0);
  const auto yesterday = std::filesystem::file_time_type::clock::now() - std::chrono::hours(30);
  std::filesystem::last_write_time(dead + "/taking", yesterday);
  std::filesystem::last_write_time(dead + "/data/0/0.0", yesterday);
  tsnap_gc_options dry = TSNAP_GC_OPTIONS_INIT;
  dry.dry_run = TSNAP_ON;
  Names named;
  dry.removed = [](const char* key, uint64_t, void* user) { static_cast<Names*>(user)->emplace_back(key); };
  dry.removed_user = &named;
  CHECK_OK(tsnap_gc(url.c_str(), nullptr, &dry, &result));
  CHECK(result.takes_removed == 1 && result.bytes_removed == 1001 && named.size() == 2);
  CHECK(std::filesystem::exists(dead + "/data/0/0.0"));
  CHECK_OK(tsnap_gc(url.c_str(), nullptr, nullptr, &result));
  CHECK(result.takes_removed == 1 && result.takes_kept == 0 && !std::filesystem::exists(dead));
  values.Set(2);
  CHECK_OK(tsnap_restore(context, url.c_str(), values.state, nullptr));
  CHECK(values.Are(1));
  dry.min_age_seconds = -1;
  CHECK_CODE(tsnap_gc(url.c_str(), nullptr, &dry, &result), TSNAP_E_INVALID);
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"existing_snapshot_is_not_overwritten", ExistingSnapshotIsNotOverwritten},
                  {"overwrite_removes_the_old_one_after_the_commit", OverwriteRemovesTheOldOneAfterTheCommit},
                  {"failed_overwrite_leaves_the_old_one", FailedOverwriteLeavesTheOldOne},
                  {"verify_lists_exactly_the_bad_paths", VerifyListsExactlyTheBadPaths},
                  {"missing_and_truncated_files_are_found", MissingAndTruncatedFilesAreFound},
                  {"remove_takes_all_of_one_snapshot", RemoveTakesAllOfOneSnapshot},
                  {"remove_begins_with_the_record", RemoveBeginsWithTheRecord},
                  {"reader_never_gets_another_snapshots_data", ReaderNeverGetsAnotherSnapshotsData},
                  {"garbage_is_what_no_record_names", GarbageIsWhatNoRecordNames}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
