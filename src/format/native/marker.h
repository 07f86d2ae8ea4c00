// The marker of a take in progress: one line that says how often the take refreshes it, so that
// whoever collects garbage knows when it is dead. The file's time says when that last happened.
#pragma once

#include <string>
#include <string_view>

namespace tsnap::native {

inline constexpr size_t kMaxMarkerBytes = 4096;

std::string EncodeMarker(double refresh_seconds);
// 0 for a text that does not say it; never more than an hour.
double MarkerRefreshSeconds(std::string_view text);

}  // namespace tsnap::native
