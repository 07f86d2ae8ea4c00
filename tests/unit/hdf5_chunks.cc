// Compressed datasets: HDF5 makes the structure around chunks that are in the file already, and reads them.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "format/one_file/shuffle.h"
#include "hdf5_chunk_file.h"
#include "hdf5_files.h"
#include "seeded.h"

using namespace tsnap;
using namespace tsnap::test;

namespace {

constexpr uint64_t kMiB = 1 << 20;

std::string Contents(const std::string& path) {
  const Bytes bytes = ReadAt(path, 0, std::filesystem::file_size(path));
  return std::string(AsText(bytes));
}

Bytes ReadPoisoned(File& file, const CompressedArray& array, const Box& box) {
  Bytes out(Volume(box) * static_cast<uint64_t>(array.spec.item_bytes), std::byte{0xaa});
  const Status status = file.Read(array.spec.name, box, out);
  cr_assert(status.ok(), "%s", status.message().c_str());
  return out;
}

void CheckWhole(File& file, const CompressedArray& array) {
  cr_assert(ReadPoisoned(file, array, WholeBox(array.spec.ndim, array.spec.shape)) == array.raw, "%s", array.spec.name.c_str());
}

// Where the structure keeps a chunk's size and, behind it, its filter mask: in front of its address, its place and a zero.
uint64_t KeyOf(const std::string& path, const CompressedArray& array, const Chunk& chunk) {
  const DatasetSpec& spec = array.spec;
  const uint32_t numbers[] = {static_cast<uint32_t>(chunk.bytes), chunk.as_it_is ? spec.item_bytes > 1 ? 3U : 1U : 0U};
  std::string key(AsText(std::as_bytes(std::span(numbers))));
  std::vector<uint64_t> rest(static_cast<size_t>(spec.ndim) + 2);
  uint64_t number = chunk.number;
  for (auto axis = static_cast<size_t>(spec.ndim); axis-- > 0;) {
    const auto grid = static_cast<uint64_t>((spec.shape[axis] - 1) / spec.chunk_shape[axis] + 1);
    rest[axis] = number % grid * static_cast<uint64_t>(spec.chunk_shape[axis]);
    number /= grid;
  }
  rest.back() = chunk.address;
  key += AsText(std::as_bytes(std::span(rest)));
  const size_t at = Contents(path).find(key);
  cr_assert_neq(at, std::string::npos, "%s", spec.name.c_str());
  return at;
}

Status ReadWhole(const std::string& path, const CompressedArray& array, Bytes* out) {
  out->assign(array.raw.size(), std::byte{0xaa});
  return OpenOrFail(path)->Read(array.spec.name, WholeBox(array.spec.ndim, array.spec.shape), *out);
}

// The codecs that there are.
std::vector<Codec> Codecs() {
  std::vector<Codec> codecs = {Codec::kDeflate, Codec::kZstd, Codec::kLz4};
  std::erase_if(codecs, [](Codec codec) { return !CheckChunkCodec(codec).ok(); });
  return codecs;
}

// The smallest plan with a chunk: of 100 int32 in chunks of 60, the second one.
FilePlan Small(ChunkWriter* writer) {
  CompressedArray array = writer->Write("/a", Dtype::kInt32, 4, {100}, {60}, Codec::kDeflate);
  return PlanOf(*writer, {array});
}

}  // namespace

Test(hdf5_chunks, every_codec_and_shape_reads_as_it_was_taken) {
  const Folder folder;
  ChunkWriter writer(folder / "a.h5");
  const std::vector<CompressedArray> arrays = WriteArrays(&writer);
  const FilePlan plan = PlanOf(writer, arrays);
  const FileMap map = CreateOrFail(folder / "a.h5", plan);
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  const std::vector<FoundDataset> all = WalkAll(*file);
  cr_assert_eq(all.size(), arrays.size());
  size_t as_it_is = 0;
  for (size_t i = 0; i < arrays.size(); ++i) {
    const DatasetSpec& spec = arrays[i].spec;
    const FoundDataset& found = FindIn(all, spec.name);
    cr_assert(found.readable, "%s: %s", spec.name.c_str(), found.why_not.c_str());
    cr_assert_eq(found.dtype, spec.dtype);
    uint64_t stored = 0;
    for (const Chunk& chunk : spec.chunks) {
      stored += chunk.bytes;
      as_it_is += chunk.as_it_is;
    }
    cr_assert_eq(found.stored_bytes, stored);
    cr_assert_eq(map.datasets[i].place.address, kNoAddress);
    cr_assert_eq(map.datasets[i].place.bytes, arrays[i].raw.size());
    cr_assert_eq(map.datasets[i].item_bytes, spec.item_bytes);
    const Result<DatasetPlace> place = file->Locate(spec.name);
    cr_assert(place.ok() && place->place.address == kNoAddress && place->place.bytes == arrays[i].raw.size());
    CheckWhole(*file, arrays[i]);
  }
  cr_assert_gt(as_it_is, 5);
}

Test(hdf5_chunks, any_box_is_read) {
  const Folder folder;
  ChunkWriter writer(folder / "a.h5");
  const std::vector<CompressedArray> arrays = WriteArrays(&writer);
  CreateOrFail(folder / "a.h5", PlanOf(writer, arrays));
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  Seeded seeded;
  for (int round = 0; round < 300; ++round) {
    const CompressedArray& array = arrays[static_cast<size_t>(seeded.Int(0, static_cast<int64_t>(arrays.size()) - 1))];
    const auto item = static_cast<size_t>(array.spec.item_bytes);
    Box box = WholeBox(array.spec.ndim, array.spec.shape);
    for (size_t axis = 0; axis < static_cast<size_t>(box.ndim); ++axis) {
      box.offset[axis] = seeded.Int(0, array.spec.shape[axis] - 1);
      box.shape[axis] = seeded.Int(1, array.spec.shape[axis] - box.offset[axis]);
    }
    const Bytes read = ReadPoisoned(*file, array, box);
    Index at = box.offset;
    for (size_t done = 0; done < read.size(); done += item) {
      uint64_t linear = 0;
      for (size_t axis = 0; axis < static_cast<size_t>(box.ndim); ++axis)
        linear = linear * static_cast<uint64_t>(array.spec.shape[axis]) + static_cast<uint64_t>(at[axis]);
      cr_assert_eq(std::memcmp(read.data() + done, array.raw.data() + linear * item, item), 0, "%s", array.spec.name.c_str());
      for (auto axis = static_cast<size_t>(box.ndim); axis-- > 0;) {
        if (++at[axis] < box.offset[axis] + box.shape[axis]) break;
        at[axis] = box.offset[axis];
      }
    }
  }
}

Test(hdf5_chunks, the_structure_leaves_the_room_of_the_chunks_alone) {
  const Folder folder;
  ChunkWriter writer(folder / "a.h5");
  std::vector<CompressedArray> arrays = WriteArrays(&writer);
  FilePlan plan = PlanOf(writer, arrays);
  plan.chunks_end += 1;   // within a page
  plan.alignment = 65536;
  plan.datasets.push_back(Spec("/plain/small", Dtype::kInt32, {7}));
  plan.datasets.push_back(Spec("/plain/large", Dtype::kInt8, {3 * static_cast<int64_t>(kMiB) + 1}));
  plan.datasets.push_back(TextSpec("/plain/text", 9));
  for (int i = 0; i < 300; ++i) {
    plan.datasets.push_back(Spec("/many/" + std::to_string(i), Dtype::kFloat64, {10}));
    plan.datasets.back().notes = {{"unit", std::string("kg")}, {"long", std::string(3000, 'l')}};
  }
  plan.index_bytes = {100000, 0, 2 * kMiB};
  plan.record_bytes = 5000;
  const Bytes room(plan.chunks_end - kChunksBegin, std::byte{0x5a});
  WriteAt(folder / "a.h5", kChunksBegin, room.data(), room.size());
  const FileMap map = CreateOrFail(folder / "a.h5", plan);
  cr_assert(ReadAt(folder / "a.h5", kChunksBegin, room.size()) == room);
  std::vector<Place> places = map.index;
  places.push_back(map.record);
  for (size_t i = arrays.size(); i < map.datasets.size(); ++i) places.push_back(map.datasets[i].place);
  std::erase_if(places, [](const Place& place) { return place.bytes == 0; });
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.address < b.address; });
  uint64_t end = plan.chunks_end;
  for (const Place& place : places) {
    cr_assert_geq(place.address, end);
    cr_assert(place.bytes < kMiB || place.address % 65536 == 0);
    end = place.address + place.bytes;
    const Bytes bytes(place.bytes, std::byte{'x'});
    WriteAt(folder / "a.h5", place.address, bytes.data(), bytes.size());
  }
  cr_assert_leq(end, std::filesystem::file_size(folder / "a.h5"));
  // What was written at its address is what is read there, and the structure has survived it.
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  cr_assert_eq(WalkAll(*file).size(), plan.datasets.size());
  for (size_t i = arrays.size(); i < map.datasets.size(); ++i) {
    const Result<Bytes> read = file->ReadWhole(plan.datasets[i].name, 4 * kMiB);
    cr_assert(read.ok() && *read == Bytes(map.datasets[i].place.bytes, std::byte{'x'}), "%s", plan.datasets[i].name.c_str());
  }
  cr_assert(file->ReadWhole(kRecordName, 5000).ok());
}

Test(hdf5_chunks, equal_plans_make_equal_files) {
  const Folder folder;
  for (const char* name : {"a.h5", "b.h5"}) {
    ChunkWriter writer(folder / name);
    const std::vector<CompressedArray> arrays = WriteArrays(&writer);
    CreateOrFail(folder / name, PlanOf(writer, arrays));
    if (*name == 'a') sleep(1);
  }
  cr_assert(Contents(folder / "a.h5") == Contents(folder / "b.h5"));
}

Test(hdf5_chunks, addresses_may_be_beyond_any_number_of_32_bits) {
  const Folder folder;
  ChunkWriter writer(folder / "a.h5");
  writer.SkipTo(uint64_t{5} << 30);
  const CompressedArray far = writer.Write("/far", Dtype::kInt64, 8, {40000}, {9000}, Codec::kDeflate);
  FilePlan plan = PlanOf(writer, {far});
  plan.datasets.push_back(Spec("/plain", Dtype::kInt8, {5}));
  plan.chunks_end = uint64_t{1} << 40;
  const FileMap map = CreateOrFail(folder / "a.h5", plan);
  cr_assert_gt(map.datasets[1].place.address, uint64_t{1} << 40);
  CheckWhole(*OpenOrFail(folder / "a.h5"), far);
}

Test(hdf5_chunks, without_any_chunk_all_is_the_fill_value) {
  const Folder folder;
  ChunkWriter writer(folder / "a.h5");
  CompressedArray zeros = writer.Write("/zeros", Dtype::kFloat64, 8, {50, 20}, {7, 6}, Codec::kDeflate);
  CompressedArray filled = writer.Write("/filled", Dtype::kUint16, 2, {1000}, {1000}, Codec::kDeflate, Bytes(2, std::byte{3}));
  zeros.spec.chunks.clear();
  zeros.raw.assign(zeros.raw.size(), std::byte{0});
  filled.spec.chunks.clear();
  filled.raw.assign(filled.raw.size(), std::byte{3});
  CreateOrFail(folder / "a.h5", PlanOf(writer, {zeros, filled}));
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  CheckWhole(*file, zeros);
  CheckWhole(*file, filled);
}

Test(hdf5_chunks, damaged_chunks_are_corrupt) {
  const Folder folder;
  ChunkWriter writer(folder / "a.h5");
  const std::vector<CompressedArray> arrays = WriteArrays(&writer);
  CreateOrFail(folder / "a.h5", PlanOf(writer, arrays));
  for (const CompressedArray& array : arrays) {
    const auto chunk = std::find_if(array.spec.chunks.begin(), array.spec.chunks.end(), [](const Chunk& c) { return !c.as_it_is; });
    if (chunk == array.spec.chunks.end()) continue;
    // The end of each codec's stream tells that it ends there.
    const Bytes end = ReadAt(folder / "a.h5", chunk->address + chunk->bytes / 2, chunk->bytes - chunk->bytes / 2);
    const Bytes damaged(end.size(), std::byte{0xff});
    WriteAt(folder / "a.h5", chunk->address + chunk->bytes / 2, damaged.data(), damaged.size());
    const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
    Bytes out(array.raw.size());
    const Status status = file->Read(array.spec.name, WholeBox(array.spec.ndim, array.spec.shape), out);
    cr_assert_eq(status.code(), Code::kCorrupt, "%s: %s", array.spec.name.c_str(), status.ToString().c_str());
    WriteAt(folder / "a.h5", chunk->address + chunk->bytes / 2, end.data(), end.size());
    CheckWhole(*OpenOrFail(folder / "a.h5"), array);
  }
}

Test(hdf5_chunks, a_filter_mask_that_is_damaged_is_corrupt) {
  const Folder folder;
  const std::string path = folder / "a.h5";
  ChunkWriter writer(path);
  const std::vector<CompressedArray> arrays = WriteArrays(&writer);
  CreateOrFail(path, PlanOf(writer, arrays));
  int flipped = 0;
  for (const CompressedArray& array : arrays) {
    const auto chunk = std::find_if(array.spec.chunks.begin(), array.spec.chunks.end(), [](const Chunk& c) { return !c.as_it_is; });
    if (chunk == array.spec.chunks.end() || array.raw.size() > 100000) continue;
    const uint64_t at = KeyOf(path, array, *chunk) + 4;
    for (const uint32_t mask : {1U, 2U, 3U, 4U, 1U << 8, 1U << 31}) {
      WriteAt(path, at, &mask, 4);
      Bytes out;
      const Status status = ReadWhole(path, array, &out);
      cr_assert_eq(status.code(), Code::kCorrupt, "%s, mask %#x: %s", array.spec.name.c_str(), mask, status.ToString().c_str());
      ++flipped;
    }
    const uint32_t none = 0;
    WriteAt(path, at, &none, 4);
    CheckWhole(*OpenOrFail(path), array);
  }
  cr_assert_gt(flipped, 20);
}

Test(hdf5_chunks, a_chunk_that_only_its_codec_skipped_is_unshuffled) {
  const Folder folder;
  const std::string path = folder / "a.h5";
  ChunkWriter writer(path);
  CompressedArray array = writer.Write("/a", Dtype::kInt32, 4, {100}, {100}, Codec::kDeflate);
  Bytes shuffled(array.raw.size());
  Shuffle(4, array.raw, shuffled);
  array.spec.chunks = {{0, writer.end(), shuffled.size(), true}};
  WriteAt(path, writer.end(), shuffled.data(), shuffled.size());
  writer.SkipTo(writer.end() + shuffled.size());
  CreateOrFail(path, PlanOf(writer, {array}));
  const uint32_t mask = 2;
  WriteAt(path, KeyOf(path, array, array.spec.chunks[0]) + 4, &mask, 4);
  CheckWhole(*OpenOrFail(path), array);
}

Test(hdf5_chunks, chunks_that_become_fewer_bytes_or_claim_other_sizes_are_corrupt) {
  for (const Codec codec : Codecs()) {
    for (const int64_t item_bytes : {1, 8}) {
      const Folder folder;
      const std::string path = folder / "a.h5";
      ChunkWriter writer(path);
      const Dtype dtype = item_bytes == 1 ? Dtype::kUint8 : Dtype::kInt64;
      CompressedArray array = writer.Write("/a", dtype, item_bytes, {40000}, {40000}, codec);
      Chunk& chunk = array.spec.chunks[0];
      cr_assert(array.spec.chunks.size() == 1 && !chunk.as_it_is);
      const ConstByteSpan half = ConstByteSpan(array.raw).first(array.raw.size() / 2);
      Bytes scratch(half.size()), out(ChunkBound(codec, half.size()));
      const Result<uint64_t> bytes = EncodeChunk(codec, static_cast<uint64_t>(item_bytes), half, scratch, out);
      cr_assert(bytes.ok() && *bytes > 0);
      const Bytes good = ReadAt(path, chunk.address, chunk.bytes);
      const uint64_t good_bytes = chunk.bytes;
      chunk.address = writer.end();
      chunk.bytes = *bytes;
      writer.SkipTo(chunk.address + std::max(*bytes, good_bytes));
      WriteAt(path, chunk.address, out.data(), *bytes);
      CreateOrFail(path, PlanOf(writer, {array}));
      Bytes read;
      const Status status = ReadWhole(path, array, &read);
      cr_assert_eq(status.code(), Code::kCorrupt, "%s", status.ToString().c_str());
      const uint64_t key = KeyOf(path, array, chunk);
      WriteAt(path, chunk.address, good.data(), good.size());
      for (const uint64_t claimed : {uint64_t{0}, uint64_t{1}, good_bytes - 1, good_bytes + 1, uint64_t{1} << 30, uint64_t{UINT32_MAX}}) {
        const auto size = static_cast<uint32_t>(claimed);
        WriteAt(path, key, &size, 4);
        const Status told = ReadWhole(path, array, &read);
        cr_assert_eq(told.code(), Code::kCorrupt, "%u bytes: %s", size, told.ToString().c_str());
      }
      const auto size = static_cast<uint32_t>(good_bytes);
      WriteAt(path, key, &size, 4);
      CheckWhole(*OpenOrFail(path), array);
    }
  }
}

// What a file has on the device meanwhile tells whether it is read again.
Test(hdf5_chunks, chunks_stay_decoded_while_other_datasets_are_read) {
  const Folder folder;
  const std::string path = folder / "a.h5";
  ChunkWriter writer(path);
  const CompressedArray a = writer.Write("/a", Dtype::kInt64, 8, {20000}, {5000}, Codec::kDeflate);
  const CompressedArray b = writer.Write("/b", Dtype::kInt64, 8, {20000}, {5000}, Codec::kDeflate);
  // 80 MiB, of which each chunk is the same: more than is kept.
  CompressedArray large = writer.Write("/large", Dtype::kInt64, 8, {int64_t{1} << 20}, {int64_t{1} << 20}, Codec::kDeflate);
  large.spec.shape[0] *= 10;
  for (uint64_t number = 1; number < 10; ++number) {
    large.spec.chunks.push_back(large.spec.chunks[0]);
    large.spec.chunks.back().number = number;
  }
  CreateOrFail(path, PlanOf(writer, {a, b, large}));
  const std::unique_ptr<File> file = OpenOrFail(path);
  CheckWhole(*file, a);
  CheckWhole(*file, b);
  for (const CompressedArray* array : {&a, &b}) {
    for (const Chunk& chunk : array->spec.chunks) {
      const Bytes damaged(chunk.bytes, std::byte{0xff});
      WriteAt(path, chunk.address, damaged.data(), damaged.size());
    }
  }
  for (int64_t begin = 0; begin < 20000; begin += 1000) {
    for (const CompressedArray* array : {&a, &b}) {
      const Bytes read = ReadPoisoned(*file, *array, Box{1, {begin}, {1000}});
      cr_assert_eq(std::memcmp(read.data(), array->raw.data() + begin * 8, 8000), 0);
    }
  }
  ReadPoisoned(*file, large, WholeBox(1, large.spec.shape));
  Bytes out(a.raw.size());
  cr_assert_eq(file->Read("/a", WholeBox(1, a.spec.shape), out).code(), Code::kCorrupt, "all of it is still in memory");
}

Test(hdf5_chunks, impossible_plans_are_refused_and_the_file_stays) {
  const Folder folder;
  ChunkWriter writer(folder / "a.h5");
  const FilePlan good = Small(&writer);
  cr_assert_eq(good.datasets[0].chunks.size(), 2);
  const auto refuse = [&](Code code, const auto& spoil) {
    FilePlan plan = good;
    spoil(&plan, &plan.datasets[0]);
    FileMap map;
    const Status status = TheLibrary().Create(folder / "a.h5", plan, [] {}, &map);
    cr_assert_eq(status.code(), code, "%s", status.ToString().c_str());
    cr_assert(std::filesystem::exists(folder / "a.h5"), "it is another's to remove");
  };
  refuse(Code::kInternal, [](FilePlan*, DatasetSpec* spec) { spec->chunks[1].number = spec->chunks[0].number; });
  refuse(Code::kInternal, [](FilePlan*, DatasetSpec* spec) { spec->chunks[0].number = 2; });
  refuse(Code::kInternal, [](FilePlan*, DatasetSpec* spec) { spec->chunks[0].address = kChunksBegin - 1; });
  refuse(Code::kInternal, [](FilePlan* plan, DatasetSpec* spec) { spec->chunks[0].address = plan->chunks_end - spec->chunks[0].bytes + 1; });
  refuse(Code::kInternal, [](FilePlan*, DatasetSpec* spec) { spec->chunks[0].address = UINT64_MAX - 1; });
  refuse(Code::kInternal, [](FilePlan*, DatasetSpec* spec) { spec->chunks[0].bytes = 0; });
  refuse(Code::kInternal, [](FilePlan*, DatasetSpec* spec) { spec->chunks[0].as_it_is = true; });
  refuse(Code::kInvalid, [](FilePlan*, DatasetSpec* spec) { spec->chunk_shape[0] = 101; });
  refuse(Code::kInvalid, [](FilePlan*, DatasetSpec* spec) { spec->chunk_shape[0] = 0; });
  refuse(Code::kInvalid, [](FilePlan*, DatasetSpec* spec) { spec->ndim = 0; });
  refuse(Code::kUnsupported, [](FilePlan*, DatasetSpec* spec) { spec->codec = static_cast<Codec>(77); });
  refuse(Code::kUnsupported, [](FilePlan*, DatasetSpec* spec) {
    spec->dtype = Dtype::kOpaque;
    spec->item_bytes = 70000;
    spec->fill.resize(70000);
  });
  FileMap map;
  cr_assert_eq(TheLibrary().Create(folder / "none.h5", good, [] {}, &map).code(), Code::kNotFound);
  cr_assert(!std::filesystem::exists(folder / "none.h5"));
  FilePlan no_room = good;
  no_room.chunks_end = 0;
  cr_assert_eq(TheLibrary().Create(folder / "new.h5", no_room, [] {}, &map).code(), Code::kInternal);
  cr_assert(!std::filesystem::exists(folder / "new.h5"));
  CreateOrFail(folder / "a.h5", good);
  cr_assert_eq(WalkAll(*OpenOrFail(folder / "a.h5")).size(), 1);
}

Test(hdf5_chunks, a_hundred_thousand_chunks_are_inserted) {
  const Folder folder;
  constexpr int64_t kRows = 2000, kColumns = 3200, kSide = 8;
  CompressedArray array;
  array.spec = Spec("/a", Dtype::kUint8, {kRows, kColumns});
  array.spec.codec = Codec::kDeflate;
  array.spec.chunk_shape = {kSide, kSide};
  array.raw.resize(kRows * kColumns);
  // Chunk n is full of n; they lie in the file as they come.
  Bytes stored;
  for (uint64_t number = 0; number < kRows * kColumns / (kSide * kSide); ++number) {
    array.spec.chunks.push_back({number, kChunksBegin + stored.size(), kSide * kSide, true});
    stored.insert(stored.end(), kSide * kSide, static_cast<std::byte>(number % 253));
  }
  for (int64_t row = 0; row < kRows; ++row)
    for (int64_t column = 0; column < kColumns; ++column)
      array.raw[static_cast<size_t>(row * kColumns + column)] =
          static_cast<std::byte>((row / kSide * (kColumns / kSide) + column / kSide) % 253);
  ChunkWriter writer(folder / "a.h5");
  writer.SkipTo(kChunksBegin + stored.size());
  WriteAt(folder / "a.h5", kChunksBegin, stored.data(), stored.size());
  const auto start = std::chrono::steady_clock::now();
  int calls = 0;
  FileMap map;
  cr_assert(TheLibrary().Create(folder / "a.h5", PlanOf(writer, {array}), [&] { ++calls; }, &map).ok());
  std::fprintf(stderr, "%zu chunks: inserted in %.2f s, %.1f MiB of structure\n", array.spec.chunks.size(),
               std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
               static_cast<double>(std::filesystem::file_size(folder / "a.h5") - writer.end()) / static_cast<double>(kMiB));
  cr_assert_gt(calls, 50);
  const std::unique_ptr<File> file = OpenOrFail(folder / "a.h5");
  const auto opened = std::chrono::steady_clock::now();
  cr_assert(file->Locate("/a").ok());
  std::fprintf(stderr, "located in %.3f s\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - opened).count());
  CheckWhole(*file, array);
}
