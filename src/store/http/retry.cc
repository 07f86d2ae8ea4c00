#include "store/http/retry.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>
#include <string_view>
#include <thread>

#include <fmt/format.h>

#include "store/http/time_text.h"

namespace tsnap::http {

namespace {

using Clock = std::chrono::steady_clock;

// Ranks that fail at the same moment must not come back at the same moment, so the seed is taken
// from the system's entropy; the clock and the place of the thread's own memory do where there is
// none.
uint64_t Seed() {
  uint64_t seed = 0;
  if (::getentropy(&seed, sizeof(seed)) == 0) return seed;
  return static_cast<uint64_t>(Clock::now().time_since_epoch().count()) ^
         (static_cast<uint64_t>(::getpid()) << 32) ^ reinterpret_cast<uintptr_t>(&seed);
}

// Reads a number of exactly text.size() digits; -1 when it is none.
int64_t Number(std::string_view text) {
  int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0 ? value : -1;
}

}  // namespace

double DrawBelow(double bound) {
  thread_local std::minstd_rand generator(static_cast<std::minstd_rand::result_type>(Seed()));
  return std::uniform_real_distribution<double>(0, bound)(generator);
}

bool IsWorthRetrying(int status) {
  if (status == 408 || status == 425 || status == 429) return true;
  return status >= 500 && status <= 599 && status != 501 && status != 505;
}

bool IsWorthRetrying(const Status& failure) {
  return failure.code() == Code::kNetwork || failure.code() == Code::kTimeout;
}

double RetryAfterSeconds(const Response& response, int64_t unix_now) {
  const std::string_view value = response.header("retry-after");
  if (value.empty()) return -1;
  if (const int64_t seconds = Number(value); seconds >= 0) return static_cast<double>(seconds);
  const std::optional<int64_t> when = ParseHttpTime(value);
  if (!when) return -1;  // an obsolete form is not worth its code: the jitter decides alone
  return static_cast<double>(std::max<int64_t>(0, *when - unix_now));
}

Retry::Retry(const RetryPolicy& policy, const Client& client, std::string authority)
    : policy_(policy), client_(client), authority_(std::move(authority)), begin_(Clock::now()) {}

bool Retry::Again(double least_seconds, bool silent) {
  if (tries_ >= policy_.most_attempts) return false;
  if (silent && ++silences_ >= policy_.most_silences) return false;
  if (waited_seconds_ >= policy_.most_waits * policy_.deadline_seconds) return false;
  // How long nothing has got on: what moved before this request began says nothing about it.
  double left = policy_.deadline_seconds - std::min(elapsed_seconds(), client_.idle_seconds());
  if (!client_.has_answered(authority_))
    left = std::min(left, policy_.first_contact_seconds - elapsed_seconds());
  // A server that wants to be left alone for longer than that is not asked again.
  if (left <= 0 || least_seconds > left) return false;

  const double bound = std::min(policy_.most_delay_seconds,
                                policy_.first_delay_seconds * std::ldexp(1.0, tries_ - 1));
  // Whoever is told the same second does not come back at the same second.
  const double delay = std::min(left, std::max(0.0, least_seconds) + DrawBelow(bound));
  std::this_thread::sleep_until(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                   std::chrono::duration<double>(delay)));
  waited_seconds_ += delay;
  ++tries_;
  return true;
}

double Retry::elapsed_seconds() const {
  return std::chrono::duration<double>(Clock::now() - begin_).count();
}

std::string Retry::Describe() const {
  const double seconds = elapsed_seconds();
  return fmt::format("after {} {} in {:.{}f} s", tries_, tries_ == 1 ? "try" : "tries", seconds,
                     seconds < 10 ? 1 : 0);
}

}  // namespace tsnap::http
