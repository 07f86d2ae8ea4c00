// One event of a trace as it is read: the members that a report looks at, of whatever type they
// are.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tsnap::cli {

struct TraceValue {
  enum Type : uint8_t { kNone, kText, kInteger, kReal, kOther };
  Type type = kNone;
  bool is_negative = false;  // of an integer
  uint64_t integer = 0;      // its magnitude
  double real = 0;           // of any number
  std::string text;
};

struct TraceEvent {
  enum Member : uint8_t {
    kPh,
    kCat,
    kName,
    kTs,
    kDur,
    kPid,
    kArgs,
    kNumber,  // from here on in args
    kOperation,
    kBytes,
    kStoredBytes,
    kUrl,
    kStatus,
    kObjects,
    kMembers
  };
  std::array<TraceValue, kMembers> members;
  std::vector<std::pair<TraceValue, TraceValue>> objects;  // path, bytes

  const TraceValue& operator[](Member member) const { return members[member]; }
  TraceValue& operator[](Member member) { return members[member]; }
  void Clear() {
    for (TraceValue& value : members) value.type = TraceValue::kNone;
    objects.clear();
  }
};

const char* MemberName(TraceEvent::Member member);
// The member of that name, of the event itself or of its args.
std::optional<TraceEvent::Member> MemberNamed(std::string_view name, bool in_args);

// What a value is, if it is what is wanted; else a Failure that says what it is instead.
[[noreturn]] void RefuseMember(const char* member, const TraceValue& value,
                               const std::string& wanted);
uint64_t Integer(const TraceValue& value, uint64_t most, const char* member);
double Microseconds(const TraceValue& value, const char* member);
std::string Text(const TraceValue& value, size_t most_bytes, const char* member);
uint64_t BytesOr0(const TraceValue& value, const char* member);

}  // namespace tsnap::cli
