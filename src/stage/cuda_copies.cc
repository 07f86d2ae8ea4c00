#include "stage/cuda_copies.h"

#include <algorithm>
#include <cstdlib>

#include "stage/cuda_api.h"

namespace tsnap::cuda {
namespace {

// What things cost, roughly, in nanoseconds: enough to tell a hundred calls from one, and rows of
// eight bytes from a copy of what lies between them.
constexpr uint64_t kCallNs = 3000;
constexpr uint64_t kRowNs = 4;
constexpr uint64_t kTinyRowNs = 16;
constexpr uint64_t kTinyRowBytes = 64;
constexpr uint64_t kBounceNs = 30000;  // waits for the copy before the processor can begin
constexpr uint64_t kBusBytesPerUs = 16000;
constexpr uint64_t kReorderBytesPerUs = 2000;
constexpr uint64_t kKernelNs = 10000;  // to start it, and the copy that follows
constexpr uint64_t kKernelBytesPerUs = 50000;
constexpr uint64_t kMostUnitBytes = 16;
constexpr uint64_t kMostUnits = UINT32_MAX;
static_assert(kMaxCopyAxes <= kernel::kMostAxes);

uint64_t PitchedNs(const PitchedShape& shape) {
  const uint64_t rows = shape.calls * shape.height * shape.depth;
  return shape.calls * kCallNs + rows * (shape.width < kTinyRowBytes ? kTinyRowNs : kRowNs);
}

uint64_t KernelNs(const DeviceBox& box) {
  return kKernelNs + box.bytes() * 1000 / kKernelBytesPerUs;
}

}  // namespace

DeviceBox DeviceBox::Of(std::span<const CopyAxis> axes) {
  DeviceBox box;
  std::array<Axis, kMaxCopyAxes> sorted;
  size_t count = 0;
  for (const CopyAxis& axis : axes) {
    if (axis.count <= 1) continue;
    Axis turned{axis.count, axis.dst_stride, axis.src_stride};
    if (turned.device_stride < 0) {
      box.device_offset += (turned.count - 1) * turned.device_stride;
      box.host_offset += (turned.count - 1) * turned.host_stride;
      turned.device_stride = -turned.device_stride;
      turned.host_stride = -turned.host_stride;
    }
    sorted[count++] = turned;
  }
  // Elements that lie on each other are walked outermost, one copy each. Of equals the last one
  // stays last: the bytes of an item.
  std::stable_sort(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(count),
                   [](const Axis& a, const Axis& b) {
                     if ((a.device_stride == 0) != (b.device_stride == 0))
                       return a.device_stride == 0;
                     return a.device_stride > b.device_stride;
                   });
  for (size_t i = 0; i < count; ++i) box.Append(sorted[i]);
  return box;
}

void DeviceBox::Append(const Axis& axis) {
  if (count > 0) {
    Axis& outer = axes[count - 1];
    if (outer.device_stride == axis.count * axis.device_stride &&
        outer.host_stride == axis.count * axis.host_stride) {
      outer = {outer.count * axis.count, axis.device_stride, axis.host_stride};
      return;
    }
  }
  axes[count++] = axis;
}

uint64_t DeviceBox::bytes() const {
  uint64_t bytes = 1;
  for (size_t i = 0; i < count; ++i) bytes *= static_cast<uint64_t>(axes[i].count);
  return bytes;
}

int64_t DeviceBox::host_begin() const {
  int64_t begin = host_offset;
  for (size_t i = 0; i < count; ++i)
    begin += std::min<int64_t>(0, (axes[i].count - 1) * axes[i].host_stride);
  return begin;
}

uint64_t DeviceBox::host_span_bytes() const {
  int64_t last = 0;
  for (size_t i = 0; i < count; ++i) last += (axes[i].count - 1) * std::abs(axes[i].host_stride);
  return static_cast<uint64_t>(last) + 1;
}

uint64_t DeviceBox::device_span_bytes() const {
  int64_t last = 0;
  for (size_t i = 0; i < count; ++i) last += (axes[i].count - 1) * axes[i].device_stride;
  return static_cast<uint64_t>(last) + 1;
}

DeviceBox DeviceBox::Packed() const {
  std::array<Axis, kMaxCopyAxes> packed = axes;
  int64_t stride = 1;
  for (size_t i = count; i > 0; --i) {
    packed[i - 1].host_stride = stride;
    stride *= packed[i - 1].count;
  }
  DeviceBox box;
  box.device_offset = device_offset;
  for (size_t i = 0; i < count; ++i) box.Append(packed[i]);
  return box;
}

void DeviceBox::Split(DeviceBox* first, DeviceBox* second) const {
  *first = *second = *this;
  const int64_t half = axes[0].count / 2;
  first->axes[0].count = half;
  second->axes[0].count -= half;
  second->device_offset += half * axes[0].device_stride;
  second->host_offset += half * axes[0].host_stride;
  // An axis of one index is none.
  for (DeviceBox* box : {first, second}) {
    if (box->axes[0].count > 1) continue;
    std::copy(box->axes.begin() + 1, box->axes.begin() + static_cast<ptrdiff_t>(box->count),
              box->axes.begin());
    --box->count;
  }
}

PitchedShape PitchedShape::Of(const DeviceBox& box) {
  PitchedShape shape;
  size_t rest = box.count;
  if (rest > 0 && box.axes[rest - 1].device_stride == 1 && box.axes[rest - 1].host_stride == 1)
    shape.width = static_cast<uint64_t>(box.axes[--rest].count);
  const auto is_row_pitch = [&](int64_t stride) {
    return stride >= static_cast<int64_t>(shape.width) && stride <= kMaxPitchBytes;
  };
  if (rest > 0 && is_row_pitch(box.axes[rest - 1].device_stride) &&
      is_row_pitch(box.axes[rest - 1].host_stride)) {
    const DeviceBox::Axis& rows = box.axes[--rest];
    shape.height = static_cast<uint64_t>(rows.count);
    shape.device_pitch = static_cast<uint64_t>(rows.device_stride);
    shape.host_pitch = static_cast<uint64_t>(rows.host_stride);
    const auto is_plane_pitch = [&](int64_t stride, int64_t row_pitch) {
      return stride > 0 && stride % row_pitch == 0 && stride / row_pitch >= rows.count;
    };
    if (rest > 0 && is_plane_pitch(box.axes[rest - 1].device_stride, rows.device_stride) &&
        is_plane_pitch(box.axes[rest - 1].host_stride, rows.host_stride)) {
      const DeviceBox::Axis& planes = box.axes[--rest];
      shape.depth = static_cast<uint64_t>(planes.count);
      shape.device_rows = static_cast<uint64_t>(planes.device_stride / rows.device_stride);
      shape.host_rows = static_cast<uint64_t>(planes.host_stride / rows.host_stride);
    }
  }
  shape.loops = rest;
  for (size_t i = 0; i < rest; ++i) shape.calls *= static_cast<uint64_t>(box.axes[i].count);
  return shape;
}

Route RouteOf(const DeviceBox& box, bool to_host, bool has_kernels) {
  const uint64_t pitched = PitchedNs(PitchedShape::Of(box));
  if (pitched <= 2 * kCallNs) return Route::kPitched;
  const uint64_t bytes = box.bytes();
  const uint64_t reorder = kBounceNs + bytes * 1000 / kReorderBytesPerUs;
  const uint64_t packed = reorder + PitchedNs(PitchedShape::Of(box.Packed()));
  const uint64_t span = reorder + box.device_span_bytes() / kBusBytesPerUs * 1000;
  const uint64_t least = std::min({pitched, packed, to_host ? span : packed});
  // What lies between on the host's side is copied to the device, and must not be copied from it.
  const uint64_t beside = box.host_span_bytes() - bytes;
  if (has_kernels && (beside == 0 || !to_host) &&
      KernelNs(box) + beside * 1000 / kBusBytesPerUs < least)
    return Route::kKernel;
  if (least == pitched) return Route::kPitched;
  return least == packed ? Route::kPacked : Route::kSpan;
}

bool KernelParks(const DeviceBox& box) { return KernelNs(box) < PitchedNs(PitchedShape::Of(box)); }

bool KernelBox::Of(const DeviceBox& box, uint64_t device_base, uint64_t packed, bool packs,
                   KernelBox* out) {
  const uint64_t device = device_base + static_cast<uint64_t>(box.device_offset);
  const uint64_t host = packed + static_cast<uint64_t>(box.host_offset - box.host_begin());
  size_t count = box.count;
  uint64_t row_bytes = 1;
  if (count > 0 && box.axes[count - 1].device_stride == 1 && box.axes[count - 1].host_stride == 1)
    row_bytes = static_cast<uint64_t>(box.axes[--count].count);
  // Everything is a multiple of the lowest bit of all.
  uint64_t bits = kMostUnitBytes | row_bytes | device | host;
  for (size_t i = 0; i < count; ++i)
    bits |= static_cast<uint64_t>(box.axes[i].device_stride | box.axes[i].host_stride);
  out->unit_bytes = bits & (~bits + 1);
  kernel::BoxTask& task = out->task;
  task = {};
  task.to = packs ? host : device;
  task.from = packs ? device : host;
  uint64_t units = 1;
  const auto append = [&](uint64_t indices, int64_t device_stride, int64_t host_stride) {
    units *= indices;
    if (units > kMostUnits) return false;
    task.counts[task.axes] = static_cast<kernel::Word>(indices);
    task.to_strides[task.axes] = packs ? host_stride : device_stride;
    task.from_strides[task.axes++] = packs ? device_stride : host_stride;
    return true;
  };
  for (size_t i = 0; i < count; ++i) {
    const DeviceBox::Axis& axis = box.axes[i];
    if (!append(static_cast<uint64_t>(axis.count), axis.device_stride, axis.host_stride))
      return false;
  }
  const auto unit = static_cast<int64_t>(out->unit_bytes);
  if (row_bytes > out->unit_bytes && !append(row_bytes / out->unit_bytes, unit, unit)) return false;
  task.units = static_cast<kernel::Word>(units);
  return true;
}

}  // namespace tsnap::cuda
