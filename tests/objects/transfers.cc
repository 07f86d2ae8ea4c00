// The engine over an object store that breaks for every broken rule: whatever is planned, at any budget and with any codec, is written in
// parts that the store takes, with checksums that are right, and read back; and with as few requests as that allows.
#include <criterion/criterion.h>

#include <chrono>
#include <thread>
#include <vector>

#include "../unit/seeded.h"
#include "base/checksum.h"
#include "engine/codec.h"
#include "engine/read.h"
#include "engine/write.h"
#include "strict_objects.h"

using namespace tsnap;

namespace {

constexpr uint64_t kMiB = 1 << 20;

struct Case {
  uint64_t budget_bytes = 64 * kMiB;
  Codec codec = Codec::kNone;
  bool staged = false;
  std::vector<uint64_t> sizes;   // of the extents
  test::ObjectRules rules;
  int staging_threads = 2;
  double io_timeout_seconds = 60;
};

class Scene {
 public:
  explicit Scene(Case one) : case_(std::move(one)), engine_(KnobsOf(case_), case_.budget_bytes) {
    case_.rules.must_checksum = true;
    static int opened = 0;
    store_ = test::OpenObjectMemory("transfers" + std::to_string(++opened), case_.rules);
    uint64_t total = 0;
    for (const uint64_t size : case_.sizes) total += size;
    memory_.resize(total);
    for (size_t i = 0; i < memory_.size(); ++i) memory_[i] = ByteAt(i);
    std::vector<PlannedExtent> extents;
    int64_t begin = 0;
    for (const uint64_t size : case_.sizes) {
      PlannedExtent& extent = extents.emplace_back();
      extent.box = Line(begin, static_cast<int64_t>(size));
      extent.order = RowMajor();
      extent.raw_bytes = size;
      begin += static_cast<int64_t>(size);
    }
    plan_ = std::make_shared<WritePlan>(Batch(std::move(extents), {case_.rules.slab_bytes, engine_.write_transfer_bytes(*store_),
                                                                   case_.codec != Codec::kNone, case_.rules.least_part_bytes}));
  }
  ~Scene() { static_cast<void>(store_->RemoveAll("")); }

  void RoundTrip() {
    Write();
    const uint64_t written = store_->counters().requests;
    CheckRequests(written);
    Read();
    cr_assert_leq(engine_.buffers()->peak_bytes(), std::max(case_.budget_bytes, LargestLease()));
    cr_assert_eq(store_->counters().moved_bytes, store_->counters().written_bytes + store_->counters().read_bytes);
  }

  std::shared_ptr<Store> store() { return store_; }
  const WritePlan& plan() const { return *plan_; }
  Engine& engine() { return engine_; }
  void Write() {
    const Status status = TryWrite();
    cr_assert(status.ok(), "%s", status.message().c_str());
  }
  Status TryWrite() {
    WriteJob job{store_, Slabs(), 300, plan_, {Source()}, case_.codec, false};
    Result<std::vector<Extent>> written = case_.staged ? WriteInTwoHalves(std::move(job)) : WriteSlabs(engine_, std::move(job), {});
    if (!written.ok()) return std::move(written).status();
    extents_ = std::move(written).value();
    return Status::Ok();
  }
  void Read() {
    ReadJob job{store_, Slabs(), {}, {"bytes"}, true, {}};
    Bytes out(memory_.size());
    for (const Extent& extent : extents_) {
      ReadItem item;
      item.extent = extent;
      item.wanted = extent.box;
      item.memory_box = Line(0, static_cast<int64_t>(out.size()));
      item.memory = ContiguousView(Dtype::kUint8, 1, 1, item.memory_box.shape, out.data());
      job.items.push_back(std::move(item));
    }
    std::vector<Status> objects;
    const Status status = ReadExtents(engine_, std::move(job), {}, &objects);
    cr_assert(status.ok(), "%s", status.message().c_str());
    for (size_t i = 0; i < out.size(); ++i) cr_assert(out[i] == ByteAt(i), "byte %zu", i);
  }

 private:
  static Knobs KnobsOf(const Case& one) {
    Knobs knobs;
    knobs.staging_threads = one.staging_threads;
    knobs.io_timeout_seconds = one.io_timeout_seconds;
    return knobs;
  }
  // Half of it can be made smaller.
  static std::byte ByteAt(size_t i) { return static_cast<std::byte>((i / 512) % 2 == 0 ? i * 2654435761u >> 13 : i / 65536); }
  static Box Line(int64_t begin, int64_t count) {
    Box box;
    box.ndim = 1;
    box.offset[0] = begin;
    box.shape[0] = count;
    return box;
  }
  static native::SlabNames Slabs() { return {std::string(32, 'a'), true}; }
  WriteSource Source() {
    WriteSource source;
    source.memory_box = Line(0, static_cast<int64_t>(memory_.size()));
    source.memory = ContiguousView(Dtype::kUint8, 1, 1, source.memory_box.shape, memory_.data());
    source.name = "bytes";
    return source;
  }

  // What was copied may change at once.
  Result<std::vector<Extent>> WriteInTwoHalves(WriteJob job) {
    StagedWrite write(engine_, std::move(job));
    Result<std::vector<Extent>> written = Internal("not written");
    std::thread background([&] { written = write.Write({}); });
    StagingReport report;
    write.Stage({}, &report);
    std::fill(memory_.begin(), memory_.end(), std::byte{77});
    background.join();
    return written;
  }

  // One for each segment; a slab of several is begun and completed.
  void CheckRequests(uint64_t requests) const {
    std::vector<uint64_t> segments(plan_->slab_bytes.size());
    for (const Segment& segment : plan_->segments) ++segments[segment.slab];
    uint64_t expected = 0;
    for (const uint64_t count : segments) expected += count == 1 ? 1 : count + 2;
    cr_assert_eq(requests, expected);
  }

  // What is granted alone when the budget is smaller: a part, with a codec twice and what a bound adds.
  uint64_t LargestLease() const {
    uint64_t largest = 0;
    for (const uint64_t size : case_.sizes) largest = std::max(largest, size);
    const uint64_t transfer = std::max(engine_.write_transfer_bytes(*store_), case_.codec == Codec::kNone ? 0 : largest);
    return case_.codec == Codec::kNone ? transfer : 2 * transfer + largest + kMiB;
  }

  Case case_;
  Engine engine_;
  std::shared_ptr<Store> store_;
  Bytes memory_;
  std::shared_ptr<WritePlan> plan_;
  std::vector<Extent> extents_;
};

std::vector<Codec> Codecs() {
  std::vector<Codec> codecs = {Codec::kNone};
  for (const Codec codec : {Codec::kZstd, Codec::kLz4})
    if (CheckCodec(codec).ok()) codecs.push_back(codec);
  return codecs;
}

}  // namespace

Test(transfers, any_plan_is_written_in_good_parts_and_read_back, .timeout = 300) {
  test::Seeded random;
  const std::vector<Codec> codecs = Codecs();
  for (int round = 0; round < 60; ++round) {
    Case one;
    one.codec = codecs[static_cast<size_t>(random.Int(0, static_cast<int64_t>(codecs.size()) - 1))];
    one.staged = random.Chance(0.5);
    one.budget_bytes = std::vector<uint64_t>{1, kMiB, 3 * kMiB, 9 * kMiB, 100 * kMiB}[static_cast<size_t>(random.Int(0, 4))];
    one.staging_threads = static_cast<int>(random.Int(1, 3));
    one.rules.least_part_bytes = std::vector<uint64_t>{4096, 256 << 10, 1000000}[static_cast<size_t>(random.Int(0, 2))];
    one.rules.transfer_bytes = kBlockBytes * static_cast<uint64_t>(random.Int(8, 16));
    one.rules.slab_bytes = static_cast<uint64_t>(random.Int(100000, 16 << 20));
    one.rules.io_concurrency = static_cast<int>(random.Int(1, 6));
    const int64_t most = std::vector<int64_t>{500, 70000, 3 << 20}[static_cast<size_t>(random.Int(0, 2))];
    uint64_t total = 0;
    while (total < 12 * kMiB && one.sizes.size() < 300 && !random.Chance(0.01)) {
      one.sizes.push_back(static_cast<uint64_t>(random.Int(1, random.Chance(0.3) ? 70000 : most)));
      total += one.sizes.back();
    }
    Scene(one).RoundTrip();
  }
}

Test(transfers, sizes_of_real_stores_are_written_and_read_back, .timeout = 300) {
  for (const Codec codec : Codecs()) {
    for (const bool staged : {false, true}) {
      Case one;
      one.codec = codec;
      one.staged = staged;
      // An extent is compressed whole, and is of 4 MiB at most.
      one.sizes = codec == Codec::kNone ? std::vector<uint64_t>{40 * kMiB, 9 * kMiB + 77, 3 * kMiB, 5, 4096, 100000, 5} : std::vector<uint64_t>(12, 4 * kMiB);
      Scene(one).RoundTrip();
    }
  }
}

// The budget is for all transfers in flight; a part has its least size whatever the budget.
Test(transfers, sizes_follow_the_budget) {
  const std::unique_ptr<Store> store = test::OpenObjectMemory("sizes", test::ObjectRules());
  const auto sizes = [&](uint64_t budget_bytes) {
    const Engine engine(Knobs(), budget_bytes);
    return std::pair(engine.write_transfer_bytes(*store), engine.read_transfer_bytes(*store));
  };
  cr_assert(sizes(1 << 30) == std::pair(16 * kMiB, 16 * kMiB));
  cr_assert(sizes(128 * kMiB) == std::pair(16 * kMiB, 16 * kMiB));
  cr_assert(sizes(64 * kMiB) == std::pair(8 * kMiB, 8 * kMiB));
  cr_assert(sizes(16 * kMiB) == std::pair(6 * kMiB, 2 * kMiB));
  cr_assert(sizes(1) == std::pair(6 * kMiB, kBlockBytes));
}

// One array is written from where it lies, a part at a time: no buffer is needed.
Test(transfers, what_is_contiguous_is_not_copied) {
  Case one;
  one.sizes = {64 * kMiB};
  one.budget_bytes = 128 * kMiB;
  Scene scene(one);
  scene.RoundTrip();
  cr_assert_eq(scene.plan().segments.size(), 4u);
  cr_assert_eq(scene.engine().buffers()->peak_bytes(), 0u);
  cr_assert_eq(scene.store()->counters().requests, 6u + 4u);
}

// A part that takes longer than the storage may stand still is no stall as long as bytes of it move.
Test(transfers, a_long_transfer_that_gets_on_is_no_stall, .timeout = 60) {
  for (const bool gets_on : {true, false}) {
    Case one;
    one.sizes = {6 * kMiB};
    one.io_timeout_seconds = 2;   // a machine with much to do may let a thread sleep for half a second longer
    one.rules.while_writing = [gets_on](StoreCounters& counters) {
      for (int i = 0; i < 80; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        if (gets_on) ++counters.moved_bytes;
      }
    };
    auto* scene = new Scene(one);   // left to the thread that hangs in it
    const Status status = scene->TryWrite();
    cr_assert(status.code() == (gets_on ? Code::kOk : Code::kTimeout), "%s", status.message().c_str());
  }
}
