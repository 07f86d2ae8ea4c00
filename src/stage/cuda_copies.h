// How a box of strided bytes goes between a device and the host: the axes in the device's order,
// and which of them one call of the driver copies. Arithmetic alone: it calls no driver.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "stage/cuda_kernels/bodies.h"
#include "stage/strided_copy.h"

namespace tsnap::cuda {

// The axes from the largest stride on the device to the smallest, none of them negative there, of
// one index, or continued by the next one on both sides. What they name begins at the offsets.
struct DeviceBox {
  struct Axis {
    int64_t count = 0;
    int64_t device_stride = 0, host_stride = 0;  // bytes
  };
  std::array<Axis, kMaxCopyAxes> axes;
  size_t count = 0;
  int64_t device_offset = 0, host_offset = 0;

  // axes: dst is the device's side, src the host's; the last one is of contiguous bytes on both.
  static DeviceBox Of(std::span<const CopyAxis> axes);
  uint64_t bytes() const;
  // The lowest offset of the box on the host, and from there to the last byte.
  int64_t host_begin() const;
  uint64_t host_span_bytes() const;
  // From the first byte to the last on the device, what lies between the elements included.
  uint64_t device_span_bytes() const;
  // The same elements, one behind the other on the host in the order of the device.
  DeviceBox Packed() const;
  // Halves of the outermost axis.
  bool can_split() const { return count > 0; }
  void Split(DeviceBox* first, DeviceBox* second) const;

 private:
  void Append(const Axis& axis);
};

// What one call copies: rows of `width` contiguous bytes, planes of rows; and how many such calls
// the box takes. Axes of the box before `loops` are walked.
struct PitchedShape {
  uint64_t width = 1, height = 1, depth = 1;
  uint64_t host_pitch = 0, device_pitch = 0;  // from row to row
  uint64_t host_rows = 0, device_rows = 0;    // from plane to plane
  size_t loops = 0;
  uint64_t calls = 1;

  static PitchedShape Of(const DeviceBox& box);
  bool is_contiguous() const { return height == 1 && depth == 1; }
};

// Calls visit(device_offset, host_offset) for each call that the shape needs.
template <class Visit>
void ForEachCall(const DeviceBox& box, const PitchedShape& shape, Visit&& visit) {
  std::array<int64_t, kMaxCopyAxes> index{};
  int64_t device = box.device_offset, host = box.host_offset;
  for (;;) {
    visit(device, host);
    size_t i = shape.loops;
    for (; i > 0; --i) {
      const DeviceBox::Axis& axis = box.axes[i - 1];
      device += axis.device_stride;
      host += axis.host_stride;
      if (++index[i - 1] < axis.count) break;
      index[i - 1] = 0;
      device -= axis.count * axis.device_stride;
      host -= axis.count * axis.host_stride;
    }
    if (i == 0) return;
  }
}

// The ways to copy a box.
enum class Route {
  kPitched,  // by the driver, straight
  kPacked,   // by the driver from or to a bounce buffer in the device's order; by the processor
             // between that and the host's
  kSpan,     // out of a device only: all from the first to the last byte into a bounce buffer
  kKernel,   // by a kernel to or from the host's order within the device; between there and the
             // host in one piece
};

// The one that is expected to be fastest, of those that there are.
Route RouteOf(const DeviceBox& box, bool to_host, bool has_kernels = false);
// Within a device a kernel is expected to be faster than the driver's copies.
bool KernelParks(const DeviceBox& box);

// The box in units for a kernel that copies between the device and a place within it where the
// host's bytes from host_begin() on lie: `packed`, aligned to 16 bytes or more.
struct KernelBox {
  kernel::BoxTask task;
  uint64_t unit_bytes = 1;

  // False: more units than a kernel counts.
  static bool Of(const DeviceBox& box, uint64_t device_base, uint64_t packed, bool packs,
                 KernelBox* out);
};

}  // namespace tsnap::cuda
