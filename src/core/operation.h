// Operation: one take or restore while it is watched: its phases, how long each took and what it
// moved. From that come the event callback, the statistics of the last operation and the trace.
// Knows nothing of what the phases do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/timeline.h"
#include "comm/comm.h"

namespace tsnap {

// The numbers are those of the public TSNAP_OPERATION_ and TSNAP_PHASE_ constants.
enum class OperationKind : int32_t { kTake = 1, kTakeAsync, kRestore };
const char* OperationName(OperationKind kind) noexcept;

enum class Phase : int32_t {
  kPending = 1,
  kDescribe,
  kOpen,
  kAgree,
  kPlan,
  kStage,
  kWrite,
  kIndex,
  kSync,
  kCommit,
  kClean,
  kResolve,
  kRead,
  kLoaded,
};
inline constexpr int32_t kPhaseLimit = 24;
const char* PhaseName(int32_t phase) noexcept;  // "unknown" for a number that is none

struct Event {
  int64_t operation_number = 0;
  OperationKind operation{};
  int32_t phase = 0;  // 0 = the operation as a whole
  bool is_end = false;
  Code status = Code::kOk;
  int64_t unix_nanoseconds = 0;
  double seconds = 0;
  uint64_t bytes = 0;
};
using EventCallback = std::function<void(const Event&)>;

struct Statistics {
  int64_t operation_number = 0;
  OperationKind operation{};
  Code status = Code::kOk;
  bool plan_reused = false;
  double seconds = 0, blocked_seconds = 0, budget_wait_seconds = 0, rank_wait_seconds = 0;
  uint64_t bytes = 0, stored_bytes = 0, over_budget_bytes = 0, peak_buffer_bytes = 0;
  double phase_seconds[kPhaseLimit] = {};
  uint64_t phase_bytes[kPhaseLimit] = {};
};

// An object and its size on this rank, for the trace.
struct NamedBytes {
  std::string path;
  uint64_t bytes = 0;
};
inline constexpr size_t kMostNamedObjects = 10;

// What a trace tells of one operation besides its spans.
struct OperationNote {
  int64_t number = 0;
  OperationKind kind{};
  std::string url;
  Code status = Code::kOk;
  uint64_t bytes = 0, stored_bytes = 0;
  std::vector<NamedBytes> largest;
};

// Of a context: who watches its operations. Thread-safe.
class Observer {
 public:
  explicit Observer(EventCallback event) : event_(std::move(event)) {}

  // From here on spans and notes are kept for a trace.
  void StartTrace() { timeline_ = std::make_shared<Timeline>(); }
  // Null without a trace. Shared with transfers, which may hang in the storage for longer than
  // this.
  const std::shared_ptr<Timeline>& timeline() const { return timeline_; }
  std::vector<OperationNote> TakeNotes();

  int64_t NextNumber() { return ++number_; }  // by the calling thread only
  void Tell(const Event& event) const {
    if (event_) event_(event);
  }
  void Finish(const Statistics& statistics, OperationNote note);
  Statistics last() const;

 private:
  static constexpr size_t kMostNotes = 4096;

  const EventCallback event_;
  std::shared_ptr<Timeline> timeline_;
  int64_t number_ = 0;
  mutable std::mutex mutex_;
  Statistics last_;                   // guarded by mutex_
  std::vector<OperationNote> notes_;  // guarded by mutex_
};

// Phases may run on two threads at once (copying here, writing there), each phase on one.
class Operation {
 public:
  // comm's waiting counts as the operation's until Unblock, twin's from WatchTwin on.
  Operation(Observer& observer, OperationKind kind, const std::string& url,
            const Comm& comm) noexcept;
  void WatchTwin(const Comm& twin) { twin_ = {&twin, twin.waited_seconds()}; }
  // What threads do from here on belongs to it.
  void MarkCurrent();

  // Runs a step as a phase; `bytes` is looked at when it has ended, and may be null.
  template <class Step>
  Status In(Phase phase, Step&& step, const uint64_t* bytes = nullptr) {
    const int64_t begin_ns = Begin(static_cast<int32_t>(phase));
    Status status = std::forward<Step>(step)();
    End(phase, begin_ns, status.code(), bytes == nullptr ? 0 : *bytes);
    return status;
  }

  // Filled by whoever knows.
  void set_plan_reused() { statistics_.plan_reused = true; }
  void AddBytes(uint64_t bytes, uint64_t stored_bytes);
  void AddBudgetWait(double seconds, uint64_t over_budget_bytes);
  // Keeps the largest objects; only when there is a trace.
  void NameObjects(std::vector<NamedBytes> objects);
  bool wants_names() const { return observer_.timeline() != nullptr; }

  // The caller is held no longer.
  void Unblock();
  // It has ended; once.
  void Finish(Code status, uint64_t peak_buffer_bytes) noexcept;

  int64_t number() const { return statistics_.operation_number; }

 private:
  struct WatchedComm {
    const Comm* comm = nullptr;
    double before_seconds = 0;
    double waited_seconds() const { return comm ? comm->waited_seconds() - before_seconds : 0; }
  };

  int64_t Begin(int32_t phase);
  void End(Phase phase, int64_t begin_ns, Code status, uint64_t bytes);
  Event MakeEvent(int32_t phase) const;

  Observer& observer_;
  const int64_t begin_ns_;
  WatchedComm own_, twin_;
  std::mutex mutex_;
  Statistics statistics_;  // its phases are guarded by mutex_
  OperationNote note_;
  bool unblocked_ = false;
};

}  // namespace tsnap
