#include "engine/parking.h"

#include <algorithm>
#include <utility>

#include "base/knobs.h"
#include "base/protect.h"

namespace tsnap {

namespace {

constexpr size_t kMostLandings = 4;
constexpr uint64_t kBudgetPerLandings = 4;

}  // namespace

std::shared_ptr<Parking> Parking::Plan(SlabWriting& writing,
                                       const std::shared_ptr<BufferPool>& buffers) {
  std::shared_ptr<Parking> parking;
  // Whatever goes wrong: nothing is parked.
  const Status planned = Protect([&]() -> Status {
    parking.reset(new Parking(writing));
    return parking->Reserve(buffers);
  });
  if (!planned.ok() || parking->landings_.empty()) return nullptr;
  return parking;
}

Status Parking::Reserve(const std::shared_ptr<BufferPool>& buffers) {
  uint64_t most_bytes = 0;  // of a segment
  for (size_t i = 0; i < writing_.segment_count(); ++i)
    most_bytes = std::max(most_bytes, writing_.StagedBytes(i));
  // The others must find room beside the landing buffers, the largest of them as well.
  const uint64_t most_landing_bytes = buffers->budget_bytes() / kBudgetPerLandings;
  if (most_bytes > most_landing_bytes) return Status::Ok();
  TSNAP_ASSIGN(room_, writing_.MakeRoom());
  if (room_ == nullptr) return Status::Ok();
  const uint64_t parked_bytes = Assign(room_->SpareBytes());
  if (parked_bytes == 0 || !room_->Allocate(parked_bytes)) return Status::Ok();
  uint64_t landing_bytes = 0;
  for (size_t i = 0; i < offsets_.size(); ++i)
    if (holds(i)) landing_bytes = std::max(landing_bytes, writing_.StagedBytes(i));
  const std::atomic<bool> at_once{true};
  double none = 0;
  const size_t count = std::clamp<size_t>(most_landing_bytes / landing_bytes, 1, kMostLandings);
  while (landings_.size() < count) {
    Result<BufferPool::Lease> lease = buffers->Reserve(landing_bytes, at_once, &none);
    if (!lease.ok()) break;
    auto landing = std::make_shared<StagingRoom>(buffers, std::move(lease).value());
    if (!landing->Map().ok()) break;
    landings_.push_back(std::move(landing));
  }
  return Status::Ok();
}

uint64_t Parking::Assign(uint64_t spare_bytes) {
  uint64_t end = 0;
  for (size_t i = 0; i < offsets_.size(); ++i) {
    const uint64_t bytes = AlignUp(writing_.DeviceBytes(i), kExtentAlignment);
    if (bytes == 0 || bytes > spare_bytes - end || !writing_.Fits(i, *room_)) continue;
    offsets_[i] = end;
    end += bytes;
  }
  return end;
}

Result<StagedSegment> Parking::Land(const std::shared_ptr<Parking>& parking, size_t number,
                                    const std::atomic<bool>& stop) {
  std::shared_ptr<StagingRoom> landing;
  {
    std::unique_lock lock(parking->mutex_);
    parking->freed_.wait(lock, [&] { return stop || !parking->landings_.empty(); });
    if (stop) return Status(Code::kCancelled, {});
    landing = std::move(parking->landings_.back());
    parking->landings_.pop_back();
  }
  StagedSegment segment;
  segment.bytes = parking->writing_.StagedBytes(number);
  StagingRoom* room = landing.get();
  segment.room = std::shared_ptr<StagingRoom>(
      room, [parking, landing = std::move(landing)](StagingRoom*) mutable {
        {
          const std::lock_guard lock(parking->mutex_);
          parking->landings_.push_back(std::move(landing));  // it has been there before
        }
        parking->freed_.notify_one();
      });
  TSNAP_TRY(parking->writing_.Fetch(number, *parking->room_, parking->offsets_[number], segment));
  return segment;
}

void Parking::Wake() {
  { const std::lock_guard lock(mutex_); }  // whoever looks at his reason now waits already
  freed_.notify_all();
}

}  // namespace tsnap
