#include "engine/gathering.h"

#include <algorithm>
#include <utility>

#include "base/protect.h"

namespace tsnap {

namespace {

// What one mark stands for: checksums of so much are made while the next so much is copied. A copy
// of that size keeps a bus busy for far longer than a mark costs.
constexpr uint64_t kStepBytes = 1 << 20;

}  // namespace

Gathering::~Gathering() {
  if (!queue_) return;
  const Status over = Protect([&] { return AwaitAll(); });
  if (!over.ok()) queue_->Drop();
}

Status Gathering::Begin(Stager* stager, const Mapping& mapping, uint64_t begin, ByteSpan out,
                        uint64_t offset) {
  TSNAP_TRY(TakeQueue(stager));
  for (uint64_t done = 0; done < out.size();) {
    const uint64_t bytes = std::min<uint64_t>(kStepBytes - unmarked_bytes_, out.size() - done);
    TSNAP_TRY((*queue_)->Gather(mapping, begin + done, out.subspan(done, bytes)));
    done += bytes;
    unmarked_bytes_ += bytes;
    end_ = offset + done;
    if (unmarked_bytes_ == kStepBytes) TSNAP_TRY(SetMark());
  }
  return Status::Ok();
}

Status Gathering::Park(Stager* stager, const Mapping& mapping, uint64_t begin, uint64_t bytes,
                       const DeviceRoom& room, uint64_t offset) {
  TSNAP_TRY(TakeQueue(stager));
  return (*queue_)->Park(mapping, begin, bytes, room, offset);
}

Status Gathering::TakeQueue(Stager* stager) {
  if (queue_) return Status::Ok();
  TSNAP_ASSIGN(CopyQueues::Lease queue, queues_->Take([&] { return stager->MakeQueue(); }));
  queue_.emplace(std::move(queue));
  return Status::Ok();
}

Status Gathering::SetMark() {
  TSNAP_ASSIGN(const uint64_t mark, (*queue_)->Mark());
  steps_.push_back({end_, mark});
  unmarked_bytes_ = 0;
  return Status::Ok();
}

Status Gathering::Await(uint64_t end) {
  if (!queue_) return Status::Ok();
  if (unmarked_bytes_ > 0) TSNAP_TRY(SetMark());
  const uint64_t begun = std::min(end, end_);
  while (next_ < steps_.size() && (next_ == 0 || steps_[next_ - 1].end < begun))
    TSNAP_TRY((*queue_)->Wait(steps_[next_++].mark));
  return Status::Ok();
}

Status Gathering::AwaitAll() {
  if (!queue_) return Status::Ok();
  unmarked_bytes_ = 0;
  next_ = steps_.size();
  return (*queue_)->WaitForAll();
}

}  // namespace tsnap
