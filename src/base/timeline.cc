#include "base/timeline.h"

#include <utility>

namespace tsnap {

void Timeline::BeginOperation(int64_t number) {
  std::lock_guard lock(mutex_);
  operation_ = number;
}

void Timeline::NameThisThread(uint16_t lane) {
  std::lock_guard lock(mutex_);
  for (Named& named : lanes_) {
    if (named.thread != std::this_thread::get_id()) continue;
    named.lane = lane;
    return;
  }
  lanes_.push_back({std::this_thread::get_id(), lane});
}

uint16_t Timeline::LaneOfThisThread() {
  for (const Named& named : lanes_) {
    if (named.thread == std::this_thread::get_id()) return named.lane;
  }
  lanes_.push_back({std::this_thread::get_id(), next_lane_});
  return next_lane_++;
}

void Timeline::Add(Span span) noexcept {
  std::lock_guard lock(mutex_);
  if (spans_.size() == kMostSpans) {
    ++dropped_;
    return;
  }
  try {
    span.lane = LaneOfThisThread();
    if (span.operation == 0) span.operation = operation_;
    spans_.push_back(span);
  } catch (...) {  // no memory: a trace is never worth a failure
    ++dropped_;
  }
}

std::vector<Span> Timeline::Take() {
  std::lock_guard lock(mutex_);
  return std::exchange(spans_, {});
}

uint64_t Timeline::dropped() const {
  std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace tsnap
