// Reading one object or any box of it: which bytes of the files are touched, counted at the system calls; with how much memory; by
// many threads at once; and from a machine of the other byte order.
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

#include "api.h"
#include "file_probe.h"
#include "test_array.h"

namespace tsnap::test {
namespace {

constexpr int64_t kBlock = 256 * 1024;

tsnap_config Buffered() {
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.direct_io = TSNAP_OFF;   // a direct read is rounded to pages of the device
  return config;
}

// A private array "a" of so many blocks of bytes, in one extent or several.
std::vector<uint8_t> TakeBlocks(const std::string& url, int64_t blocks, uint64_t chunk_bytes = 0) {
  std::vector<uint8_t> values(static_cast<size_t>(blocks * kBlock));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(Mix(i / 8) >> (i % 8 * 8));
  const tsnap_config config = Buffered();
  Self context(&config);
  State state;
  const tsnap_array array = Line(TSNAP_UINT8, values.data(), static_cast<int64_t>(values.size()));
  int64_t before = 1;
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  CHECK_OK(tsnap_state_add_int64(state, "b", TSNAP_PRIVATE, &before));
  tsnap_take_options options = Quick();
  options.chunk_bytes = chunk_bytes;
  CHECK_OK(tsnap_take(context, url.c_str(), state, &options));
  return values;
}

void OnlyTheBlocksNeededAreRead() {
  for (const uint64_t chunk_bytes : {uint64_t{0}, uint64_t{1} << 20}) {
    const Folder folder(NewFolder());
    const std::string url = folder / "snap";
    const int64_t blocks = 64;
    const std::vector<uint8_t> values = TakeBlocks(url, blocks, chunk_bytes);
    const tsnap_config config = Buffered();
    Opened snapshot(url, &config);
    struct Part {
      int64_t offset, length;
    };
    const Part parts[] = {{0, 1},          {kBlock - 1, 1}, {kBlock - 1, 2},          {kBlock, kBlock},     {5, 20 * kBlock},
                          {3 * kBlock, 16 * kBlock}, {3 * kBlock + 7, 16 * kBlock}, {blocks * kBlock - 1, 1}, {0, blocks * kBlock},
                          {10, 0}};
    for (const Part& part : parts) {
      Where() = std::to_string(part.offset) + "+" + std::to_string(part.length);
      std::vector<uint8_t> read(static_cast<size_t>(part.length) + 1, 0xa5);
      const tsnap_array target = Line(TSNAP_UINT8, read.data(), part.length, part.offset);
      TakeFileReads();
      CHECK_OK(tsnap_read(snapshot, "0/a", &target, nullptr));
      const FileReads counted = TakeFileReads();
      const int64_t first = part.offset / kBlock, last = (part.offset + part.length + kBlock - 1) / kBlock;
      CHECK_SAME_INT(counted.data_bytes, part.length == 0 ? 0 : (last - first) * kBlock);
      if (part.length >= 16 * kBlock) CHECK(static_cast<double>(counted.data_bytes) <= 1.1 * static_cast<double>(part.length));
      CHECK(std::equal(read.begin(), read.end() - 1, values.begin() + part.offset) && read.back() == 0xa5);
    }
  }
}

// Whole blocks of a contiguous destination need no buffer; a part of a block does.
void ContiguousDestinationsAreReadInPlace() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  const int64_t blocks = 64, bytes = blocks * kBlock;
  const std::vector<uint8_t> values = TakeBlocks(url, blocks);
  std::vector<uint8_t> memory(values.size());
  WatchMemory(memory.data(), memory.size());
  const tsnap_config config = Buffered();

  Opened snapshot(url, &config);
  const tsnap_array whole = Line(TSNAP_UINT8, memory.data(), bytes);
  TakeFileReads();
  CHECK_OK(tsnap_read(snapshot, "0/a", &whole, nullptr));
  CHECK_SAME_INT(TakeFileReads().in_place_bytes, bytes);
  CHECK(memory == values);
  const tsnap_array part = Line(TSNAP_UINT8, memory.data(), bytes / 2, 1);
  CHECK_OK(tsnap_read(snapshot, "0/a", &part, nullptr));
  CHECK(TakeFileReads().in_place_bytes < static_cast<uint64_t>(bytes / 2));

  std::fill(memory.begin(), memory.end(), uint8_t{0});
  Self context(&config);
  State state;
  int64_t before = 0;
  CHECK_OK(tsnap_state_add_private(state, "a", &whole));
  CHECK_OK(tsnap_state_add_int64(state, "b", TSNAP_PRIVATE, &before));
  CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
  CHECK_SAME_INT(TakeFileReads().in_place_bytes, bytes);
  CHECK(memory == values && before == 1);
}

// A slice of a 3-d array: the rows that it needs, not what lies between them.
void BoxesOfArraysReadTheirRows() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  const tsnap_config config = Buffered();
  const Shape shape = {16, 16, 65536};   // a row of doubles is two blocks
  std::vector<double> values(16 * 16 * 65536);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  {
    Self context(&config);
    State state;
    tsnap_array array = TSNAP_ARRAY_INIT;
    array.dtype = TSNAP_FLOAT64;
    array.ndim = 3;
    std::copy(shape.begin(), shape.end(), array.shape);
    array.data = values.data();
    CHECK_OK(tsnap_state_add_sharded(state, "field", shape.data(), &array, 1));
    CHECK_OK(TakeQuick(context, url, state));
  }
  Opened snapshot(url, &config);
  std::vector<double> read(4 * 1 * 32768);
  tsnap_array target = TSNAP_ARRAY_INIT;
  target.dtype = TSNAP_FLOAT64;
  target.ndim = 3;
  target.shape[0] = 4;
  target.shape[1] = 1;
  target.shape[2] = 32768;
  target.offset[0] = 8;
  target.offset[1] = 3;
  target.offset[2] = 32768;
  target.data = read.data();
  TakeFileReads();
  CHECK_OK(tsnap_read(snapshot, "field", &target, nullptr));
  CHECK_SAME_INT(TakeFileReads().data_bytes, 4 * kBlock);
  for (size_t i = 0; i < 4; ++i) {
    for (size_t k = 0; k < 32768; ++k) CHECK(read[i * 32768 + k] == static_cast<double>((((8 + i) * 16) + 3) * 65536 + 32768 + k));
  }
}

// Small objects share a slab: one is read without its neighbours.
void SmallObjectIsReadAlone() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  const tsnap_config config = Buffered();
  std::vector<int64_t> values(3000);
  {
    Self context(&config);
    State state;
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<int64_t>(i * i);
      CHECK_OK(tsnap_state_add_int64(state, ("v" + std::to_string(i)).c_str(), TSNAP_PRIVATE, &values[i]));
    }
    CHECK_OK(TakeQuick(context, url, state));
  }
  Opened snapshot(url, &config);
  TakeFileReads();
  int64_t value = 0;
  CHECK_OK(tsnap_read_int64(snapshot, "0/v2345", &value));
  CHECK_SAME_INT(value, 2345 * 2345);
  CHECK_SAME_INT(TakeFileReads().data_bytes, 8);
}

// 20,000 objects with long names make several parts of an index; one object wants one of them.
void IndexIsLoadedPartByPart() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  std::vector<int64_t> values(20000);
  const auto name = [](size_t i) { return std::string(150, 'p') + "/" + std::string(450, 'q') + "/" + std::to_string(i); };
  {
    Self context;
    State state;
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<int64_t>(i) + 7;
      CHECK_OK(tsnap_state_add_int64(state, name(i).c_str(), i % 2 == 0 ? TSNAP_PRIVATE : TSNAP_REPLICATED, &values[i]));
    }
    CHECK_OK(TakeQuick(context, url, state));
    const std::vector<int64_t> taken = values;
    values.assign(values.size(), 0);
    CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
    CHECK(values == taken);
  }
  uint64_t index_bytes = 0, parts = 0, largest = 0;
  for (const std::string& file : FilesBelow(url)) {
    if (!Contains(file, "/index/")) continue;
    ++parts;
    index_bytes += FileBytes(url + "/" + file);
    largest = std::max(largest, FileBytes(url + "/" + file));
  }
  CHECK_TEXT(parts >= 3, std::to_string(parts) + " parts");
  TakeFileReads();
  Opened snapshot(url);
  FileReads counted = TakeFileReads();
  CHECK(counted.record_bytes > 0);
  CHECK_SAME_INT(counted.index_bytes, 0);
  int64_t value = 0;
  CHECK_OK(tsnap_read_int64(snapshot, ("0/" + name(1234)).c_str(), &value));
  CHECK_SAME_INT(value, 1234 + 7);
  counted = TakeFileReads();
  CHECK(counted.index_bytes > 0 && counted.index_bytes <= largest);
  CHECK_OK(tsnap_read_int64(snapshot, name(1235).c_str(), &value));
  CHECK_SAME_INT(value, 1235 + 7);
  counted = TakeFileReads();
  CHECK(counted.index_bytes <= largest && counted.record_bytes == 0);
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_object(snapshot, 19999, &info));
  CHECK(TakeFileReads().index_bytes < index_bytes);   // what was loaded is not loaded again
  CHECK_OK(tsnap_snapshot_object(snapshot, 0, &info));
  CHECK_SAME_INT(TakeFileReads().index_bytes, 0);
}

uint64_t PeakBytes() {
  struct rusage usage{};
  CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

// A strided destination cannot be read in place: the bytes go through buffers, which the budget bounds.
void BudgetIsObeyed() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  constexpr int64_t kBytes = 96 << 20;
  {
    std::vector<uint8_t> values(kBytes, 3);
    Self context;
    State state;
    const tsnap_array array = Line(TSNAP_UINT8, values.data(), kBytes);
    CHECK_OK(tsnap_state_add_private(state, "a", &array));
    CHECK_OK(TakeQuick(context, url, state));
  }
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.io_concurrency = 8;
  Opened snapshot(url, &config);
  std::vector<uint8_t> read(2 * kBytes, 1);
  tsnap_array target = Line(TSNAP_UINT8, read.data(), kBytes);
  target.strides_bytes[0] = 2;
  tsnap_read_options options = TSNAP_READ_OPTIONS_INIT;
  options.memory_budget_bytes = 8 << 20;
  // The peak of the process so far is left behind first, so that growth shows.
  {
    std::ofstream clear("/proc/self/clear_refs");
    clear << "5";
  }
  uint64_t before = 0, after = 0;
  const auto peak = [] {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("VmHWM:", 0) == 0) return std::stoull(line.substr(6)) * 1024;
    }
    return static_cast<unsigned long long>(PeakBytes());
  };
  before = peak();
  CHECK_OK(tsnap_read(snapshot, "0/a", &target, &options));
  after = peak();
  CHECK_TEXT(after - before <= (8u << 20) + (4u << 20) + (16u << 20), std::to_string(after - before) + " bytes more");
  for (size_t i = 0; i < read.size(); ++i) CHECK(read[i] == (i % 2 == 0 ? 3 : 1));
}

void BudgetBelowOneBlockIsNoMemory() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  TakeBlocks(url, 3);
  Opened snapshot(url);
  std::vector<uint8_t> read(4 * kBlock);
  tsnap_array target = Line(TSNAP_UINT8, read.data(), 2 * kBlock);
  target.strides_bytes[0] = 2;
  tsnap_read_options options = TSNAP_READ_OPTIONS_INIT;
  options.memory_budget_bytes = 1000;
  CHECK_CODE(tsnap_read(snapshot, "0/a", &target, &options), TSNAP_E_NO_MEMORY);
  CHECK_SAYS("budget");
  options.memory_budget_bytes = 16 << 20;
  CHECK_OK(tsnap_read(snapshot, "0/a", &target, &options));
}

void BoxMustLieInside() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  TakeBlocks(url, 1);
  Opened snapshot(url);
  uint8_t byte = 0;
  tsnap_array target = Line(TSNAP_UINT8, &byte, 1, kBlock);
  CHECK_CODE(tsnap_read(snapshot, "0/a", &target, nullptr), TSNAP_E_INVALID);
  target.offset[0] = -1;
  CHECK_CODE(tsnap_read(snapshot, "0/a", &target, nullptr), TSNAP_E_INVALID);
  target.offset[0] = std::numeric_limits<int64_t>::max();
  CHECK_CODE(tsnap_read(snapshot, "0/a", &target, nullptr), TSNAP_E_INVALID);
  target = Line(TSNAP_INT8, &byte, 1);
  CHECK_CODE(tsnap_read(snapshot, "0/a", &target, nullptr), TSNAP_E_MISMATCH);
  target = Line(TSNAP_UINT8, &byte, 1);
  target.ndim = 0;
  CHECK_CODE(tsnap_read(snapshot, "0/a", &target, nullptr), TSNAP_E_MISMATCH);
  target = Line(TSNAP_UINT8, nullptr, 1);
  CHECK_CODE(tsnap_read(snapshot, "0/a", &target, nullptr), TSNAP_E_INVALID);
  target = Line(TSNAP_UINT8, &byte, 1);
  CHECK_CODE(tsnap_read(snapshot, "a", &target, nullptr), TSNAP_E_NOT_FOUND);
  CHECK_CODE(tsnap_read(snapshot, nullptr, &target, nullptr), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_read(snapshot, "0/a", nullptr, nullptr), TSNAP_E_INVALID);
  tsnap_read_options options = TSNAP_READ_OPTIONS_INIT;
  options.reserved = 1;
  CHECK_CODE(tsnap_read(snapshot, "0/a", &target, &options), TSNAP_E_UNSUPPORTED);
  CHECK_OK(tsnap_read(snapshot, "0/a", &target, nullptr));
}

// All at once on a fresh handle: the index is loaded while others look for it.
void ManyThreadsReadAtOnce() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  constexpr int kThreads = 6, kObjects = 40;
  const Shape shape = {100, 150};
  std::vector<TestArray> arrays;
  for (int i = 0; i < kObjects; ++i) {
    arrays.emplace_back(TSNAP_FLOAT32, 0, shape, kLayouts[i % 7]);
    arrays.back().Fill(static_cast<uint64_t>(i));
  }
  {
    Self context;
    State state;
    for (int i = 0; i < kObjects; ++i) {
      const tsnap_array array = arrays[static_cast<size_t>(i)].Describe();
      const std::string name = "o" + std::to_string(i);
      CHECK_OK(i % 2 == 0 ? tsnap_state_add_private(state, name.c_str(), &array)
                          : tsnap_state_add_sharded(state, name.c_str(), shape.data(), &array, 1));
      CHECK_OK(tsnap_state_set_attribute(state, name.c_str(), "number", std::to_string(i).c_str()));
    }
    const tsnap_take_options options = Quick(TSNAP_CODEC_ZSTD);
    CHECK_OK(tsnap_take(context, url.c_str(), state, &options));
  }
  for (int round = 0; round < 3; ++round) {
    Opened snapshot(url);
    tsnap_snapshot* const shared = snapshot;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([shared, t] {
        for (int i = 0; i < kObjects; ++i) {
          const int object = (i * 7 + t * 13) % kObjects;
          const std::string path = (object % 2 == 0 ? "0/o" : "o") + std::to_string(object);
          TestArray read(TSNAP_FLOAT32, 0, {40 + t, 60}, kLayouts[(object + t) % 7], {t * 5, t * 11});
          const tsnap_array target = read.Describe();
          tsnap_read_options options = TSNAP_READ_OPTIONS_INIT;
          options.memory_budget_bytes = i % 5 == 0 ? 16 << 20 : 0;
          CHECK_OK(tsnap_read(shared, path.c_str(), &target, &options));
          CHECK(read.Holds(static_cast<uint64_t>(object)));
          tsnap_object_info info = TSNAP_OBJECT_INFO_INIT, at = TSNAP_OBJECT_INFO_INIT;
          CHECK_OK(tsnap_snapshot_find(shared, path.c_str(), &info));
          CHECK(path == info.path);
          CHECK_OK(tsnap_snapshot_object(shared, object, &at));
          const char* value = nullptr;
          CHECK_OK(tsnap_snapshot_attribute(shared, path.c_str(), "number", &value));
          CHECK(std::to_string(object) == value);
          CHECK_CODE(tsnap_snapshot_find(shared, "nothing", &info), TSNAP_E_NOT_FOUND);
          CHECK_SAYS("nothing");   // each thread has its own last error
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

// --- the other byte order ---------------------------------------------------------------------

uint32_t SlowCrc32c(const std::string& text) {
  uint32_t crc = ~0u;
  for (const char c : text) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
  }
  return ~crc;
}

std::string ReadText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void Replace(std::string* text, const std::string& from, const std::string& to) {
  const size_t at = text->find(from);
  CHECK_TEXT(at != std::string::npos, from + " is not in " + *text);
  text->replace(at, from.size(), to);
}

// The commit record says of everything in the slabs which byte order it has, and ends with its own checksum.
void ClaimOtherByteOrder(const std::string& url) {
  const std::string path = url + "/tsnap.json";
  std::string text = ReadText(path);
  const size_t at = text.rfind("\"crc32c\":\"");
  CHECK(at != std::string::npos);
  const size_t digits = at + 10;
  size_t body = at - 1;   // what stands before the comma
  char old[9];
  std::snprintf(old, sizeof old, "%08x", SlowCrc32c(text.substr(0, body)));
  CHECK_TEXT(text.compare(digits, 8, old) == 0, "the test does not know how the record's checksum is made");
  const size_t length = text.size();
  const bool little = Contains(text, "\"byte_order\":\"little\"");
  Replace(&text, little ? "\"little\"" : "\"big\"", little ? "\"big\"" : "\"little\"");
  body += text.size() - length;
  std::snprintf(old, sizeof old, "%08x", SlowCrc32c(text.substr(0, body)));
  text.replace(digits + (text.size() - length), 8, old);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// Numbers as the other machine has them in memory.
void Swap(uint8_t* data, size_t bytes, size_t number_bytes) {
  for (size_t i = 0; i + number_bytes <= bytes; i += number_bytes) std::reverse(data + i, data + i + number_bytes);
}

void OtherByteOrderIsTurned() {
  for (const int32_t codec : {TSNAP_CODEC_NONE, TSNAP_CODEC_ZSTD}) {
    const Folder folder(NewFolder());
    const std::string url = folder / "snap";
    Self context;
    State state;
    static constexpr size_t kNumberBytes[] = {0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 1, 1, 2, 2, 4, 8, 4, 8, 1};
    std::vector<std::vector<uint8_t>> values(19), wanted(19);
    const int64_t shape[] = {100};
    int64_t integer = 0x0102030405060708;
    double number = 1234.5678;
    int32_t truth = 1;
    char text[20] = "left as it is";
    uint8_t block[4] = {1, 2, 3, 4};
    size_t size = 4;
    for (int32_t dtype = TSNAP_BOOL; dtype <= TSNAP_OPAQUE; ++dtype) {
      auto& bytes = values[static_cast<size_t>(dtype)];
      tsnap_array array = Line(dtype, nullptr, 100);
      array.item_bytes = dtype == TSNAP_OPAQUE ? 6 : 0;
      bytes.resize(static_cast<size_t>(100 * (dtype == TSNAP_OPAQUE ? 6 : DtypeBytes(dtype))));
      for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = dtype == TSNAP_BOOL ? i % 2 : static_cast<uint8_t>(Mix(i));
      array.data = bytes.data();
      const std::string path = "t" + std::to_string(dtype);
      wanted[static_cast<size_t>(dtype)] = bytes;
      Swap(bytes.data(), bytes.size(), kNumberBytes[dtype]);
      switch (dtype % 3) {
        case 0: CHECK_OK(tsnap_state_add_private(state, path.c_str(), &array)); break;
        case 1: CHECK_OK(tsnap_state_add_replicated(state, path.c_str(), &array)); break;
        default: CHECK_OK(tsnap_state_add_sharded(state, path.c_str(), shape, &array, 1)); break;
      }
    }
    Swap(reinterpret_cast<uint8_t*>(&integer), 8, 8);
    Swap(reinterpret_cast<uint8_t*>(&number), 8, 8);
    CHECK_OK(tsnap_state_add_int64(state, "integer", TSNAP_PRIVATE, &integer));
    CHECK_OK(tsnap_state_add_float64(state, "number", TSNAP_REPLICATED, &number));
    CHECK_OK(tsnap_state_add_bool(state, "truth", TSNAP_PRIVATE, &truth));
    CHECK_OK(tsnap_state_add_string(state, "text", TSNAP_PRIVATE, text, sizeof text));
    CHECK_OK(tsnap_state_add_bytes(state, "block", TSNAP_PRIVATE, block, sizeof block, &size));
    int32_t patch[4] = {1, 2, 3, 4}, fill = 5;
    Swap(reinterpret_cast<uint8_t*>(patch), sizeof patch, 4);
    Swap(reinterpret_cast<uint8_t*>(&fill), sizeof fill, 4);
    const tsnap_array patch_array = Line(TSNAP_INT32, patch, 4, 50);
    CHECK_OK(tsnap_state_add_sharded(state, "sparse", shape, &patch_array, 1));
    CHECK_OK(tsnap_state_set_coverage(state, "sparse", TSNAP_COVER_SPARSE, &fill));
    const tsnap_take_options options = Quick(codec);
    CHECK_OK(tsnap_take(context, url.c_str(), state, &options));
    ClaimOtherByteOrder(url);

    CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
    for (size_t dtype = 1; dtype <= TSNAP_OPAQUE; ++dtype) CHECK_TEXT(values[dtype] == wanted[dtype], "t" + std::to_string(dtype));
    CHECK_SAME_INT(integer, 0x0102030405060708);
    CHECK(number == 1234.5678 && truth == 1 && std::strcmp(text, "left as it is") == 0 && std::memcmp(block, "\1\2\3\4", 4) == 0);
    for (int i = 0; i < 4; ++i) CHECK_SAME_INT(patch[i], i + 1);

    Opened snapshot(url);
    CHECK_OK(tsnap_snapshot_verify(snapshot, nullptr, nullptr));
    CHECK_OK(tsnap_read_int64(snapshot, "0/integer", &integer));
    CHECK_SAME_INT(integer, 0x0102030405060708);
    int32_t around[8];
    const tsnap_array target = Line(TSNAP_INT32, around, 8, 48);
    CHECK_OK(tsnap_read(snapshot, "sparse", &target, nullptr));
    for (int i = 0; i < 8; ++i) CHECK_SAME_INT(around[i], i < 2 || i > 5 ? 5 : i - 1);
    double strided[200];
    tsnap_array numbers = Line(TSNAP_FLOAT64, strided, 100);
    numbers.strides_bytes[0] = 16;
    CHECK_OK(tsnap_read(snapshot, "0/t15", &numbers, nullptr));
    for (size_t i = 0; i < 100; ++i) CHECK(std::memcmp(strided + 2 * i, wanted[15].data() + 8 * i, 8) == 0);
  }
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"only_the_blocks_needed_are_read", OnlyTheBlocksNeededAreRead},
                  {"contiguous_destinations_are_read_in_place", ContiguousDestinationsAreReadInPlace},
                  {"boxes_of_arrays_read_their_rows", BoxesOfArraysReadTheirRows},
                  {"small_object_is_read_alone", SmallObjectIsReadAlone},
                  {"index_is_loaded_part_by_part", IndexIsLoadedPartByPart},
                  {"budget_is_obeyed", BudgetIsObeyed},
                  {"budget_below_one_block_is_no_memory", BudgetBelowOneBlockIsNoMemory},
                  {"box_must_lie_inside", BoxMustLieInside},
                  {"many_threads_read_at_once", ManyThreadsReadAtOnce},
                  {"other_byte_order_is_turned", OtherByteOrderIsTurned}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
