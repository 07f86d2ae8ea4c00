// What a take in the background stores: the state at the call, whatever becomes of it right after the return; within the budget; and
// with the plan of the take before where the structure is the same, which must never be used where it is not.
#include <sys/mman.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include "async.h"
#include "test_array.h"

namespace tsnap::test {
namespace {

// Nothing can be written before the array has other contents: a take that keeps a pointer to it stores those.
void LargeArrayIsStoredAsItWas() {
  std::vector<size_t> sizes = {1 << 10, 1 << 20, 200 << 20};
  if (LongMode()) sizes.push_back(size_t{3} << 29);
  for (const size_t bytes : sizes) {
    for (const bool prefault : {false, true}) {
      Where() = std::to_string(bytes) + " bytes";
      const Folder folder(NewFolder());
      const std::string url = folder / "snap";
      tsnap_config config = Budget(2 * bytes + 16 * kMiB);
      if (prefault) config.staging_prefault_bytes = bytes;
      Self context(&config);
      OneArray one(bytes / 8, 11);
      Request request;
      {
        const WritesHeld held;
        CHECK_OK(TakeAsyncQuick(context, url, one.state, &request));
        one.words.Fill(22);
        CHECK(!IsDone(request));
      }
      CHECK_OK(tsnap_request_wait(request));
      CHECK(one.words.Hold(22));
      CHECK_OK(tsnap_restore(context, url.c_str(), one.state, nullptr));
      CHECK(one.words.Hold(11));
    }
  }
}

// Every layout, large and small, as one piece and as boxes of a sharded array.
void EveryLayout(int32_t codec, uint64_t chunk_bytes, uint64_t slab_bytes) {
  struct Subject {
    std::string path;
    std::deque<TestArray> taken, restored;
    bool sharded;
    Shape shape;
  };
  std::deque<Subject> subjects;
  for (const Shape& shape : {Shape{3, 2, 4}, Shape{40, 30, 25}, Shape{61, 53, 80}}) {
    for (int layout = 0; layout < 7; ++layout) {
      for (const bool sharded : {false, true}) {
        Subject& subject = subjects.emplace_back();
        subject.path = "s" + std::to_string(subjects.size());
        subject.sharded = sharded;
        subject.shape = shape;
        if (sharded) subject.shape[1] *= 2;
        for (int64_t box = 0; box < (sharded ? 2 : 1); ++box) {
          const Shape offset = {0, box * shape[1], 0};
          subject.taken.emplace_back(TSNAP_FLOAT32, 0, shape, kLayouts[layout], offset);
          subject.restored.emplace_back(TSNAP_FLOAT32, 0, shape, kLayouts[(layout + 3) % 7], offset);
        }
      }
    }
  }
  const auto add = [](tsnap_state* state, const Subject& subject, std::deque<TestArray>& arrays) {
    std::vector<tsnap_array> boxes;
    for (TestArray& array : arrays) boxes.push_back(array.Describe());
    CHECK_OK(subject.sharded ? tsnap_state_add_sharded(state, subject.path.c_str(), subject.shape.data(), boxes.data(), boxes.size())
                             : tsnap_state_add_private(state, subject.path.c_str(), boxes.data()));
  };
  const Folder folder(NewFolder());
  const tsnap_config config = Budget(256 * kMiB);
  Self context(&config);
  State taken, restored;
  uint64_t seed = 0;
  for (Subject& subject : subjects) {
    add(taken, subject, subject.taken);
    add(restored, subject, subject.restored);
  }
  tsnap_take_options options = Quick(codec);
  options.chunk_bytes = chunk_bytes;
  options.slab_bytes = slab_bytes;
  for (const char* name : {"first", "again"}) {   // the second one has no plan of its own
    ++seed;
    for (Subject& subject : subjects) {
      for (TestArray& array : subject.taken) array.Fill(seed);
    }
    Request request;
    {
      const WritesHeld held;
      CHECK_OK(tsnap_take_async(context, (folder / name).c_str(), taken, &options, request.out()));
      for (Subject& subject : subjects) {
        for (TestArray& array : subject.taken) array.Clear();
      }
    }
    CHECK_OK(tsnap_request_wait(request));
    CHECK_SAME_INT(StatisticsOf(context).plan_reused, seed - 1);
    for (Subject& subject : subjects) {
      for (TestArray& array : subject.taken) CHECK(array.IsUntouched());
    }
    CHECK_OK(tsnap_restore(context, (folder / name).c_str(), restored, nullptr));
    for (Subject& subject : subjects) {
      for (TestArray& array : subject.restored) CHECK_TEXT(array.Holds(seed), subject.path + " came back different");
    }
    Opened snapshot(folder / name);
    CHECK_OK(tsnap_snapshot_verify(snapshot, nullptr, nullptr));
  }
}

void EveryLayoutIsStoredAsItWas() { EveryLayout(TSNAP_CODEC_NONE, 0, 0); }
void EveryLayoutInSmallChunks() { EveryLayout(TSNAP_CODEC_NONE, 300000, 700000); }
void EveryLayoutWithZstd() { EveryLayout(TSNAP_CODEC_ZSTD, 300000, 0); }
void EveryLayoutWithDeflate() { EveryLayout(TSNAP_CODEC_DEFLATE, 0, 0); }   // in HDF5 files only
void EveryLayoutWithLz4() { EveryLayout(TSNAP_CODEC_LZ4, 0, 700000); }

struct Values {
  int64_t number = 0;
  double real = 0;
  int32_t truth = 0;
  char text[64] = {};
  uint8_t bytes[100] = {};
  size_t size = 0;
  std::vector<double> packed;   // of a stateful, between describe and release
  double weights[9] = {};
  std::thread::id released_by;
  int described = 0, released = 0;

  void Fill(int seed) {
    number = seed * 1000;
    real = seed + 0.5;
    truth = seed % 2;
    std::snprintf(text, sizeof text, "text %d%s", seed, seed == 1 ? "" : ", and longer");
    size = static_cast<size_t>(10 + seed);
    for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = static_cast<uint8_t>(i * static_cast<size_t>(seed));
    for (int i = 0; i < 9; ++i) weights[i] = seed * 10 + i;
  }
  bool operator==(const Values& other) const {
    return number == other.number && real == other.real && truth == other.truth && std::strcmp(text, other.text) == 0 &&
           size == other.size && std::memcmp(bytes, other.bytes, size) == 0 && std::memcmp(weights, other.weights, sizeof weights) == 0;
  }
  void Add(tsnap_state* state) {
    CHECK_OK(tsnap_state_add_int64(state, "number", TSNAP_PRIVATE, &number));
    CHECK_OK(tsnap_state_add_float64(state, "real", TSNAP_REPLICATED, &real));
    CHECK_OK(tsnap_state_add_bool(state, "truth", TSNAP_PRIVATE, &truth));
    CHECK_OK(tsnap_state_add_string(state, "text", TSNAP_REPLICATED, text, sizeof text));
    CHECK_OK(tsnap_state_add_bytes(state, "bytes", TSNAP_PRIVATE, bytes, sizeof bytes, &size));
    const tsnap_stateful part = {sizeof(tsnap_stateful),
                                 [](tsnap_state* child, void* user) -> int32_t {
                                   auto* self = static_cast<Values*>(user);
                                   ++self->described;
                                   self->packed.assign(self->weights, self->weights + 9);
                                   const tsnap_array array = Line(TSNAP_FLOAT64, self->packed.data(), 9);
                                   return tsnap_state_add_private(child, "weights", &array);
                                 },
                                 [](void* user) -> int32_t {
                                   auto* self = static_cast<Values*>(user);
                                   std::copy(self->packed.begin(), self->packed.end(), self->weights);
                                   return 0;
                                 },
                                 [](void* user) {
                                   auto* self = static_cast<Values*>(user);
                                   ++self->released;
                                   self->released_by = std::this_thread::get_id();
                                   std::fill(self->packed.begin(), self->packed.end(), -1);
                                   std::vector<double>().swap(self->packed);
                                 },
                                 this};
    CHECK_OK(tsnap_state_add_stateful(state, "part", &part));
  }
};

void ValuesAndStatefulsAreStoredAsTheyWere() {
  const Folder folder(NewFolder());
  for (const int32_t codec : {TSNAP_CODEC_NONE, TSNAP_CODEC_ZSTD, TSNAP_CODEC_LZ4}) {
    const std::string url = folder / std::to_string(codec);
    Self context;
    State state;
    Values values, expected;
    values.Add(state);
    values.Fill(1);
    expected.Fill(1);
    Request request;
    {
      const WritesHeld held;
      CHECK_OK(TakeAsyncQuick(context, url, state, &request, codec));
      CHECK(values.described == 1 && values.released == 1);   // before the return, by the one who calls
      CHECK(values.released_by == std::this_thread::get_id());
      values.Fill(2);
      CHECK(!IsDone(request));
    }
    CHECK_OK(tsnap_request_wait(request));
    CHECK(values.described == 1 && values.released == 1);
    CHECK(!(values == expected));
    CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
    CHECK(values == expected);
  }
}

// Whoever looks at the memory after the return is ended by the system.
void StateAndMemoryMayGoAtOnce() {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  constexpr size_t kCount = 3 << 20;
  constexpr size_t kBytes = kCount * 8;
  const tsnap_config config = Budget(128 * kMiB);
  Self context(&config);
  Request request;
  {
    const WritesHeld held;
    void* const mapped = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED);
    FillWords(static_cast<uint64_t*>(mapped), kCount, 5);
    auto values = std::make_unique<Values>();
    values->Fill(1);
    {
      State state;
      auto path = std::make_unique<std::string>("mapped/array");
      auto strided = std::make_unique<TestArray>(TSNAP_FLOAT64, 0, Shape{100, 200}, Layout::kGhosts);
      strided->Fill(6);
      tsnap_array array = Line(TSNAP_UINT64, mapped, kCount), ghosts = strided->Describe();
      CHECK_OK(tsnap_state_add_private(state, path->c_str(), &array));
      CHECK_OK(tsnap_state_add_private(state, "strided", &ghosts));
      CHECK_OK(tsnap_state_set_attribute(state, "strided", "unit", "m"));
      values->Add(state);
      auto place = std::make_unique<std::string>(url);
      auto metadata = std::make_unique<std::string>("kept");
      tsnap_take_options options = Quick();
      options.metadata = metadata->c_str();
      CHECK_OK(tsnap_take_async(context, place->c_str(), state, &options, request.out()));
      std::fill(metadata->begin(), metadata->end(), 'x');
      std::fill(place->begin(), place->end(), 'x');
    }
    values.reset();
    CHECK(munmap(mapped, kBytes) == 0);
  }
  CHECK_OK(tsnap_request_wait(request));
  Words words(kCount, 0);
  TestArray strided(TSNAP_FLOAT64, 0, {100, 200}, Layout::kFortran);
  Values values, expected;
  expected.Fill(1);
  State state;
  const tsnap_array array = words.Describe(), fortran = strided.Describe();
  CHECK_OK(tsnap_state_add_private(state, "mapped/array", &array));
  CHECK_OK(tsnap_state_add_private(state, "strided", &fortran));
  values.Add(state);
  CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
  CHECK(words.Hold(5) && strided.Holds(6) && values == expected);
  Opened snapshot(url);
  tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_info_get(snapshot, &info));
  CHECK(std::string(info.metadata) == "kept");
  const char* unit = nullptr;
  CHECK_OK(tsnap_snapshot_attribute(snapshot, "0/strided", "unit", &unit));
  CHECK(std::string(unit) == "m");
}

void EmptyStatesAreTaken() {
  const Folder folder(NewFolder());
  Self context;
  State empty, zero;
  const tsnap_array nothing = Line(TSNAP_FLOAT64, nullptr, 0);
  CHECK_OK(tsnap_state_add_private(zero, "nothing", &nothing));
  Request first, second;
  CHECK_OK(TakeAsyncQuick(context, folder / "empty", empty, &first));
  CHECK_OK(TakeAsyncQuick(context, folder / "zero", zero, &second));
  CHECK_OK(tsnap_request_wait(first));
  CHECK_OK(tsnap_request_wait(second));
  CHECK_OK(tsnap_restore(context, (folder / "empty").c_str(), empty, nullptr));
  CHECK_OK(tsnap_restore(context, (folder / "zero").c_str(), zero, nullptr));
}

void MemoryStoreTakesInTheBackground() {
  Self context;
  OneArray one(300000, 3);
  Request request;
  CHECK_OK(TakeAsyncQuick(context, "mem://async", one.state, &request));
  one.words.Fill(4);
  CHECK_OK(tsnap_request_wait(request));
  CHECK_OK(tsnap_restore(context, "mem://async", one.state, nullptr));
  CHECK(one.words.Hold(3));
  CHECK_OK(tsnap_remove("mem://async", nullptr));
}

// --- the budget -------------------------------------------------------------------------------

// More state than budget: the call lasts until the rest has found room, and says so.
void TakeBeyondBudget(uint64_t budget_bytes, int32_t staging_threads, int32_t io_concurrency, int32_t codec) {
  Where() = std::to_string(budget_bytes) + " bytes, " + std::to_string(staging_threads) + " threads, " +
            std::to_string(io_concurrency) + " transfers, codec " + std::to_string(codec);
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  const tsnap_config config = Budget(budget_bytes, staging_threads, io_concurrency);
  Self context(&config);
  OneArray one(100 * kMiB / 8, 1);
  Request request;
  CHECK_OK(TakeAsyncQuick(context, url, one.state, &request, codec));
  one.words.Fill(2);
  CHECK_OK(tsnap_request_wait(request));
  const tsnap_statistics statistics = StatisticsOf(context);
  CHECK_SAME_INT(statistics.bytes, one.words.bytes());
  CHECK_SAME_INT(statistics.phase_bytes[TSNAP_PHASE_STAGE], one.words.bytes());
  const uint64_t chunk = 4 * kMiB;
  CHECK_TEXT(statistics.over_budget_bytes <= statistics.bytes && statistics.over_budget_bytes + budget_bytes + chunk >= statistics.bytes,
             std::to_string(statistics.over_budget_bytes) + " bytes over the budget");
  CHECK(statistics.budget_wait_seconds > 0 && statistics.budget_wait_seconds <= statistics.blocked_seconds);
  CHECK(statistics.blocked_seconds <= statistics.seconds);
  // With a codec a buffer holds a chunk and what becomes of it.
  const uint64_t most = budget_bytes + (codec == TSNAP_CODEC_NONE ? chunk : 3 * chunk);
  CHECK_TEXT(statistics.peak_buffer_bytes <= most, std::to_string(statistics.peak_buffer_bytes) + " bytes in buffers");
  CHECK_OK(tsnap_restore(context, url.c_str(), one.state, nullptr));
  CHECK(one.words.Hold(1));
}

void StateBeyondTheBudgetWaitsForRoom() {
  TakeBeyondBudget(16 * kMiB, 0, 0, TSNAP_CODEC_NONE);
  TakeBeyondBudget(16 * kMiB, 1, 0, TSNAP_CODEC_NONE);
  TakeBeyondBudget(16 * kMiB, 3, 0, TSNAP_CODEC_NONE);
}
void StateBeyondTheBudgetWithCodecs() {
  TakeBeyondBudget(32 * kMiB, 3, 0, TSNAP_CODEC_LZ4);
  TakeBeyondBudget(32 * kMiB, 1, 0, TSNAP_CODEC_ZSTD);
}

// Several threads stage, one transfer is in flight, and there is room for one or two of them: whoever comes first must be written.
void FewTransfersAndManyStagersDoNotWaitForEachOther() {
  for (int round = 0; round < (LongMode() ? 20 : 2); ++round) {
    for (const uint64_t budget : {1 * kMiB, 4 * kMiB, 8 * kMiB}) TakeBeyondBudget(budget, 4, 1, TSNAP_CODEC_NONE);
  }
}

void StateWithinTheBudgetWaitsForNothing() {
  const Folder folder(NewFolder());
  for (const int32_t threads : {1, 3}) {
    const std::string url = folder / std::to_string(threads);
    const tsnap_config config = Budget(160 * kMiB, threads);
    Self context(&config);
    OneArray one(100 * kMiB / 8, 1);
    Request request;
    {
      const WritesHeld held;   // it returns though nothing is written
      CHECK_OK(TakeAsyncQuick(context, url, one.state, &request));
    }
    CHECK_OK(tsnap_request_wait(request));
    const tsnap_statistics statistics = StatisticsOf(context);
    CHECK_SAME_INT(statistics.over_budget_bytes, 0);
    CHECK(statistics.budget_wait_seconds == 0);
    CHECK(statistics.peak_buffer_bytes >= 100 * kMiB && statistics.peak_buffer_bytes <= 160 * kMiB);
    one.CheckStored(url, 1);
  }
}

// However the state is cut up: arrays that have segments of their own, though smaller than a transfer, do not each take the room of
// one.
void ArraysOfAnySizeFillTheBudget() {
  for (const int32_t codec : {TSNAP_CODEC_NONE, TSNAP_CODEC_LZ4}) {
    for (const size_t bytes : {(1 << 20) + 8, (5 << 19) + 8, 100000}) {
      Where() = std::to_string(bytes) + " bytes each, codec " + std::to_string(codec);
      const Folder folder(NewFolder());
      const std::string url = folder / "snap";
      const size_t count = (codec == TSNAP_CODEC_NONE ? 48 : 18) * kMiB / bytes;   // with a codec, room for what becomes of it
      const tsnap_config config = Budget(80 * kMiB, 2);
      Self context(&config);
      State state;
      std::deque<Words> arrays;
      for (size_t i = 0; i < count; ++i) {
        const tsnap_array array = arrays.emplace_back(bytes / 8, i).Describe();
        CHECK_OK(tsnap_state_add_private(state, std::to_string(i + 1).insert(0, "a").c_str(), &array));
      }
      Request request;
      CHECK_OK(TakeAsyncQuick(context, url, state, &request, codec));
      for (Words& words : arrays) words.Fill(12345);
      CHECK_OK(tsnap_request_wait(request));
      const tsnap_statistics statistics = StatisticsOf(context);
      CHECK_SAME_INT(statistics.over_budget_bytes, 0);
      CHECK(statistics.peak_buffer_bytes <= 80 * kMiB);
      CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
      for (size_t i = 0; i < count; ++i) CHECK(arrays[i].Hold(i));
    }
  }
}

// --- the plan of the take before --------------------------------------------------------------

// Takes in one context, one after the other, each checked against what it must hold.
class Series {
 public:
  Series() : context_(&config_) {}

  // Takes the state; whether it needed a plan of its own must be as said.
  std::string Take(tsnap_state* state, bool reused, const std::function<void(tsnap_take_options*)>& change = {}, bool async = true) {
    const std::string url = folder_ / std::to_string(count_++);
    tsnap_take_options options = Quick();
    if (change) change(&options);
    if (async) {
      Request request;
      CHECK_OK(tsnap_take_async(context_, url.c_str(), state, &options, request.out()));
      CHECK_OK(tsnap_request_wait(request));
    } else {
      CHECK_OK(tsnap_take(context_, url.c_str(), state, &options));
    }
    Where() = "take " + std::to_string(count_);
    CHECK_SAME_INT(StatisticsOf(context_).plan_reused, reused);
    const double planned = StatisticsOf(context_).phase_seconds[TSNAP_PHASE_PLAN];
    CHECK(reused ? planned == 0 : planned > 0);
    Opened snapshot(url);
    CHECK_OK(tsnap_snapshot_verify(snapshot, nullptr, nullptr));
    return url;
  }
  tsnap_context* context() { return context_; }
  std::string NextUrl() { return folder_ / std::to_string(count_++); }

 private:
  const Folder folder_{NewFolder()};
  const tsnap_config config_ = Budget(64 * kMiB);
  Self context_;
  int count_ = 0;
};

int64_t ReadOne(const std::string& url, const char* path) {
  Opened snapshot(url);
  int64_t value = 0;
  CHECK_OK(tsnap_read_int64(snapshot, path, &value));
  return value;
}

void UnchangedStructureNeedsNoNewPlan() {
  Series series;
  OneArray one(200000, 1);
  int64_t step = 1;
  CHECK_OK(tsnap_state_add_int64(one.state, "step", TSNAP_REPLICATED, &step));
  CHECK_SAME_INT(ReadOne(series.Take(one.state, false), "step"), 1);
  for (uint64_t seed = 2; seed < 5; ++seed) {   // other values
    one.words.Fill(seed);
    step = static_cast<int64_t>(seed);
    const std::string url = series.Take(one.state, true, {}, seed != 3);   // either way of taking
    CHECK_SAME_INT(ReadOne(url, "step"), seed);
    Words words(200000, 0);
    Opened snapshot(url);
    const tsnap_array array = words.Describe();
    CHECK_OK(tsnap_read(snapshot, "0/a", &array, nullptr));
    CHECK(words.Hold(seed));
  }
  OneArray other(200000, 9);   // other addresses, another state
  int64_t elsewhere = 10;
  CHECK_OK(tsnap_state_add_int64(other.state, "step", TSNAP_REPLICATED, &elsewhere));
  const std::string url = series.Take(other.state, true);
  CHECK_SAME_INT(ReadOne(url, "step"), 10);
  // What is taken along and does not concern the plan.
  series.Take(other.state, true, [](tsnap_take_options* options) { options->metadata = "text"; });
  series.Take(other.state, true, [](tsnap_take_options* options) { options->sync = TSNAP_ON; });
  series.Take(other.state, true, [](tsnap_take_options* options) { options->overwrite = TSNAP_ON; });
  series.Take(other.state, true, [](tsnap_take_options* options) { options->verify_replicated = TSNAP_REPLICATED_CHECK_NONE; });
  // A restore in between takes nothing away.
  CHECK_OK(tsnap_restore(series.context(), url.c_str(), other.state, nullptr));
  series.Take(other.state, true);
}

void ChangedSizesNeedANewPlan() {
  Series series;
  OneArray one(200000, 1);
  const auto chunks = [](uint64_t bytes) { return [bytes](tsnap_take_options* options) { options->chunk_bytes = bytes; }; };
  const auto slabs = [](uint64_t bytes) { return [bytes](tsnap_take_options* options) { options->slab_bytes = bytes; }; };
  const auto codec = [](int32_t value) { return [value](tsnap_take_options* options) { options->codec = value; }; };
  one.CheckStored(series.Take(one.state, false), 1);
  one.CheckStored(series.Take(one.state, false, chunks(300000)), 1);
  one.CheckStored(series.Take(one.state, true, chunks(300000)), 1);
  one.CheckStored(series.Take(one.state, false, chunks(600000)), 1);
  one.CheckStored(series.Take(one.state, false, slabs(700000)), 1);
  one.CheckStored(series.Take(one.state, true, slabs(700000)), 1);
  one.CheckStored(series.Take(one.state, false, codec(TSNAP_CODEC_ZSTD)), 1);
  one.CheckStored(series.Take(one.state, true, codec(TSNAP_CODEC_LZ4)), 1);   // packs as the other one does
  one.CheckStored(series.Take(one.state, false), 1);
  series.Take(one.state, false, [](tsnap_take_options* options) { options->verify_replicated = TSNAP_REPLICATED_CHECK_CONTENT; });
}

// Whatever of a state changes: the next take is planned anew, and right.
void ChangedStructuresNeedANewPlan() {
  Series series;
  std::vector<double> memory(60000);
  for (size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<double>(i);
  struct Form {
    const char* what;
    std::function<void(tsnap_state*, tsnap_array*)> add;
  };
  const auto as = [](int32_t (*call)(tsnap_state*, const char*, const tsnap_array*), const char* path) {
    return [call, path](tsnap_state* state, tsnap_array* array) { CHECK_OK(call(state, path, array)); };
  };
  const auto with = [](auto change) {
    return [change](tsnap_state* state, tsnap_array* array) {
      change(array);
      CHECK_OK(tsnap_state_add_private(state, "a", array));
    };
  };
  const auto also = [](auto change) {
    return [change](tsnap_state* state, tsnap_array* array) {
      CHECK_OK(tsnap_state_add_private(state, "a", array));
      change(state);
    };
  };
  static const int64_t kWhole[] = {100, 200}, kLarger[] = {100, 300};
  static char text[16] = "abc";
  static int64_t number = 7;
  const auto sharded = [](const int64_t* shape, int32_t coverage) {
    return [shape, coverage](tsnap_state* state, tsnap_array* array) {
      CHECK_OK(tsnap_state_add_sharded(state, "a", shape, array, 1));
      const double fill = 3;
      CHECK_OK(tsnap_state_set_coverage(state, "a", coverage, coverage == TSNAP_COVER_SPARSE ? &fill : nullptr));
    };
  };
  const Form forms[] = {
      {"private", as(tsnap_state_add_private, "a")},
      {"path", as(tsnap_state_add_private, "b")},
      {"kind", as(tsnap_state_add_replicated, "a")},
      {"shape", with([](tsnap_array* array) { array->shape[0] = 99; })},
      {"order of shape", with([](tsnap_array* array) { std::swap(array->shape[0], array->shape[1]); })},
      {"strides", with([](tsnap_array* array) {
         array->strides_bytes[0] = 8 * 201;
         array->strides_bytes[1] = 8;
       })},
      {"axis order", with([](tsnap_array* array) {
         array->strides_bytes[0] = 8;
         array->strides_bytes[1] = 8 * 100;
       })},
      {"dtype of the same size", with([](tsnap_array* array) { array->dtype = TSNAP_INT64; })},
      {"dtype", with([](tsnap_array* array) { array->dtype = TSNAP_FLOAT32; })},
      {"item size", with([](tsnap_array* array) {
         array->dtype = TSNAP_OPAQUE;
         array->item_bytes = 5;
       })},
      {"dimensions", with([](tsnap_array* array) {
         array->ndim = 3;
         array->shape[2] = 1;
       })},
      {"attribute", also([](tsnap_state* state) { CHECK_OK(tsnap_state_set_attribute(state, "a", "unit", "m")); })},
      {"attribute's value", also([](tsnap_state* state) { CHECK_OK(tsnap_state_set_attribute(state, "a", "unit", "s")); })},
      {"attribute's name", also([](tsnap_state* state) { CHECK_OK(tsnap_state_set_attribute(state, "a", "units", "s")); })},
      {"sharded", sharded(kWhole, TSNAP_COVER_EXACT)},
      {"coverage", sharded(kWhole, TSNAP_COVER_SPARSE)},
      {"global shape", sharded(kLarger, TSNAP_COVER_SPARSE)},
      {"offset", [](tsnap_state* state, tsnap_array* array) {
         array->offset[1] = 50;
         CHECK_OK(tsnap_state_add_sharded(state, "a", kLarger, array, 1));
         const double fill = 3;
         CHECK_OK(tsnap_state_set_coverage(state, "a", TSNAP_COVER_SPARSE, &fill));
       }},
      {"fill item", [](tsnap_state* state, tsnap_array* array) {
         array->offset[1] = 50;
         CHECK_OK(tsnap_state_add_sharded(state, "a", kLarger, array, 1));
         const double fill = 4;
         CHECK_OK(tsnap_state_set_coverage(state, "a", TSNAP_COVER_SPARSE, &fill));
       }},
      {"number of objects", also([](tsnap_state* state) {
         CHECK_OK(tsnap_state_add_int64(state, "n", TSNAP_PRIVATE, &number));
       })},
      {"glob", also([](tsnap_state* state) {
         CHECK_OK(tsnap_state_add_int64(state, "n", TSNAP_PRIVATE, &number));
         CHECK_OK(tsnap_state_replicate(state, "n"));
       })},
      {"text", also([](tsnap_state* state) {
         std::strcpy(text, "abc");
         CHECK_OK(tsnap_state_add_string(state, "t", TSNAP_PRIVATE, text, sizeof text));
       })},
      {"longer text", also([](tsnap_state* state) {
         std::strcpy(text, "abcdefgh");
         CHECK_OK(tsnap_state_add_string(state, "t", TSNAP_PRIVATE, text, sizeof text));
       })},
      {"nothing", [](tsnap_state*, tsnap_array*) {}},
  };
  for (const Form& form : forms) {
    tsnap_array array = TSNAP_ARRAY_INIT;
    array.dtype = TSNAP_FLOAT64;
    array.ndim = 2;
    array.shape[0] = 100;
    array.shape[1] = 200;
    array.data = memory.data();
    State state;
    form.add(state, &array);
    const std::string url = series.Take(state, false);
    Where() = form.what;
    const std::vector<double> before = memory;
    CHECK_OK(tsnap_restore(series.context(), url.c_str(), state, nullptr));
    CHECK(memory == before);
    // And the same as a context stores that never took anything else.
    Self fresh;
    const std::string afresh = series.NextUrl();
    CHECK_OK(TakeQuick(fresh, afresh, state));
    Opened one(url), other(afresh);
    tsnap_snapshot_info mine = TSNAP_SNAPSHOT_INFO_INIT, his = TSNAP_SNAPSHOT_INFO_INIT;
    CHECK_OK(tsnap_snapshot_info_get(one, &mine));
    CHECK_OK(tsnap_snapshot_info_get(other, &his));
    CHECK(mine.object_count == his.object_count && mine.bytes == his.bytes && mine.stored_bytes == his.stored_bytes);
    Where() = form.what;
    series.Take(state, true);
  }
}

void FailedTakesLeaveTheNextOneRight() {
  const Folder folder(NewFolder());
  Self context;
  OneArray one(200000, 1);
  Request failing;
  FailWrites(ENOSPC);
  CHECK_OK(TakeAsyncQuick(context, folder / "a", one.state, &failing));
  CHECK_CODE(tsnap_request_wait(failing), TSNAP_E_NO_SPACE);
  FailWrites(0);
  one.words.Fill(2);
  Request request;
  CHECK_OK(TakeAsyncQuick(context, folder / "a", one.state, &request));
  CHECK_OK(tsnap_request_wait(request));
  one.CheckStored(folder / "a", 2);
  // A structure that cannot be planned, then one that can.
  State gap;
  const int64_t shape[] = {300};
  std::vector<double> values(100, 5);
  const tsnap_array box = Line(TSNAP_FLOAT64, values.data(), 100);
  CHECK_OK(tsnap_state_add_sharded(gap, "s", shape, &box, 1));
  Request none;
  for (int i = 0; i < 2; ++i) {
    CHECK_CODE(TakeAsyncQuick(context, folder / "gap", gap, &none), TSNAP_E_MISMATCH);
    CHECK(static_cast<tsnap_request*>(none) == nullptr);
  }
  CHECK_TEXT(FilesBelow(folder / "gap").empty(), Join(FilesBelow(folder / "gap")));
  one.words.Fill(3);
  Request last;
  CHECK_OK(TakeAsyncQuick(context, folder / "b", one.state, &last));
  CHECK_OK(tsnap_request_wait(last));
  CHECK_SAME_INT(StatisticsOf(context).plan_reused, 0);
  one.CheckStored(folder / "b", 3);
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"large_array_is_stored_as_it_was", LargeArrayIsStoredAsItWas},
                  {"every_layout_is_stored_as_it_was", EveryLayoutIsStoredAsItWas},
                  {"every_layout_in_small_chunks", EveryLayoutInSmallChunks},
                  {"every_layout_with_zstd", EveryLayoutWithZstd},
                  {"every_layout_with_lz4", EveryLayoutWithLz4},
                  {"every_layout_with_deflate", EveryLayoutWithDeflate},
                  {"values_and_statefuls_are_stored_as_they_were", ValuesAndStatefulsAreStoredAsTheyWere},
                  {"state_and_memory_may_go_at_once", StateAndMemoryMayGoAtOnce},
                  {"empty_states_are_taken", EmptyStatesAreTaken},
                  {"memory_store_takes_in_the_background", MemoryStoreTakesInTheBackground},
                  {"state_beyond_the_budget_waits_for_room", StateBeyondTheBudgetWaitsForRoom},
                  {"state_beyond_the_budget_with_codecs", StateBeyondTheBudgetWithCodecs},
                  {"few_transfers_and_many_stagers_do_not_wait_for_each_other", FewTransfersAndManyStagersDoNotWaitForEachOther},
                  {"state_within_the_budget_waits_for_nothing", StateWithinTheBudgetWaitsForNothing},
                  {"arrays_of_any_size_fill_the_budget", ArraysOfAnySizeFillTheBudget},
                  {"unchanged_structure_needs_no_new_plan", UnchangedStructureNeedsNoNewPlan},
                  {"changed_sizes_need_a_new_plan", ChangedSizesNeedANewPlan},
                  {"changed_structures_need_a_new_plan", ChangedStructuresNeedANewPlan},
                  {"failed_takes_leave_the_next_one_right", FailedTakesLeaveTheNextOneRight}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
