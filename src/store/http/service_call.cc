#include "store/http/service_call.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

#include "base/bytes.h"
#include "store/http/retry.h"

namespace tsnap::http {

namespace {

constexpr size_t kMostQuotedBytes = 300;
constexpr size_t kTellingBytes = 8;  // so much of a secret gives some of it away

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

bool Tells(std::string_view text, std::string_view secret) {
  if (secret.size() < kTellingBytes)
    return !secret.empty() && text.find(secret) != std::string_view::npos;
  for (size_t i = 0; i + kTellingBytes <= text.size(); ++i)
    if (secret.find(text.substr(i, kTellingBytes)) != std::string_view::npos) return true;
  return false;
}

}  // namespace

Result<std::shared_ptr<Client>> NearClient::Get() {
  std::lock_guard lock(mutex_);
  if (client_ == nullptr) {
    TSNAP_ASSIGN(client_, make_());
  }
  return client_;
}

Result<Response> AskService(Client& client, const Request& request, std::string_view what,
                            std::span<const std::string> secrets,
                            const std::function<std::string(const std::string&)>& detail) {
  auto answer = client.Perform(request);
  if (!answer.ok()) return std::move(answer).status().While("asking", what);
  if (answer->status == 200) return answer;
  const std::string said = detail ? Quotable(detail(BodyOf(*answer)), secrets) : std::string();
  const Code code = IsWorthRetrying(answer->status) ? Code::kNetwork : Code::kAuth;
  return Status(code, fmt::format("asking {}: it answered {}{}", what, answer->status, said));
}

std::string BodyOf(const Response& answer) { return std::string(AsText(answer.body)); }

Result<Response> AskMetadata(Client& client, const Request& request, std::string_view what) {
  constexpr int kTries = 2;
  for (int i = 1;; ++i) {
    auto answer = AskService(client, request, what, {}, nullptr);
    if (answer.ok() || client.has_answered(request.authority)) return answer;
    const Code code = answer.status().code();
    if (code != Code::kNetwork && code != Code::kTimeout) return answer;
    if (i == kTries)
      return Status(Code::kAuth,
                    fmt::format("asking {}: nobody answers there (on a machine outside "
                                "of such a cloud that is as it should be)",
                                what));
  }
}

std::string Quotable(std::string_view text, std::span<const std::string> secrets) {
  text = text.substr(0, kMostQuotedBytes);
  if (text.empty()) return {};
  for (const std::string& secret : secrets)
    if (Tells(text, secret)) return {};
  std::string quoted = ", \"";
  for (const char c : text) quoted += c >= ' ' && c <= '~' ? c : '?';
  return quoted + '"';
}

bool IsHeaderValue(std::string_view text) {
  return text.size() <= (16 << 10) &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

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
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!offset_seconds || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86400 + hour * 3600 + minute * 60 + second - *offset_seconds;
}

int64_t UnixNow() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace tsnap::http
