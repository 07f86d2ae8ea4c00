// Gathering: what a segment has of devices' memory on its way into the segment's buffer. All copies
// are begun first, and go on while those that have arrived are worked on.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"
#include "stage/copy_queue.h"
#include "stage/stager.h"

namespace tsnap {

class Gathering {
 public:
  explicit Gathering(CopyQueues* queues) : queues_(queues) {}
  // Nothing is under way any more when it is gone: the buffer is another's then.
  ~Gathering();
  Gathering(const Gathering&) = delete;
  Gathering& operator=(const Gathering&) = delete;

  // In the order of the buffer; `out` begins at `offset` there.
  Status Begin(Stager* stager, const Mapping& mapping, uint64_t begin, ByteSpan out,
               uint64_t offset);
  // Into a room of the device instead.
  Status Park(Stager* stager, const Mapping& mapping, uint64_t begin, uint64_t bytes,
              const DeviceRoom& room, uint64_t offset);
  // Returns when all that was begun for bytes of the buffer before `end` is there.
  Status Await(uint64_t end);
  Status AwaitAll();
  bool has_begun() const { return queue_.has_value(); }

 private:
  struct Step {
    uint64_t end = 0;  // in the buffer
    uint64_t mark = 0;
  };
  Status TakeQueue(Stager* stager);
  Status SetMark();

  CopyQueues* queues_;
  std::optional<CopyQueues::Lease> queue_;
  std::vector<Step> steps_;  // those before next_ are waited for
  size_t next_ = 0;
  uint64_t unmarked_bytes_ = 0, end_ = 0;
};

}  // namespace tsnap
