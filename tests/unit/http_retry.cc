// When a failed request is sent again, how long that waits, and when it ends. The client is played
// by the tests: time goes by for real, in milliseconds.
#include <criterion/criterion.h>

#include <chrono>
#include <cmath>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "store/http/retry.h"

using namespace tsnap;
using namespace tsnap::http;

namespace {

class PlayedClient final : public Client {
 public:
  Result<Response> Perform(const Request&) override { return Internal("nothing is sent here"); }
  std::vector<Result<Response>> PerformAll(std::span<const Request>) override { return {}; }
  uint64_t moved_bytes() const override { return 0; }
  double idle_seconds() const override { return idle; }
  bool has_answered(const std::string& authority) const override { return authority == answered; }

  double idle = 1e9;
  std::string answered = "host";
};

RetryPolicy QuickPolicy() {
  return {.deadline_seconds = 30, .first_contact_seconds = 15, .first_delay_seconds = 0, .most_delay_seconds = 0,
          .most_attempts = 1000};
}

int TriesOf(Retry* retry) {
  while (retry->Again()) {
  }
  return retry->tries();
}

Response WithRetryAfter(const std::string& value) {
  Response response;
  response.headers = {{"server", "x"}, {"retry-after", value}};
  return response;
}

}  // namespace

Test(http_retry, statuses_that_pass_are_tried_again_and_no_others) {
  const std::set<int> passing{408, 425, 429, 500, 502, 503, 504, 509};
  for (int status = 100; status < 500; ++status)
    cr_assert_eq(IsWorthRetrying(status), passing.contains(status), "%d", status);
  for (const int status : passing) cr_assert(IsWorthRetrying(status), "%d", status);
  cr_assert(!IsWorthRetrying(501) && !IsWorthRetrying(505));
  cr_assert(IsWorthRetrying(520) && IsWorthRetrying(599) && !IsWorthRetrying(600));
}

Test(http_retry, failures_to_get_an_answer_are_tried_again) {
  for (const Code code : {Code::kNetwork, Code::kTimeout}) cr_assert(IsWorthRetrying(Status(code, "")));
  for (const Code code : {Code::kOk, Code::kAuth, Code::kCorrupt, Code::kInvalid, Code::kUnsupported, Code::kNoMemory,
                          Code::kCancelled})
    cr_assert(!IsWorthRetrying(Status(code, "")));
}

Test(http_retry, retry_after_is_a_number_or_a_date) {
  constexpr int64_t kNow = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
  cr_assert(RetryAfterSeconds(Response(), kNow) < 0);
  cr_assert_eq(RetryAfterSeconds(WithRetryAfter("0"), kNow), 0);
  cr_assert_eq(RetryAfterSeconds(WithRetryAfter("120"), kNow), 120);
  cr_assert_eq(RetryAfterSeconds(WithRetryAfter("Sun, 06 Nov 1994 08:49:40 GMT"), kNow), 3);
  cr_assert_eq(RetryAfterSeconds(WithRetryAfter("Sun, 06 Nov 1994 08:49:00 GMT"), kNow), 0);
  cr_assert_eq(RetryAfterSeconds(WithRetryAfter("Thu, 29 Feb 2024 00:00:00 GMT"), 1709164799), 1);
  cr_assert_eq(RetryAfterSeconds(WithRetryAfter("Fri, 01 Mar 2024 00:00:00 GMT"), 1709164800), 86400);
  for (const char* text : {"", "-1", "soon", "1.5", "12 s", "99999999999999999999999", "Sun, 06 Nov 1994 08:49:37",
                           "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:-9:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"})
    cr_assert(RetryAfterSeconds(WithRetryAfter(text), kNow) < 0, "%s", text);
}

Test(http_retry, tries_are_counted_and_bounded) {
  PlayedClient client;
  RetryPolicy policy = QuickPolicy();
  policy.most_attempts = 7;
  Retry retry(policy, client, "host");
  cr_assert_eq(retry.tries(), 1);
  cr_assert_eq(TriesOf(&retry), 7);
  cr_assert_eq(retry.Describe(), "after 7 tries in 0.0 s", "%s", retry.Describe().c_str());
}

Test(http_retry, without_progress_the_deadline_ends_it) {
  PlayedClient client;
  RetryPolicy policy = QuickPolicy();
  policy.deadline_seconds = 0.05;
  policy.first_delay_seconds = policy.most_delay_seconds = 0.01;
  Retry retry(policy, client, "host");
  const int tries = TriesOf(&retry);
  cr_assert(tries >= 2 && tries < policy.most_attempts, "%d", tries);
  cr_assert(retry.elapsed_seconds() >= 0.05);
}

Test(http_retry, progress_of_the_client_refreshes_the_deadline) {
  PlayedClient client;
  client.idle = 0;
  RetryPolicy policy = QuickPolicy();
  policy.deadline_seconds = 0.02;
  Retry retry(policy, client, "host");
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  cr_assert(retry.Again());
  client.idle = 0.03;
  cr_assert(!retry.Again());
}

Test(http_retry, others_that_get_on_do_not_keep_one_that_never_does) {
  PlayedClient client;
  client.idle = 0;
  RetryPolicy policy = QuickPolicy();
  policy.most_silences = 3;
  Retry silent(policy, client, "host");
  cr_assert(silent.Again(-1, true) && silent.Again() && silent.Again(-1, true));
  cr_assert(!silent.Again(-1, true));
  policy.deadline_seconds = 0.01;
  policy.most_waits = 2;
  Retry refused(policy, client, "host");
  cr_assert(refused.Again(0.009) && refused.Again(0.009));
  refused.Again(0.009);
  cr_assert(!refused.Again(0.009));
}

Test(http_retry, what_was_idle_before_the_request_does_not_count) {
  PlayedClient client;  // idle for ever
  Retry retry(QuickPolicy(), client, "host");
  cr_assert(retry.Again());
}

Test(http_retry, a_host_that_never_answered_is_given_up_early) {
  PlayedClient client;
  client.idle = 0;  // others get on
  RetryPolicy policy = QuickPolicy();
  policy.first_contact_seconds = 0.02;
  Retry known(policy, client, "host"), unknown(policy, client, "tpyo");
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  cr_assert(known.Again());
  cr_assert(!unknown.Again());
  client.answered = "tpyo";
  cr_assert(unknown.Again());
}

Test(http_retry, the_server_decides_how_long_to_wait_at_least) {
  PlayedClient client;
  Retry retry(QuickPolicy(), client, "host");
  cr_assert(retry.Again(0.05));
  cr_assert(retry.elapsed_seconds() >= 0.05);
}

Test(http_retry, a_server_that_wants_more_time_than_there_is_is_not_waited_for) {
  PlayedClient client;
  Retry retry(QuickPolicy(), client, "host");
  cr_assert(!retry.Again(3600));
  cr_assert(retry.elapsed_seconds() < 30);
}

Test(http_retry, delays_are_drawn_from_nothing_to_the_bound) {
  PlayedClient client;
  RetryPolicy policy = QuickPolicy();
  policy.first_delay_seconds = policy.most_delay_seconds = 0.02;
  policy.most_attempts = 41;
  int short_ones = 0, long_ones = 0;
  Retry retry(policy, client, "host");
  for (double before = 0; retry.Again(); before = retry.elapsed_seconds()) {
    const double delay = retry.elapsed_seconds() - before;
    if (delay < 0.01) ++short_ones;
    if (delay >= 0.01) ++long_ones;
  }
  cr_assert(long_ones >= 3, "%d of 40", long_ones);  // a loaded machine only makes them longer
  cr_assert(short_ones >= 1, "%d of 40", short_ones);
}

Test(http_retry, delays_grow_from_try_to_try) {
  PlayedClient client;
  RetryPolicy policy = QuickPolicy();
  policy.first_delay_seconds = 1e-4;
  policy.most_delay_seconds = 0.2;
  policy.most_attempts = 13;  // the last bounds: 50, 100, 200 ms
  Retry retry(policy, client, "host");
  cr_assert_eq(TriesOf(&retry), 13);
  // Twelve draws from bounds that add up to 0.4 s; that all fall below a hundredth is beyond luck.
  cr_assert(retry.elapsed_seconds() >= 0.004, "%f", retry.elapsed_seconds());
}

Test(http_retry, threads_draw_different_delays) {
  std::set<int64_t> delays;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      PlayedClient client;
      RetryPolicy policy = QuickPolicy();
      policy.first_delay_seconds = policy.most_delay_seconds = 0.2;
      Retry retry(policy, client, "host");
      cr_assert(retry.Again());
      std::lock_guard lock(mutex);
      delays.insert(std::llround(retry.elapsed_seconds() * 100));
    });
  }
  for (std::thread& thread : threads) thread.join();
  cr_assert(delays.size() >= 3, "%zu", delays.size());
}
