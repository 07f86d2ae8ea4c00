// Timeline: what the threads of one process did when, for a trace: spans of staging, writing,
// reading and waiting. Bounded; thread-safe. Knows nothing of operations and phases but their
// numbers, and costs nothing where there is none (null).
#pragma once

#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace tsnap {

enum class Activity : uint8_t {
  kOperation,    // a whole one, on the thread that was called
  kPhase,        // of an operation
  kStage,        // copies, compression, checksums
  kWrite,        // in the store
  kRead,         // from the store
  kVerify,       // checksums of what was read, decompression, copies into place
  kWaitRanks,    // for other ranks
  kWaitMemory,   // for a buffer of the budget
  kWaitStaging,  // a transfer waits for its bytes
};

struct Span {
  Activity activity{};
  uint8_t phase = 0;   // of kPhase
  uint16_t lane = 0;   // kCallsLane, kBackgroundLane, or one for each further thread
  int32_t status = 0;  // of kOperation and kPhase: its code
  int64_t operation = 0;
  int64_t begin_ns = 0, end_ns = 0;
  uint64_t bytes = 0;
};

class Timeline {
 public:
  static constexpr uint16_t kCallsLane = 0, kBackgroundLane = 1, kFirstTransferLane = 2;
  static constexpr size_t kMostSpans = size_t{1} << 18;

  // The number that spans get from here on.
  void BeginOperation(int64_t number);
  // This thread is the library's own background thread, or one that makes calls.
  void NameThisThread(uint16_t lane);
  // Fills in the lane, and the operation where it is 0.
  void Add(Span span) noexcept;

  std::vector<Span> Take();  // all so far; the timeline is empty afterwards
  uint64_t dropped() const;  // spans that there was no room for

  // Adds a span that lasts as long as the scope. timeline may be null.
  class Scope {
   public:
    Scope(Timeline* timeline, Activity activity, uint64_t bytes = 0) : timeline_(timeline) {
      if (timeline == nullptr) return;
      span_.activity = activity;
      span_.bytes = bytes;
      span_.begin_ns = UnixNanoseconds();
    }
    ~Scope() {
      if (timeline_ == nullptr) return;
      span_.end_ns = UnixNanoseconds();
      timeline_->Add(span_);
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Timeline* timeline_;
    Span span_;
  };

 private:
  uint16_t LaneOfThisThread();  // mutex_ is held

  struct Named {
    std::thread::id thread;
    uint16_t lane;
  };

  mutable std::mutex mutex_;
  std::vector<Span> spans_;                  // guarded by mutex_
  std::vector<Named> lanes_;                 // guarded by mutex_
  uint16_t next_lane_ = kFirstTransferLane;  // guarded by mutex_
  int64_t operation_ = 0;                    // guarded by mutex_
  uint64_t dropped_ = 0;                     // guarded by mutex_
};

}  // namespace tsnap
