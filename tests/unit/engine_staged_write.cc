// Writing in two halves, over a store that does as it is told: what is copied is what is written, within the budget, and whatever
// ends one half ends the other.
#include <criterion/criterion.h>

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "catalog/array_view.h"
#include "engine/write.h"
#include "format/native/names.h"
#include "store/memory/memory_store.h"
#include "forwarding_store.h"

using namespace tsnap;

namespace {

constexpr uint64_t kMiB = 1 << 20;

// What the store does to writes.
struct Orders {
  std::mutex mutex;
  std::condition_variable changed;
  bool held = false;         // guarded by mutex
  int fail_write = 0;        // the nth; 0 = none
  int throw_in_traits = 0;   // likewise
  std::atomic<int> writes{0}, writing{0}, most_writing{0}, asked{0};

  void Hold(bool value) {
    {
      const std::lock_guard lock(mutex);
      held = value;
    }
    changed.notify_all();
  }
  Status Obey() {
    const int number = ++writes, now = ++writing;
    for (int seen = most_writing; seen < now && !most_writing.compare_exchange_weak(seen, now);) continue;
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return !held; });
    }
    --writing;
    return number == fail_write ? Status(Code::kNoSpace, "the disk is full") : Status::Ok();
  }
};

class ObedientWriter final : public StoreWriter {
 public:
  ObedientWriter(std::unique_ptr<StoreWriter> writer, std::shared_ptr<Orders> orders)
      : writer_(std::move(writer)), orders_(std::move(orders)) {}
  Status WriteAt(uint64_t offset, ConstByteSpan bytes, std::optional<uint32_t> crc32c) override {
    TSNAP_TRY(orders_->Obey());
    return writer_->WriteAt(offset, bytes, crc32c);
  }
  Status Finish(uint64_t size_bytes, bool durable) override { return writer_->Finish(size_bytes, durable); }

 private:
  std::unique_ptr<StoreWriter> writer_;
  std::shared_ptr<Orders> orders_;
};

// The memory store, with orders.
class ObedientStore final : public test::ForwardingStore {
 public:
  explicit ObedientStore(std::shared_ptr<Orders> orders)
      : ForwardingStore(OpenMemoryStore("staged" + std::to_string(++opened))), orders_(std::move(orders)) {}
  ~ObedientStore() override { static_cast<void>(store().RemoveAll("")); }
  const StoreTraits& traits() const override {
    if (++orders_->asked == orders_->throw_in_traits) throw std::bad_alloc();
    return ForwardingStore::traits();
  }
  Result<std::unique_ptr<StoreWriter>> Create(const std::string& key, const WriteLayout& layout) override {
    TSNAP_ASSIGN(std::unique_ptr<StoreWriter> writer, store().Create(key, layout));
    return std::unique_ptr<StoreWriter>(std::make_unique<ObedientWriter>(std::move(writer), orders_));
  }

 private:
  static inline std::atomic<int> opened{0};
  std::shared_ptr<Orders> orders_;
};

// An engine, an array, and its plan: extents of 1 MiB.
struct Setup {
  std::shared_ptr<Orders> orders = std::make_shared<Orders>();
  Engine engine;
  std::vector<uint64_t> values;
  std::shared_ptr<WritePlan> plan;
  std::shared_ptr<ObedientStore> store = std::make_shared<ObedientStore>(orders);
  Codec codec;

  Setup(uint64_t bytes, uint64_t budget_bytes, int staging_threads, int io_concurrency, Codec with = Codec::kNone)
      : engine(KnobsOf(staging_threads, io_concurrency), budget_bytes), values(bytes / 8), codec(with) {
    for (size_t i = 0; i < values.size(); ++i) values[i] = i * 0x9e3779b97f4a7c15;
    std::vector<PlannedExtent> extents;
    const int64_t step = kMiB / 8, count = static_cast<int64_t>(values.size());
    for (int64_t begin = 0; begin < count; begin += step) {
      PlannedExtent& extent = extents.emplace_back();
      extent.box.ndim = 1;
      extent.box.offset[0] = begin;
      extent.box.shape[0] = std::min(step, count - begin);
      extent.order = RowMajor();
      extent.raw_bytes = 8 * static_cast<uint64_t>(extent.box.shape[0]);
    }
    plan = std::make_shared<WritePlan>(Batch(std::move(extents), {8 * kMiB, engine.write_transfer_bytes(*store), with != Codec::kNone, 0}));
  }
  static Knobs KnobsOf(int staging_threads, int io_concurrency) {
    Knobs knobs;
    knobs.staging_threads = staging_threads;
    knobs.io_concurrency = io_concurrency;
    knobs.io_timeout_seconds = 20;
    return knobs;
  }
  static native::SlabNames Slabs() { return {std::string(32, 'a'), false}; }
  WriteJob Job() {
    WriteSource source;
    source.memory_box.ndim = 1;
    source.memory_box.shape[0] = static_cast<int64_t>(values.size());
    source.memory = ContiguousView(Dtype::kUint64, 8, 1, source.memory_box.shape, reinterpret_cast<std::byte*>(values.data()));
    source.name = "a";
    return {store, Slabs(), 0, plan, {source}, codec, false};
  }
  void CheckStored(const std::vector<Extent>& extents) {
    cr_assert_eq(extents.size(), plan->extents.size());
    uint64_t next = 0;
    for (const Extent& extent : extents) {
      cr_assert_eq(extent.stored_bytes, extent.raw_bytes);
      Bytes bytes(extent.raw_bytes);
      cr_assert(store->ReadAt(Slabs().Key(0, extent.slab), extent.offset, bytes).ok());
      for (size_t i = 0; i < bytes.size(); i += 8, ++next) {
        uint64_t value = 0;
        std::memcpy(&value, &bytes[i], 8);
        cr_assert_eq(value, next * 0x9e3779b97f4a7c15);
      }
    }
  }
  void CheckNothingIsHeld() {
    // All of the budget can be had again.
    cr_assert(engine.buffers()->Acquire(engine.buffers()->budget_bytes()).ok());
  }
};

// Both halves; the values are overwritten as soon as the first one returns.
Status RunBoth(Setup* setup, StagingReport* report, std::vector<Extent>* extents = nullptr, bool hold = false,
               const ProgressCallback& progress = {}) {
  const int throw_in_traits = std::exchange(setup->orders->throw_in_traits, 0);   // not in what is made in advance
  StagedWrite write(setup->engine, setup->Job());
  setup->orders->asked = 0;
  setup->orders->throw_in_traits = throw_in_traits;
  Status status;
  if (hold) setup->orders->Hold(true);
  std::thread background([&] {
    Result<std::vector<Extent>> written = write.Write({});
    if (written.ok() && extents != nullptr) *extents = std::move(written).value();
    if (!written.ok()) status = written.status();
  });
  write.Stage(progress, report);
  std::fill(setup->values.begin(), setup->values.end(), 5);
  if (hold) setup->orders->Hold(false);
  background.join();
  return status;
}

}  // namespace

Test(staged_write, what_is_copied_is_what_is_written, .timeout = 60) {
  for (const int threads : {1, 3}) {
    Setup setup(20 * kMiB + 8, 128 * kMiB, threads, 2);
    StagingReport report;
    std::vector<Extent> extents;
    cr_assert(RunBoth(&setup, &report, &extents, /*hold=*/true).ok());   // nothing is written while it is copied
    cr_assert(report.waited_seconds == 0 && report.over_budget_bytes == 0);
    setup.CheckStored(extents);
    setup.CheckNothingIsHeld();
  }
}

Test(staged_write, nothing_is_written_before_all_is_copied_while_the_budget_lasts, .timeout = 60) {
  Setup setup(8 * kMiB, 64 * kMiB, 2, 2);
  int writes_seen = 0;
  StagingReport report;
  const ProgressCallback watch = [&](uint64_t staged, uint64_t, uint64_t total) {
    if (staged < total) writes_seen += setup.orders->writes;
  };
  cr_assert(RunBoth(&setup, &report, nullptr, false, watch).ok());
  cr_assert_eq(writes_seen, 0);
}

// Any number of threads, however few transfers and little memory: they never wait for each other in a circle.
Test(staged_write, small_budgets_end_with_any_number_of_threads, .timeout = 120) {
  for (const uint64_t budget : {1 * kMiB, 2 * kMiB, 5 * kMiB, 9 * kMiB}) {
    for (const int threads : {1, 2, 4, 8}) {
      for (const int transfers : {1, 2, 5}) {
        Setup setup(24 * kMiB, budget, threads, transfers);
        StagingReport report;
        std::vector<Extent> extents;
        const Status status = RunBoth(&setup, &report, &extents);
        cr_assert(status.ok(), "%d threads, %d transfers: %s", threads, transfers, status.message().c_str());
        setup.CheckStored(extents);
        cr_assert_leq(setup.engine.buffers()->peak_bytes(), std::max(budget, kTransferBytes));
        cr_assert_leq(report.over_budget_bytes, 24 * kMiB);
        cr_assert_geq(report.over_budget_bytes + budget + kTransferBytes, 24 * kMiB);
        cr_assert_leq(setup.orders->most_writing.load(), transfers);
        setup.CheckNothingIsHeld();
      }
    }
  }
}

Test(staged_write, a_failed_write_ends_both_halves, .timeout = 120) {
  for (const int threads : {1, 3}) {
    for (const int nth : {1, 2, 4}) {
      for (const bool within_budget : {false, true}) {
        Setup setup(24 * kMiB, within_budget ? 64 * kMiB : 4 * kMiB, threads, 2);
        setup.orders->fail_write = nth;
        StagingReport report;
        const Status status = RunBoth(&setup, &report);
        cr_assert(status.code() == Code::kNoSpace, "%s", status.message().c_str());
        cr_assert(status.message().find("\"a\"") != std::string::npos || status.message().find(" a") != std::string::npos, "%s",
                  status.message().c_str());
        setup.CheckNothingIsHeld();
      }
    }
  }
}

// Whatever fails before a segment is written: who copies does not wait for memory that nobody gives back.
Test(staged_write, a_writing_half_that_cannot_begin_ends_both, .timeout = 120) {
  for (const int nth : {1, 2, 3}) {   // asked for the number of transfers, then by each write
    for (const int threads : {1, 3}) {
      Setup setup(24 * kMiB, 4 * kMiB, threads, 0);
      setup.orders->throw_in_traits = nth;
      StagingReport report;
      const Status status = RunBoth(&setup, &report);
      cr_assert(status.code() == Code::kNoMemory, "%s", status.message().c_str());
      setup.CheckNothingIsHeld();
    }
  }
}

Test(staged_write, cancel_ends_both_halves_at_any_time, .timeout = 120) {
  for (const uint64_t budget : {4 * kMiB, 64 * kMiB}) {
    Setup setup(24 * kMiB, budget, 2, 2);
    setup.orders->Hold(true);
    StagedWrite write(setup.engine, setup.Job());
    Status status;
    StagingReport report;
    std::thread background([&] { status = write.Write({}).status(); });
    std::thread caller([&] { write.Stage({}, &report); });
    while (setup.orders->writing < (budget == 4 * kMiB ? 1 : 2)) usleep(1000);   // both are in the middle of it
    write.Cancel();
    caller.join();
    setup.orders->Hold(false);
    background.join();
    cr_assert(status.code() == Code::kCancelled, "%s", status.message().c_str());
    cr_assert_leq(setup.orders->writes.load(), 2);   // those that were under way
    write.Cancel();   // once more
    setup.CheckNothingIsHeld();
  }
  // Before either half has begun.
  Setup setup(4 * kMiB, 64 * kMiB, 1, 1);
  StagedWrite write(setup.engine, setup.Job());
  StagingReport report;
  write.Cancel();
  write.Stage({}, &report);
  cr_assert(write.Write({}).status().code() == Code::kCancelled);
  cr_assert_eq(setup.orders->writes.load(), 0);
}

Test(staged_write, a_failure_that_comes_after_a_cancel_is_not_told, .timeout = 60) {
  Setup setup(8 * kMiB, 64 * kMiB, 1, 1);
  setup.orders->fail_write = 1;
  setup.orders->Hold(true);
  StagedWrite write(setup.engine, setup.Job());
  Status status;
  StagingReport report;
  std::thread background([&] { status = write.Write({}).status(); });
  write.Stage({}, &report);
  while (setup.orders->writing == 0) usleep(1000);
  write.Cancel();
  setup.orders->Hold(false);
  background.join();
  cr_assert(status.code() == Code::kCancelled, "%s", status.message().c_str());
}

// The system has no pages left: the half that copies meets it, the other one tells.
// Not under ASan, which needs far more than that itself; g++ and clang say so in ways of their own.
#if defined(__SANITIZE_ADDRESS__)
#define TSNAP_UNDER_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TSNAP_UNDER_ASAN
#endif
#endif
#ifndef TSNAP_UNDER_ASAN
Test(staged_write, memory_that_the_system_lacks_is_told_by_the_writing_half, .timeout = 60) {
  Setup setup(64 * kMiB, 256 * kMiB, 1, 1), small(kMiB, 64 * kMiB, 1, 1);
  {
    StagedWrite warm(setup.engine, small.Job());   // threads have their stacks
    StagingReport report;
    std::thread background([&] { cr_assert(warm.Write({}).ok()); });
    warm.Stage({}, &report);
    background.join();
  }
  StagedWrite write(setup.engine, setup.Job());
  Status status;
  StagingReport report;
  std::atomic<bool> limited = false;
  std::thread background([&] {
    while (!limited) usleep(100);
    status = write.Write({}).status();
  });
  rlimit limit = {};
  cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
  const rlim_t before = limit.rlim_cur;
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  limit.rlim_cur = pages * 4096 + 24 * kMiB;
  cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
  limited = true;
  write.Stage({}, &report);
  limit.rlim_cur = before;
  setrlimit(RLIMIT_AS, &limit);
  background.join();
  cr_assert(status.code() == Code::kNoMemory, "%s", status.message().c_str());
  cr_assert(status.message().find("mapping a buffer") != std::string::npos, "%s", status.message().c_str());
  setup.CheckNothingIsHeld();
}
#endif

// A transfer that hangs in the storage comes back when the engine and its timeline are gone.
Test(staged_write, a_transfer_that_hangs_touches_nothing_that_is_gone, .timeout = 60) {
  auto setup = std::make_unique<Setup>(4 * kMiB, 64 * kMiB, 1, 1);
  const std::shared_ptr<Orders> orders = setup->orders;
  Knobs knobs = Setup::KnobsOf(1, 1);
  knobs.io_timeout_seconds = 0.3;
  auto engine = std::make_unique<Engine>(knobs, 64 * kMiB);
  auto timeline = std::make_shared<Timeline>();
  const std::weak_ptr<Timeline> watched = timeline;
  engine->set_timeline(std::move(timeline));
  orders->Hold(true);
  {
    StagedWrite write(*engine, setup->Job());
    Status status;
    StagingReport report;
    std::thread background([&] { status = write.Write({}).status(); });
    write.Stage({}, &report);
    background.join();
    cr_assert(status.code() == Code::kTimeout, "%s", status.message().c_str());
  }
  setup.reset();
  engine.reset();
  cr_assert(!watched.expired());   // the transfer has it
  orders->Hold(false);
  while (!watched.expired()) usleep(1000);
}
