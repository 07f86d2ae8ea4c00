#include "cli/report/trace_event.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "cli/failure.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

constexpr std::array<const char*, TraceEvent::kMembers> kMemberNames = {
    "ph",     "cat",       "name",  "ts",           "dur", "pid",    "args",
    "number", "operation", "bytes", "stored_bytes", "url", "status", "objects"};
constexpr double kMostMicroseconds = 1e16;  // three centuries
constexpr size_t kMostQuotedBytes = 64;

std::string Quoted(const TraceValue& value) {
  if (value.type == TraceValue::kText)
    return fmt::format("\"{}\"",
                       Printable(std::string_view(value.text).substr(0, kMostQuotedBytes)));
  if (value.type == TraceValue::kInteger)
    return fmt::format("{}{}", value.is_negative ? "-" : "", value.integer);
  if (value.type == TraceValue::kReal) return fmt::format("{}", value.real);
  return "neither a number nor a text";
}

}  // namespace

const char* MemberName(TraceEvent::Member member) { return kMemberNames[member]; }

std::optional<TraceEvent::Member> MemberNamed(std::string_view name, bool in_args) {
  const size_t first = in_args ? TraceEvent::kNumber : 0;
  const size_t end = in_args ? TraceEvent::kMembers : TraceEvent::kNumber;
  for (size_t i = first; i < end; ++i)
    if (name == kMemberNames[i]) return static_cast<TraceEvent::Member>(i);
  return std::nullopt;
}

void RefuseMember(const char* member, const TraceValue& value, const std::string& wanted) {
  if (value.type == TraceValue::kNone)
    throw Failure(kFailed, fmt::format("it has no \"{}\"", member));
  throw Failure(kFailed, fmt::format("\"{}\" is {}, not {}", member, Quoted(value), wanted));
}

// Other tools write back whole numbers as 1e3 or 5.0.
uint64_t Integer(const TraceValue& value, uint64_t most, const char* member) {
  if (value.type == TraceValue::kInteger && !value.is_negative && value.integer <= most)
    return value.integer;
  constexpr double kExact = 9007199254740992.0;
  if (value.type == TraceValue::kReal && value.real >= 0 && value.real <= kExact &&
      value.real == std::floor(value.real) && static_cast<uint64_t>(value.real) <= most)
    return static_cast<uint64_t>(value.real);
  RefuseMember(member, value, fmt::format("a whole number from 0 to {}", most));
}

double Microseconds(const TraceValue& value, const char* member) {
  if ((value.type == TraceValue::kInteger || value.type == TraceValue::kReal) && value.real >= 0 &&
      value.real <= kMostMicroseconds)
    return value.real;
  RefuseMember(member, value, "a number of microseconds");
}

std::string Text(const TraceValue& value, size_t most_bytes, const char* member) {
  if (value.type != TraceValue::kText) RefuseMember(member, value, "a text");
  if (value.text.size() > most_bytes)
    throw Failure(kFailed, fmt::format("\"{}\" has {} bytes; at most {} are believed", member,
                                       value.text.size(), most_bytes));
  return value.text;
}

uint64_t BytesOr0(const TraceValue& value, const char* member) {
  if (value.type == TraceValue::kNone) return 0;
  return Integer(value, std::numeric_limits<int64_t>::max(), member);
}

}  // namespace tsnap::cli
