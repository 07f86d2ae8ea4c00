// Parking: segments of an asynchronous take that wait on their device until they are written. Their
// copies are made within the device, which is over sooner than a copy to the host; from there they
// come, one after the other, through landing buffers that were set aside before.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/slab_writing.h"
#include "stage/buffer_pool.h"
#include "stage/device_room.h"

namespace tsnap {

class Parking {
 public:
  // As many segments as the device has spare memory for, and landing buffers of at most a quarter
  // of the budget. nullptr where there is none of either: then everything is staged on the host.
  static std::shared_ptr<Parking> Plan(SlabWriting& writing,
                                       const std::shared_ptr<BufferPool>& buffers);

  bool holds(size_t number) const { return offsets_[number] != kNowhere; }
  // The copies are under way when it returns, as those of SlabWriting::Stage.
  Status Park(size_t number, Gathering* gathering) {
    return writing_.Park(number, *room_, offsets_[number], gathering);
  }
  // Writes it from where it is, where that can be.
  Status WriteDirect(size_t number, bool* done) {
    return writing_.WriteParked(number, *room_, offsets_[number], done);
  }
  // Brings a parked segment into a landing buffer, which goes back when the segment is written.
  // kCancelled when `stop` is set (and Wake called).
  static Result<StagedSegment> Land(const std::shared_ptr<Parking>& parking, size_t number,
                                    const std::atomic<bool>& stop);
  void Wake();

 private:
  static constexpr uint64_t kNowhere = UINT64_MAX;

  explicit Parking(SlabWriting& writing)
      : writing_(writing), offsets_(writing.segment_count(), kNowhere) {}
  Status Reserve(const std::shared_ptr<BufferPool>& buffers);
  // How much of the room is needed.
  uint64_t Assign(uint64_t spare_bytes);

  SlabWriting& writing_;              // has this
  std::unique_ptr<DeviceRoom> room_;  // as large as what is parked in it
  std::vector<uint64_t> offsets_;     // of the segments, in the room
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::shared_ptr<StagingRoom>> landings_;  // free; guarded by mutex_
};

}  // namespace tsnap
