// Arrays in GPU memory through the public interface: all kinds of memory, in order with the application's own work, and without
// a trace in its contexts.
#include <array>
#include <memory>
#include <numeric>

#include <sys/mman.h>

#include "api.h"
#include "gpu.h"

namespace tsnap::test {
namespace {

constexpr int64_t kCount = 300000;

using Floats = std::vector<float>;

Floats Numbered(float first, int64_t count = kCount) {
  Floats values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), first);
  return values;
}

tsnap_array FloatsAt(void* data, int64_t count = kCount) { return Line(TSNAP_FLOAT32, data, count); }

size_t BytesOf(int64_t count) { return static_cast<size_t>(count) * sizeof(float); }

// The snapshot's array as a read into host memory finds it.
Floats Stored(const std::string& url, const std::string& path, int64_t count = kCount) {
  Opened snapshot(url);
  Floats values(static_cast<size_t>(count));
  const tsnap_array target = FloatsAt(values.data(), count);
  CHECK_OK(tsnap_read(snapshot, path.c_str(), &target, nullptr));
  return values;
}

// Takes in one of the two ways, and waits.
int32_t TakeEither(bool async, tsnap_context* context, const std::string& url, tsnap_state* state, tsnap_take_options options) {
  if (!async) return tsnap_take(context, url.c_str(), state, &options);
  tsnap_request* request = nullptr;
  const int32_t code = tsnap_take_async(context, url.c_str(), state, &options, &request);
  if (code != TSNAP_OK) return code;
  const int32_t waited = tsnap_request_wait(request);
  tsnap_request_free(&request);
  return waited;
}

// Memory of two GPUs, managed, from a pool, pinned, and the host's: all in one state, several of them in one slab.
void KindsOfMemoryMeetInOneState() {
  const GpuContext first(0), second(1);
  void* primary = nullptr;
  CHECK_CUDA(TheCuda().DevicePrimaryCtxRetain(&primary, 0));
  {
    GpuMemory device(first, BytesOf(kCount)), other(second, BytesOf(kCount));
    GpuMemory managed(first, BytesOf(kCount), GpuKind::kManaged), pool(first, BytesOf(kCount), GpuKind::kPool);
    const GpuMemory* on_gpu[] = {&device, &other, &managed, &pool};
    void* pinned = nullptr;
    {
      const Within within(first);
      CHECK_CUDA(TheCuda().MemHostAlloc(&pinned, BytesOf(kCount), 0));
    }
    Floats host;
    for (const bool async : {false, true}) {
      const Folder folder(NewFolder());
      Self context;
      State state;
      float value = async ? 1e6F : 1;
      for (const GpuMemory* memory : on_gpu) memory->Put(Numbered(value++));
      const Floats pinned_values = Numbered(value++);
      std::memcpy(pinned, pinned_values.data(), BytesOf(kCount));
      host = Numbered(value);
      const Floats host_values = host;
      const tsnap_array arrays[] = {FloatsAt(device.data()), FloatsAt(other.data()), FloatsAt(managed.data()),
                                    FloatsAt(pool.data()),   FloatsAt(pinned),       FloatsAt(host.data())};
      const char* names[] = {"device", "other", "managed", "pool", "pinned", "host"};
      for (size_t i = 0; i < 6; ++i) CHECK_OK(tsnap_state_add_private(state, names[i], &arrays[i]));
      CHECK_OK(TakeEither(async, context, folder / "snap", state, Quick()));
      for (size_t i = 0; i < 6; ++i)
        CHECK(Stored(folder / "snap", std::string("0/") + names[i]) == Numbered((async ? 1e6F : 1) + static_cast<float>(i)));
      for (const GpuMemory* memory : on_gpu) memory->Put(Floats(kCount));
      std::memset(pinned, 0, BytesOf(kCount));
      host.assign(host.size(), 0);
      CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
      value = async ? 1e6F : 1;
      for (const GpuMemory* memory : on_gpu) CHECK(memory->Values<float>() == Numbered(value++));
      CHECK(std::memcmp(pinned, pinned_values.data(), BytesOf(kCount)) == 0 && host == host_values);
    }
    const Within within(first);
    CHECK_CUDA(TheCuda().MemFreeHost(pinned));
  }
  CHECK_CUDA(TheCuda().DevicePrimaryCtxRelease(0));
}

class GpuStream {
 public:
  explicit GpuStream(const GpuContext& context) : context_(context) {
    const Within within(context_);
    CHECK_CUDA(TheCuda().StreamCreate(&stream_, 1));
  }
  ~GpuStream() {
    const Within within(context_);
    CHECK_CUDA(TheCuda().StreamSynchronize(stream_));
    CHECK_CUDA(TheCuda().StreamDestroy(stream_));
  }
  void* handle() const { return stream_; }

 private:
  const GpuContext& context_;
  void* stream_ = nullptr;
};

// Gives the stream much to do that ends with every byte of the memory being `last`.
void KeepBusy(const GpuContext& context, const GpuStream& stream, const GpuMemory& memory, uint8_t last, int times = 1500) {
  const Within within(context);
  for (int i = 0; i < times; ++i)
    CHECK_CUDA(TheCuda().MemsetD8Async(memory.address(), static_cast<uint8_t>(i), memory.bytes(), stream.handle()));
  CHECK_CUDA(TheCuda().MemsetD8Async(memory.address(), last, memory.bytes(), stream.handle()));
}

bool AllAre(const std::vector<uint8_t>& bytes, uint8_t value) {
  for (const uint8_t byte : bytes)
    if (byte != value) return false;
  return true;
}

// Memory that belongs to no context needs a primary one, whatever is current; where there is none, that is said. It is copied by
// threads of tsnap's too, and what the caller's context was given before is waited for.
void MemoryWithoutAContextSaysWhatItNeeds() {
  const GpuContext context(0);
  const int64_t bytes = 24 << 20;
  const GpuMemory pool(context, bytes, GpuKind::kPool);
  if (!TheCuda().is_stand_in()) std::_Exit(kSkipped);   // a real driver may know a context for it
  const GpuStream stream(context);
  const Folder folder(NewFolder());
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = 64 << 20;
  Self self(&config);
  State state;
  const tsnap_array array = Line(TSNAP_UINT8, pool.data(), bytes);
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  const auto finish = [&] {
    const Within within(context);
    CHECK_CUDA(TheCuda().StreamSynchronize(stream.handle()));
  };
  for (const bool is_current : {false, true}) {
    std::unique_ptr<Within> within;
    if (is_current) within = std::make_unique<Within>(context);
    CHECK_CODE(TakeQuick(self, folder / "snap", state), TSNAP_E_UNSUPPORTED);
    CHECK_SAYS("cuDevicePrimaryCtxRetain");
    void* primary = nullptr;
    CHECK_CUDA(TheCuda().DevicePrimaryCtxRetain(&primary, 0));
    uint8_t value = is_current ? 100 : 0;
    for (const bool async : {false, true}) {
      for (const int32_t staging : {TSNAP_OFF, TSNAP_ON}) {
        KeepBusy(context, stream, pool, ++value, 50);
        if (!is_current) finish();
        tsnap_take_options options = Quick();
        options.overwrite = TSNAP_ON;
        options.device_staging = staging;
        CHECK_OK(TakeEither(async, self, folder / "snap", state, options));
        std::vector<uint8_t> stored(static_cast<size_t>(bytes));
        Opened snapshot(folder / "snap");
        const tsnap_array target = Line(TSNAP_UINT8, stored.data(), bytes);
        CHECK_OK(tsnap_read(snapshot, "0/a", &target, nullptr));
        CHECK(AllAre(stored, value));
      }
    }
    KeepBusy(context, stream, pool, 255, 50);
    if (!is_current) finish();
    CHECK_OK(tsnap_restore(self, (folder / "snap").c_str(), state, nullptr));
    CHECK(AllAre(pool.Values<uint8_t>(), value));
    CHECK_CUDA(TheCuda().DevicePrimaryCtxRelease(0));   // misuse, if tsnap had released it, or not
  }
}

// What the application has given its GPU to do is done before the memory is read, or written: by default, and by its stream.
void WorkBeforeTheCallIsWaitedFor(const char* name, int32_t codec) {
  constexpr int64_t kBytes = 100000;   // enough to be compressed in an HDF5 file
  const GpuContext gpu;
  const GpuStream stream(gpu);
  const GpuMemory memory(gpu, kBytes), copy(gpu, kBytes);
  const Folder folder(NewFolder());
  const std::string url = folder / name;
  Self context;
  State state;
  const tsnap_array array = Line(TSNAP_UINT8, memory.data(), kBytes);
  CHECK_OK(tsnap_state_add_replicated(state, "a", &array));
  uint8_t value = 1;
  for (const std::string how : {"by default", "by its stream", "without memory for an event"}) {
    const bool named = how != "by default";
    if (how == "without memory for an event") {
      if (!TheCuda().is_stand_in()) continue;
      TheCuda().Arm("cuEventCreate:1+=2");
    }
    for (int way = 0; way < 3; ++way) {   // take, in the background, with contents compared
      KeepBusy(gpu, stream, memory, ++value);
      tsnap_take_options options = Quick(codec);
      options.overwrite = TSNAP_ON;
      options.cuda_stream = named ? stream.handle() : nullptr;
      if (way == 2) options.verify_replicated = TSNAP_REPLICATED_CHECK_CONTENT;
      CHECK_OK(TakeEither(way == 1, context, url, state, options));
      std::vector<uint8_t> stored(kBytes);
      Opened snapshot(url);
      const tsnap_array target = Line(TSNAP_UINT8, stored.data(), kBytes);
      CHECK_OK(tsnap_read(snapshot, "a", &target, nullptr));
      CHECK_TEXT(AllAre(stored, value), std::to_string(stored[0]));
    }
    // What goes on in memory while it is restored would spoil it.
    tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
    options.cuda_stream = named ? stream.handle() : nullptr;
    KeepBusy(gpu, stream, memory, 255);
    CHECK_OK(tsnap_restore(context, url.c_str(), state, &options));
    CHECK(AllAre(memory.Values<uint8_t>(), value));
    Opened snapshot(url);
    tsnap_read_options read = TSNAP_READ_OPTIONS_INIT;
    read.cuda_stream = named ? stream.handle() : nullptr;
    KeepBusy(gpu, stream, copy, 255);
    const tsnap_array target = Line(TSNAP_UINT8, copy.data(), kBytes);
    CHECK_OK(tsnap_read(snapshot, "a", &target, &read));
    CHECK(AllAre(copy.Values<uint8_t>(), value));
  }
}

// Pinned memory is written by GPUs as well.
void WorkOnPinnedMemoryIsWaitedFor() {
  const GpuContext gpu;
  const GpuStream stream(gpu);
  const GpuMemory memory(gpu, 40000);
  void* pinned = nullptr;
  {
    const Within within(gpu);
    CHECK_CUDA(TheCuda().MemHostAlloc(&pinned, 40000, 0));
  }
  const Folder folder(NewFolder());
  Self context;
  State state;
  const tsnap_array array = Line(TSNAP_UINT8, pinned, 40000);
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  std::memset(pinned, 1, 40000);
  KeepBusy(gpu, stream, memory, 77);
  {
    const Within within(gpu);
    CHECK_CUDA(TheCuda().MemcpyDtoHAsync(pinned, memory.address(), 40000, stream.handle()));
  }
  CHECK_OK(TakeQuick(context, folder / "snap", state));
  std::vector<uint8_t> stored(40000);
  Opened snapshot(folder / "snap");
  const tsnap_array target = Line(TSNAP_UINT8, stored.data(), 40000);
  CHECK_OK(tsnap_read(snapshot, "0/a", &target, nullptr));
  CHECK(AllAre(stored, 77));
  const Within within(gpu);
  CHECK_CUDA(TheCuda().MemFreeHost(pinned));
}

void* CurrentNow() {
  void* current = nullptr;
  CHECK_CUDA(TheCuda().CtxGetCurrent(&current));
  return current;
}

// The caller's context, or none, is current afterwards as before, whatever the call did.
void TheCallersContextStaysCurrent() {
  const GpuContext mine(1), theirs(0);
  const GpuMemory memory(theirs, BytesOf(kCount));
  memory.Put(Numbered(5));
  const Folder folder(NewFolder());
  Self context;
  State state;
  const tsnap_array array = FloatsAt(memory.data());
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  for (const bool has_one : {false, true}) {
    std::unique_ptr<Within> within;
    if (has_one) within = std::make_unique<Within>(mine);
    void* const before = CurrentNow();
    CHECK((before != nullptr) == has_one);
    tsnap_take_options options = Quick();
    options.overwrite = TSNAP_ON;
    for (const bool async : {false, true}) CHECK_OK(TakeEither(async, context, folder / "snap", state, options));
    CHECK(CurrentNow() == before);
    CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
    CHECK(CurrentNow() == before);
    Opened snapshot(folder / "snap");
    CHECK_OK(tsnap_read(snapshot, "0/a", &array, nullptr));
    CHECK(CurrentNow() == before);
  }
  CHECK(memory.Values<float>() == Numbered(5));
}

// After tsnap_take_async the memory is the application's again, and may go with its context.
void MemoryMayGoWhenAnAsyncTakeHasReturned() {
  const Folder folder(NewFolder());
  Self context;
  for (const int32_t codec : {TSNAP_CODEC_NONE, TSNAP_CODEC_ZSTD}) {
    State state;
    tsnap_request* request = nullptr;
    const std::string url = folder / ("snap" + std::to_string(codec));
    Floats last(8 * kCount, 2);   // of the host, and behind the others: they are waited for all the same
    const tsnap_array host = FloatsAt(last.data(), 8 * kCount);
    CHECK_OK(tsnap_state_add_private(state, "z", &host));
    {
      const GpuContext gpu;
      const GpuMemory memory(gpu, BytesOf(8 * kCount));
      memory.Put(Numbered(3, 8 * kCount));
      const tsnap_array array = FloatsAt(memory.data(), 8 * kCount);
      CHECK_OK(tsnap_state_add_private(state, "a", &array));
      const tsnap_take_options options = Quick(codec);
      CHECK_OK(tsnap_take_async(context, url.c_str(), state, &options, &request));
      memory.Put(Numbered(9, 8 * kCount));
    }
    CHECK_OK(tsnap_request_wait(request));
    tsnap_request_free(&request);
    CHECK(Stored(url, "0/a", 8 * kCount) == Numbered(3, 8 * kCount));
    CHECK(Stored(url, "0/z", 8 * kCount) == last);
  }
}

// Spare device memory holds what was taken, as far as it goes: what the application does to its own afterwards is not in the
// snapshot, whether all of it could wait there, some of it, or what lies on another GPU or on the host could not.
void CopiesWaitInSpareDeviceMemory() {
  const GpuContext gpu(0), other(1);
  const int64_t count = 5 << 20;
  const Folder folder(NewFolder());
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = 64 << 20;
  Self context(&config);
  for (const int32_t codec : {TSNAP_CODEC_NONE, TSNAP_CODEC_LZ4}) {
    State state;
    tsnap_request* request = nullptr;
    const std::string url = folder / ("snap" + std::to_string(codec));
    GpuMemory first(gpu, BytesOf(count)), rows(gpu, BytesOf(count)), column(gpu, BytesOf(count));
    Floats host = Numbered(4);
    {
      const GpuMemory second(other, BytesOf(count));
      first.Put(Numbered(1, count));
      rows.Put(Numbered(2, count));
      column.Put(Numbered(3, count));
      second.Put(Numbered(5, count));
      const tsnap_array arrays[] = {FloatsAt(first.data(), count), FloatsAt(second.data(), count), FloatsAt(host.data())};
      CHECK_OK(tsnap_state_add_private(state, "first", &arrays[0]));
      CHECK_OK(tsnap_state_add_private(state, "second", &arrays[1]));
      CHECK_OK(tsnap_state_add_private(state, "host", &arrays[2]));
      tsnap_array strided = TSNAP_ARRAY_INIT;   // an interior
      strided.dtype = TSNAP_FLOAT32;
      strided.ndim = 2;
      strided.shape[0] = 1000;
      strided.shape[1] = 2000;
      strided.strides_bytes[0] = 4 * 2100;
      strided.strides_bytes[1] = 4;
      strided.data = rows.data();
      CHECK_OK(tsnap_state_add_private(state, "rows", &strided));
      strided.shape[1] = 1;   // every thousandth
      strided.strides_bytes[0] = 4000;
      strided.data = column.data();
      CHECK_OK(tsnap_state_add_private(state, "column", &strided));
      tsnap_take_options options = Quick(codec);
      options.device_staging = TSNAP_ON;
      CHECK_OK(tsnap_take_async(context, url.c_str(), state, &options, &request));
      for (const GpuMemory* memory : std::initializer_list<const GpuMemory*>{&first, &rows, &column, &second})
        memory->Put(Floats(static_cast<size_t>(count)));
      host.assign(host.size(), 0);
    }
    CHECK_OK(tsnap_request_wait(request));
    tsnap_request_free(&request);
    CHECK(Stored(url, "0/first", count) == Numbered(1, count));
    CHECK(Stored(url, "0/second", count) == Numbered(5, count));
    CHECK(Stored(url, "0/host") == Numbered(4));
    first.Put(Floats(static_cast<size_t>(count)));
    Opened snapshot(url);
    CHECK_OK(tsnap_snapshot_verify(snapshot, nullptr, nullptr));
    Floats found(2000000);
    tsnap_array target = FloatsAt(found.data(), 0);
    target.ndim = 2;
    target.shape[0] = 1000;
    target.shape[1] = 2000;
    CHECK_OK(tsnap_read(snapshot, "0/rows", &target, nullptr));
    for (size_t i = 0; i < found.size(); ++i) CHECK(found[i] == 2 + static_cast<float>(i / 2000 * 2100 + i % 2000));
    target.shape[1] = 1;
    CHECK_OK(tsnap_read(snapshot, "0/column", &target, nullptr));
    for (size_t i = 0; i < 1000; ++i) CHECK(found[i] == 3 + static_cast<float>(i * 1000));
  }
}

// The same context of tsnap serves an application that makes its GPU's anew.
void ContextsMayComeAndGoBetweenTakes() {
  const Folder folder(NewFolder());
  Self context;
  for (int i = 0; i < 4; ++i) {
    const GpuContext gpu(i % 2);
    const GpuMemory memory(gpu, BytesOf(4 * kCount));
    memory.Put(Numbered(static_cast<float>(i), 4 * kCount));
    State state;
    const tsnap_array array = FloatsAt(memory.data(), 4 * kCount);
    CHECK_OK(tsnap_state_add_private(state, "a", &array));
    tsnap_take_options options = Quick();
    options.overwrite = TSNAP_ON;
    CHECK_OK(TakeEither(i > 1, context, folder / "snap", state, options));
    memory.Put(Floats(4 * kCount));
    CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
    CHECK(memory.Values<float>() == Numbered(static_cast<float>(i), 4 * kCount));
  }
}

// More device memory than the budget holds.
void BudgetsSmallerThanTheArraysAreKept() {
  const GpuContext gpu;
  const int64_t count = 12 << 20;
  const GpuMemory memory(gpu, BytesOf(count));
  memory.Put(Numbered(1, count));
  const Folder folder(NewFolder());
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = 16 << 20;
  Self context(&config);
  State state;
  const tsnap_array array = FloatsAt(memory.data(), count);
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  for (const bool async : {false, true}) {
    tsnap_take_options options = Quick();
    options.overwrite = TSNAP_ON;
    CHECK_OK(TakeEither(async, context, folder / "snap", state, options));
    tsnap_statistics statistics = TSNAP_STATISTICS_INIT;
    CHECK_OK(tsnap_context_statistics(context, &statistics));
    CHECK(statistics.peak_buffer_bytes <= config.memory_budget_bytes);
    memory.Put(Floats(static_cast<size_t>(count)));
    CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
    CHECK(memory.Values<float>() == Numbered(1, count));
  }
}

// Parts of an array, into parts of device memory; what lies around them is left alone.
void BoxesAreReadIntoDeviceMemory() {
  const GpuContext gpu;
  const Folder folder(NewFolder());
  Self context;
  State state;
  std::vector<int32_t> values(200 * 300);
  std::iota(values.begin(), values.end(), 0);
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = TSNAP_INT32;
  array.ndim = 2;
  array.shape[0] = 200;
  array.shape[1] = 300;
  array.data = values.data();
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  CHECK_OK(TakeQuick(context, folder / "snap", state));
  Opened snapshot(folder / "snap");
  const GpuMemory memory(gpu, 4 * 100 * 100);
  memory.Put(std::vector<int32_t>(100 * 100, -1));
  array.shape[0] = 90;
  array.shape[1] = 40;
  array.offset[0] = 17;
  array.offset[1] = 111;
  array.strides_bytes[0] = 4;   // turned over
  array.strides_bytes[1] = 400;
  array.data = memory.data();
  CHECK_OK(tsnap_read(snapshot, "0/a", &array, nullptr));
  const std::vector<int32_t> found = memory.Values<int32_t>();
  for (int32_t column = 0; column < 100; ++column)
    for (int32_t row = 0; row < 100; ++row) {
      const bool inside = row < 90 && column < 40;
      CHECK_SAME_INT(found[static_cast<size_t>(column * 100 + row)], inside ? (row + 17) * 300 + column + 111 : -1);
    }
}

// Numbers and blocks of bytes may lie on a GPU; what the processor must look at may not.
void ValuesThatTheHostReadsAreRefused() {
  const GpuContext gpu;
  const GpuMemory memory(gpu, 4096);
  memory.Put(std::vector<int64_t>(512, 42));
  auto* bytes = static_cast<char*>(memory.data());
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  {
    State state;
    size_t size = 100;
    CHECK_OK(tsnap_state_add_int64(state, "number", TSNAP_PRIVATE, static_cast<int64_t*>(memory.data())));
    CHECK_OK(tsnap_state_add_bytes(state, "block", TSNAP_PRIVATE, bytes + 1024, 200, &size));
    CHECK_OK(TakeQuick(context, url, state));
    memory.Put(std::vector<int64_t>(512, 7));
    CHECK_OK(tsnap_restore(context, url.c_str(), state, nullptr));
    std::vector<int64_t> found = memory.Values<int64_t>();
    CHECK_SAME_INT(found[0], 42);
    CHECK_SAME_INT(found[128], 42);
    CHECK_SAME_INT(found[140], 42);
    CHECK_SAME_INT(found[141], 7);
  }
  const auto refused = [&](int32_t (*add)(tsnap_state*, char*)) {
    State state;
    CHECK_OK(add(state, bytes));
    CHECK_CODE(TakeQuick(context, folder / "other", state), TSNAP_E_UNSUPPORTED);
    CHECK_SAYS("object v");
    CHECK_SAYS("a GPU's");
    CHECK_CODE(tsnap_restore(context, url.c_str(), state, nullptr), TSNAP_E_UNSUPPORTED);
  };
  refused([](tsnap_state* state, char* at) { return tsnap_state_add_bool(state, "v", TSNAP_PRIVATE, reinterpret_cast<int32_t*>(at)); });
  refused([](tsnap_state* state, char* at) { return tsnap_state_add_string(state, "v", TSNAP_PRIVATE, at, 16); });
  static char block[8];
  refused([](tsnap_state* state, char* at) {
    return tsnap_state_add_bytes(state, "v", TSNAP_PRIVATE, block, sizeof block, reinterpret_cast<size_t*>(at));
  });

  State state;
  int32_t truth = 1;
  char text[8] = "text";
  CHECK_OK(tsnap_state_add_bool(state, "truth", TSNAP_PRIVATE, &truth));
  CHECK_OK(tsnap_state_add_string(state, "text", TSNAP_PRIVATE, text, sizeof text));
  const int64_t shape[1] = {10};
  const tsnap_array box = Line(TSNAP_INT32, bytes, 4);
  CHECK_OK(tsnap_state_add_sharded(state, "sparse", shape, &box, 1));
  CHECK_CODE(tsnap_state_set_coverage(state, "sparse", TSNAP_COVER_SPARSE, bytes), TSNAP_E_UNSUPPORTED);
  CHECK_OK(tsnap_state_set_coverage(state, "sparse", TSNAP_COVER_SPARSE, nullptr));
  CHECK_OK(TakeQuick(context, folder / "values", state));
  Opened snapshot(folder / "values");
  CHECK_CODE(tsnap_read_bool(snapshot, "0/truth", reinterpret_cast<int32_t*>(bytes)), TSNAP_E_UNSUPPORTED);
  CHECK_CODE(tsnap_read_string(snapshot, "0/text", bytes, 16, nullptr), TSNAP_E_UNSUPPORTED);
}

// An address that neither the process nor the driver knows is an error that names its object.
void AddressesThatNobodyReachesAreRefused() {
  const GpuContext gpu;
  void* nowhere = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(nowhere != MAP_FAILED);
  const Folder folder(NewFolder());
  Self context;
  State state;
  const tsnap_array array = Line(TSNAP_INT32, nowhere, 10);
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  CHECK_CODE(TakeQuick(context, folder / "snap", state), TSNAP_E_UNSUPPORTED);
  CHECK_SAYS("object a");
  CHECK_SAYS("the CUDA driver does not know that address");

  // Also as one of many, the last of which are looked at in another way.
  std::vector<uint8_t> pages(1000 * 4096);
  State many;
  for (int i = 0; i < 1000; ++i) {
    void* at = i == 700 ? nowhere : &pages[static_cast<size_t>(i) * 4096];
    const tsnap_array one = Line(TSNAP_INT32, at, 10);
    char name[16];
    std::snprintf(name, sizeof name, "m%04d", i);
    CHECK_OK(tsnap_state_add_private(many, name, &one));
  }
  CHECK_CODE(TakeQuick(context, folder / "snap", many), TSNAP_E_UNSUPPORTED);
  CHECK_SAYS("object m0700");
  CHECK_OK(tsnap_state_remove(many, "m0700"));
  CHECK_OK(TakeQuick(context, folder / "snap", many));
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"kinds_of_memory_meet_in_one_state", KindsOfMemoryMeetInOneState},
                  {"memory_without_a_context_says_what_it_needs", MemoryWithoutAContextSaysWhatItNeeds},
                  {"work_before_the_call_is_waited_for", [] { WorkBeforeTheCallIsWaitedFor("snap", TSNAP_CODEC_NONE); }},
                  {"work_before_the_call_is_waited_for_in_hdf5_files",
                   [] { WorkBeforeTheCallIsWaitedFor("snap.h5", TSNAP_CODEC_DEFLATE); }},
                  {"work_on_pinned_memory_is_waited_for", WorkOnPinnedMemoryIsWaitedFor},
                  {"the_callers_context_stays_current", TheCallersContextStaysCurrent},
                  {"memory_may_go_when_an_async_take_has_returned", MemoryMayGoWhenAnAsyncTakeHasReturned},
                  {"copies_wait_in_spare_device_memory", CopiesWaitInSpareDeviceMemory},
                  {"contexts_may_come_and_go_between_takes", ContextsMayComeAndGoBetweenTakes},
                  {"budgets_smaller_than_the_arrays_are_kept", BudgetsSmallerThanTheArraysAreKept},
                  {"boxes_are_read_into_device_memory", BoxesAreReadIntoDeviceMemory},
                  {"values_that_the_host_reads_are_refused", ValuesThatTheHostReadsAreRefused},
                  {"addresses_that_nobody_reaches_are_refused", AddressesThatNobodyReachesAreRefused}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
