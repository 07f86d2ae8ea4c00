// Snapshots in C++: listed, read into containers and views, verified, copied, removed; wrong types are told before anything is read.
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>
#if defined(__has_include) && __has_include(<version>)
#include <version>
#endif

#include <tsnap.hpp>

#include "cases.h"

namespace tsnap::test {
namespace {

struct Record {
  float weight;
  std::int32_t id;
};

// One of everything, taken at url.
void Make(const std::string& url, const std::string& metadata = {}) {
  std::vector<double> field(12);
  std::iota(field.begin(), field.end(), 0.0);
  std::vector<Record> records = {{1, 2}, {3, 4}};
  std::vector<unsigned char> block = {1, 2, 3};
  bool flags[3] = {true, false, true};
  std::int64_t step = 9;
  double time = 0.5;
  bool done = true;
  std::string title = "run";
  State state;
  state.sharded("field", View(field, {3, 4}), {3, 4}, {0, 0}).attribute("units", "K").attribute("axis", "x");
  state.replicated("records", records);
  state.private_("flags", flags);
  state.replicated("step", step);
  state.replicated("time", time);
  state.replicated("done", done);
  state.replicated("title", title);
  state.private_bytes("block", block);
  TakeOptions options;
  options.metadata = metadata;
  Context::self().take(url, state, options);
}

void ObjectsAreListed() {
  Make("mem://listed", "about");
  const Snapshot snapshot("mem://listed");
  const SnapshotInfo info = snapshot.info();
  const auto age = std::chrono::system_clock::now() - info.created;
  CHECK(info.metadata == "about" && info.world_size == 1 && info.object_count == 8 && info.library_version == version());
  CHECK(!info.id.empty() && Contains(info.format, "native") && info.bytes > 100 && info.stored_bytes > 0);
  CHECK(age > std::chrono::seconds(-5) && age < std::chrono::minutes(5));
  std::vector<std::string> paths;
  for (const Object& object : snapshot) paths.push_back(object.path());
  CHECK(paths == (std::vector<std::string>{"0/block", "0/flags", "done", "field", "records", "step", "time", "title"}));
  CHECK(snapshot.size() == 8 && !snapshot.empty());
  const Object field = snapshot["field"];
  CHECK(field.type() == ObjectType::array && field.kind() == Kind::sharded && field.dtype() == Dtype::float64);
  CHECK(field.shape() == Dims(3, 4) && !field.rank() && field.item_bytes() == 8 && field.bytes() == 96 && field.stored_bytes() > 0);
  CHECK(field.attributes() == (std::map<std::string, std::string>{{"axis", "x"}, {"units", "K"}}));
  CHECK(field.attribute("units") == "K" && !field.find_attribute("none") && *field.find_attribute("axis") == "x");
  CHECK_THROWS(field.attribute("none"), NotFound, "none");
  CHECK(*snapshot["0/flags"].rank() == 0 && snapshot["0/flags"].kind() == Kind::private_);
  CHECK(!snapshot.contains("none") && snapshot.find("step")->type() == ObjectType::int64);
  CHECK_THROWS(snapshot["none"], NotFound, "none");
  std::uint64_t bytes = 0;
  for (const Extent& extent : field.extents()) {
    bytes += extent.bytes;
    CHECK(extent.box_shape.size() == 2 && extent.codec == 0 && !extent.file.empty() && extent.writer == 0);
  }
  CHECK(bytes == 96 && std::string(name(ObjectType::bytes)) == "a block of bytes");
}

void ArraysAreRead() {
  Make("mem://read");
  const Snapshot snapshot("mem://read");
  const Object field = snapshot["field"];
  CHECK(field.read<double>().size() == 12 && field.read<double>()[11] == 11);
  CHECK(field.read<double>({1, 2}, {2, 2}) == (std::vector<double>{6, 7, 10, 11}));
  CHECK((field.read<std::array<double, 4>>()[2] == std::array<double, 4>{8, 9, 10, 11}));
  CHECK((field.read<std::array<double, 4>>({1}, {1})[0][0] == 4));
  std::vector<double> memory(20, -1);
  field.read_into(View(memory, {4, 5}).box({1, 1}, {2, 3}), {0, 1});
  CHECK(memory[6] == 1 && memory[8] == 3 && memory[11] == 5 && memory[9] == -1);
  double part[2][2] = {};
  ReadOptions options;
  options.verify = false;
  options.memory_budget_bytes = 16 << 20;
  field.read_into(part, {1, 2}, options);
  CHECK(part[0][0] == 6 && part[1][1] == 11);
  const std::vector<Record> records = snapshot["records"].read<Record>();
  CHECK(records.size() == 2 && records[1].id == 4 && snapshot["records"].dtype() == Dtype::opaque);
  bool flags[3] = {};
  snapshot["0/flags"].read_into(flags);
  CHECK(flags[0] && !flags[1] && flags[2]);
#ifdef __cpp_lib_span
  field.read_into(std::span<double>(memory.data(), 0).first(0), {});
#endif
}

void WrongTypesAreTold() {
  Make("mem://types");
  const Snapshot snapshot("mem://types");
  struct Other {
    char bytes[5];
  };
  std::vector<float> floats(12);
  CHECK_THROWS(snapshot["field"].read<float>(), Mismatch, "cannot read 'field' as float32: it is stored as float64");
  CHECK_THROWS(snapshot["field"].read_into(floats), Mismatch, "stored as float64");
  CHECK_THROWS(snapshot["records"].read<Other>(), Mismatch, "records of 5 bytes: those that are stored have 8");
  CHECK_THROWS((snapshot["field"].read<std::array<double, 3>>()), Mismatch, "its last axes are others");
  CHECK_THROWS(snapshot["step"].read<std::int64_t>(), Mismatch, "it is an integer; get() reads it");
  CHECK_THROWS(snapshot["field"].get<double>(), Mismatch, "field");
  CHECK_THROWS(snapshot["step"].get<std::string>(), Mismatch, "step");
  CHECK_THROWS(snapshot["title"].get<std::vector<char>>(), Mismatch, "title");
  CHECK_THROWS(snapshot["title"].get<bool>(), Mismatch, "title");
  CHECK_THROWS(snapshot["field"].read<double>({2, 0}, {2, 4}), Error, "TSNAP_E_INVALID");
  ReadOptions tiny;
  tiny.memory_budget_bytes = 1;
  double strided[12][2] = {};
  CHECK_THROWS(snapshot["field"].read_into(View(&strided[0][0], {3, 4}, Strides{8, 2}), {}, tiny), Error, "TSNAP_E_NO_MEMORY");
  CHECK_THROWS(snapshot["field"].read<double>({0}, {1}), Error, "");
}

void ValuesAreRead() {
  Make("mem://values");
  const Snapshot snapshot("mem://values");
  CHECK(snapshot["step"].get<std::int64_t>() == 9 && snapshot["time"].get<double>() == 0.5 && snapshot["done"].get<bool>());
  CHECK(snapshot["title"].get<std::string>() == "run");
  CHECK(snapshot["0/block"].get<std::vector<std::uint8_t>>() == (std::vector<std::uint8_t>{1, 2, 3}));
  CHECK(snapshot["0/block"].get<std::vector<char>>().size() == 3);
}

void DamageIsFound() {
  const Folder folder(NewFolder());
  const std::filesystem::path url = folder / "damaged";
  Make(url.string());
  Snapshot snapshot(url);
  std::uint64_t done = 0, all = 0;
  snapshot.on_progress([&](std::uint64_t so_far, std::uint64_t total) {
    done = so_far;
    all = total;
  });
  CHECK(snapshot.verify().empty() && done == all && all > 0);
  const Extent extent = snapshot["field"].extents().at(0);
  {
    std::fstream file(url / extent.file, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(extent.offset_bytes));
    file.put('?');
  }
  const std::vector<std::string> bad = snapshot.verify();
  CHECK(std::set<std::string>(bad.begin(), bad.end()).count("field") == 1);
  CHECK_THROWS(snapshot["field"].read<double>(), Corrupt, "field");
  snapshot.on_progress([](std::uint64_t, std::uint64_t) { throw std::runtime_error("enough"); });
  CHECK_THROWS(snapshot.verify(), std::runtime_error, "enough");
  snapshot.on_progress({});
  CHECK(!snapshot.verify().empty());
  std::filesystem::resize_file(url / "tsnap.json", 10);
  CHECK_THROWS(Snapshot(url), Corrupt, "the commit record is damaged");
}

void SnapshotsAreCopiedAndRemoved() {
  const Folder folder(NewFolder());
  const std::string from = folder / "from", to = folder / "to";
  Make(from);
  std::uint64_t done = 0;
  CopyOptions options;
  options.verify = true;
  options.progress = [&](std::uint64_t so_far, std::uint64_t) { done = so_far; };
  const CopyResult copied = tsnap::copy(from, to, options);
  CHECK(copied.objects_copied > 0 && copied.objects_skipped == 0 && copied.bytes_copied > 0 && !copied.server_side && done > 0);
  CHECK(Snapshot(to).info().id == Snapshot(from).info().id);
  CHECK(tsnap::copy(from, to).bytes_copied == 0);
  Make(folder / "other");
  CHECK_THROWS(tsnap::copy(folder / "other", to), Exists, to);
  options.overwrite = true;
  options.progress = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("enough"); };
  CHECK_THROWS(tsnap::copy(folder / "other", to, options), std::runtime_error, "enough");
  CHECK(Snapshot(to).info().id == Snapshot(folder / "other").info().id);
  tsnap::remove(std::filesystem::path(to));
  CHECK_THROWS(Snapshot(to), NotFound, to);
}

void GarbageIsCollected() {
  const Folder folder(NewFolder());
  const std::string url = folder / "place";
  Make(url);
  const std::string id = Snapshot(url).info().id;
  const std::filesystem::path dead = url + "/0123456789abcdef0123456789abcdef";
  std::filesystem::create_directories(dead / "data/0");
  std::ofstream(dead / "taking") << "x";
  std::ofstream(dead / "data/0/0.0") << std::string(1000, 'x');
  GcResult result = gc(url);   // it may be in progress
  CHECK(result.takes_removed == 0 && result.takes_kept == 1 && result.bytes_removed == 0);
  const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(3);
  std::filesystem::last_write_time(dead / "taking", long_ago);
  std::filesystem::last_write_time(dead / "data/0/0.0", long_ago);
  CHECK(gc(url).takes_removed == 0);   // a day is the default
  GcOptions options;
  options.min_age = std::chrono::hours(2);
  options.dry_run = true;
  std::set<std::string> told;
  options.removed = [&](std::string_view key, std::uint64_t) { told.emplace(key); };
  result = gc(url, options);
  CHECK(result.takes_removed == 1 && result.bytes_removed == 1001 && told.size() == 2 && std::filesystem::exists(dead / "taking"));
  options.dry_run = false;
  options.removed = [](std::string_view, std::uint64_t) { throw std::runtime_error("enough"); };
  CHECK_THROWS(gc(url, options), std::runtime_error, "enough");
  CHECK(!std::filesystem::exists(dead) && Snapshot(url).info().id == id);
  CHECK_THROWS(gc(url, GcOptions{Seconds(-1), false, {}}), Error, "TSNAP_E_INVALID");
}

void ManyThreadsReadAtOnce() {
  Make("mem://threads");
  const Snapshot snapshot("mem://threads");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        CHECK(snapshot["field"].read<double>()[5] == 5 && snapshot["title"].get<std::string>() == "run");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunCase(argc, argv,
                 {{"objects_are_listed", ObjectsAreListed},
                  {"arrays_are_read_into_containers_and_views", ArraysAreRead},
                  {"wrong_types_are_told", WrongTypesAreTold},
                  {"values_are_read", ValuesAreRead},
                  {"damage_is_found", DamageIsFound},
                  {"snapshots_are_copied_and_removed", SnapshotsAreCopiedAndRemoved},
                  {"garbage_is_collected", GarbageIsCollected},
                  {"many_threads_read_one_snapshot", ManyThreadsReadAtOnce}});
}
