#include "format/native/marker.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace tsnap::native {

namespace {
constexpr std::string_view kBegin = "a take in progress, refreshed every ", kEnd = " seconds";
constexpr double kMostRefreshSeconds = 3600;
}  // namespace

std::string EncodeMarker(double refresh_seconds) {
  return fmt::format("{}{}{}\n", kBegin, refresh_seconds, kEnd);
}

double MarkerRefreshSeconds(std::string_view text) {
  if (!text.starts_with(kBegin)) return 0;
  text.remove_prefix(kBegin.size());
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error != std::errc() || !rest.starts_with(kEnd) || !std::isfinite(seconds) || seconds < 0)
    return 0;
  return std::min(seconds, kMostRefreshSeconds);
}

}  // namespace tsnap::native
