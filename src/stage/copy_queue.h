// CopyQueue: copies between the memory of devices and buffers, which go on by themselves while the
// caller does something else. Knows nothing of who makes them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace tsnap {

class DeviceRoom;
struct Mapping;

// Used by one thread at a time. Several memories of several devices may meet in one queue.
class CopyQueue {
 public:
  virtual ~CopyQueue() = default;  // waits for what is under way
  // Begin what the stager's functions of these names do. `out` is filled, and `in` not needed any
  // more, after the Wait for a mark that was set later.
  virtual Status Gather(const Mapping& mapping, uint64_t begin, ByteSpan out) = 0;
  virtual Status Scatter(const Mapping& mapping, uint64_t begin, ConstByteSpan in) = 0;
  // Begin copies within a device, into a room of its, and from there into a buffer.
  virtual Status Park(const Mapping& mapping, uint64_t begin, uint64_t bytes,
                      const DeviceRoom& room, uint64_t offset) = 0;
  virtual Status Fetch(const DeviceRoom& room, uint64_t offset, ByteSpan out) = 0;
  // CRC32C of each block (kBlockBytes, the last one may be short) of contiguous memory of a device,
  // made on it; waits for it. kUnsupported where it cannot.
  virtual Status Checksum(const std::byte* memory, uint64_t bytes,
                          std::span<uint32_t> checksums) = 0;
  // Sets a mark behind everything begun so far. Marks grow.
  virtual Result<uint64_t> Mark() = 0;
  // Waits for what was begun before the mark. After a failure nothing of it is known to be there.
  virtual Status Wait(uint64_t mark) = 0;

  Status WaitForAll() {
    TSNAP_ASSIGN(const uint64_t mark, Mark());
    return Wait(mark);
  }
};

// The queues of one operation: made when they are needed, kept for the next transfer, gone with it.
// Thread-safe.
class CopyQueues {
 public:
  // A queue, and its way back.
  class Lease {
   public:
    Lease(CopyQueues* queues, std::unique_ptr<CopyQueue> queue)
        : queues_(queues), queue_(std::move(queue)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (queue_ != nullptr) queues_->Return(std::move(queue_));
    }
    CopyQueue* operator->() const { return queue_.get(); }
    CopyQueue& operator*() const { return *queue_; }
    // What is under way in it failed: it does not go back.
    void Drop() { queue_.reset(); }

   private:
    CopyQueues* queues_;
    std::unique_ptr<CopyQueue> queue_;
  };

  // make: Stager::MakeQueue or the like.
  template <class Make>
  Result<Lease> Take(Make make) {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        std::unique_ptr<CopyQueue> queue = std::move(free_.back());
        free_.pop_back();
        return Lease(this, std::move(queue));
      }
    }
    TSNAP_ASSIGN(std::unique_ptr<CopyQueue> queue, make());
    return Lease(this, std::move(queue));
  }
  // The memory of what was copied may go from here on, and its device's context with it.
  void Clear() {
    const std::lock_guard lock(mutex_);
    free_.clear();
  }

 private:
  void Return(std::unique_ptr<CopyQueue> queue) noexcept {
    try {
      const std::lock_guard lock(mutex_);
      free_.push_back(std::move(queue));
    } catch (...) {  // no memory to remember it by: the next transfer makes another
    }
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<CopyQueue>> free_;  // guarded by mutex_
};

}  // namespace tsnap
