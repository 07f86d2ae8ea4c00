#include "format/native/marker.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "format/native/names.h"

namespace tsnap::native {

namespace {
constexpr std::string_view kBegin = "a take in progress, refreshed every ", kEnd = " seconds";
constexpr std::string_view kOwner = "by ";
constexpr double kMostRefreshSeconds = 3600;
}  // namespace

std::string EncodeMarker(double refresh_seconds, std::string_view owner) {
  std::string text = fmt::format("{}{}{}\n", kBegin, refresh_seconds, kEnd);
  if (!owner.empty()) text += fmt::format("{}{}\n", kOwner, owner);
  return text;
}

std::string MarkerOwner(std::string_view text) {
  const size_t line_end = text.find('\n');
  if (line_end == std::string_view::npos) return {};
  text.remove_prefix(line_end + 1);
  if (!text.starts_with(kOwner) || !text.ends_with('\n')) return {};
  std::string owner(text.substr(kOwner.size(), text.size() - kOwner.size() - 1));
  return IsId(owner) ? owner : std::string();
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
