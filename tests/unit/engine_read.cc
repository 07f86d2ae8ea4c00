// What the engine asks of a store when it reads: only the blocks needed, each once, in steps that
// the store likes, announced before they are read and never beyond what is wanted.
#include <criterion/criterion.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include "base/checksum.h"
#include "engine/read.h"
#include "format/native/names.h"

using namespace tsnap;

namespace {

struct Range {
  std::string key;
  uint64_t begin = 0, end = 0;
};

// Slabs whose bytes are computed; it notes what it is asked.
class NotingStore final : public Store {
 public:
  explicit NotingStore(uint64_t step_bytes) { traits_.read_step_bytes = step_bytes; }
  const StoreTraits& traits() const override { return traits_; }
  const std::string& url() const override { return url_; }
  // What is stored from this offset on; it repeats itself.
  static void Fill(uint64_t offset, ByteSpan out) {
    constexpr uint64_t kPeriod = 251 * 256;
    static const Bytes period = [] {
      Bytes bytes(kPeriod);
      for (uint64_t i = 0; i < kPeriod; ++i) bytes[i] = static_cast<std::byte>(i * 31 + i / 251);
      return bytes;
    }();
    for (uint64_t at = 0; at < out.size();) {
      const uint64_t from = (offset + at) % kPeriod;
      const uint64_t count = std::min(out.size() - at, kPeriod - from);
      std::copy_n(period.begin() + static_cast<std::ptrdiff_t>(from), count, out.begin() + static_cast<std::ptrdiff_t>(at));
      at += count;
    }
  }

  Status ReadAt(const std::string& key, uint64_t offset, ByteSpan out) override {
    Fill(offset, out);
    std::lock_guard lock(mutex_);
    if (damages_left_ > 0 && damaged_at_ >= offset && damaged_at_ - offset < out.size()) {
      out[damaged_at_ - offset] ^= std::byte{1};
      --damages_left_;
    }
    read_.push_back({key, offset, offset + out.size()});
    return Status::Ok();
  }
  void WillRead(const std::string& key, uint64_t offset, uint64_t bytes) override {
    if (hints_throw_) throw std::bad_alloc();
    std::lock_guard lock(mutex_);
    announced_.push_back({key, offset, offset + bytes});
  }
  void MakeHintsThrow() { hints_throw_ = true; }
  void Damage(uint64_t offset, int times = 1000) {
    damaged_at_ = offset;
    damages_left_ = times;
  }
  void BecomeObjectStore() { traits_.least_part_bytes = 5 << 20; }
  std::vector<Range> read() const { return read_; }
  std::vector<Range> announced() const { return announced_; }

  Result<std::unique_ptr<StoreWriter>> Create(const std::string&, const WriteLayout&) override {
    return No();
  }
  Result<Bytes> Get(const std::string&, uint64_t, Version*) override { return No(); }
  Status Put(const std::string&, ConstByteSpan, bool) override { return No(); }
  Status PutIf(const std::string&, ConstByteSpan, const Version&, bool) override { return No(); }
  Result<Entry> Stat(const std::string&) override { return No(); }
  Status Remove(const std::string&) override { return No(); }
  Status RemoveIf(const std::string&, const Version&) override { return No(); }
  Status List(const std::string&, const std::function<Status(const Entry&)>&) override {
    return No();
  }
  Status ListParts(const std::string&, const std::function<Status(const std::string&)>&) override {
    return No();
  }
  Status RemoveAll(const std::string&) override { return No(); }
  Status SyncFolder(const std::string&) override { return No(); }

 private:
  static Status No() { return Unsupported("only reading is tested"); }
  StoreTraits traits_;
  const std::string url_ = "noting";
  bool hints_throw_ = false;
  uint64_t damaged_at_ = UINT64_MAX;
  int damages_left_ = 0;  // guarded by mutex_
  std::mutex mutex_;
  std::vector<Range> read_, announced_;  // guarded by mutex_
};

// One extent of bytes at `offset` of slab 0, of which [begin, begin + count) is wanted.
struct Piece {
  uint64_t offset = 0, size = 0, begin = 0, count = 0;
};

class Scene {
 public:
  explicit Scene(uint64_t step_bytes, uint64_t ahead_bytes = 16 << 20) {
    store = std::make_shared<NotingStore>(step_bytes);
    knobs_.read_ahead_bytes = ahead_bytes;
  }

  // The last `soon_count` pieces belong to the next job.
  Status Read(const std::vector<Piece>& pieces, bool verify = true, size_t soon_count = 0) {
    ReadJob job{store, {"id", false}, {}, {}, verify, {}};
    memory_.assign(pieces.size(), {});
    for (size_t i = 0; i < pieces.size(); ++i) {
      const Piece& piece = pieces[i];
      ReadItem item;
      item.extent.offset = piece.offset;
      item.extent.stored_bytes = item.extent.raw_bytes = piece.size;
      item.extent.box = Line(0, piece.size);
      for (uint64_t at = 0; at < piece.size; at += kBlockBytes) {
        Bytes block(std::min(kBlockBytes, piece.size - at));
        NotingStore::Fill(piece.offset + at, block);
        item.extent.block_crcs.push_back(Crc32c(block));
      }
      memory_[i].resize(piece.count);
      item.wanted = item.memory_box = Line(piece.begin, piece.count);
      item.memory = ContiguousView(Dtype::kUint8, 1, 1, item.memory_box.shape, memory_[i].data());
      item.object = static_cast<uint32_t>(i);
      (i + soon_count < pieces.size() ? job.items : job.soon).push_back(std::move(item));
      job.names.push_back("object " + std::to_string(i));
    }
    Engine engine(knobs_, 64 << 20);
    return ReadExtents(engine, std::move(job), {}, &objects);
  }

  void ExpectContent(const std::vector<Piece>& pieces) const {
    for (size_t i = 0; i < pieces.size(); ++i) {
      Bytes expected(pieces[i].count);
      NotingStore::Fill(pieces[i].offset + pieces[i].begin, expected);
      cr_assert(memory_[i] == expected);
    }
  }

  std::shared_ptr<NotingStore> store;
  std::vector<Status> objects;

 private:
  static Box Line(uint64_t begin, uint64_t count) {
    Box box;
    box.ndim = 1;
    box.offset[0] = static_cast<int64_t>(begin);
    box.shape[0] = static_cast<int64_t>(count);
    return box;
  }
  Knobs knobs_;
  std::vector<Bytes> memory_;
};

uint64_t Total(const std::vector<Range>& ranges) {
  uint64_t total = 0;
  for (const Range& range : ranges) total += range.end - range.begin;
  return total;
}

size_t TimesRead(const std::vector<Range>& ranges, uint64_t offset) {
  return static_cast<size_t>(std::count_if(ranges.begin(), ranges.end(), [&](const Range& range) {
    return range.begin <= offset && offset < range.end;
  }));
}

// Sorted, neighbours and overlaps joined.
std::vector<Range> Union(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::vector<Range> joined;
  for (const Range& range : ranges) {
    if (!joined.empty() && range.begin <= joined.back().end)
      joined.back().end = std::max(joined.back().end, range.end);
    else
      joined.push_back(range);
  }
  return joined;
}

constexpr uint64_t kMiB = 1 << 20;
const std::vector<uint64_t> kSteps = {0, kBlockBytes, 2 * kBlockBytes, kTransferBytes};

}  // namespace

Test(engine_read, a_large_extent_is_read_once_whatever_the_step) {
  const std::vector<Piece> pieces = {{4096, 50 * kMiB + 77, 0, 50 * kMiB + 77}};
  for (const uint64_t step : kSteps) {
    for (const bool verify : {true, false}) {
      Scene scene(step);
      cr_assert(scene.Read(pieces, verify).ok());
      scene.ExpectContent(pieces);
      cr_assert_eq(Total(scene.store->read()), pieces[0].size);
      cr_assert_eq(Union(scene.store->read()).size(), 1u);
    }
  }
}

Test(engine_read, a_verified_read_asks_for_no_more_than_a_step) {
  const std::vector<Piece> pieces = {{0, 9 * kMiB, 0, 9 * kMiB}};
  Scene scene(kBlockBytes);
  cr_assert(scene.Read(pieces).ok());
  for (const Range& range : scene.store->read()) cr_assert(range.end - range.begin <= kBlockBytes);
}

Test(engine_read, only_the_blocks_needed_are_read_and_shared_ones_once) {
  const std::vector<Piece> pieces = {
      {0, 8 * kMiB, 3 * kMiB + 5, kMiB},      // parts of blocks at both ends
      {0, 8 * kMiB, 3 * kMiB + 999, 7},       // of a block that the first one reads
      {64 * kMiB, 8 * kMiB, 8 * kMiB - 1, 1}  // the last byte
  };
  for (const uint64_t step : kSteps) {
    Scene scene(step);
    cr_assert(scene.Read(pieces).ok());
    scene.ExpectContent(pieces);
    cr_assert_eq(Total(scene.store->read()), 5 * kBlockBytes + kBlockBytes);
  }
}

Test(engine_read, small_neighbours_are_read_together) {
  std::vector<Piece> pieces;
  for (uint64_t i = 0; i < 2000; ++i) pieces.push_back({i * 1024, 1000, 0, 1000});
  for (const uint64_t step : kSteps) {
    Scene scene(step);
    cr_assert(scene.Read(pieces).ok());
    scene.ExpectContent(pieces);
    cr_assert(Total(scene.store->read()) <= 2000 * 1024);
    cr_assert(scene.store->read().size() <= 2000 * 1024 / kBlockBytes + 1);
  }
}

Test(engine_read, what_is_announced_is_what_is_read) {
  const std::vector<Piece> pieces = {{0, 40 * kMiB, kMiB, 30 * kMiB},
                                     {100 * kMiB, 4096, 0, 4096},
                                     {200 * kMiB, 30 * kMiB, 29 * kMiB, kMiB}};
  for (const uint64_t step : kSteps) {
    Scene scene(step);
    cr_assert(scene.Read(pieces).ok());
    const std::vector<Range> announced = scene.store->announced();
    cr_assert(!announced.empty());
    cr_assert(Total(announced) <= Total(scene.store->read()));
    std::vector<Range> all = scene.store->read();
    const uint64_t read = Total(Union(all));
    all.insert(all.end(), announced.begin(), announced.end());
    cr_assert_eq(Total(Union(all)), read);
  }
}

Test(engine_read, what_the_next_job_reads_is_announced_and_not_read) {
  const std::vector<Piece> pieces = {{0, 3 * kMiB, 0, 3 * kMiB}, {4 * kMiB, 2 * kMiB, kMiB, kMiB}};
  Scene scene(kBlockBytes);
  cr_assert(scene.Read(pieces, true, 1).ok());
  cr_assert_eq(Total(scene.store->read()), 3 * kMiB);
  const std::vector<Range> announced = scene.store->announced();
  cr_assert_eq(announced.size(), 2u);
  cr_assert(announced[0].begin == 0 && announced[0].end == 3 * kMiB);
  cr_assert(announced[1].begin == 5 * kMiB && announced[1].end == 6 * kMiB);
}

Test(engine_read, a_window_of_nothing_announces_nothing) {
  const std::vector<Piece> pieces = {{0, 40 * kMiB, 0, 40 * kMiB}};
  Scene scene(kBlockBytes, 0);
  cr_assert(scene.Read(pieces).ok());
  cr_assert(scene.store->announced().empty());
}

Test(engine_read, a_hint_that_throws_fails_nothing) {
  const std::vector<Piece> pieces = {{0, 40 * kMiB, 0, 40 * kMiB}};
  Scene scene(kBlockBytes);
  scene.store->MakeHintsThrow();
  cr_assert(scene.Read(pieces).ok());
  scene.ExpectContent(pieces);
}

Test(engine_read, a_damaged_block_fails_its_object_and_no_other) {
  const std::vector<Piece> pieces = {{0, 6 * kMiB, 0, 6 * kMiB},
                                     {8 * kMiB, 6 * kMiB, 0, 6 * kMiB},
                                     {16 * kMiB, 6 * kMiB, 0, 6 * kMiB}};
  for (const uint64_t step : kSteps) {
    Scene scene(step);
    scene.store->Damage(13 * kMiB + 3);
    const Status status = scene.Read(pieces);
    cr_assert(status.code() == Code::kCorrupt);
    cr_assert(status.message().find("object 1") != std::string::npos);
    cr_assert(status.message().find(std::to_string(13 * kMiB)) != std::string::npos, "%s",
              status.message().c_str());
    cr_assert(scene.objects[0].ok() && !scene.objects[1].ok() && scene.objects[2].ok());
  }
}

// Into the memory where it is contiguous, or through a buffer: two small neighbours are read
// together.
Test(engine_read, what_comes_damaged_from_an_object_store_is_read_once_more) {
  const std::vector<std::vector<Piece>> scenes = {
      {{0, 6 * kMiB, 0, 6 * kMiB}, {8 * kMiB, 6 * kMiB, 0, 6 * kMiB}},
      {{8 * kMiB, 100000, 0, 100000}, {8 * kMiB + 102400, 100000, 5, 70000}}};
  for (const std::vector<Piece>& pieces : scenes) {
    for (const uint64_t step : kSteps) {
      for (const int times : {1, 1000}) {
        Scene scene(step);
        scene.store->BecomeObjectStore();
        scene.store->Damage(8 * kMiB + 3, times);
        const Status status = scene.Read(pieces);
        // Only the step that came damaged.
        cr_assert_eq(TimesRead(scene.store->read(), 8 * kMiB + 3), 2u);
        cr_assert_eq(TimesRead(scene.store->read(), pieces[0].offset == 0 ? 3 : UINT64_MAX),
                     pieces[0].offset == 0 ? 1u : 0u);
        if (times == 1) {
          cr_assert(status.ok(), "%s", status.message().c_str());
          scene.ExpectContent(pieces);
        } else {
          cr_assert(status.code() == Code::kCorrupt);
          const size_t damaged = pieces[0].offset == 0 ? 1 : 0;
          cr_assert(status.message().find("object " + std::to_string(damaged)) !=
                    std::string::npos);
          cr_assert(!scene.objects[damaged].ok() && scene.objects[1 - damaged].ok());
        }
      }
    }
  }
}

Test(engine_read, what_comes_damaged_from_a_file_is_damaged) {
  const std::vector<Piece> pieces = {{0, 6 * kMiB, 0, 6 * kMiB}};
  Scene scene(kBlockBytes);
  scene.store->Damage(3, 1);
  cr_assert(scene.Read(pieces).code() == Code::kCorrupt);
  cr_assert_eq(TimesRead(scene.store->read(), 3), 1u);
}
