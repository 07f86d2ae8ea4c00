// Retry: when a request that failed is sent again. Exponential backoff with full jitter (each delay
// is drawn between nothing and a bound that doubles), Retry-After where the server says so, and a
// deadline that any progress refreshes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"
#include "store/http/client.h"
#include "store/http/message.h"

namespace tsnap::http {

struct RetryPolicy {
  double deadline_seconds = 240;      // without progress of any request of the same client
  double first_contact_seconds = 15;  // for a host that has never answered: it is likely a typo
  double first_delay_seconds = 0.1;
  double most_delay_seconds = 20;
  int most_attempts = 50;
  // Others may get on while this one never does, or small requests while large ones are lost: so
  // often it may be left without an answer, and for so many deadlines in all it waits between
  // tries.
  int most_silences = 3;
  double most_waits = 2;
};

// Whether an answer of this status is worth another try: 408, 425, 429, 500, 502, 503, 504, 509 and
// others of 5xx, but neither 501 nor 505.
bool IsWorthRetrying(int status);
// Whether a failure to get an answer is: kNetwork and kTimeout.
bool IsWorthRetrying(const Status& failure);
// Seconds from a Retry-After header (a number, or an HTTP date); negative when there is none.
double RetryAfterSeconds(const Response& response, int64_t unix_now);

// Between nothing and the bound, another one in every process and each time.
double DrawBelow(double bound);

// The tries of one request.
class Retry {
 public:
  Retry(const RetryPolicy& policy, const Client& client, std::string authority);
  // After a failed try: waits and returns true, or false when it is time to give up. least_seconds:
  // what the server asked for. silent: the try ended because nothing came for too long.
  bool Again(double least_seconds = -1, bool silent = false);
  int tries() const { return tries_; }
  double elapsed_seconds() const;
  // "after 7 tries in 31 s", for messages.
  std::string Describe() const;

 private:
  const RetryPolicy policy_;
  const Client& client_;
  const std::string authority_;
  const std::chrono::steady_clock::time_point begin_;
  int tries_ = 1;
  int silences_ = 0;
  double waited_seconds_ = 0;
};

}  // namespace tsnap::http
