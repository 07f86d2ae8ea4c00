// SmallJson: a JSON object of a few members, as credential files and services hand them out. What
// comes in is hostile: size, depth and types are checked, and no message repeats any of it. The
// only header of this kind: nothing else in the stores knows the JSON library.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace tsnap::http {

class SmallJson {
 public:
  static constexpr size_t kMostBytes = 1 << 20;
  static constexpr int kMostDepth = 16;

  // what: for messages ("the answer of the token service"). kCorrupt: no JSON object, or too large
  // or too deep.
  static Result<SmallJson> Parse(std::string_view text, std::string_view what);

  // Of a member that is not there, null, or of another type: "", nothing.
  std::string Text(const char* name) const;
  std::optional<int64_t> Integer(const char* name) const;
  std::optional<SmallJson> Object(const char* name) const;
  // The members of an object that are texts, in no order that means anything.
  std::vector<std::pair<std::string, std::string>> Texts() const;
  // A text that must be there, not empty and without control characters (but for line ends where
  // they are asked for, in a key): kCorrupt.
  Result<std::string> Need(const char* name, bool lines = false) const;

 private:
  struct Value;
  SmallJson(std::shared_ptr<const Value> value, std::string what)
      : value_(std::move(value)), what_(std::move(what)) {}
  std::shared_ptr<const Value> value_;
  std::string what_;
};

// A JSON text with its quotes.
std::string JsonQuote(std::string_view text);

}  // namespace tsnap::http
