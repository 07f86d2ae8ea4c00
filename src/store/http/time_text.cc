#include "store/http/time_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace tsnap::http {

namespace {

// Reads digits at a place of a text; false when there are none, or others beside them.
bool Digits(std::string_view text, size_t at, size_t count, int* value) {
  if (at + count > text.size()) return false;
  const std::string_view digits = text.substr(at, count);
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) return false;
  std::from_chars(digits.data(), digits.data() + digits.size(), *value);
  return true;
}

// Seconds that "Z", "+01:00" or "-0800" stand for; nothing for anything else.
std::optional<int> OffsetSeconds(std::string_view zone) {
  if (zone == "Z" || zone == "z") return 0;
  int hours = 0, minutes = 0;
  const bool colon = zone.size() == 6 && zone[3] == ':';
  if ((!colon && zone.size() != 5) || (zone[0] != '+' && zone[0] != '-') ||
      !Digits(zone, 1, 2, &hours) || !Digits(zone, colon ? 4 : 3, 2, &minutes) || minutes > 59)
    return std::nullopt;
  return (zone[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

std::optional<int64_t> UnixTimeOf(int year, int month, int day, int hour, int minute, int second) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86400 + hour * 3600 + minute * 60 + second;
}

}  // namespace

std::optional<int64_t> ParseUtcTime(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (text.size() < 20 || text.size() > 40 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':' ||
      !Digits(text, 0, 4, &year) || !Digits(text, 5, 2, &month) || !Digits(text, 8, 2, &day) ||
      !Digits(text, 11, 2, &hour) || !Digits(text, 14, 2, &minute) || !Digits(text, 17, 2, &second))
    return std::nullopt;
  std::string_view zone = text.substr(19);
  if (zone[0] == '.')
    zone.remove_prefix(std::min(zone.find_first_not_of("0123456789", 1), zone.size()));
  const std::optional<int> offset_seconds = OffsetSeconds(zone);
  const std::optional<int64_t> utc = UnixTimeOf(year, month, day, hour, minute, second);
  if (!utc || !offset_seconds) return std::nullopt;
  return *utc - *offset_seconds;
}

std::optional<int64_t> ParseHttpTime(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  int year = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT" ||
      text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':' ||
      !Digits(text, 5, 2, &day) || !Digits(text, 12, 4, &year) || !Digits(text, 17, 2, &hour) ||
      !Digits(text, 20, 2, &minute) || !Digits(text, 23, 2, &second) || year < 1970)
    return std::nullopt;
  const auto* const month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  return UnixTimeOf(year, static_cast<int>(month - kMonths.begin()) + 1, day, hour, minute, second);
}

}  // namespace tsnap::http
