// CudaQueue: copies on streams of its own, one for each context whose memory it meets. A copy that
// the driver cannot do well by itself goes through a bounce buffer and is done at once.
#pragma once

#include <memory>
#include <vector>

#include "stage/copy_queue.h"
#include "stage/cuda_context.h"
#include "stage/cuda_copies.h"
#include "stage/cuda_driver.h"

namespace tsnap::cuda {

class CudaQueue final : public CopyQueue {
 public:
  explicit CudaQueue(const Driver& driver);
  ~CudaQueue() override;
  CudaQueue(const CudaQueue&) = delete;
  CudaQueue& operator=(const CudaQueue&) = delete;

  Status Gather(const Mapping& mapping, uint64_t begin, ByteSpan out) override;
  Status Scatter(const Mapping& mapping, uint64_t begin, ConstByteSpan in) override;
  Status Park(const Mapping& mapping, uint64_t begin, uint64_t bytes, const DeviceRoom& room,
              uint64_t offset) override;
  Status Fetch(const DeviceRoom& room, uint64_t offset, ByteSpan out) override;
  Status Checksum(const std::byte* memory, uint64_t bytes, std::span<uint32_t> checksums) override;
  Result<uint64_t> Mark() override;
  Status Wait(uint64_t mark) override;

 private:
  struct Lane;
  struct Marked {
    Lane* lane;
    Event event;
  };
  // Where a box is copied. Its offsets count from the bases; those of the host from that of the
  // room where that is the other end.
  enum class Way { kToHost, kToDevice, kToRoom };
  struct Ends {
    Way way;
    std::byte* host_base;
    DeviceAddress device_base;
    DeviceAddress room_base = 0;
  };

  Result<Lane*> LaneFor(const void* pointer);
  Status Copy(Lane* lane, const Ends& ends, const DeviceBox& box);
  Status Begin(Lane* lane, const Ends& ends, const DeviceBox& box);
  Status BeginOne(Lane* lane, const Ends& ends, const PitchedShape& shape, int64_t device_offset,
                  int64_t host_offset);
  Status BeginRows(Lane* lane, Way way, const PitchedShape& shape, DeviceAddress device,
                   std::byte* host, DeviceAddress room);
  Status CopyByKernel(Lane* lane, const Ends& ends, const DeviceBox& box, bool* done);
  Status ParkByKernel(Lane* lane, const Ends& ends, const DeviceBox& box, bool* done);
  // Not done where the driver has no memory to start a kernel: there are other ways.
  Status CopyUnits(Lane* lane, const KernelBox& kernel, bool* done);
  Status CopyThroughBounce(Lane* lane, const Ends& ends, const DeviceBox& box, Route route);
  Status Reorder(Lane* lane, const Ends& ends, const DeviceBox& box, Route route);
  Status WaitForLane(Lane* lane);

  const Driver& driver_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<Marked> marked_;  // in order
  uint64_t forgotten_ = 0;      // marks before these, waited for
};

}  // namespace tsnap::cuda
