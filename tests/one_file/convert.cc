// Copying snapshots into HDF5 files, out of them and between them: the copy holds the same objects, value for value, or nothing is
// there, whatever goes wrong.
#include <hdf5.h>

#include <functional>
#include <string>
#include <vector>

#include "api.h"
#include "damage.h"
#include "dies_at.h"
#include "fault_state.h"
#include "golden_state.h"
#include "io_fault.h"

namespace tsnap::test {
namespace {

constexpr Sizes kSizes{24, 1536, 20000, 30000};

void Take(const std::string& place, uint64_t step, const Sizes& sizes = kSizes) {
  Self context;
  FaultState state(0, 1, sizes);
  state.Fill(step);
  CHECK_OK(TakeQuick(context, place, state.get()));
}

struct Copied {
  int32_t code = TSNAP_OK;
  std::string message;
  tsnap_copy_result result = TSNAP_COPY_RESULT_INIT;
  uint64_t done = 0, total = 0;   // of the last progress
};

struct Options {
  bool overwrite = false, verify = false;
  uint64_t budget_bytes = 16 << 20;
  std::function<void(uint64_t done, uint64_t total)> meanwhile;
};

Copied Copy(const std::string& from, const std::string& to, const Options& how = {}) {
  struct Watched {
    Copied copied;
    const Options& how;
  } watched{{}, how};
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = how.budget_bytes;
  config.io_timeout_seconds = 2;
  tsnap_copy_options options = TSNAP_COPY_OPTIONS_INIT;
  options.overwrite = how.overwrite ? TSNAP_ON : TSNAP_OFF;
  options.verify = how.verify ? TSNAP_ON : TSNAP_OFF;
  options.progress = [](uint64_t done, uint64_t total, void* user) {
    auto* now = static_cast<Watched*>(user);
    CHECK(done >= now->copied.done && done <= total && (now->copied.total == 0 || total == now->copied.total));
    now->copied.done = done;
    now->copied.total = total;
    if (now->how.meanwhile) now->how.meanwhile(done, total);
  };
  options.progress_user = &watched;
  watched.copied.code = tsnap_copy(from.c_str(), &config, to.c_str(), &config, &options, &watched.copied.result);
  if (watched.copied.code != TSNAP_OK) watched.copied.message = tsnap_last_error();
  return watched.copied;
}

void CheckCopied(const Copied& copied) {
  CHECK_TEXT(copied.code == TSNAP_OK, copied.message);
  CHECK(copied.done == copied.total);
  CHECK(copied.result.server_side == 0 && copied.result.objects_skipped == 0 && copied.result.bytes_skipped == 0);
}

// Nothing of a copy is in the folder, neither a snapshot nor what it was made of.
void CheckNothingBut(const Folder& folder, const Names& expected) {
  Names found;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const bool empty = entry.is_directory() && FilesBelow(entry.path()).empty();
    if (!empty) found.push_back(entry.path().filename());
  }
  std::sort(found.begin(), found.end());
  CHECK_TEXT(found == expected, Join(found) + " instead of " + Join(expected));
}

std::string ValueOf(tsnap_snapshot* snapshot, const tsnap_object_info& info) {
  std::string bytes(info.bytes + 1, '\0');
  int32_t truth = 0;
  switch (info.type) {
    case TSNAP_OBJECT_ARRAY: {
      TestArray read(info.dtype, info.item_bytes, Shape(info.shape, info.shape + info.ndim), Layout::kContiguous);
      const tsnap_array target = read.Describe();
      CHECK_OK(tsnap_read(snapshot, info.path, &target, nullptr));
      return {static_cast<const char*>(target.data), read.bytes()};
    }
    case TSNAP_OBJECT_INT64: CHECK_OK(tsnap_read_int64(snapshot, info.path, reinterpret_cast<int64_t*>(bytes.data()))); break;
    case TSNAP_OBJECT_FLOAT64: CHECK_OK(tsnap_read_float64(snapshot, info.path, reinterpret_cast<double*>(bytes.data()))); break;
    case TSNAP_OBJECT_BOOL:
      CHECK_OK(tsnap_read_bool(snapshot, info.path, &truth));
      bytes[0] = static_cast<char>(truth);
      break;
    case TSNAP_OBJECT_STRING: CHECK_OK(tsnap_read_string(snapshot, info.path, bytes.data(), bytes.size(), nullptr)); break;
    default: CHECK_OK(tsnap_read_bytes(snapshot, info.path, bytes.data(), bytes.size(), nullptr)); break;
  }
  return bytes;
}

Names AttributesOf(tsnap_snapshot* snapshot, const char* path) {
  Names attributes;
  const char *name = nullptr, *value = nullptr;
  for (int64_t i = 0; tsnap_snapshot_attribute_at(snapshot, path, i, &name, &value) == TSNAP_OK; ++i)
    attributes.push_back(std::string(name) + "=" + value);
  return attributes;
}

// Everything that is said of either is the same, but how it is stored.
void CheckSame(const std::string& one, const std::string& other) {
  Opened a(one), b(other);
  tsnap_snapshot_info all = TSNAP_SNAPSHOT_INFO_INIT, copy = TSNAP_SNAPSHOT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_info_get(a, &all));
  CHECK_OK(tsnap_snapshot_info_get(b, &copy));
  CHECK(std::string(all.id) != copy.id && std::string(all.metadata) == copy.metadata);
  CHECK(all.created_unix_seconds == copy.created_unix_seconds && all.world_size == copy.world_size && all.bytes == copy.bytes);
  CHECK_SAME_INT(copy.object_count, all.object_count);
  for (int64_t i = 0; i < all.object_count; ++i) {
    tsnap_object_info in_a = TSNAP_OBJECT_INFO_INIT, in_b = TSNAP_OBJECT_INFO_INIT;
    CHECK_OK(tsnap_snapshot_object(a, i, &in_a));
    CHECK_OK(tsnap_snapshot_object(b, i, &in_b));
    Where() = one + " against " + other + ": " + in_a.path;
    CHECK(std::string(in_a.path) == in_b.path);
    CHECK(in_a.type == in_b.type && in_a.kind == in_b.kind && in_a.dtype == in_b.dtype && in_a.ndim == in_b.ndim);
    CHECK(in_a.rank == in_b.rank && in_a.item_bytes == in_b.item_bytes && in_a.bytes == in_b.bytes && in_a.box_count == in_b.box_count);
    CHECK(std::equal(in_a.shape, in_a.shape + TSNAP_MAX_DIMS, in_b.shape));
    CHECK(ValueOf(a, in_a) == ValueOf(b, in_b));
    CHECK(AttributesOf(a, in_a.path) == AttributesOf(b, in_a.path));
  }
  CHECK_OK(tsnap_snapshot_verify(b, nullptr, nullptr));
}

// Into a file, from there into another one, into memory and into a folder, and back into a file.
void CopyEverywhere(const std::string& from, const Folder& folder, const Options& how = {}) {
  const std::string mem = "mem://" + folder.path();
  const std::vector<std::pair<std::string, std::string>> ways = {
      {from, folder / "one.h5"}, {folder / "one.h5", folder / "two.h5"}, {folder / "two.h5", mem}, {mem, folder / "three.h5"},
      {folder / "three.h5", "fs://" + (folder / "back")}, {folder / "back", "hdf5://" + (folder / "four")}};
  Options now = how;
  for (const auto& [here, there] : ways) {
    Where() = here + " to " + there;
    now.verify = !now.verify;
    CheckCopied(Copy(here, there, now));
    CheckSame(from, there);
  }
  CHECK_OK(tsnap_remove(mem.c_str(), nullptr));
  CheckNothingBut(folder, {"back", "four", "one.h5", "three.h5", "two.h5"});
  for (const char* name : {"back", "four", "one.h5", "three.h5", "two.h5"}) RemoveTree(folder / name);
}

// Every kind, type, dtype and layout, of three ranks, with attributes and metadata, sparse and shared boxes.
void EveryObjectOfManyRanks() {
  for (const GoldenSnapshot& golden : kGoldenSnapshots) {
    const Folder folder(NewFolder());
    CopyEverywhere(std::string(GOLDEN_FOLDER "/v1/") + golden.name, folder);
  }
}

// What the application restores afterwards is what it had.
void CopiesAreRestored() {
  const Folder folder(NewFolder());
  Self context;
  GoldenState state(0, 1);
  state.Fill();
  CHECK_OK(TakeQuick(context, folder / "a", state.state()));
  CheckCopied(Copy(folder / "a", folder / "b.h5"));
  CheckCopied(Copy(folder / "b.h5", folder / "c"));
  for (const char* place : {"b.h5", "c"}) {
    state.Clear();
    CHECK_OK(tsnap_restore(context, (folder / place).c_str(), state.state(), nullptr));
    state.Check();
  }
}

// Larger than what is in memory at once, in chunks that are no runs of the whole array.
void LargeArraysInBatches() {
  for (const int32_t codec : {TSNAP_CODEC_NONE, TSNAP_CODEC_ZSTD}) {
    for (const uint64_t chunk_bytes : {uint64_t{0}, uint64_t{300000}}) {
      const Folder source(NewFolder()), folder(NewFolder());
      Self context;
      State state;
      std::deque<TestArray> arrays;
      const auto described = [&](int32_t dtype, int64_t item_bytes, Shape shape, Layout layout, Shape offset = {}) {
        arrays.emplace_back(dtype, item_bytes, std::move(shape), layout, std::move(offset)).Fill(arrays.size());
        return arrays.back().Describe();
      };
      for (const Layout layout : kLayouts) {
        const std::string name = "/" + std::to_string(static_cast<int>(layout));
        const tsnap_array own = described(TSNAP_FLOAT32, 0, {61, 53, 110}, layout);
        CHECK_OK(tsnap_state_add_private(state, ("private" + name).c_str(), &own));
        const tsnap_array same = described(TSNAP_INT16, 0, {61, 53, 110}, layout);
        CHECK_OK(tsnap_state_add_replicated(state, ("replicated" + name).c_str(), &same));
        const tsnap_array boxes[] = {described(TSNAP_FLOAT64, 0, {20, 53, 110}, layout),
                                     described(TSNAP_FLOAT64, 0, {31, 30, 110}, layout, {20, 0, 0}),
                                     described(TSNAP_FLOAT64, 0, {31, 23, 110}, layout, {20, 30, 0})};
        const int64_t shape[] = {51, 53, 110};
        CHECK_OK(tsnap_state_add_sharded(state, ("sharded" + name).c_str(), shape, boxes, 3));
      }
      const tsnap_array records = described(TSNAP_OPAQUE, 300001, {5}, Layout::kGhosts);
      CHECK_OK(tsnap_state_add_private(state, "records", &records));
      tsnap_take_options options = Quick(codec);
      options.chunk_bytes = chunk_bytes;
      CHECK_OK(tsnap_take(context, (source / "a").c_str(), state, &options));
      Options how;
      how.budget_bytes = 1 << 20;
      CopyEverywhere(source / "a", folder, how);
    }
  }
}

void EmptyState() {
  const Folder source(NewFolder()), folder(NewFolder());
  Self context;
  State state;
  CHECK_OK(TakeQuick(context, source / "a", state));
  CopyEverywhere(source / "a", folder);
}

// A file as other programs write them: chunked and compressed, contiguous, of the other byte order, scalars, texts, nothing.
void MakeForeign(const std::string& path) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  CHECK(file >= 0);
  const auto add = [&](const char* name, hid_t stored, hid_t memory, const std::vector<hsize_t>& shape, const void* data, bool chunked) {
    const hid_t space = shape.empty() ? H5Screate(H5S_SCALAR) : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE), links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    if (chunked) {
      const std::vector<hsize_t> chunk(shape.size(), 17);
      H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
      H5Pset_deflate(creation, 4);
    }
    const hid_t dataset = H5Dcreate2(file, name, stored, space, links, creation, H5P_DEFAULT);
    CHECK(dataset >= 0 && H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    const hid_t text = H5Tcopy(H5T_C_S1), one = H5Screate(H5S_SCALAR);
    H5Tset_size(text, 4);
    const hid_t attribute = H5Acreate2(dataset, "units", text, one, H5P_DEFAULT, H5P_DEFAULT);
    CHECK(H5Awrite(attribute, text, "m/s") >= 0);
    H5Aclose(attribute), H5Tclose(text), H5Sclose(one), H5Dclose(dataset), H5Pclose(creation), H5Pclose(links), H5Sclose(space);
  };
  std::vector<double> values(70 * 90 * 60);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i) * 0.5;
  add("/fluid/density", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, {70, 90, 60}, values.data(), true);
  add("/fluid/plain", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, {70, 90, 60}, values.data(), false);
  add("/fluid/other", H5T_IEEE_F32BE, H5T_NATIVE_DOUBLE, {70, 90}, values.data(), false);
  add("/time", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, {}, values.data() + 3, false);
  add("/3/own", H5T_STD_I16LE, H5T_NATIVE_DOUBLE, {5, 7}, values.data(), false);
  add("/5/own", H5T_STD_I16LE, H5T_NATIVE_DOUBLE, {2}, values.data() + 50, false);
  add("/nothing", H5T_STD_I16LE, H5T_NATIVE_DOUBLE, {0, 4}, values.data(), false);
  CHECK(H5Fclose(file) >= 0);
}

void FilesOfOtherPrograms() {
  const Folder source(NewFolder()), folder(NewFolder());
  const std::string from = source / "foreign.h5";
  MakeForeign(from);
  for (const uint64_t budget_bytes : {16 << 20, 1 << 20}) {
    Options how;
    how.budget_bytes = budget_bytes;
    CopyEverywhere(from, folder, how);
  }
  // What comes of it has checksums.
  CheckCopied(Copy(from, folder / "a"));
  const std::vector<std::string> files = FilesOf(folder / "a");
  Damage damage(*std::find_if(files.begin(), files.end(), IsSlab));
  damage.Flip(1000, 1);
  Opened snapshot(folder / "a");
  CHECK_CODE(tsnap_snapshot_verify(snapshot, nullptr, nullptr), TSNAP_E_CORRUPT);
  // And it is never replaced.
  const Copied refused = Copy(folder / "a", from, {true, false, 16 << 20, {}});
  CHECK_TEXT(refused.code == TSNAP_E_EXISTS && Contains(refused.message, "never replaced"), refused.message);
}

void WhatIsThereIsOnlyReplacedWhenAsked() {
  const Folder folder(NewFolder());
  Take(folder / "a", 1);
  Take(folder / "b.h5", 2);
  Take(folder / "c", 3);
  const std::vector<std::pair<const char*, const char*>> ways = {{"a", "b.h5"}, {"b.h5", "c"}};
  for (const auto& [from, to] : ways) {
    const Copied refused = Copy(folder / from, folder / to);
    CHECK_TEXT(refused.code == TSNAP_E_EXISTS && Contains(refused.message, to), refused.message);
  }
  CheckPlaceHolds(folder / "b.h5", 1, 2, kSizes);
  CheckPlaceHolds(folder / "c", 1, 3, kSizes);
  CheckNothingBut(folder, {"a", "b.h5", "c"});
  for (const auto& [from, to] : ways) {
    CheckCopied(Copy(folder / from, folder / to, {true, true, 16 << 20, {}}));
    CheckPlaceHolds(folder / to, 1, 1, kSizes);
  }
  CHECK(IdsAt(folder / "c").size() == 1);
  CheckNothingBut(folder, {"a", "b.h5", "c"});
}

void WhatCannotBeCopiedIsRefused() {
  const Folder folder(NewFolder());
  Take(folder / "a", 1, kSmallSizes);
  Take(folder / "b.h5", 1, kSmallSizes);
  const auto refused = [&](const std::string& from, const std::string& to, int32_t code, const std::string& says) {
    const Copied copied = Copy(from, to);
    CHECK_TEXT(copied.code == code && Contains(copied.message, says), std::string(tsnap_status_name(copied.code)) + " " + copied.message);
    CheckNothingBut(folder, {"a", "b.h5"});
  };
  refused(folder / "b.h5", folder / "b.h5", TSNAP_E_INVALID, "same place");
  refused(folder / "b.h5", "hdf5://" + (folder / "b.h5"), TSNAP_E_INVALID, "same place");
  refused("fs://" + (folder / "b.h5"), "hdf5://" + (folder / "b.h5") + "/", TSNAP_E_INVALID, "same place");
  refused(folder / "nothing.h5", folder / "c", TSNAP_E_NOT_FOUND, "nothing.h5");
  refused(folder / "nothing", folder / "c.h5", TSNAP_E_NOT_FOUND, "nothing");
  refused(folder / "b.h5", "warp://core", TSNAP_E_INVALID, "warp");
}

// Nothing that is damaged is copied, asked or not.
void DamagedSourceIsNotCopied() {
  const Folder source(NewFolder());
  Take(source / "a", 1);
  Take(source / "b.h5", 1);
  const auto corrupt = [&](const char* from, const char* to) {
    const Folder folder(NewFolder());
    const Copied copied = Copy(source / from, folder / to);
    CHECK_TEXT(copied.code == TSNAP_E_CORRUPT && Contains(copied.message, from), std::string(tsnap_status_name(copied.code)) + " " + copied.message);
    CheckNothingBut(folder, {});
  };
  for (const std::string& file : FilesOf(source / "a")) {
    Where() = file;
    Damage damage(file);
    damage.Flip(damage.bytes().size() / 2, 4);
    corrupt("a", "to.h5");
    if (IsRecord(file)) continue;
    damage.Truncate(damage.bytes().size() / 2);
    corrupt("a", "to.h5");
    damage.Delete();
    const Folder folder(NewFolder());
    const Copied copied = Copy(source / "a", folder / "to.h5");
    CHECK_TEXT(copied.code == TSNAP_E_CORRUPT && Contains(copied.message, "is missing"), copied.message);
    CheckNothingBut(folder, {});
  }
  // A value of which the file holds one copy.
  Damage damage(source / "b.h5");
  Opened snapshot(source / "b.h5");
  damage.Flip(damage.bytes().size() / 2, 4);
  corrupt("b.h5", "to");
  corrupt("b.h5", "to.h5");
}

void DamagedCopyIsNotCommitted() {
  for (const std::string to : {"to.h5", "to"}) {
    const Folder source(NewFolder()), folder(NewFolder());
    Take(source / "a", 1);
    Take(source / "b.h5", 1);
    const std::string from = source / (to == "to" ? "b.h5" : "a");
    bool done = false;
    Options how;
    how.verify = true;
    how.meanwhile = [&](uint64_t bytes, uint64_t total) {
      if (done || bytes < total / 2) return;
      done = true;
      for (const std::string& file : FilesOf(folder.path())) {
        if (to == "to" ? !IsSlab(file) : !file.ends_with(".h5")) continue;
        std::string bytes_of = ReadFile(file);
        bytes_of[bytes_of.size() / 2] ^= 1;
        WriteFile(file, bytes_of);
      }
    };
    const Copied copied = Copy(from, folder / to, how);
    CHECK(done);
    CHECK_TEXT(copied.code == TSNAP_E_CORRUPT && Contains(copied.message, "nothing is committed"), copied.message);
    CheckNothingBut(folder, {});
  }
}

void SourceThatGoesIsNotCommitted() {
  const Folder folder(NewFolder());
  Take(folder / "a", 1);
  bool done = false;
  Options how;
  how.budget_bytes = 1 << 20;
  how.meanwhile = [&](uint64_t, uint64_t) {
    if (!done) CHECK_OK(tsnap_remove((folder / "a").c_str(), nullptr));
    done = true;
  };
  const Copied copied = Copy(folder / "a", folder / "b.h5", how);
  CHECK(done);
  CHECK_TEXT(copied.code == TSNAP_E_NOT_FOUND && Contains(copied.message, "removed"), copied.message);
  CheckNothingBut(folder, {});
  // An open file stays whole.
  Take(folder / "c.h5", 2);
  done = false;
  how.meanwhile = [&](uint64_t, uint64_t) {
    if (!done) CHECK_OK(tsnap_remove((folder / "c.h5").c_str(), nullptr));
    done = true;
  };
  CheckCopied(Copy(folder / "c.h5", folder / "d", how));
  CheckPlaceHolds(folder / "d", 1, 2, kSizes);
}

struct Way {
  const char *from, *to;
};
constexpr Way kWays[] = {{"from", "to.h5"}, {"from.h5", "to"}, {"from.h5", "to.h5"}};

// A call that fails leaves what was there, and nothing else.
void FailedCopyLeavesNothing() {
  for (const Way& way : kWays) {
    for (const std::string op : {"any", "pwrite"}) {
      for (const bool overwrite : {false, true}) {
        const Folder source(NewFolder());
        Take(source / way.from, 1, kSmallSizes);
        int failures = 0;
        for (int n = 1;; ++n) {
          const Folder folder(NewFolder());
          if (overwrite) Take(folder / way.to, 2, kSmallSizes);
          Where() = std::string(way.from) + " to " + way.to + ", " + op + " number " + std::to_string(n);
          IoFault::Arm(IoFault::Spec(op, n, op == "any" ? "EIO" : "ENOSPC"));
          const Copied copied = Copy(source / way.from, folder / way.to, {overwrite, true, 16 << 20, {}});
          const bool failed = IoFault::Disarm() >= n;
          const Found found = ReadAll(folder / way.to, 1, kSmallSizes);
          CHECK_TEXT(found.code == TSNAP_OK ? found.wrong.empty() : found.code == TSNAP_E_NOT_FOUND && !overwrite, found.message);
          CHECK_TEXT(copied.code != TSNAP_OK || (found.code == TSNAP_OK && found.step == 1), copied.message);
          const bool committed = found.code == TSNAP_OK && found.step == 1;
          failures += !committed;
          if (op == "pwrite" && copied.code != TSNAP_OK) CHECK_TEXT(copied.code == TSNAP_E_NO_SPACE, copied.message);
          // With one failure, what is removed is removed.
          if (!committed && op == "pwrite") CheckNothingBut(folder, overwrite ? Names{way.to} : Names{});
          if (!committed) CheckCopied(Copy(source / way.from, folder / way.to, {overwrite, false, 16 << 20, {}}));
          CheckPlaceHolds(folder / way.to, 1, 1, kSmallSizes);
          if (!failed) break;
        }
        CHECK_TEXT(failures > 2, std::to_string(failures));
      }
    }
  }
}

void KilledCopyLeavesNothingThatCounts() {
  for (const Way& way : kWays) {
    const Folder source(NewFolder());
    CHECK(!DiesAt(0, [&] { Take(source / way.from, 1, kSmallSizes); }));
    int calls = 0;
    for (int n = 1;; ++n) {
      Where() = std::string(way.from) + " to " + way.to + ", killed at call " + std::to_string(n);
      const Folder folder(NewFolder());
      const bool died = DiesAt(n, [&] { CheckCopied(Copy(source / way.from, folder / way.to)); });
      const bool there = !died || ReadAll(folder / way.to, 1, kSmallSizes).opened;
      if (!there) CheckPlaceIsEmpty(folder / way.to);
      if (there) CheckPlaceHolds(folder / way.to, 1, 1, kSmallSizes);
      // What it left is garbage.
      Age(folder.path(), 200000);
      const int32_t collected = tsnap_gc((folder / way.to).c_str(), nullptr, nullptr, nullptr);
      CHECK_TEXT(collected == TSNAP_OK || (collected == TSNAP_E_NOT_FOUND && !there), tsnap_last_error());
      // Killed after its commit, it leaves its marker, too.
      if (!there || !died) CheckNothingBut(folder, there ? Names{way.to} : Names{});
      if (!there) CheckCopied(Copy(source / way.from, folder / way.to));
      if (!died) break;
      ++calls;
    }
    CHECK_TEXT(calls > 20, std::to_string(calls));
  }
}

void HungStorageIsATimeout() {
  const Folder folder(NewFolder());
  Take(folder / "from", 1);
  int number = 0;
  for (const std::string fault : {"op=pwrite,path=/.to", "op=pread,path=/from/", "op=fsync,path=/.to"}) {
    Where() = fault;
    const std::string to = folder / ("to" + std::to_string(++number) + ".h5");
    const double begin = Now();
    IoFault::Arm(fault + ",n=1,sleep=5");
    const Copied copied = Copy(folder / "from", to);   // two seconds
    const double seconds = Now() - begin;
    IoFault::Disarm();
    CHECK_TEXT(copied.code == TSNAP_E_TIMEOUT, std::string(tsnap_status_name(copied.code)) + " " + copied.message);
    CHECK_TEXT(seconds > 1.5 && seconds < 4.9, std::to_string(seconds));
    while (Now() - begin < 6) usleep(10000);   // the thread that was left behind wakes up and ends
    CheckCopied(Copy(folder / "from", to));
    CheckPlaceHolds(to, 1, 1, kSizes);
  }
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  const int code = RunCase(argc, argv,
                 {{"every_object_of_many_ranks", EveryObjectOfManyRanks},
                  {"copies_are_restored", CopiesAreRestored},
                  {"large_arrays_in_batches", LargeArraysInBatches},
                  {"empty_state", EmptyState},
                  {"files_of_other_programs", FilesOfOtherPrograms},
                  {"what_is_there_is_only_replaced_when_asked", WhatIsThereIsOnlyReplacedWhenAsked},
                  {"what_cannot_be_copied_is_refused", WhatCannotBeCopiedIsRefused},
                  {"damaged_source_is_not_copied", DamagedSourceIsNotCopied},
                  {"damaged_copy_is_not_committed", DamagedCopyIsNotCommitted},
                  {"source_that_goes_is_not_committed", SourceThatGoesIsNotCommitted},
                  {"failed_copy_leaves_nothing", FailedCopyLeavesNothing},
                  {"killed_copy_leaves_nothing_that_counts", KilledCopyLeavesNothingThatCounts},
                  {"hung_storage_is_a_timeout", HungStorageIsATimeout}});
  // HDF5 keeps a file that the system failed to close, as failed_copy_leaves_nothing makes it fail, and falls over it at exit.
  std::fflush(nullptr);
  std::_Exit(code);
}
