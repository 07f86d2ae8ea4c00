// Files that the HDF5 module makes: laid out by a plan, filled by plain writes, read back both ways.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>

#include "hdf5_files.h"

using namespace tsnap;
using namespace tsnap::test;

namespace {

struct Sample {
  Dtype dtype;
  int64_t item_bytes;
};
constexpr Sample kSamples[] = {
    {Dtype::kBool, 1},       {Dtype::kInt8, 1},     {Dtype::kInt16, 2},     {Dtype::kInt32, 4},      {Dtype::kInt64, 8},
    {Dtype::kUint8, 1},      {Dtype::kUint16, 2},   {Dtype::kUint32, 4},    {Dtype::kUint64, 8},     {Dtype::kFloat8E4m3, 1},
    {Dtype::kFloat8E5m2, 1}, {Dtype::kFloat16, 2},  {Dtype::kBfloat16, 2},  {Dtype::kFloat32, 4},    {Dtype::kFloat64, 8},
    {Dtype::kComplex64, 8},  {Dtype::kOpaque, 24},  {Dtype::kComplex128, 16},
};

Bytes Pattern(size_t size, bool is_bool) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(is_bool ? i % 2 : (i * 37 + 11) % 251);
  return bytes;
}

std::string Contents(const std::string& path) {
  const Bytes bytes = ReadAt(path, 0, std::filesystem::file_size(path));
  return std::string(AsText(bytes));
}

}  // namespace

Test(hdf5_create, every_dtype_comes_back_as_it_was_written_at_its_address) {
  const Folder folder;
  FilePlan plan;
  for (const Sample& sample : kSamples)
    plan.datasets.push_back(Spec(std::string("/types/") + DtypeName(sample.dtype), sample.dtype, {3, 4}, sample.item_bytes));
  const FileMap map = CreateOrFail(folder / "a.h5", plan);
  cr_assert_eq(map.datasets.size(), std::size(kSamples));
  for (size_t i = 0; i < map.datasets.size(); ++i) {
    const DatasetPlace& place = map.datasets[i];
    cr_assert_neq(place.place.address, kNoAddress);
    cr_assert_eq(place.item_bytes, kSamples[i].item_bytes);
    cr_assert_eq(place.place.bytes, 12 * static_cast<uint64_t>(kSamples[i].item_bytes));
    const Bytes bytes = Pattern(place.place.bytes, kSamples[i].dtype == Dtype::kBool);
    WriteAt(folder / "a.h5", place.place.address, bytes.data(), bytes.size());
  }
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  const std::vector<FoundDataset> all = WalkAll(*file);
  cr_assert_eq(all.size(), std::size(kSamples));
  for (size_t i = 0; i < map.datasets.size(); ++i) {
    const FoundDataset& found = FindIn(all, plan.datasets[i].name);
    // HDF5 has nothing that an e4m3 float could be known by: only tsnap's index says what they are.
    const Dtype as_seen = kSamples[i].dtype == Dtype::kFloat8E4m3 ? Dtype::kOpaque : kSamples[i].dtype;
    cr_assert_eq(found.dtype, as_seen, "%s came back as %s", found.name.c_str(), DtypeName(found.dtype));
    cr_assert_eq(found.item_bytes, kSamples[i].item_bytes);
    cr_assert_eq(found.ndim, 2);
    const Bytes bytes = Pattern(map.datasets[i].place.bytes, kSamples[i].dtype == Dtype::kBool);
    cr_assert(ReadAll<std::byte>(*file, found) == bytes, "%s", found.name.c_str());
    Result<Bytes> whole = file->ReadWhole(found.name, bytes.size());
    cr_assert(whole.ok() && *whole == bytes);
    Result<DatasetPlace> place = file->Locate(found.name);
    cr_assert(place.ok(), "%s", place.status().message().c_str());
    cr_assert_eq(place->place.address, map.datasets[i].place.address, "%s", found.name.c_str());
    cr_assert_eq(place->place.bytes, map.datasets[i].place.bytes);
  }
}

Test(hdf5_create, boxes_are_read_where_they_lie) {
  const Folder folder;
  FilePlan plan;
  plan.datasets = {Spec("/a", Dtype::kInt32, {4, 5}), Spec("/one", Dtype::kFloat64, {})};
  const FileMap map = CreateOrFail(folder / "a.h5", plan);
  std::vector<int32_t> values(20);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int32_t>(i);
  WriteAt(folder / "a.h5", map.datasets[0].place.address, values.data(), 80);
  const double pi = 3.14;
  WriteAt(folder / "a.h5", map.datasets[1].place.address, &pi, 8);
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  int32_t part[4] = {};
  const Box box{2, {1, 3}, {2, 2}};
  cr_assert(file->Read("/a", box, std::as_writable_bytes(std::span(part))).ok());
  cr_assert(std::equal(std::begin(part), std::end(part), std::initializer_list<int32_t>{8, 9, 13, 14}.begin()));
  double one = 0;
  cr_assert(file->Read("/one", Box{}, std::as_writable_bytes(std::span(&one, 1))).ok());
  cr_assert_eq(one, pi);
  cr_assert_eq(file->Read("/a", Box{2, {3, 3}, {2, 2}}, std::as_writable_bytes(std::span(part))).code(), Code::kInvalid);
  cr_assert_eq(file->Read("/a", Box{2, {0, 0}, {2, 1}}, std::as_writable_bytes(std::span(part))).code(), Code::kInvalid);
}

Test(hdf5_create, strings_and_empty_datasets_have_their_sizes) {
  const Folder folder;
  FilePlan plan;
  plan.datasets = {TextSpec("/text", 5), TextSpec("/nothing", 0), Spec("/none", Dtype::kFloat32, {0, 7})};
  const FileMap map = CreateOrFail(folder / "a.h5", plan);
  cr_assert_eq(map.datasets[0].ndim, 1);
  cr_assert_eq(map.datasets[0].shape[0], 5);
  cr_assert_eq(map.datasets[0].place.bytes, 5);
  cr_assert_eq(map.datasets[1].place.address, kNoAddress);
  cr_assert_eq(map.datasets[1].place.bytes, 0);
  cr_assert_eq(map.datasets[2].place.address, kNoAddress);
  cr_assert_eq(map.datasets[2].place.bytes, 0);
  WriteAt(folder / "a.h5", map.datasets[0].place.address, "h\xc3\xa9\0\0", 5);
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  const std::vector<FoundDataset> all = WalkAll(*file);
  const FoundDataset& text = FindIn(all, "/text");
  cr_assert_eq(text.type, Type::kString);
  cr_assert_eq(text.shape[0], 3);   // as anybody's text: what pads it is none of it
  cr_assert_eq(file->Locate("/text")->shape[0], 5);
  const std::vector<char> bytes = ReadAll<char>(*file, text);
  cr_assert_eq(std::string(bytes.begin(), bytes.end()), "h\xc3\xa9");
  Result<Bytes> whole = file->ReadWhole("/text", 5);
  cr_assert(whole.ok());
  cr_assert_eq(std::string(AsText(*whole)), std::string("h\xc3\xa9\0\0", 5));
  char middle[2];
  cr_assert(file->Read("/text", Box{1, {1}, {2}}, std::as_writable_bytes(std::span(middle))).ok());
  cr_assert_eq(std::string(middle, 2), "\xc3\xa9");
  cr_assert_eq(FindIn(all, "/nothing").type, Type::kString);
  cr_assert_eq(FindIn(all, "/nothing").shape[0], 0);
  cr_assert_eq(FindIn(all, "/none").shape[1], 7);
  for (const char* name : {"/nothing", "/none"}) {
    Result<DatasetPlace> place = file->Locate(name);
    cr_assert(place.ok() && place->place.address == kNoAddress && place->place.bytes == 0, "%s", name);
    cr_assert(file->ReadWhole(name, 10).ok());
    cr_assert(ReadAll<char>(*file, FindIn(all, name)).empty());
  }
}

Test(hdf5_create, the_hidden_group_has_index_names_and_record) {
  const Folder folder;
  FilePlan plan;
  plan.datasets = {Spec("/b", Dtype::kInt8, {1}), Spec("/a/c", Dtype::kInt8, {1})};
  plan.datasets.push_back(Spec(std::string(kTablesGroup) + "/0", Dtype::kUint8, {2}));
  plan.datasets.back().content = Content::kRankRows;
  plan.index_bytes = {100, 0, 7};
  plan.record_bytes = 64;
  const FileMap map = CreateOrFail(folder / "a.h5", plan);
  cr_assert_eq(map.index.size(), 3);
  cr_assert_eq(map.index[0].bytes, 100);
  cr_assert_eq(map.index[1].address, kNoAddress);
  cr_assert_eq(map.index[1].bytes, 0);
  cr_assert_eq(map.record.bytes, 64);
  cr_assert_eq(map.datasets[2].item_bytes, static_cast<int64_t>(sizeof(RankRow)));
  const std::string record = "{}" + std::string(62, ' ');
  WriteAt(folder / "a.h5", map.record.address, record.data(), 64);
  const RankRow rows[2] = {{0, 0, 3, 1, {3}}, {1, 3, 4, 2, {2, 2}}};
  WriteAt(folder / "a.h5", map.datasets[2].place.address, rows, sizeof(rows));
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  Result<Bytes> names = file->ReadWhole(kNamesName, 1000);
  cr_assert(names.ok());
  cr_assert_eq(AsText(*names), std::string_view("/b\0/a/c\0/.tsnap/ranks/0\0", 24));
  Result<Bytes> read = file->ReadWhole(kRecordName, 64);
  cr_assert(read.ok() && AsText(*read) == record);
  cr_assert_eq(file->ReadWhole(kRecordName, 63).status().code(), Code::kCorrupt);
  cr_assert_eq(file->Locate("/.tsnap/index/00002")->place.address, map.index[2].address);
  cr_assert_eq(file->Locate("/.tsnap/index/00001").status().code(), Code::kNotFound);
  Result<Bytes> table = file->ReadWhole(plan.datasets[2].name, 1000);
  cr_assert(table.ok() && table->size() == sizeof(rows) && std::memcmp(table->data(), rows, sizeof(rows)) == 0);
  cr_assert_eq(WalkAll(*file).size(), 2, "the hidden group is not walked");
}

Test(hdf5_create, large_datasets_are_aligned_and_the_file_reaches_their_end) {
  const Folder folder;
  FilePlan plan;
  plan.alignment = 4096;
  plan.datasets = {Spec("/small", Dtype::kInt8, {3}), Spec("/large", Dtype::kInt8, {(1 << 20) + 1}),
                   Spec("/huge", Dtype::kFloat64, {1 << 20, 1 << 10})};
  const FileMap map = CreateOrFail(folder / "a.h5", plan);
  cr_assert_eq(map.datasets[1].place.address % 4096, 0);
  cr_assert_eq(map.datasets[2].place.address % 4096, 0);
  for (const DatasetPlace& place : map.datasets)
    cr_assert_leq(place.place.address + place.place.bytes, std::filesystem::file_size(folder / "a.h5"));
}

Test(hdf5_create, equal_plans_make_equal_files) {
  const Folder folder;
  FilePlan plan;
  plan.datasets = {Spec("/a/b/c", Dtype::kInt8, {3}), TextSpec("/a/d", 4)};
  plan.datasets[0].notes = {{"unit", std::string("kg")}, {"many", std::vector<std::string>{"a", "bc"}}};
  plan.notes = {{"n", int64_t{7}}};
  plan.record_bytes = 10;
  CreateOrFail(folder / "a.h5", plan);
  sleep(1);  // times in a file have seconds
  CreateOrFail(folder / "b.h5", plan);
  cr_assert(Contents(folder / "a.h5") == Contents(folder / "b.h5"));
}

Test(hdf5_create, notes_come_back_as_attributes) {
  const Folder folder;
  FilePlan plan;
  plan.datasets = {Spec("/a", Dtype::kInt8, {3})};
  std::vector<Note>& notes = plan.datasets[0].notes;
  notes = {{"unit", std::string("m\xc2\xb2")}, {"empty", std::string()}, {"count", int64_t{-5}},
           {"list", std::vector<std::string>{"x", "yz"}}, {"no list", std::vector<std::string>{}}};
  for (int i = 0; i < 500; ++i) notes.push_back({"n" + std::to_string(i), int64_t{i}});
  notes.push_back({"long", std::string(60000, 'l')});
  notes.push_back({"long list", std::vector<std::string>(6000, "a")});
  CreateOrFail(folder / "a.h5", plan);
  const std::vector<FoundDataset> all = WalkAll(*OpenOrFail(folder / "a.h5"));
  const std::vector<Attribute>& read = all[0].attributes;
  cr_assert_eq(read.size(), notes.size());
  cr_assert(std::is_sorted(read.begin(), read.end()));
  const auto has = [&](const char* name, const std::string& value) {
    return std::find(read.begin(), read.end(), Attribute(name, value)) != read.end();
  };
  cr_assert(has("unit", "m\xc2\xb2"));
  cr_assert(has("empty", ""));
  cr_assert(has("count", "-5"));
  cr_assert(has("list", "x, yz"));
  cr_assert(has("no list", ""));
  cr_assert(has("n499", "499"));
  cr_assert(has("long", std::string(60000, 'l')));
}

Test(hdf5_create, a_failure_leaves_no_file_and_tells_why) {
  const Folder folder;
  FilePlan plan;
  FileMap map;
  const Library& library = TheLibrary();
  const auto refuse = [&](std::vector<DatasetSpec> specs, Code code) {
    plan.datasets = std::move(specs);
    const Status status = library.Create(folder / "a.h5", plan, [] {}, &map);
    cr_assert_eq(status.code(), code, "%s", status.ToString().c_str());
    cr_assert_eq(status.message().find('\n'), std::string::npos);
    cr_assert_neq(status.message().find(plan.datasets.back().name.c_str()), std::string::npos, "%s", status.message().c_str());
    cr_assert(!std::filesystem::exists(folder / "a.h5"));
  };
  const auto a = [](const char* name) { return Spec(name, Dtype::kInt8, {2}); };
  refuse({a("/x"), a("/x")}, Code::kIo);
  refuse({a("/x"), a("/x/y")}, Code::kIo);
  refuse({a("/x/./y")}, Code::kInvalid);
  refuse({a("x")}, Code::kInvalid);
  refuse({a("/x//y")}, Code::kInvalid);
  refuse({Spec("/x", Dtype::kInt64, {INT64_MAX / 2})}, Code::kInvalid);
  refuse({Spec("/x", Dtype::kOpaque, {1}, int64_t{1} << 33)}, Code::kUnsupported);
  plan.datasets = {a("/x")};
  plan.datasets[0].notes = {{"n", std::string("a\0b", 3)}};
  cr_assert_eq(library.Create(folder / "a.h5", plan, [] {}, &map).code(), Code::kInvalid);
  plan.datasets.clear();
  cr_assert_eq(library.Create(folder / "no/a.h5", plan, [] {}, &map).code(), Code::kNotFound);
  CreateOrFail(folder / "a.h5", plan);
  cr_assert_eq(library.Create(folder / "a.h5", plan, [] {}, &map).code(), Code::kExists);
  cr_assert(std::filesystem::exists(folder / "a.h5"), "another's file was removed");
}

Test(hdf5_create, thousands_of_datasets_are_laid_out_apart) {
  const Folder folder;
  FilePlan plan;
  for (int i = 0; i < 10000; ++i) {
    plan.datasets.push_back(Spec((i % 2 == 0 ? "/flat/" : "/" + std::to_string(i) + "/x/") + std::to_string(i), Dtype::kFloat64, {10}));
    plan.datasets.back().notes = {{"tsnap.kind", std::string("private")}, {"unit", std::string("kg")}};
  }
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  const FileMap map = CreateOrFail(folder / "a.h5", plan);
  const double made = seconds();
  std::set<uint64_t> addresses;
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  for (size_t i = 0; i < map.datasets.size(); ++i) {
    addresses.insert(map.datasets[i].place.address);
    Result<DatasetPlace> place = file->Locate(plan.datasets[i].name);
    cr_assert(place.ok() && place->place.address == map.datasets[i].place.address);
  }
  const double located = seconds();
  cr_assert_eq(addresses.size(), 10000);
  uint64_t last = 0;
  for (const uint64_t address : addresses) {
    cr_assert(last == 0 || address >= last + 80);
    last = address;
  }
  cr_assert_eq(WalkAll(*file).size(), 10000);
  std::fprintf(stderr, "10,000 datasets: made in %.2f s, located in %.2f s, walked in %.2f s\n", made, located - made,
               seconds() - located);
}
