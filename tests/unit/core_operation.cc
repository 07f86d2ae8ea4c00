// Operations as they are watched: events, statistics, and what is kept for a trace.
#include <criterion/criterion.h>

#include <string>
#include <thread>
#include <vector>

#include "core/operation.h"

using namespace tsnap;

namespace {

struct Watched {
  std::vector<Event> events;
  Observer observer{[this](const Event& event) { events.push_back(event); }};
  std::unique_ptr<Comm> comm = MakeSelfComm();
};

Status Failure() { return {Code::kIo, "the disk"}; }

}  // namespace

Test(operation, its_events_begin_and_end_in_pairs) {
  Watched watched;
  uint64_t bytes = 0;
  {
    Operation operation(watched.observer, OperationKind::kTake, "mem://x", *watched.comm);
    cr_assert_eq(operation.number(), 1);
    cr_assert(operation.In(Phase::kDescribe, [] { return Status::Ok(); }).ok());
    const Status written = operation.In(
        Phase::kWrite,
        [&] {
          bytes = 50;
          return Failure();
        },
        &bytes);
    cr_assert(written.code() == Code::kIo && written.message() == "the disk");
    operation.Finish(written.code(), 1000);
  }
  const std::vector<Event>& events = watched.events;
  cr_assert_eq(events.size(), 6u);
  const int32_t phases[] = {0, 2, 2, 7, 7, 0};
  const bool ends[] = {false, false, true, false, true, true};
  for (size_t i = 0; i < 6; ++i) {
    cr_assert_eq(events[i].phase, phases[i]);
    cr_assert_eq(events[i].is_end, ends[i]);
    cr_assert_eq(events[i].operation_number, 1);
    cr_assert(events[i].operation == OperationKind::kTake);
    cr_assert_geq(events[i].unix_nanoseconds, events[i == 0 ? 0 : i - 1].unix_nanoseconds);
  }
  cr_assert(events[2].status == Code::kOk && events[4].status == Code::kIo && events[5].status == Code::kIo);
  cr_assert(events[4].bytes == 50 && events[3].bytes == 0);
}

Test(operation, statistics_are_those_of_the_last_that_has_ended) {
  Watched watched;
  cr_assert_eq(watched.observer.last().operation_number, 0);
  Operation first(watched.observer, OperationKind::kTakeAsync, "a", *watched.comm);
  cr_assert_eq(watched.observer.last().operation_number, 0);
  uint64_t bytes = 7;
  for (int i = 0; i < 2; ++i) cr_assert(first.In(Phase::kStage, [] { return Status::Ok(); }, &bytes).ok());
  first.set_plan_reused();
  first.AddBytes(100, 40);
  first.AddBudgetWait(0.5, 30);
  first.Unblock();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  first.Finish(Code::kOk, 12345);
  const Statistics last = watched.observer.last();
  cr_assert(last.operation_number == 1 && last.operation == OperationKind::kTakeAsync && last.status == Code::kOk && last.plan_reused);
  cr_assert(last.bytes == 100 && last.stored_bytes == 40 && last.over_budget_bytes == 30 && last.peak_buffer_bytes == 12345);
  cr_assert(last.budget_wait_seconds == 0.5 && last.seconds >= last.blocked_seconds + 0.02);
  cr_assert_eq(last.phase_bytes[static_cast<int>(Phase::kStage)], 14u);   // of both times
  Operation second(watched.observer, OperationKind::kRestore, "b", *watched.comm);
  second.Finish(Code::kNotFound, 0);
  const Statistics failed = watched.observer.last();
  cr_assert(failed.operation_number == 2 && failed.status == Code::kNotFound && !failed.plan_reused && failed.bytes == 0);
  cr_assert_leq(failed.blocked_seconds, failed.seconds);
}

Test(operation, phases_may_run_on_two_threads) {
  Watched watched;
  Observer silent{nullptr};
  Operation operation(silent, OperationKind::kTakeAsync, "x", *watched.comm);
  uint64_t bytes = 1;
  std::thread other([&] {
    for (int i = 0; i < 2000; ++i) cr_assert(operation.In(Phase::kWrite, [] { return Status::Ok(); }, &bytes).ok());
  });
  for (int i = 0; i < 2000; ++i) cr_assert(operation.In(Phase::kStage, [] { return Status::Ok(); }, &bytes).ok());
  other.join();
  operation.Finish(Code::kOk, 0);
  cr_assert_eq(silent.last().phase_bytes[static_cast<int>(Phase::kStage)], 2000u);
  cr_assert_eq(silent.last().phase_bytes[static_cast<int>(Phase::kWrite)], 2000u);
}

Test(operation, a_trace_gets_spans_and_the_largest_objects) {
  Watched watched;
  {
    Operation before(watched.observer, OperationKind::kTake, "before", *watched.comm);
    cr_assert(!before.wants_names());
    before.Finish(Code::kOk, 0);
  }
  cr_assert(watched.observer.TakeNotes().empty());
  watched.observer.StartTrace();
  Operation operation(watched.observer, OperationKind::kTake, "place", *watched.comm);
  operation.MarkCurrent();
  cr_assert(operation.wants_names());
  std::vector<NamedBytes> objects;
  for (uint64_t i = 0; i < 25; ++i) objects.push_back({std::to_string(i), (i * 7) % 25});
  operation.NameObjects(std::move(objects));
  cr_assert(operation.In(Phase::kIndex, [] { return Failure(); }).code() == Code::kIo);
  operation.AddBytes(5, 4);
  operation.Finish(Code::kIo, 0);
  const std::vector<OperationNote> notes = watched.observer.TakeNotes();
  cr_assert_eq(notes.size(), 1u);
  cr_assert(notes[0].number == 2 && notes[0].url == "place" && notes[0].status == Code::kIo);
  cr_assert(notes[0].bytes == 5 && notes[0].stored_bytes == 4);
  cr_assert_eq(notes[0].largest.size(), kMostNamedObjects);
  for (size_t i = 0; i < kMostNamedObjects; ++i) cr_assert_eq(notes[0].largest[i].bytes, 24 - i);
  const std::vector<Span> spans = watched.observer.timeline()->Take();
  cr_assert_eq(spans.size(), 2u);
  cr_assert(spans[0].activity == Activity::kPhase && spans[0].phase == static_cast<uint8_t>(Phase::kIndex) && spans[0].operation == 2);
  cr_assert(spans[0].status == static_cast<int32_t>(Code::kIo) && spans[1].activity == Activity::kOperation && spans[1].operation == 2);
  cr_assert(spans[1].begin_ns <= spans[0].begin_ns && spans[1].end_ns >= spans[0].end_ns);
}

Test(operation, names_are_those_of_the_public_constants) {
  cr_assert_str_eq(PhaseName(1), "pending");
  cr_assert_str_eq(PhaseName(14), "loaded");
  for (const int32_t none : {-1, 0, 15, 24, INT32_MAX, INT32_MIN}) cr_assert_str_eq(PhaseName(none), "unknown");
  cr_assert_str_eq(OperationName(OperationKind::kTakeAsync), "take_async");
  cr_assert_str_eq(OperationName(static_cast<OperationKind>(9)), "unknown");
}
