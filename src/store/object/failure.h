// Failure: what the answers of a service that are not 2xx mean: whether another try helps, and
// which of our codes and sentences tells the user what to do. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace tsnap::object {

struct Answer;

// The credentials have expired, or were taken back.
bool IsAboutCredentials(const Answer& answer);
// The server finds that the request comes from another time.
bool IsAboutClock(const Answer& answer);
// The body did not arrive as it was sent.
bool IsDamage(const Answer& answer);
// There is no room left.
bool IsFull(const Answer& answer);
// It may pass, though the status alone does not say so.
bool IsTransient(const Answer& answer);
// The region that the bucket is in, when the server says that it is another one; else "".
std::string RegionOf(const Answer& answer);

struct FailedCall {
  std::string_view service;
  std::string action, url, bucket, authority;
  std::string credentials;  // where they come from
};
Status Explain(const FailedCall& call, const Answer& answer);

}  // namespace tsnap::object
