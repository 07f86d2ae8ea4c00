#include "core/operation.h"

#include <algorithm>

#include "base/protect.h"

namespace tsnap {

namespace {

constexpr const char* kPhaseNames[] = {"operation", "pending", "describe", "open",  "agree",
                                       "plan",      "stage",   "write",    "index", "sync",
                                       "commit",    "clean",   "resolve",  "read",  "loaded"};

double Seconds(int64_t begin_ns, int64_t end_ns) {
  return static_cast<double>(end_ns - begin_ns) * 1e-9;
}

}  // namespace

const char* OperationName(OperationKind kind) noexcept {
  switch (kind) {
    case OperationKind::kTake:
      return "take";
    case OperationKind::kTakeAsync:
      return "take_async";
    case OperationKind::kRestore:
      return "restore";
  }
  return "unknown";
}

const char* PhaseName(int32_t phase) noexcept {
  if (phase < 1 || phase >= static_cast<int32_t>(std::size(kPhaseNames))) return "unknown";
  return kPhaseNames[phase];
}

void Observer::Finish(const Statistics& statistics, OperationNote note) {
  std::lock_guard lock(mutex_);
  last_ = statistics;
  if (timeline_ != nullptr && notes_.size() < kMostNotes) notes_.push_back(std::move(note));
}

Statistics Observer::last() const {
  std::lock_guard lock(mutex_);
  return last_;
}

std::vector<OperationNote> Observer::TakeNotes() {
  std::lock_guard lock(mutex_);
  return std::exchange(notes_, {});
}

Operation::Operation(Observer& observer, OperationKind kind, const std::string& url,
                     const Comm& comm) noexcept
    : observer_(observer), begin_ns_(UnixNanoseconds()), own_{&comm, comm.waited_seconds()} {
  statistics_.operation = note_.kind = kind;
  statistics_.operation_number = note_.number = observer.NextNumber();
  if (observer.timeline() != nullptr) {
    static_cast<void>(Protect([&] {  // a trace is never worth a failure
      note_.url = url;
      observer.timeline()->NameThisThread(Timeline::kCallsLane);
      return Status::Ok();
    }));
  }
  Begin(0);
}

void Operation::MarkCurrent() {
  if (observer_.timeline() != nullptr)
    observer_.timeline()->BeginOperation(statistics_.operation_number);
}

Event Operation::MakeEvent(int32_t phase) const {
  Event event;
  event.operation_number = statistics_.operation_number;
  event.operation = statistics_.operation;
  event.phase = phase;
  return event;
}

int64_t Operation::Begin(int32_t phase) {
  const int64_t now_ns = UnixNanoseconds();
  Event event = MakeEvent(phase);
  event.unix_nanoseconds = now_ns;
  observer_.Tell(event);
  return now_ns;
}

void Operation::End(Phase phase, int64_t begin_ns, Code status, uint64_t bytes) {
  const int64_t now_ns = UnixNanoseconds();
  {
    std::lock_guard lock(mutex_);
    statistics_.phase_seconds[static_cast<size_t>(phase)] += Seconds(begin_ns, now_ns);
    statistics_.phase_bytes[static_cast<size_t>(phase)] += bytes;
  }
  if (observer_.timeline() != nullptr) {
    Span span;
    span.activity = Activity::kPhase;
    span.phase = static_cast<uint8_t>(phase);
    span.status = static_cast<int32_t>(status);
    span.operation = statistics_.operation_number;
    span.begin_ns = begin_ns;
    span.end_ns = now_ns;
    span.bytes = bytes;
    observer_.timeline()->Add(span);
  }
  Event event = MakeEvent(static_cast<int32_t>(phase));
  event.is_end = true;
  event.status = status;
  event.unix_nanoseconds = now_ns;
  event.seconds = Seconds(begin_ns, now_ns);
  event.bytes = bytes;
  observer_.Tell(event);
}

void Operation::AddBytes(uint64_t bytes, uint64_t stored_bytes) {
  statistics_.bytes += bytes;
  statistics_.stored_bytes += stored_bytes;
}

void Operation::AddBudgetWait(double seconds, uint64_t over_budget_bytes) {
  statistics_.budget_wait_seconds += seconds;
  statistics_.over_budget_bytes += over_budget_bytes;
}

void Operation::NameObjects(std::vector<NamedBytes> objects) {
  const size_t count = std::min(objects.size(), kMostNamedObjects);
  std::partial_sort(objects.begin(), objects.begin() + static_cast<ptrdiff_t>(count), objects.end(),
                    [](const NamedBytes& a, const NamedBytes& b) { return a.bytes > b.bytes; });
  objects.resize(count);
  note_.largest = std::move(objects);
}

void Operation::Unblock() {
  statistics_.blocked_seconds = Seconds(begin_ns_, UnixNanoseconds());
  statistics_.rank_wait_seconds = own_.waited_seconds();
  unblocked_ = true;
}

void Operation::Finish(Code status, uint64_t peak_buffer_bytes) noexcept {
  if (!unblocked_) Unblock();
  const int64_t now_ns = UnixNanoseconds();
  try {
    statistics_.status = note_.status = status;
    statistics_.seconds = Seconds(begin_ns_, now_ns);
    statistics_.peak_buffer_bytes = peak_buffer_bytes;
    statistics_.rank_wait_seconds += twin_.waited_seconds();
    note_.bytes = statistics_.bytes;
    note_.stored_bytes = statistics_.stored_bytes;
    if (observer_.timeline() != nullptr) {
      Span span;
      span.activity = Activity::kOperation;
      span.status = static_cast<int32_t>(status);
      span.operation = statistics_.operation_number;
      span.begin_ns = begin_ns_;
      span.end_ns = now_ns;
      span.bytes = statistics_.bytes;
      observer_.timeline()->Add(span);
    }
    Event event = MakeEvent(0);
    event.is_end = true;
    event.status = status;
    event.unix_nanoseconds = now_ns;
    event.seconds = statistics_.seconds;
    event.bytes = statistics_.bytes;
    observer_.Finish(statistics_, std::move(note_));
    observer_.Tell(event);
  } catch (...) {  // a callback of another language, or no memory for a trace
  }
}

}  // namespace tsnap
