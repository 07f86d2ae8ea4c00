// The timeline of a trace: bounded, a lane for each thread, numbers of operations, and nothing where there is none.
#include <criterion/criterion.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "base/timeline.h"

using namespace tsnap;

namespace {

Span Of(Activity activity, int64_t operation = 0) {
  Span span;
  span.activity = activity;
  span.operation = operation;
  return span;
}

}  // namespace

Test(timeline, spans_get_the_lane_of_their_thread) {
  Timeline timeline;
  timeline.NameThisThread(Timeline::kCallsLane);
  timeline.Add(Of(Activity::kStage));
  std::atomic<int> turn = 0;
  std::vector<std::thread> threads;   // all live until the last has added, for an id may come again
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      for (int now = turn; now != i; now = turn) turn.wait(now);
      if (i == 0) timeline.NameThisThread(Timeline::kBackgroundLane);
      timeline.Add(Of(Activity::kWrite));
      timeline.Add(Of(Activity::kRead));
      ++turn;
      turn.notify_all();
      for (int now = turn; now != 3; now = turn) turn.wait(now);
    });
  }
  for (std::thread& thread : threads) thread.join();
  timeline.Add(Of(Activity::kVerify));
  const std::vector<Span> spans = timeline.Take();
  cr_assert_eq(spans.size(), 8u);
  cr_assert(spans[0].lane == Timeline::kCallsLane && spans[7].lane == Timeline::kCallsLane);
  cr_assert(spans[1].lane == Timeline::kBackgroundLane && spans[2].lane == Timeline::kBackgroundLane);
  for (const size_t i : {3, 4, 5, 6}) cr_assert(spans[i].lane >= Timeline::kFirstTransferLane);
  cr_assert(spans[3].lane == spans[4].lane && spans[5].lane == spans[6].lane);
  cr_assert(timeline.Take().empty());
}

Test(timeline, a_thread_may_be_named_anew) {
  Timeline timeline;
  timeline.Add(Of(Activity::kStage));
  timeline.NameThisThread(Timeline::kBackgroundLane);
  timeline.Add(Of(Activity::kStage));
  timeline.NameThisThread(Timeline::kCallsLane);
  timeline.Add(Of(Activity::kStage));
  const std::vector<Span> spans = timeline.Take();
  cr_assert_eq(spans[0].lane, Timeline::kFirstTransferLane);
  cr_assert_eq(spans[1].lane, Timeline::kBackgroundLane);
  cr_assert_eq(spans[2].lane, Timeline::kCallsLane);
}

Test(timeline, spans_belong_to_the_operation_that_goes_on) {
  Timeline timeline;
  timeline.Add(Of(Activity::kStage));
  timeline.BeginOperation(5);
  timeline.Add(Of(Activity::kStage));
  timeline.Add(Of(Activity::kStage, 3));   // it says so itself
  timeline.BeginOperation(6);
  timeline.Add(Of(Activity::kStage));
  const std::vector<Span> spans = timeline.Take();
  const int64_t expected[] = {0, 5, 3, 6};
  for (size_t i = 0; i < 4; ++i) cr_assert_eq(spans[i].operation, expected[i]);
}

Test(timeline, what_does_not_fit_is_counted) {
  Timeline timeline;
  for (size_t i = 0; i < Timeline::kMostSpans + 10; ++i) timeline.Add(Of(Activity::kStage));
  cr_assert_eq(timeline.dropped(), 10u);
  cr_assert_eq(timeline.Take().size(), Timeline::kMostSpans);
  timeline.Add(Of(Activity::kStage));   // there is room again
  cr_assert_eq(timeline.Take().size(), 1u);
  cr_assert_eq(timeline.dropped(), 10u);
}

Test(timeline, scopes_last_as_long_as_their_block) {
  Timeline timeline;
  const int64_t before = UnixNanoseconds();
  {
    const Timeline::Scope span(&timeline, Activity::kWrite, 77);
    const Timeline::Scope nothing(nullptr, Activity::kWrite, 77);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const std::vector<Span> spans = timeline.Take();
  cr_assert_eq(spans.size(), 1u);
  cr_assert(spans[0].activity == Activity::kWrite && spans[0].bytes == 77);
  cr_assert(spans[0].begin_ns >= before && spans[0].end_ns >= spans[0].begin_ns + 2000000 && spans[0].end_ns <= UnixNanoseconds());
}

Test(timeline, many_threads_lose_nothing) {
  Timeline timeline;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) const Timeline::Scope span(&timeline, Activity::kStage, 1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<uint16_t> lanes;
  const std::vector<Span> spans = timeline.Take();
  for (const Span& span : spans) lanes.insert(span.lane);
  cr_assert_eq(spans.size(), 8000u);
  cr_assert_leq(lanes.size(), 8u);
}
