// Files that others made, by HDF5's own calls, as the module sees them.
#include <hdf5.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "hdf5_files.h"

using namespace tsnap;
using namespace tsnap::test;

namespace {

// A file that a test makes; what is not closed by name closes with it.
class Foreign {
 public:
  explicit Foreign(const std::string& path) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    const hid_t creation = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_userblock(creation, 512);  // addresses count from the file's start all the same
    id = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access);
    cr_assert_geq(id, 0);
  }
  ~Foreign() { Close(); }
  void Close() {
    if (id >= 0) H5Fclose(id);
    id = -1;
  }
  // Written from memory of type `memory`; without one, of the file's own type.
  hid_t Add(const char* name, hid_t type, std::vector<hsize_t> dims, const void* data, hid_t creation = H5P_DEFAULT,
            hid_t memory = -1) {
    const hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    const hid_t space =
        dims.empty() ? H5Screate(H5S_SCALAR) : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
    const hid_t dataset = H5Dcreate2(id, name, type, space, links, creation, H5P_DEFAULT);
    cr_assert_geq(dataset, 0, "%s", name);
    if (data != nullptr) cr_assert_geq(H5Dwrite(dataset, memory < 0 ? type : memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    return dataset;
  }
  hid_t id = -1;
};

hid_t Text(size_t size, H5T_str_t pad) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, size);
  H5Tset_strpad(type, pad);
  return type;
}

hid_t Complex(const char* real, const char* imaginary, hid_t part) {
  const size_t size = H5Tget_size(part);
  const hid_t type = H5Tcreate(H5T_COMPOUND, 2 * size);
  H5Tinsert(type, real, 0, part);
  H5Tinsert(type, imaginary, size, part);
  return type;
}

uint64_t AddressOf(File& file, const std::string& name) {
  Result<DatasetPlace> place = file.Locate(name);
  cr_assert(place.ok(), "%s", place.status().message().c_str());
  return place->place.address;
}

}  // namespace

Test(hdf5_foreign, numbers_of_either_byte_order_become_native_ones) {
  const Folder folder;
  Foreign foreign(folder / "a.h5");
  const int32_t ints[] = {1, -2, 300000};
  const double doubles[] = {1.5, -2.25, INFINITY};
  foreign.Add("little", H5T_STD_I32LE, {3}, ints, H5P_DEFAULT, H5T_NATIVE_INT32);
  foreign.Add("big", H5T_STD_I32BE, {3}, ints, H5P_DEFAULT, H5T_NATIVE_INT32);
  foreign.Add("big unsigned", H5T_STD_U16BE, {3}, ints, H5P_DEFAULT, H5T_NATIVE_INT32);
  foreign.Add("big double", H5T_IEEE_F64BE, {3}, doubles, H5P_DEFAULT, H5T_NATIVE_DOUBLE);
  const hid_t three = H5Tcopy(H5T_STD_I32LE);
  H5Tset_precision(three, 24);
  H5Tset_size(three, 3);
  foreign.Add("three bytes", three, {3}, ints, H5P_DEFAULT, H5T_NATIVE_INT32);
  foreign.Add("long double", H5T_NATIVE_LDOUBLE, {1}, nullptr);
  const uint16_t bits[] = {0x8001, 7, 0};
  foreign.Add("bits", H5T_STD_B16BE, {3}, bits, H5P_DEFAULT, H5T_NATIVE_B16);
  foreign.Close();

  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  const std::vector<FoundDataset> all = WalkAll(*file);
  const std::vector<int32_t> expected(ints, ints + 3);
  for (const char* name : {"/little", "/big", "/three bytes"}) {
    cr_assert_eq(FindIn(all, name).dtype, Dtype::kInt32);
    cr_assert(ReadAll<int32_t>(*file, FindIn(all, name)) == expected, "%s", name);
  }
  cr_assert_neq(AddressOf(*file, "/little"), kNoAddress);
  const Bytes raw = ReadAt(folder / "a.h5", AddressOf(*file, "/little"), sizeof(ints));
  cr_assert_eq(std::memcmp(raw.data(), ints, sizeof(ints)), 0);
  for (const char* name : {"/big", "/big double", "/three bytes", "/bits"}) cr_assert_eq(AddressOf(*file, name), kNoAddress);
  cr_assert_eq(FindIn(all, "/big unsigned").dtype, Dtype::kUint16);
  cr_assert(ReadAll<double>(*file, FindIn(all, "/big double")) == std::vector<double>(doubles, doubles + 3));
  cr_assert_eq(FindIn(all, "/bits").dtype, Dtype::kUint16);
  cr_assert(ReadAll<uint16_t>(*file, FindIn(all, "/bits")) == std::vector<uint16_t>(bits, bits + 3));
  cr_assert(!FindIn(all, "/long double").readable);
  cr_assert_eq(file->Locate("/long double").status().code(), Code::kUnsupported);
}

Test(hdf5_foreign, enums_complex_numbers_and_records_become_the_nearest_dtype) {
  const Folder folder;
  Foreign foreign(folder / "a.h5");
  const hid_t boolean = H5Tenum_create(H5T_NATIVE_INT8);
  int8_t value = 1;
  H5Tenum_insert(boolean, "TRUE", &value);
  value = 0;
  H5Tenum_insert(boolean, "FALSE", &value);
  const int8_t flags[] = {1, 0, 1};
  foreign.Add("bool", boolean, {3}, flags);
  const hid_t color = H5Tenum_create(H5T_STD_I16BE);
  int16_t red = 0x0100, blue = 0x0500;  // 1 and 5, the other way round
  H5Tenum_insert(color, "RED", &red);
  H5Tenum_insert(color, "BLUE", &blue);
  const int16_t colors[] = {red, blue, red};
  foreign.Add("color", color, {3}, colors);
  const double z[] = {1, 2, 3, 4};
  const float f[] = {1, 2, 3, 4};
  foreign.Add("ri", Complex("r", "i", H5T_NATIVE_DOUBLE), {2}, z);
  foreign.Add("real_imag", Complex("real", "imag", H5T_IEEE_F32BE), {2}, f, H5P_DEFAULT, Complex("real", "imag", H5T_NATIVE_FLOAT));
  foreign.Add("pair", Complex("x", "y", H5T_NATIVE_DOUBLE), {2}, z);
  const hsize_t three = 3;
  foreign.Add("vectors", H5Tarray_create2(H5T_NATIVE_DOUBLE, 1, &three), {1}, z);
  foreign.Add("opaque", H5Tcreate(H5T_OPAQUE, 5), {2}, "helloworld");
  const hid_t deep = H5Tcreate(H5T_COMPOUND, 32);
  H5Tinsert(deep, "a", 0, H5T_NATIVE_INT);
  H5Tinsert(deep, "b", 8, H5Tvlen_create(H5T_NATIVE_INT));
  foreign.Add("with a list", deep, {1}, nullptr);
  foreign.Add("lists", H5Tvlen_create(H5T_NATIVE_INT), {1}, nullptr);
  foreign.Add("references", H5T_STD_REF_OBJ, {1}, nullptr);
  foreign.Close();

  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  const std::vector<FoundDataset> all = WalkAll(*file);
  cr_assert_eq(all.size(), 10);
  cr_assert_eq(FindIn(all, "/bool").dtype, Dtype::kBool);
  cr_assert(ReadAll<int8_t>(*file, FindIn(all, "/bool")) == std::vector<int8_t>(flags, flags + 3));
  cr_assert_eq(FindIn(all, "/color").dtype, Dtype::kInt16);
  cr_assert(ReadAll<int16_t>(*file, FindIn(all, "/color")) == (std::vector<int16_t>{1, 5, 1}));
  cr_assert_eq(FindIn(all, "/ri").dtype, Dtype::kComplex128);
  cr_assert(ReadAll<double>(*file, FindIn(all, "/ri")) == std::vector<double>(z, z + 4));
  cr_assert_neq(AddressOf(*file, "/ri"), kNoAddress);
  cr_assert_eq(FindIn(all, "/real_imag").dtype, Dtype::kComplex64);
  cr_assert(ReadAll<float>(*file, FindIn(all, "/real_imag")) == std::vector<float>(f, f + 4));
  cr_assert_eq(AddressOf(*file, "/real_imag"), kNoAddress);
  for (const auto& [name, bytes] : {std::pair("/pair", 16), std::pair("/vectors", 24), std::pair("/opaque", 5)}) {
    cr_assert_eq(FindIn(all, name).dtype, Dtype::kOpaque);
    cr_assert_eq(FindIn(all, name).item_bytes, bytes);
    cr_assert_neq(AddressOf(*file, name), kNoAddress);
  }
  cr_assert(ReadAll<double>(*file, FindIn(all, "/pair")) == std::vector<double>(z, z + 4));
  const std::vector<char> text = ReadAll<char>(*file, FindIn(all, "/opaque"));
  cr_assert_eq(std::string(text.begin(), text.end()), "helloworld");
  for (const char* name : {"/with a list", "/lists", "/references"}) {
    cr_assert(!FindIn(all, name).readable, "%s", name);
    cr_assert(!FindIn(all, name).why_not.empty());
    char byte;
    cr_assert_eq(file->Read(name, Box{1, {0}, {1}}, std::as_writable_bytes(std::span(&byte, 1))).code(), Code::kUnsupported);
  }
}

Test(hdf5_foreign, strings_are_their_bytes) {
  const Folder folder;
  Foreign foreign(folder / "a.h5");
  const char* text = "of any length";
  foreign.Add("variable", Text(H5T_VARIABLE, H5T_STR_NULLTERM), {}, &text);
  foreign.Add("fixed", Text(10, H5T_STR_NULLTERM), {}, "short\0\0\0\0\0");
  foreign.Add("padded", Text(4, H5T_STR_NULLPAD), {}, "abcd");
  foreign.Add("list", Text(3, H5T_STR_NULLPAD), {2}, "abcdef");
  foreign.Add("variables", Text(H5T_VARIABLE, H5T_STR_NULLTERM), {1}, &text);
  foreign.Close();
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  const std::vector<FoundDataset> all = WalkAll(*file);
  for (const auto& [name, expected] :
       {std::pair("/variable", "of any length"), std::pair("/fixed", "short"), std::pair("/padded", "abcd")}) {
    const FoundDataset& found = FindIn(all, name);
    cr_assert_eq(found.type, Type::kString);
    const std::vector<char> bytes = ReadAll<char>(*file, found);
    cr_assert_eq(std::string(bytes.begin(), bytes.end()), expected);
    Result<Bytes> whole = file->ReadWhole(name, 100);
    cr_assert(whole.ok() && AsText(*whole) == expected);
    cr_assert_eq(file->Locate(name)->place.bytes, std::strlen(expected));
  }
  cr_assert_eq(AddressOf(*file, "/variable"), kNoAddress);
  cr_assert_neq(AddressOf(*file, "/fixed"), kNoAddress);
  cr_assert_eq(FindIn(all, "/list").dtype, Dtype::kOpaque);
  cr_assert_eq(FindIn(all, "/list").item_bytes, 3);
  cr_assert(!FindIn(all, "/variables").readable);
}

Test(hdf5_foreign, chunks_filters_and_fill_values_are_read_through_hdf5) {
  const Folder folder;
  Foreign foreign(folder / "a.h5");
  std::vector<int32_t> values(100 * 100);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int32_t>(i);
  const hid_t packed = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk[] = {30, 30};
  H5Pset_chunk(packed, 2, chunk);
  H5Pset_shuffle(packed);
  H5Pset_deflate(packed, 4);
  foreign.Add("packed", H5T_NATIVE_INT32, {100, 100}, values.data(), packed);
  const hid_t filled = H5Pcreate(H5P_DATASET_CREATE);
  const int32_t seven = 7;
  H5Pset_fill_value(filled, H5T_NATIVE_INT32, &seven);
  foreign.Add("filled", H5T_NATIVE_INT32, {5}, nullptr, filled);
  const hid_t compact = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_layout(compact, H5D_COMPACT);
  foreign.Add("compact", H5T_NATIVE_INT32, {5}, values.data(), compact);
  const hid_t outside = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(outside, (folder / "secret").c_str(), 0, 20);
  foreign.Add("outside", H5T_NATIVE_INT32, {5}, nullptr, outside);
  foreign.Add("many", H5T_NATIVE_INT8, {1, 1, 1, 1, 1, 1, 1, 1, 2}, nullptr);
  foreign.Close();

  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  const std::vector<FoundDataset> all = WalkAll(*file);
  cr_assert_lt(FindIn(all, "/packed").stored_bytes, 40000);
  cr_assert(ReadAll<int32_t>(*file, FindIn(all, "/packed")) == values);
  int32_t corner[2];
  cr_assert(file->Read("/packed", Box{2, {99, 98}, {1, 2}}, std::as_writable_bytes(std::span(corner))).ok());
  cr_assert(corner[0] == 9998 && corner[1] == 9999);
  cr_assert(ReadAll<int32_t>(*file, FindIn(all, "/filled")) == std::vector<int32_t>(5, 7));
  cr_assert(ReadAll<int32_t>(*file, FindIn(all, "/compact")) == (std::vector<int32_t>{0, 1, 2, 3, 4}));
  for (const char* name : {"/packed", "/filled", "/compact"}) cr_assert_eq(AddressOf(*file, name), kNoAddress);
  cr_assert(!FindIn(all, "/outside").readable);
  cr_assert(!FindIn(all, "/many").readable);
}

// Those that tsnap decodes by itself, and those beside them that it must not.
Test(hdf5_foreign, chunks_of_any_filters_and_kinds_of_index_are_read) {
  std::vector<int32_t> values(100 * 100);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int32_t>(i % 5000);
  std::vector<int32_t> filled(values.size(), -7);
  for (const bool latest : {false, true}) {
    const Folder folder;
    Foreign foreign(folder / "a.h5");
    if (latest) cr_assert_geq(H5Fset_libver_bounds(foreign.id, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST), 0);
    std::vector<std::string> names;
    for (const char* filters : {"s", "d", "sd", "ds", "sdf", "n", "ssd", "dd"}) {
      for (const bool grows : {false, true}) {
        for (const unsigned options : {0U, static_cast<unsigned>(H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS)}) {
          if (options != 0 && !latest) continue;
          const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
          const hsize_t chunk[] = {30, 30}, dims[] = {100, 100}, most[] = {H5S_UNLIMITED, 100};
          H5Pset_chunk(creation, 2, chunk);
          H5Pset_chunk_opts(creation, options);
          const int32_t minus = -7;
          H5Pset_fill_value(creation, H5T_NATIVE_INT32, &minus);
          for (const char* filter = filters; *filter != 0; ++filter) {
            if (*filter == 's') H5Pset_shuffle(creation);
            if (*filter == 'd') H5Pset_deflate(creation, 4);
            if (*filter == 'f') H5Pset_fletcher32(creation);
            if (*filter == 'n') H5Pset_filter(creation, H5Z_FILTER_NBIT, H5Z_FLAG_OPTIONAL, 0, nullptr);
          }
          const hid_t space = H5Screate_simple(2, dims, grows ? most : nullptr);
          for (const hid_t type : {H5T_STD_I32LE, H5T_STD_I32BE}) {
            const std::string name =
                std::string("/") + filters + (grows ? "g" : "") + (options != 0 ? "p" : "") + (type == H5T_STD_I32BE ? "b" : "");
            const hid_t dataset = H5Dcreate2(foreign.id, name.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
            cr_assert_geq(dataset, 0, "%s", name.c_str());
            // The rows from 60 on are never written: no chunk has them.
            const hsize_t none[] = {0, 0}, rows[] = {60, 100};
            const hid_t written = H5Screate_simple(2, dims, nullptr);
            H5Sselect_hyperslab(written, H5S_SELECT_SET, none, nullptr, rows, nullptr);
            cr_assert_geq(H5Dwrite(dataset, H5T_NATIVE_INT32, written, written, H5P_DEFAULT, values.data()), 0);
            names.push_back(name);
          }
        }
      }
    }
    foreign.Close();
    std::copy_n(values.begin(), 6000, filled.begin());
    const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
    const std::vector<FoundDataset> all = WalkAll(*file);
    cr_assert_eq(all.size(), names.size());
    for (const std::string& name : names) cr_assert(ReadAll<int32_t>(*file, FindIn(all, name)) == filled, "%s", name.c_str());
    for (const std::string& name : names) {
      int32_t part[40];
      cr_assert(file->Read(name, Box{2, {50, 58}, {20, 2}}, std::as_writable_bytes(std::span(part))).ok());
      for (size_t i = 0; i < 40; ++i) cr_assert_eq(part[i], filled[(50 + i / 2) * 100 + 58 + i % 2], "%s", name.c_str());
    }
  }
}

Test(hdf5_foreign, each_dataset_is_met_once_and_no_link_leads_out) {
  const Folder folder;
  {
    Foreign other(folder / "other.h5");
    other.Add("secret", H5T_NATIVE_INT, {1}, nullptr);
  }
  Foreign foreign(folder / "a.h5");
  H5Dclose(foreign.Add("g/a", H5T_NATIVE_INT, {1}, nullptr));
  H5Lcreate_hard(foreign.id, "/", H5L_SAME_LOC, "g/up", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(foreign.id, "/g/a", H5L_SAME_LOC, "/twice", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/g/a", foreign.id, "soft", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/nowhere", foreign.id, "dangling", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_external((folder / "other.h5").c_str(), "/secret", foreign.id, "outside", H5P_DEFAULT, H5P_DEFAULT);
  foreign.Add("g/../b", H5T_NATIVE_INT, {1}, nullptr);
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "/d";
  foreign.Add((deep + "/x").c_str(), H5T_NATIVE_INT, {1}, nullptr);
  foreign.Close();
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  std::vector<std::string> names;
  for (const FoundDataset& found : WalkAll(*file)) {
    names.push_back(found.name);
    cr_assert_eq(found.readable, found.name == "/g/a", "%s", found.name.c_str());
    cr_assert_eq(found.why_not.empty(), found.readable);
  }
  cr_assert_eq(names.size(), 3, "%zu", names.size());
  cr_assert_eq(names[1], "/g/../b");
  cr_assert_eq(names[2], "/g/a");
  cr_assert(file->Locate("/soft").ok(), "%s", file->Locate("/soft").status().message().c_str());
  cr_assert_eq(file->Locate("/outside").status().code(), Code::kNotFound);
  cr_assert_eq(file->Locate("/dangling").status().code(), Code::kNotFound);
  cr_assert_eq(file->Locate("/g/up/g/up/g/none").status().code(), Code::kNotFound);
  cr_assert_eq(file->Locate("/g").status().code(), Code::kNotFound);
}

Test(hdf5_foreign, attributes_are_texts_of_numbers_and_strings) {
  const Folder folder;
  Foreign foreign(folder / "a.h5");
  const hid_t dataset = foreign.Add("a", H5T_NATIVE_INT, {1}, nullptr);
  const auto attach = [&](const char* name, hid_t type, std::vector<hsize_t> dims, const void* value) {
    const hid_t space =
        dims.empty() ? H5Screate(H5S_SCALAR) : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
    const hid_t id = H5Acreate2(dataset, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert_geq(H5Awrite(id, type, value), 0);
  };
  const double half[] = {0.5, 0.1};
  const float tenth = 0.1f;
  const uint8_t small = 200;
  const char* text = "variable";
  attach("double", H5T_NATIVE_DOUBLE, {2}, half);
  attach("float", H5T_NATIVE_FLOAT, {}, &tenth);
  attach("byte", H5T_NATIVE_UINT8, {}, &small);
  attach("fixed", Text(8, H5T_STR_NULLTERM), {}, "fixed\0\0\0");
  attach("latin", Text(3, H5T_STR_NULLPAD), {}, "a\xe9z");
  attach("variable", Text(H5T_VARIABLE, H5T_STR_NULLTERM), {}, &text);
  attach("opaque", H5Tcreate(H5T_OPAQUE, 3), {}, "abc");
  foreign.Close();
  const std::vector<Attribute> expected = {{"byte", "200"},  {"double", "0.5, 0.1"}, {"fixed", "fixed"},
                                           {"float", "0.1"}, {"latin", "a?z"},       {"variable", "variable"}};
  const std::vector<FoundDataset> all = WalkAll(*OpenOrFail(folder / "a.h5"));
  cr_assert(all[0].attributes == expected);
}

Test(hdf5_foreign, what_the_application_has_set_for_errors_stays) {
  const Folder folder;
  static int called = 0;
  const auto count = [](hid_t, void*) -> herr_t { return ++called, 0; };
  H5Eset_auto2(H5E_DEFAULT, count, &called);
  cr_assert(!TheLibrary().Open(folder / "none.h5", "the file").ok());
  WriteAt((CreateOrFail(folder / "a.h5", {}), folder / "a.h5"), 0, "no signature", 12);
  cr_assert_eq(TheLibrary().Open(folder / "a.h5", "the file").status().code(), Code::kCorrupt);
  cr_assert_eq(called, 0, "the module's errors are not the application's");
  H5Fopen((folder / "none.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  cr_assert_eq(called, 1);
}

Test(hdf5_foreign, threads_take_turns) {
  const Folder folder;
  FilePlan plan;
  for (int i = 0; i < 20; ++i) plan.datasets.push_back(Spec("/" + std::to_string(i), Dtype::kInt32, {100}));
  CreateOrFail(folder / "a.h5", plan);
  std::vector<std::thread> threads;
  std::atomic<int> found{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      FileMap map;
      if (!TheLibrary().Create(folder / std::to_string(t), plan, [] {}, &map).ok()) return;
      Result<std::unique_ptr<File>> file = TheLibrary().Open(folder / "a.h5", "the file");
      const Status status = (*file)->Walk([&](FoundDataset dataset) {
        // Visits may ask the file for more.
        Bytes bytes(400);
        found += (*file)->Read(dataset.name, WholeBox(1, {100}), bytes).ok();
        return Status::Ok();
      });
      if (!status.ok()) found = -1000;
    });
  for (std::thread& thread : threads) thread.join();
  cr_assert_eq(found.load(), 80);
}

// In the older file format no checksum tells that a number in it has changed.
Test(hdf5_foreign, a_dataset_that_claims_more_bytes_than_the_file_has_is_corrupt) {
  const Folder folder;
  for (const uint64_t claim : {uint64_t{1} << 22, uint64_t{1} << 40, uint64_t{1} << 62, ~uint64_t{0}}) {
    Foreign foreign(folder / "a.h5");
    const std::vector<char> values(12345);
    foreign.Add("a", H5T_NATIVE_INT8, {12345}, values.data());
    foreign.Close();
    const Bytes bytes = ReadAt(folder / "a.h5", 0, std::filesystem::file_size(folder / "a.h5"));
    const uint64_t extent = 12345;
    int changed = 0;
    for (size_t at = 0; at + 8 <= bytes.size(); ++at) {
      if (std::memcmp(bytes.data() + at, &extent, 8) != 0) continue;
      WriteAt(folder / "a.h5", at, &claim, 8);
      ++changed;
    }
    cr_assert_geq(changed, 2, "its shape and its size in bytes");
    const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
    char byte = 0;
    const Status statuses[] = {file->Locate("/a").status(), file->ReadWhole("/a", UINT64_MAX).status(),
                               file->Read("/a", Box{1, {0}, {1}}, std::as_writable_bytes(std::span(&byte, 1)))};
    for (const Status& status : statuses) {
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
      cr_assert(status.code() == Code::kCorrupt || (claim == ~uint64_t{0} && status.code() == Code::kUnsupported), "%s",
                status.ToString().c_str());
    }
    cr_assert_eq(WalkAll(*file).size(), 1);
  }
}
