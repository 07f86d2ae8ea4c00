// The stager of GPU memory against that of the host, over random shapes, strides, orders and ranges: the same bytes come out, the
// same bytes are written, and nothing beside them.
#include <algorithm>
#include <cstring>
#include <vector>

#include "../unit/seeded.h"
#include "api.h"
#include "gpu.h"
#include "stage/clipped_pieces.h"
#include "stage/cuda_copies.h"
#include "stage/host.h"
#include "stage/reach.h"
#include "stage/stager.h"

namespace tsnap::test {
namespace {

constexpr size_t kMost = size_t{8} << 20;

// An array at `view.data` in a buffer of the host; the same place in device memory is the other.
struct Case {
  Bytes storage;
  Mapping mapping;
};

// As tests/unit/stage_host.cc, with arrays large enough for each way to copy, and elements that may lie on each other.
void RandomView(Seeded* random, bool may_overlap, Case* out) {
  Mapping& mapping = out->mapping;
  mapping = {};
  ArrayView& view = mapping.memory;
  const Dtype dtypes[] = {Dtype::kUint8, Dtype::kFloat16, Dtype::kFloat32, Dtype::kFloat64, Dtype::kComplex128, Dtype::kOpaque};
  view.dtype = dtypes[random->Int(0, 5)];
  const int64_t records[] = {1, 3, 7, 24, 70, 4097};
  view.item_bytes = view.dtype == Dtype::kOpaque ? records[random->Int(0, 5)] : DtypeBytes(view.dtype);
  view.ndim = static_cast<int>(random->Int(0, kMaxDims));
  const auto dims = static_cast<size_t>(view.ndim);
  AxisOrder memory_order = RowMajor();
  if (random->Chance(0.6)) std::shuffle(memory_order.begin(), memory_order.begin() + view.ndim, random->engine());
  mapping.order = RowMajor();
  if (random->Chance(0.5)) std::shuffle(mapping.order.begin(), mapping.order.begin() + view.ndim, random->engine());
  const int64_t longest = view.ndim <= 1 ? 60000 : view.ndim == 2 ? 300 : view.ndim <= 4 ? 14 : 4;
  const bool padded = random->Chance(0.5), reversed = random->Chance(0.3);
  int64_t stride = view.item_bytes + (padded && random->Chance(0.4) ? random->Int(1, 200) : 0), start = 0;
  for (size_t place = dims; place-- > 0;) {
    const size_t axis = memory_order[place];
    view.shape[axis] = random->Int(1, std::clamp<int64_t>(static_cast<int64_t>(kMost / 2) / stride, 1, longest));
    const bool negative = reversed && random->Chance(0.5);
    view.strides_bytes[axis] = negative ? -stride : stride;
    if (may_overlap && random->Chance(0.1)) view.strides_bytes[axis] = 0;
    if (view.strides_bytes[axis] < 0) start += (view.shape[axis] - 1) * stride;
    stride *= view.shape[axis] + (padded ? random->Int(0, 3) : 0);
  }
  out->storage.resize(std::min<size_t>(static_cast<size_t>(stride) + 64, kMost));
  for (std::byte& b : out->storage) b = static_cast<std::byte>(random->Int(0, 255));
  view.data = out->storage.data() + start;
  mapping.memory_box = WholeBox(view.ndim, view.shape);
  mapping.extent_box = mapping.memory_box;
  for (size_t axis = 0; axis < dims; ++axis) {
    const int64_t low = random->Int(0, view.shape[axis] - 1);
    mapping.extent_box.offset[axis] = random->Chance(0.5) ? 0 : low;
    mapping.extent_box.shape[axis] = view.shape[axis] - mapping.extent_box.offset[axis];
  }
}

Mapping OnDevice(const Case& one, const GpuMemory& memory) {
  Mapping mapping = one.mapping;
  mapping.memory.data = static_cast<std::byte*>(memory.data()) + (one.mapping.memory.data - one.storage.data());
  return mapping;
}

#define CHECK_STATUS(call)                                                                      \
  do {                                                                                          \
    const Status check_status = (call);                                                         \
    if (!check_status.ok()) FailCheck(__FILE__, __LINE__, #call, check_status.ToString());      \
  } while (false)

Stager& StagerOf(const GpuMemory& memory) {
  LookForDevices();
  Result<Stager*> stager = StagerFor(memory.data());
  CHECK(stager.ok() && (*stager)->is_device());
  return **stager;
}

bool SameAs(const GpuMemory& memory, const Bytes& storage) {
  Bytes found(storage.size());
  memory.Get(0, found.data(), found.size());
  return found == storage;
}

template <class Run>
void ForRandomCases(int count, bool may_overlap, Run run) {
  Seeded random;
  const GpuContext context;
  const GpuMemory memory(context, kMost);
  Stager& stager = StagerOf(memory);
  HostStager host;
  for (int i = 0; i < count; ++i) {
    Case one;
    RandomView(&random, may_overlap, &one);
    memory.Put(0, one.storage.data(), one.storage.size());
    run(random, one, OnDevice(one, memory), stager, host, memory);
  }
}

struct Range {
  uint64_t begin = 0, bytes = 0;
};

Range RandomRange(Seeded& random, const Mapping& mapping) {
  const uint64_t total = Volume(mapping.extent_box) * static_cast<uint64_t>(mapping.memory.item_bytes);
  if (random.Chance(0.3)) return {0, total};
  const auto begin = static_cast<uint64_t>(random.Int(0, static_cast<int64_t>(total)));
  return {begin, static_cast<uint64_t>(random.Int(0, static_cast<int64_t>(total - begin)))};
}

void GathersAsTheHost() {
  ForRandomCases(250, true, [](Seeded& random, const Case& one, const Mapping& there, Stager& stager, HostStager& host, const GpuMemory&) {
    const Range range = RandomRange(random, one.mapping);
    Bytes wanted(range.bytes), found(range.bytes);
    CHECK_STATUS(host.Gather(one.mapping, range.begin, wanted));
    CHECK_STATUS(stager.Gather(there, range.begin, found));
    CHECK(found == wanted);
    CHECK(stager.Direct(there, range.begin, range.bytes) == nullptr);
  });
}

void ScattersAsTheHost() {
  ForRandomCases(250, false, [](Seeded& random, Case& one, const Mapping& there, Stager& stager, HostStager& host, const GpuMemory& memory) {
    const Range range = RandomRange(random, one.mapping);
    Bytes in(range.bytes);
    for (std::byte& b : in) b = static_cast<std::byte>(random.Int(0, 255));
    CHECK_STATUS(host.Scatter(one.mapping, range.begin, in));
    CHECK_STATUS(stager.Scatter(there, range.begin, in));
    CHECK(SameAs(memory, one.storage));
  });
}

void FillsSwapsAndHashesAsTheHost() {
  ForRandomCases(80, false, [](Seeded& random, Case& one, const Mapping& there, Stager& stager, HostStager& host, const GpuMemory& memory) {
    const ArrayView &here_view = one.mapping.memory, &there_view = there.memory;
    Result<Hash128> wanted = host.Hash(here_view), found = stager.Hash(there_view);
    CHECK(wanted.ok() && found.ok() && wanted->low == found->low && wanted->high == found->high);
    CHECK_STATUS(host.SwapByteOrder(here_view));
    CHECK_STATUS(stager.SwapByteOrder(there_view));
    CHECK(SameAs(memory, one.storage));
    Bytes item(static_cast<size_t>(here_view.item_bytes));
    for (std::byte& b : item) b = static_cast<std::byte>(random.Int(0, 255));
    CHECK_STATUS(host.Fill(here_view, item));
    CHECK_STATUS(stager.Fill(there_view, item));
    CHECK(SameAs(memory, one.storage));
  });
}

// What is copied by the driver, what by the processor: each way has a layout that takes it.
void EachWayIsTaken() {
  using namespace tsnap::cuda;
  const auto route = [](std::vector<CopyAxis> axes, bool to_host, bool kernels = false) {
    return RouteOf(DeviceBox::Of(axes), to_host, kernels);
  };
  const std::vector<CopyAxis> rows = {{1000, 8192, 4096}, {4096, 1, 1}};
  CHECK(route(rows, true) == Route::kPitched && route(rows, false) == Route::kPitched);
  const std::vector<CopyAxis> column = {{20000, 24, 8}, {8, 1, 1}};   // one member of a record of three
  CHECK(route(column, true) == Route::kSpan && route(column, false) != Route::kSpan);
  const std::vector<CopyAxis> turned = {{300, 8, 2400}, {300, 2400, 8}, {8, 1, 1}};   // another order of axes in the file
  CHECK(route(turned, false) == Route::kPacked);
  const std::vector<CopyAxis> backwards = {{5000, -4000, 4000}, {4000, 1, 1}};
  CHECK(route(backwards, false) == Route::kPacked);
  for (const auto& axes : {column, turned, backwards})
    for (const bool to_host : {false, true}) CHECK(route(axes, to_host, true) == Route::kKernel);
  CHECK(route(rows, true, true) == Route::kPitched);
  const std::vector<CopyAxis> sparse = {{20000, 24, 16}, {8, 1, 1}};   // what lies between on the host is not the device's to write
  CHECK(route(sparse, true, true) != Route::kKernel && route(sparse, false, true) == Route::kKernel);
}

void MappingsThatDoNotFitAreInternal() {
  const GpuContext context;
  const GpuMemory memory(context, 4096);
  Stager& stager = StagerOf(memory);
  Index shape{16};
  const ArrayView view = ContiguousView(Dtype::kFloat32, 4, 1, shape, static_cast<std::byte*>(memory.data()));
  Mapping mapping = MappingOf(view, RowMajor());
  Bytes buffer(100);
  CHECK(stager.Gather(mapping, 0, buffer).code() == Code::kInternal);
  CHECK(stager.Scatter(mapping, 0, buffer).code() == Code::kInternal);
  mapping.extent_box.shape[0] = 20;
  CHECK(stager.Gather(mapping, 0, ByteSpan(buffer).first(80)).code() == Code::kInternal);
  CHECK(stager.Fill(view, ConstByteSpan(buffer).first(3)).code() == Code::kInternal);
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"gathers_as_the_host", GathersAsTheHost},
                  {"scatters_as_the_host", ScattersAsTheHost},
                  {"fills_swaps_and_hashes_as_the_host", FillsSwapsAndHashesAsTheHost},
                  {"each_way_is_taken", EachWayIsTaken},
                  {"mappings_that_do_not_fit_are_internal", MappingsThatDoNotFitAreInternal}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
