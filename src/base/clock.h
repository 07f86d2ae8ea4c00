// The time of day, as numbers. It may be set back and forth: deadlines are for the steady clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace tsnap {

// Nanoseconds since 1970, for what is compared between ranks.
inline int64_t UnixNanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}
// Seconds since 1970, for what is compared with files, records and servers.
inline int64_t UnixSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace tsnap
