// Scattering: what a buffer has for devices' memory on its way there. The copies of a transfer are
// begun together and waited for once.
#pragma once

#include <optional>

#include "base/protect.h"
#include "base/status.h"
#include "stage/copy_queue.h"
#include "stage/stager.h"

namespace tsnap {

class Scattering {
 public:
  explicit Scattering(CopyQueues* queues) : queues_(queues) {}
  // Nothing is under way any more when it is gone: the buffer is another's then.
  ~Scattering() {
    if (!queue_) return;
    const Status over = Protect([&] { return (*queue_)->WaitForAll(); });
    if (!over.ok()) queue_->Drop();
  }
  Scattering(const Scattering&) = delete;
  Scattering& operator=(const Scattering&) = delete;

  Status Begin(Stager* stager, const Mapping& mapping, uint64_t begin, ConstByteSpan in) {
    if (!queue_) {
      TSNAP_ASSIGN(CopyQueues::Lease queue, queues_->Take([&] { return stager->MakeQueue(); }));
      queue_.emplace(std::move(queue));
    }
    return (*queue_)->Scatter(mapping, begin, in);
  }
  // Returns when everything is there.
  Status AwaitAll() { return queue_ ? (*queue_)->WaitForAll() : Status::Ok(); }

 private:
  CopyQueues* queues_;
  std::optional<CopyQueues::Lease> queue_;
};

}  // namespace tsnap
