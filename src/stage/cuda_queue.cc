#include "stage/cuda_queue.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include "stage/clipped_pieces.h"
#include "stage/cuda_kernels.h"
#include "stage/cuda_room.h"
#include "stage/stager.h"

namespace tsnap::cuda {
namespace {

constexpr uint64_t kBounceBytes = 1 << 20;
// Of the device, for kernels: rounded up to the first, never more than the second.
constexpr uint64_t kPackedStepBytes = 1 << 20;
constexpr uint64_t kMostPackedBytes = 64 << 20;

void KeepForGood(std::byte* data) noexcept {
  static std::mutex mutex;
  static auto* const kept = new std::vector<std::byte*>;  // guarded by mutex; where it can be found
  try {
    const std::lock_guard lock(mutex);
    kept->push_back(data);
  } catch (...) {  // it stays where it is all the same
  }
}

// Page-aligned memory of a lane, pinned where the system allows it.
class Bounce {
 public:
  explicit Bounce(const Driver& driver) : driver_(driver) {}
  // Pages that the driver still knows must not become others'.
  ~Bounce() {
    if (pinned_) {
      KeepForGood(data_);
    } else {
      std::free(data_);
    }
  }
  Bounce(const Bounce&) = delete;
  Bounce& operator=(const Bounce&) = delete;
  // With the lane's context current.
  Status Allocate() {
    if (data_ != nullptr) return Status::Ok();
    data_ = static_cast<std::byte*>(std::aligned_alloc(4096, kBounceBytes));
    if (data_ == nullptr) return Status::NoMemory();
    pinned_ = driver_.MemHostRegister(data_, kBounceBytes, kRegisterPortable) == kSuccess;
    return Status::Ok();
  }
  // Likewise, before it goes.
  void Unpin() {
    if (pinned_ && driver_.MemHostUnregister(data_) == kSuccess) pinned_ = false;
  }
  std::byte* data() const { return data_; }

 private:
  const Driver& driver_;
  std::byte* data_ = nullptr;
  bool pinned_ = false;
};

}  // namespace

struct CudaQueue::Lane {
  Lane(const Driver& of, ContextUse use) : driver(of), context(std::move(use)), bounce(of) {}
  ~Lane() {
    CurrentContext current(driver);
    // Where the context is gone, everything in it is gone as well; the bounce buffer is kept.
    if (!current.Push(context.get()).ok()) return;
    bounce.Unpin();
    if (packed != 0) driver.MemFree(packed);
    for (Event event : events) driver.EventDestroy(event);
    if (stream != nullptr) driver.StreamDestroy(stream);
  }

  // With the context current, as everything here.
  bool HasKernels() {
    if (asked_for_kernels) return kernels != nullptr;
    asked_for_kernels = true;
    // Why there are none is for those who insist on them: copies have other ways.
    if (const Result<const Kernels*> found = Kernels::Of(driver, context.get()); found.ok())
      kernels = *found;
    return kernels != nullptr;
  }
  // Room for so many packed bytes; nothing is under way in it where it has to grow.
  bool HasPacked(uint64_t bytes) {
    if (bytes <= packed_bytes) return true;
    if (bytes > kMostPackedBytes) return false;
    if (packed != 0) driver.MemFree(packed);
    packed = packed_bytes = 0;
    const uint64_t rounded = AlignUp(bytes, kPackedStepBytes);
    if (driver.MemAlloc(&packed, rounded) != kSuccess) return false;
    packed_bytes = rounded;
    return true;
  }

  // nullptr where the driver has no memory for one: then the stream is waited for.
  Status NewEvent(Event* event) {
    *event = nullptr;
    if (!events.empty()) {
      *event = events.back();
      events.pop_back();
      return Status::Ok();
    }
    // Who waits sleeps: the application's threads want the cores.
    const DriverCode code = driver.EventCreate(event, kEventBlockingSync | kEventDisableTiming);
    if (code == kOutOfMemory) {
      *event = nullptr;
      return Status::Ok();
    }
    return driver.Check(code, "making an event for copies of device memory");
  }
  Status Synchronize() {
    return driver.Check(driver.StreamSynchronize(stream), "waiting for copies of device memory");
  }

  const Driver& driver;
  const ContextUse context;
  Stream stream = nullptr;    // the context's own, where there is no memory for another
  std::vector<Event> events;  // not in use
  bool is_dirty = false;      // something was begun behind the last mark
  Bounce bounce;
  bool asked_for_kernels = false;
  const Kernels* kernels = nullptr;
  DeviceAddress packed = 0;  // of the device, between kernels and the host
  uint64_t packed_bytes = 0;
};

CudaQueue::CudaQueue(const Driver& driver) : driver_(driver) {}

// What is under way uses buffers that are about to be others'.
CudaQueue::~CudaQueue() {
  if (WaitForAll().ok()) return;
  for (const auto& lane : lanes_) {
    CurrentContext current(driver_);
    if (current.Push(lane->context.get()).ok()) driver_.CtxSynchronize();
  }
}

// One context for nearly everybody: the list is short.
Result<CudaQueue::Lane*> CudaQueue::LaneFor(const void* pointer) {
  TSNAP_ASSIGN(const PointerFacts facts, FactsOf(driver_, pointer));
  for (const auto& lane : lanes_)
    if (lane->context.get() == facts.context) return lane.get();
  TSNAP_ASSIGN(ContextUse use, ContextUse::Of(driver_, facts));
  for (const auto& lane : lanes_)
    if (lane->context.get() == use.get()) return lane.get();
  auto lane = std::make_unique<Lane>(driver_, std::move(use));
  CurrentContext current(driver_);
  TSNAP_TRY(current.Push(lane->context.get()));
  const DriverCode code = driver_.StreamCreate(&lane->stream, kStreamNonBlocking);
  if (code != kSuccess) lane->stream = nullptr;
  if (code != kOutOfMemory)
    TSNAP_TRY(driver_.Check(code, "making a stream for copies of device memory"));
  lanes_.push_back(std::move(lane));
  return lanes_.back().get();
}

Status CudaQueue::Gather(const Mapping& mapping, uint64_t begin, ByteSpan out) {
  TSNAP_ASSIGN(const Layout layout, Layout::Make(mapping));
  TSNAP_TRY(CheckRange(layout, begin, out.size()));
  if (out.empty()) return Status::Ok();
  TSNAP_TRY(CheckInside(layout, mapping));
  TSNAP_ASSIGN(Lane * lane, LaneFor(mapping.memory.data));
  CurrentContext current(driver_);
  TSNAP_TRY(current.Push(lane->context.get()));
  Status copied;
  ForEachPiece(layout.axes(), begin, begin + out.size(), [&](const LayoutPiece& piece) {
    ClippedPiece clipped;
    if (!copied.ok() || !Clip(layout, piece, &clipped)) return;
    const Ends ends{Way::kToHost, out.data() + (clipped.offset - begin), AddressOf(clipped.memory)};
    copied = Copy(lane, ends, DeviceBox::Of({clipped.axes.data(), clipped.count}));
  });
  return copied;
}

Status CudaQueue::Scatter(const Mapping& mapping, uint64_t begin, ConstByteSpan in) {
  TSNAP_ASSIGN(const Layout layout, Layout::Make(mapping));
  TSNAP_TRY(CheckRange(layout, begin, in.size()));
  if (!layout.meets_memory() || in.empty()) return Status::Ok();
  TSNAP_ASSIGN(Lane * lane, LaneFor(mapping.memory.data));
  CurrentContext current(driver_);
  TSNAP_TRY(current.Push(lane->context.get()));
  Status copied;
  // Only read: the driver and the reordering take one pointer for both directions.
  auto* host = const_cast<std::byte*>(in.data());
  ForEachPiece(layout.axes(), begin, begin + in.size(), [&](const LayoutPiece& piece) {
    ClippedPiece clipped;
    if (!copied.ok() || !Clip(layout, piece, &clipped)) return;
    const Ends ends{Way::kToDevice, host + (clipped.offset - begin), AddressOf(clipped.memory)};
    copied = Copy(lane, ends, DeviceBox::Of({clipped.axes.data(), clipped.count}));
  });
  return copied;
}

Status CudaQueue::Park(const Mapping& mapping, uint64_t begin, uint64_t bytes,
                       const DeviceRoom& room, uint64_t offset) {
  TSNAP_ASSIGN(const Layout layout, Layout::Make(mapping));
  TSNAP_TRY(CheckRange(layout, begin, bytes));
  TSNAP_TRY(CheckInside(layout, mapping));
  TSNAP_ASSIGN(Lane * lane, LaneFor(mapping.memory.data));
  CurrentContext current(driver_);
  TSNAP_TRY(current.Push(lane->context.get()));
  const DeviceAddress to = static_cast<const CudaRoom&>(room).address() + offset;
  Status begun;
  ForEachPiece(layout.axes(), begin, begin + bytes, [&](const LayoutPiece& piece) {
    ClippedPiece clipped;
    if (!begun.ok() || !Clip(layout, piece, &clipped)) return;
    const Ends ends{Way::kToRoom, nullptr, AddressOf(clipped.memory),
                    to + (clipped.offset - begin)};
    const DeviceBox box = DeviceBox::Of({clipped.axes.data(), clipped.count});
    bool done = false;
    if (KernelParks(box) && lane->HasKernels()) begun = ParkByKernel(lane, ends, box, &done);
    if (begun.ok() && !done) begun = Begin(lane, ends, box);
  });
  return begun;
}

Status CudaQueue::Fetch(const DeviceRoom& room, uint64_t offset, ByteSpan out) {
  const DeviceAddress from = static_cast<const CudaRoom&>(room).address() + offset;
  TSNAP_ASSIGN(Lane * lane, LaneFor(reinterpret_cast<const void*>(from)));
  CurrentContext current(driver_);
  TSNAP_TRY(current.Push(lane->context.get()));
  lane->is_dirty = true;
  return driver_.Check(driver_.MemcpyDtoHAsync(out.data(), from, out.size(), lane->stream),
                       "copying device memory to the host");
}

Status CudaQueue::Checksum(const std::byte* memory, uint64_t bytes, std::span<uint32_t> checksums) {
  TSNAP_ASSIGN(Lane * lane, LaneFor(memory));
  CurrentContext current(driver_);
  TSNAP_TRY(current.Push(lane->context.get()));
  if (!lane->HasKernels())
    return Unsupported("checksumming GPU memory: there are no kernels for that GPU");
  const uint64_t scratch_bytes = Kernels::ScratchBytes(bytes);
  if (lane->packed != 0 && scratch_bytes > lane->packed_bytes) TSNAP_TRY(WaitForLane(lane));
  if (checksums.size_bytes() > kBounceBytes || !lane->HasPacked(scratch_bytes))
    return Unsupported("checksumming GPU memory: the GPU has no memory left for it");
  TSNAP_TRY(lane->bounce.Allocate());
  lane->is_dirty = true;
  Status begun = lane->kernels->Checksum(AddressOf(memory), bytes, lane->packed, lane->stream);
  if (begun.code() == Code::kNoMemory)
    return Unsupported("checksumming GPU memory: the GPU has no memory left for kernels");
  TSNAP_TRY(std::move(begun));
  TSNAP_TRY(driver_.Check(driver_.MemcpyDtoHAsync(lane->bounce.data(), lane->packed,
                                                  checksums.size_bytes(), lane->stream),
                          "copying checksums to the host"));
  TSNAP_TRY(WaitForLane(lane));
  std::memcpy(checksums.data(), lane->bounce.data(), checksums.size_bytes());
  Kernels::Finish(bytes, checksums);
  return Status::Ok();
}

Status CudaQueue::Copy(Lane* lane, const Ends& ends, const DeviceBox& box) {
  const bool to_host = ends.way == Way::kToHost;
  if (RouteOf(box, to_host, true) == Route::kKernel && lane->HasKernels()) {
    bool done = false;
    TSNAP_TRY(CopyByKernel(lane, ends, box, &done));
    if (done) return Status::Ok();
  }
  const Route route = RouteOf(box, to_host);
  if (route == Route::kPitched) return Begin(lane, ends, box);
  TSNAP_TRY(lane->bounce.Allocate());
  return CopyThroughBounce(lane, ends, box, route);
}

// The next copy finds the room for packed bytes free in its turn: all are on one stream.
Status CudaQueue::CopyByKernel(Lane* lane, const Ends& ends, const DeviceBox& box, bool* done) {
  const uint64_t bytes = box.host_span_bytes();
  const bool to_host = ends.way == Way::kToHost;
  KernelBox kernel;
  if (lane->packed != 0 && bytes > lane->packed_bytes) TSNAP_TRY(WaitForLane(lane));
  if (!lane->HasPacked(bytes) ||
      !KernelBox::Of(box, ends.device_base, lane->packed, to_host, &kernel))
    return Status::Ok();
  lane->is_dirty = true;
  std::byte* host = ends.host_base + box.host_begin();
  if (to_host) {
    TSNAP_TRY(CopyUnits(lane, kernel, done));
    if (!*done) return Status::Ok();
    return driver_.Check(driver_.MemcpyDtoHAsync(host, lane->packed, bytes, lane->stream),
                         "copying packed device memory to the host");
  }
  TSNAP_TRY(driver_.Check(driver_.MemcpyHtoDAsync(lane->packed, host, bytes, lane->stream),
                          "copying to device memory, to be unpacked"));
  return CopyUnits(lane, kernel, done);
}

Status CudaQueue::CopyUnits(Lane* lane, const KernelBox& kernel, bool* done) {
  Status begun = lane->kernels->Copy(kernel.task, kernel.unit_bytes, lane->stream);
  *done = begun.ok();
  return begun.code() == Code::kNoMemory ? Status::Ok() : begun;
}

Status CudaQueue::ParkByKernel(Lane* lane, const Ends& ends, const DeviceBox& box, bool* done) {
  KernelBox kernel;
  const DeviceAddress room = ends.room_base + static_cast<DeviceAddress>(box.host_begin());
  if (!KernelBox::Of(box, ends.device_base, room, true, &kernel)) return Status::Ok();
  lane->is_dirty = true;
  return CopyUnits(lane, kernel, done);
}

Status CudaQueue::Begin(Lane* lane, const Ends& ends, const DeviceBox& box) {
  const PitchedShape shape = PitchedShape::Of(box);
  lane->is_dirty = true;  // even if only some of the calls succeed
  Status begun;
  ForEachCall(box, shape, [&](int64_t device_offset, int64_t host_offset) {
    if (begun.ok()) begun = BeginOne(lane, ends, shape, device_offset, host_offset);
  });
  return begun;
}

Status CudaQueue::BeginOne(Lane* lane, const Ends& ends, const PitchedShape& shape,
                           int64_t device_offset, int64_t host_offset) {
  const DeviceAddress device = ends.device_base + static_cast<DeviceAddress>(device_offset);
  std::byte* host = ends.way == Way::kToRoom ? nullptr : ends.host_base + host_offset;
  const DeviceAddress room = ends.room_base + static_cast<DeviceAddress>(host_offset);
  if (!shape.is_contiguous()) return BeginRows(lane, ends.way, shape, device, host, room);
  switch (ends.way) {
    case Way::kToHost:
      return driver_.Check(driver_.MemcpyDtoHAsync(host, device, shape.width, lane->stream),
                           "copying device memory to the host");
    case Way::kToDevice:
      return driver_.Check(driver_.MemcpyHtoDAsync(device, host, shape.width, lane->stream),
                           "copying to device memory");
    case Way::kToRoom:
      break;
  }
  return driver_.Check(driver_.MemcpyDtoDAsync(room, device, shape.width, lane->stream),
                       "copying within device memory");
}

Status CudaQueue::BeginRows(Lane* lane, Way way, const PitchedShape& shape, DeviceAddress device,
                            std::byte* host, DeviceAddress room) {
  BoxCopy copy{};
  copy.width_bytes = shape.width;
  copy.height = shape.height;
  copy.depth = shape.depth;
  if (way == Way::kToDevice) {
    copy.src_memory_type = kMemoryHost;
    copy.src_host = host;
    copy.src_pitch = shape.host_pitch;
    copy.src_height = shape.host_rows;
    copy.dst_memory_type = kMemoryDevice;
    copy.dst_device = device;
    copy.dst_pitch = shape.device_pitch;
    copy.dst_height = shape.device_rows;
    return driver_.Check(driver_.Memcpy3DAsync(&copy, lane->stream),
                         "copying rows to device memory");
  }
  copy.src_memory_type = kMemoryDevice;
  copy.src_device = device;
  copy.src_pitch = shape.device_pitch;
  copy.src_height = shape.device_rows;
  copy.dst_memory_type = way == Way::kToRoom ? kMemoryDevice : kMemoryHost;
  copy.dst_host = host;
  copy.dst_device = way == Way::kToRoom ? room : 0;
  copy.dst_pitch = shape.host_pitch;
  copy.dst_height = shape.host_rows;
  return driver_.Check(driver_.Memcpy3DAsync(&copy, lane->stream), "copying rows of device memory");
}

// In parts that the bounce buffer holds.
Status CudaQueue::CopyThroughBounce(Lane* lane, const Ends& ends, const DeviceBox& box,
                                    Route route) {
  const uint64_t bounced_bytes = route == Route::kSpan ? box.device_span_bytes() : box.bytes();
  if (bounced_bytes <= kBounceBytes || !box.can_split()) return Reorder(lane, ends, box, route);
  DeviceBox first, second;
  box.Split(&first, &second);
  TSNAP_TRY(CopyThroughBounce(lane, ends, first, route));
  return CopyThroughBounce(lane, ends, second, route);
}

Status CudaQueue::Reorder(Lane* lane, const Ends& ends, const DeviceBox& box, Route route) {
  DeviceBox bounced = box.Packed();
  std::array<CopyAxis, kMaxCopyAxes> axes;  // dst: in the host's order; src: in the bounce buffer
  int64_t stride = 1;
  for (size_t i = box.count; i > 0; --i) {
    const DeviceBox::Axis& axis = box.axes[i - 1];
    axes[i - 1] = {axis.count, axis.host_stride,
                   route == Route::kSpan ? axis.device_stride : stride};
    stride *= axis.count;
  }
  size_t count = box.count;
  if (count == 0) axes[count++] = {1, 1, 1};
  if (route == Route::kSpan) {
    bounced = DeviceBox();
    bounced.device_offset = box.device_offset;
    bounced.axes[0] = {static_cast<int64_t>(box.device_span_bytes()), 1, 1};
    bounced.count = box.device_span_bytes() > 1 ? 1 : 0;
  }
  const Ends to_bounce{ends.way, lane->bounce.data(), ends.device_base};
  std::byte* host = ends.host_base + box.host_offset;
  if (ends.way == Way::kToHost) {
    TSNAP_TRY(Begin(lane, to_bounce, bounced));
    TSNAP_TRY(WaitForLane(lane));
    StridedCopy(host, lane->bounce.data(), {axes.data(), count});
    return Status::Ok();
  }
  for (size_t i = 0; i < count; ++i) std::swap(axes[i].dst_stride, axes[i].src_stride);
  StridedCopy(lane->bounce.data(), host, {axes.data(), count});
  TSNAP_TRY(Begin(lane, to_bounce, bounced));
  return WaitForLane(lane);
}

Status CudaQueue::WaitForLane(Lane* lane) {
  Event event = nullptr;
  TSNAP_TRY(lane->NewEvent(&event));
  if (event == nullptr) return lane->Synchronize();
  Status waited =
      driver_.Check(driver_.EventRecord(event, lane->stream), "marking copies of device memory");
  if (waited.ok())
    waited = driver_.Check(driver_.EventSynchronize(event), "waiting for copies of device memory");
  lane->events.push_back(event);
  return waited;
}

Result<uint64_t> CudaQueue::Mark() {
  for (const auto& lane : lanes_) {
    if (!lane->is_dirty) continue;
    CurrentContext current(driver_);
    TSNAP_TRY(current.Push(lane->context.get()));
    Event event = nullptr;
    TSNAP_TRY(lane->NewEvent(&event));
    if (event == nullptr) {
      TSNAP_TRY(lane->Synchronize());
      lane->is_dirty = false;
      continue;
    }
    marked_.push_back({lane.get(), event});
    TSNAP_TRY(
        driver_.Check(driver_.EventRecord(event, lane->stream), "marking copies of device memory"));
    lane->is_dirty = false;
  }
  return forgotten_ + marked_.size();
}

Status CudaQueue::Wait(uint64_t mark) {
  Status waited;
  size_t over = 0;
  for (; over < marked_.size() && forgotten_ + over < mark; ++over) {
    const Marked& marked = marked_[over];
    CurrentContext current(driver_);
    Status one = current.Push(marked.lane->context.get());
    if (one.ok())
      one = driver_.Check(driver_.EventSynchronize(marked.event),
                          "waiting for copies of device memory");
    // Nobody knows whether the copies are over: the next mark stands for them as well.
    if (!one.ok()) marked.lane->is_dirty = true;
    if (waited.ok()) waited = std::move(one);
    marked.lane->events.push_back(marked.event);
  }
  marked_.erase(marked_.begin(), marked_.begin() + static_cast<ptrdiff_t>(over));
  forgotten_ += over;
  return waited;
}

}  // namespace tsnap::cuda
