// The contract of objects that are created, written at any offsets, finished or abandoned, and read.
#include <algorithm>
#include <atomic>
#include <random>

#include "../unit/seeded.h"
#include "base/checksum.h"
#include "contract.h"

namespace tsnap::contract {

namespace {

constexpr uint64_t kBlock = 4096;   // a multiple of every write_alignment

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

void CreateOnce(Place& place) {
  const auto store = place.Open(), other = place.Open();
  const Bytes content = Pattern(10000, 1);
  if (store->traits().whole_objects()) {   // whoever writes and finishes last wins
    const auto first = MustCreate(*store, "a/b/object", content.size()), second = MustCreate(*other, "a/b/object", 10);
    EXPECT_OK(WriteWhole(*other, *second, Pattern(10, 2)));
    EXPECT_OK(second->Finish(10, false));
    cr_assert(ReadRange(*store, "a/b/object", 0, 10) == Pattern(10, 2));
    EXPECT_OK(WriteWhole(*store, *first, content));
    EXPECT_OK(first->Finish(content.size(), false));
    cr_assert(ReadRange(*other, "a/b/object", 0, content.size()) == content);
    return;
  }
  {
    const auto writer = MustCreate(*store, "a/b/object", content.size());
    EXPECT_CODE(store->Create("a/b/object", 0), kExists);   // also while it is being written
    EXPECT_OK(writer->WriteAt(0, AlignedBytes(content).span()));
    EXPECT_OK(writer->Finish(content.size(), false));
  }
  EXPECT_CODE(store->Create("a/b/object", 5), kExists);
  EXPECT_CODE(other->Create("a/b/object", 0), kExists);
  cr_assert(ReadRange(*other, "a/b/object", 0, content.size()) == content);
  EXPECT_OK(store->Remove("a/b/object"));
  WriteObject(*store, "a/b/object", Pattern(10, 2));
  cr_assert(ReadRange(*store, "a/b/object", 0, 10) == Pattern(10, 2));
}

void CreateIsSilent(Place& place) {
  const auto store = place.Open();
  if (!store->traits().whole_objects()) return;
  EXPECT_CODE(store->Stat("asked/before"), kNotFound);
  const uint64_t requests = store->counters().requests;
  cr_assert_gt(requests, 0u);
  const uint64_t part = store->traits().least_part_bytes;
  for (const WriteLayout& layout : {WriteLayout{}, WriteLayout{100, {0}}, WriteLayout{2 * part, {0, part}}}) {
    for (int i = 0; i < 3; ++i) MustCreate(*store, "never/written", layout);
  }
  cr_assert_eq(store->counters().requests, requests);
  cr_assert(Keys(*store, "").empty());
}

// Pushing is a hint: it changes nothing, whatever range it names.
void PushChangesNothing(Place& place) {
  const auto store = place.Open();
  const Bytes content = Pattern(3 * kBlock, 5);
  const auto writer = MustCreate(*store, "pushed", content.size());
  writer->Push(0, content.size());   // nothing is there yet
  EXPECT_OK(writer->WriteAt(0, AlignedBytes(content).span()));
  for (const uint64_t begin : {uint64_t{0}, kBlock, uint64_t{1} << 62}) writer->Push(begin, kBlock + 7);
  EXPECT_OK(writer->Finish(content.size(), true));
  cr_assert(ReadRange(*store, "pushed", 0, content.size()) == content);
}

// A place is there once something is stored in it, and gone with what was.
void PlaceIsThereOnceUsed(Place& place) {
  const auto store = place.Open();
  WriteObject(*store, "a", Pattern(10, 2));
  cr_assert(store->HasPlace());
  cr_assert(place.Open()->HasPlace());
}

namespace {

// Everyone may create and finish; what is there in the end is one of what they wrote, whole.
void FinishRace(Place& place) {
  const auto store = place.Open();
  for (int round = 0; round < 5; ++round) {
    const std::string key = "race/" + std::to_string(round);
    std::vector<Status> statuses(6);
    InThreads(static_cast<int>(statuses.size()), [&](int i) {
      const Bytes content = Pattern(20000 + static_cast<uint64_t>(i), static_cast<uint64_t>(i));
      statuses[static_cast<size_t>(i)] = [&]() -> Status {
        TSNAP_ASSIGN(const auto writer, store->Create(key, content.size()));
        TSNAP_TRY(WriteWhole(*store, *writer, content));
        return writer->Finish(content.size(), false);
      }();
    });
    for (const Status& status : statuses) EXPECT_OK(status);
    const Result<Bytes> found = store->Get(key, 1 << 20, nullptr);
    EXPECT_OK(found);
    cr_assert(found->size() >= 20000 && found->size() < 20006 && *found == Pattern(found->size(), found->size() - 20000));
  }
}

}  // namespace

void CreateRace(Place& place) {
  const auto store = place.Open();
  if (store->traits().whole_objects()) return FinishRace(place);
  for (int round = 0; round < 20; ++round) {
    const std::string key = "race/" + std::to_string(round);
    std::vector<Code> codes(6);
    std::vector<std::unique_ptr<StoreWriter>> writers(codes.size());
    InThreads(static_cast<int>(codes.size()), [&](int i) {
      const auto at = static_cast<size_t>(i);
      Result<std::unique_ptr<StoreWriter>> writer = store->Create(key, 0);
      codes[at] = writer.status().code();
      if (writer.ok()) writers[at] = std::move(writer).value();
    });
    cr_assert_eq(std::count(codes.begin(), codes.end(), Code::kOk), 1);
    cr_assert_eq(std::count(codes.begin(), codes.end(), Code::kExists), 5);
    for (const auto& writer : writers) {
      if (writer) EXPECT_OK(writer->Finish(0, false));
    }
    EXPECT_OK(store->Stat(key));   // the losers took nothing away
  }
}

void ConcurrentWrites(Place& place) {
  test::Seeded random;
  const auto store = place.Open();
  if (store->traits().whole_objects()) return;   // in parts: see Parts
  for (const bool hinted : {false, true}) {
    const std::string key = hinted ? "data/hinted" : "data/unknown";
    const uint64_t size = 200 * kBlock - static_cast<uint64_t>(random.Int(1, kBlock - 1));
    const Bytes content = Pattern(size, random.seed());
    const AlignedBytes aligned(content);
    // Pieces of 1 to 7 blocks, in any order.
    std::vector<std::pair<uint64_t, uint64_t>> pieces;
    for (uint64_t at = 0; at < aligned.span().size();) {
      const uint64_t length = std::min(static_cast<uint64_t>(random.Int(1, 7)) * kBlock, aligned.span().size() - at);
      pieces.emplace_back(at, length);
      at += length;
    }
    std::shuffle(pieces.begin(), pieces.end(), random.engine());
    const auto writer = MustCreate(*store, key, hinted ? size : 0);
    std::atomic<size_t> next{0};
    std::vector<Status> statuses(4);
    InThreads(static_cast<int>(statuses.size()), [&](int i) {
      for (size_t at = next++; at < pieces.size(); at = next++) {
        const auto [offset, length] = pieces[at];
        Status status = writer->WriteAt(offset, aligned.span().subspan(offset, length));
        if (!status.ok()) statuses[static_cast<size_t>(i)] = std::move(status);
      }
    });
    for (const Status& status : statuses) EXPECT_OK(status);
    EXPECT_OK(writer->Finish(size, false));
    cr_assert(ReadRange(*store, key, 0, size) == content);
    const Result<Entry> entry = store->Stat(key);
    EXPECT_OK(entry);
    cr_assert_eq(entry->bytes, size);
  }
}

// Each write from one offset of the layout to the next, or a little less; any store takes that.
void Parts(Place& place) {
  test::Seeded random;
  const auto store = place.Open();
  const StoreTraits& traits = store->traits();
  const uint64_t least = std::max(traits.least_part_bytes, kBlock);
  for (const int64_t count : {1, 2, 3, 5}) {
    const std::string key = "parts/" + std::to_string(count);
    WriteLayout layout;
    for (int64_t i = 0; i < count; ++i) {
      layout.offsets.push_back(layout.bytes);
      layout.bytes += i + 1 < count ? AlignUp(least + static_cast<uint64_t>(random.Int(0, 300000)), kBlock) : static_cast<uint64_t>(random.Int(1, 50000));
    }
    const Bytes content = Pattern(layout.bytes, random.seed());
    const AlignedBytes aligned(content);
    std::vector<size_t> order(layout.offsets.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random.engine());
    const auto writer = MustCreate(*store, key, layout);
    std::vector<Status> statuses(order.size());
    InThreads(static_cast<int>(order.size()), [&](int i) {
      const size_t part = order[static_cast<size_t>(i)];
      const uint64_t begin = layout.offsets[part], end = part + 1 < order.size() ? layout.offsets[part + 1] : layout.bytes;
      statuses[static_cast<size_t>(i)] = writer->WriteAt(begin, aligned.span().subspan(begin, AlignUp(end - begin, traits.write_alignment)));
    });
    for (const Status& status : statuses) EXPECT_OK(status);
    if (order.size() > 1 && traits.whole_objects()) EXPECT_CODE(store->Stat(key), kNotFound);   // not before it is finished
    EXPECT_OK(writer->Finish(layout.bytes, false));
    cr_assert(ReadRange(*store, key, 0, layout.bytes) == content);
    const Result<Entry> entry = store->Stat(key);
    EXPECT_OK(entry);
    cr_assert_eq(entry->bytes, layout.bytes);
  }
}

void Checksums(Place& place) {
  const auto store = place.Open();
  const uint64_t first = std::max(store->traits().least_part_bytes, kBlock), size = first + kBlock;
  const Bytes content = Pattern(size, 9);
  const AlignedBytes aligned(content);
  const auto writer = MustCreate(*store, "checked", WriteLayout{size, {0, first}});
  for (const auto& [begin, bytes] : {std::pair{uint64_t{0}, first}, std::pair{first, kBlock}}) {
    const ConstByteSpan part = aligned.span().subspan(begin, bytes);
    EXPECT_OK(writer->WriteAt(begin, part, Crc32c(part)));
  }
  EXPECT_OK(writer->Finish(size, false));
  cr_assert(ReadRange(*store, "checked", 0, size) == content);
  const auto whole = MustCreate(*store, "checked-whole", kBlock);
  EXPECT_OK(whole->WriteAt(0, aligned.span().first(kBlock), Crc32c(aligned.span().first(kBlock))));
  EXPECT_OK(whole->Finish(kBlock, false));
  cr_assert(ReadRange(*store, "checked-whole", 0, kBlock) == Bytes(content.begin(), content.begin() + kBlock));
}

namespace {

void FinishWholeSize(Store& store) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, kBlock - 1, kBlock, kBlock + 1, 9 * kBlock + 7}) {
    const std::string key = "size/" + std::to_string(size);
    WriteObject(store, key, Pattern(size, size));
    const Result<Entry> entry = store.Stat(key);
    EXPECT_OK(entry);
    cr_assert_eq(entry->bytes, size);
    cr_assert(ReadRange(store, key, 0, size) == Pattern(size, size));
    Bytes more(size + 1);
    EXPECT_CODE(store.ReadAt(key, 0, more), kCorrupt);
  }
}

}  // namespace

void FinishSize(Place& place) {
  const auto store = place.Open();
  if (store->traits().whole_objects()) return FinishWholeSize(*store);
  const Bytes content = Pattern(4 * kBlock, 3);
  const AlignedBytes aligned(content);
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, kBlock - 1, kBlock, kBlock + 1, 4 * kBlock, 4 * kBlock + 1, 9 * kBlock + 7}) {
    for (const uint64_t hint : {uint64_t{0}, uint64_t{1}, 20 * kBlock}) {
      const std::string key = "size/" + std::to_string(size) + "-" + std::to_string(hint);
      const auto writer = MustCreate(*store, key, hint);
      EXPECT_OK(writer->WriteAt(0, aligned.span()));
      EXPECT_OK(writer->Finish(size, false));
      const Result<Entry> entry = store->Stat(key);
      EXPECT_OK(entry);
      cr_assert_eq(entry->bytes, size);
      const Bytes read = ReadRange(*store, key, 0, size);
      for (uint64_t i = 0; i < size; ++i) cr_assert(read[i] == (i < content.size() ? content[i] : std::byte{0}));
      Bytes more(size + 1);
      EXPECT_CODE(store->ReadAt(key, 0, more), kCorrupt);
    }
  }
  const auto nothing = MustCreate(*store, "size/nothing-written", 0);
  EXPECT_OK(nothing->Finish(0, true));
  cr_assert_eq(GetText(*store, "size/nothing-written"), "");
}

void ManyWriters(Place& place) {
  const auto store = place.Open();
  constexpr int kWriters = 6;
  std::vector<Status> statuses(kWriters);
  InThreads(kWriters, [&](int i) {
    const Bytes content = Pattern(30 * kBlock + static_cast<uint64_t>(i), static_cast<uint64_t>(i));
    const AlignedBytes aligned(content);
    statuses[static_cast<size_t>(i)] = [&]() -> Status {
      TSNAP_ASSIGN(const auto writer, store->Create("many/folder-" + std::to_string(i % 3) + "/" + std::to_string(i), content.size()));
      if (store->traits().whole_objects()) {
        TSNAP_TRY(WriteWhole(*store, *writer, content));
        return writer->Finish(content.size(), false);
      }
      for (uint64_t at = 0; at < aligned.span().size(); at += kBlock) {
        TSNAP_TRY(writer->WriteAt(at, aligned.span().subspan(at, kBlock)));
      }
      return writer->Finish(content.size(), false);
    }();
  });
  for (int i = 0; i < kWriters; ++i) {
    EXPECT_OK(statuses[static_cast<size_t>(i)]);
    const Bytes content = Pattern(30 * kBlock + static_cast<uint64_t>(i), static_cast<uint64_t>(i));
    cr_assert(ReadRange(*store, "many/folder-" + std::to_string(i % 3) + "/" + std::to_string(i), 0, content.size()) == content);
  }
}

void Abandon(Place& place) {
  const auto store = place.Open();
  {
    // Of an object store one in parts: one that is written whole is there with that.
    const uint64_t first = std::max(store->traits().least_part_bytes, kBlock);
    const auto writer = MustCreate(*store, "a/object", WriteLayout{first + kBlock, {0, first}});
    EXPECT_OK(writer->WriteAt(0, AlignedBytes(Pattern(first, 1)).span()));
  }
  EXPECT_CODE(store->Stat("a/object"), kNotFound);
  EXPECT_CODE(store->Get("a/object", 1 << 20, nullptr), kNotFound);
  cr_assert(Keys(*store, "").empty());
  WriteObject(*store, "a/object", Pattern(50, 2));
  cr_assert(ReadRange(*store, "a/object", 0, 50) == Pattern(50, 2));
}

void RemovedWhileWritten(Place& place) {
  const auto store = place.Open();
  {
    const uint64_t first = std::max(store->traits().least_part_bytes, kBlock);
    const auto writer = MustCreate(*store, "a/object", WriteLayout{first + kBlock, {0, first}});
    EXPECT_OK(writer->WriteAt(0, AlignedBytes(Pattern(first, 1)).span()));
    EXPECT_OK(store->RemoveAll("a/"));
    static_cast<void>(writer->WriteAt(first, AlignedBytes(Pattern(kBlock, 2)).span()));   // may or may not be told
  }
  EXPECT_CODE(store->Stat("a/object"), kNotFound);
  cr_assert(Keys(*store, "").empty());
}

void Ranges(Place& place) {
  test::Seeded random;
  const auto store = place.Open();
  const Bytes content = Pattern(100001, 5);
  WriteObject(*store, "a", content);
  EXPECT_OK(store->Put("small", content, false));
  for (int i = 0; i < 300; ++i) {
    const auto offset = static_cast<uint64_t>(random.Int(0, 100001));
    const auto size = static_cast<uint64_t>(random.Int(0, static_cast<int64_t>(100001 - offset)));
    const Bytes read = ReadRange(*store, i % 2 == 0 ? "a" : "small", offset, size);
    cr_assert(std::equal(read.begin(), read.end(), content.begin() + static_cast<ptrdiff_t>(offset)));
  }
  std::vector<char> right(8, 0);
  InThreads(static_cast<int>(right.size()), [&](int t) {
    bool all = true;
    for (uint64_t i = 0; i < 50; ++i) {
      const uint64_t offset = (i * 7919 + static_cast<uint64_t>(t) * 101) % 90000;
      Bytes read(10000);
      all = store->ReadAt("a", offset, read).ok() && all;
      all = std::equal(read.begin(), read.end(), content.begin() + static_cast<ptrdiff_t>(offset)) && all;
    }
    right[static_cast<size_t>(t)] = all;
  });
  for (const char one : right) cr_assert(one);
}

void Announced(Place& place) {
  const auto store = place.Open();
  const Bytes content = Pattern(600001, 5);
  WriteObject(*store, "a", content);
  const uint64_t calls = store->counters().read_calls, bytes = store->counters().read_bytes;
  for (const std::string key : {"a", "nothing", "nothing/at/all", "a/below"}) {
    for (const uint64_t offset : {uint64_t{0}, uint64_t{500000}, uint64_t{600001}, uint64_t{1} << 40, uint64_t{INT64_MAX}, UINT64_MAX}) {
      for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{400000}, UINT64_MAX}) store->WillRead(key, offset, size);
    }
  }
  cr_assert(store->counters().read_calls == calls && store->counters().read_bytes == bytes);
  cr_assert(ReadRange(*store, "a", 0, content.size()) == content);
  Bytes out(1);
  EXPECT_CODE(store->ReadAt("a", content.size(), out), kCorrupt);
  EXPECT_CODE(store->ReadAt("nothing", 0, out), kNotFound);
}

void Truncated(Place& place) {
  const auto store = place.Open();
  WriteObject(*store, "a", Pattern(1000, 1));
  for (const auto& [offset, size] : {std::pair<uint64_t, uint64_t>{0, 1001}, {999, 2}, {1000, 1}, {1001, 1}, {50000, 3000}}) {
    Bytes out(size);
    const Status status = store->ReadAt("a", offset, out);
    EXPECT_CODE(status, kCorrupt);
    cr_assert(Contains(status.message(), "truncated") && Contains(status.message(), "a"), "%s", status.message().c_str());
  }
  cr_assert(ReadRange(*store, "a", 1000, 0).empty());
}

void Missing(Place& place) {
  const auto store = place.Open();
  WriteObject(*store, "folder/object", Pattern(10, 1));
  Bytes out(1);
  for (const std::string key : {"nothing", "folder/nothing", "nothing/at/all"}) {
    EXPECT_CODE(store->ReadAt(key, 0, out), kNotFound);
    EXPECT_CODE(store->Get(key, 100, nullptr), kNotFound);
    EXPECT_CODE(store->Stat(key), kNotFound);
    const Status status = store->ReadAt(key, 0, out);
    cr_assert(Contains(status.message(), store->url()) && Contains(status.message(), key), "%s", status.message().c_str());
  }
  EXPECT_CODE(store->Stat("folder"), kNotFound);   // a folder is no object
}

void FreshReads(Place& place) {
  const auto store = place.Open();
  for (int i = 0; i < 5; ++i) {
    const std::string text = "version " + std::to_string(i);
    PutText(*store, "a", text);
    cr_assert_eq(std::string(AsText(ReadRange(*store, "a", 0, text.size()))), text);
    EXPECT_OK(store->Remove("b"));
    WriteObject(*store, "b", AsBytes(text));
    cr_assert_eq(std::string(AsText(ReadRange(*store, "b", 0, text.size()))), text);
    EXPECT_OK(store->RemoveAll("folder/"));
    WriteObject(*store, "folder/c", AsBytes(text));
    cr_assert_eq(std::string(AsText(ReadRange(*store, "folder/c", 0, text.size()))), text);
  }
  Version version;
  EXPECT_OK(store->Get("a", 100, &version));
  EXPECT_OK(store->PutIf("a", AsBytes("VERSION"), version, false));
  cr_assert_eq(std::string(AsText(ReadRange(*store, "a", 0, 7))), "VERSION");
  EXPECT_OK(store->Remove("a"));
  Bytes out(1);
  EXPECT_CODE(store->ReadAt("a", 0, out), kNotFound);
}

void Durable(Place& place) {
  const auto store = place.Open();
  const Bytes content = Pattern(3 * kBlock + 5, 8);
  for (const bool durable : {false, true}) {
    const std::string folder = durable ? "yes" : "no";
    WriteObject(*store, folder + "/deep/a", content, durable);
    EXPECT_OK(store->Put(folder + "/b", content, durable));
    EXPECT_OK(store->PutIf(folder + "/c", content, {}, durable));
    Version version;
    EXPECT_OK(store->Get(folder + "/c", 1 << 20, &version));
    EXPECT_OK(store->PutIf(folder + "/c", content, version, durable));
    EXPECT_OK(store->SyncFolder(folder));
    EXPECT_OK(store->SyncFolder(folder + "/deep"));
    for (const std::string key : {"/deep/a", "/b", "/c"}) cr_assert(ReadRange(*store, folder + key, 0, content.size()) == content);
  }
  EXPECT_OK(store->SyncFolder(""));
}

void SeenByOthers(Place& place) {
  const auto writer = place.Open(), reader = place.Open();
  EXPECT_CODE(reader->Get("a", 10, nullptr), kNotFound);
  PutText(*writer, "a", "1");
  cr_assert_eq(GetText(*reader, "a"), "1");
  Version version;
  GetText(*reader, "a", &version);
  PutText(*writer, "a", "2");
  cr_assert_eq(GetText(*reader, "a"), "2");
  EXPECT_CODE(reader->PutIf("a", AsBytes("3"), version, false), kExists);   // a version means the same to both
  GetText(*writer, "a", &version);
  EXPECT_OK(reader->PutIf("a", AsBytes("3"), version, false));
  WriteObject(*writer, "folder/b", Pattern(100, 1));
  cr_assert(ReadRange(*reader, "folder/b", 0, 100) == Pattern(100, 1));
  cr_assert(Keys(*reader, "") == (std::vector<std::string>{"a", "folder/b"}));
  EXPECT_OK(reader->RemoveAll("folder/"));
  EXPECT_CODE(writer->Stat("folder/b"), kNotFound);
}

}  // namespace tsnap::contract
