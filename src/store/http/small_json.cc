#include "store/http/small_json.h"

#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tsnap::http {

namespace {

// Deeper than any of these texts is; a parser that recursed would be led to the end of its stack.
bool IsTooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if ((c == '{' || c == '[') && ++depth > SmallJson::kMostDepth) return true;
    if (c == '}' || c == ']') --depth;
  }
  return false;
}

}  // namespace

struct SmallJson::Value {
  nlohmann::json json;

  // Null where there is none.
  const nlohmann::json* Find(const char* name) const {
    const auto found = json.find(name);
    return found == json.end() ? nullptr : &*found;
  }
};

Result<SmallJson> SmallJson::Parse(std::string_view text, std::string_view what) {
  const auto corrupt = [&](std::string_view why) {
    return Corrupt(fmt::format("reading {}: {}", what, why));
  };
  if (text.size() > kMostBytes) return corrupt("it is longer than 1 MiB");
  // The parser takes one for the end of the text.
  if (text.find('\0') != std::string_view::npos) return corrupt("it holds a NUL byte");
  if (IsTooDeep(text)) return corrupt("its JSON is nested too deep");
  auto value = std::make_shared<Value>();
  try {
    value->json = nlohmann::json::parse(text, nullptr, false);
  } catch (const nlohmann::json::exception&) {
    return corrupt("it is no JSON");
  }
  if (!value->json.is_object()) return corrupt("it is no JSON object");
  return SmallJson(std::move(value), std::string(what));
}

std::string SmallJson::Text(const char* name) const {
  const nlohmann::json* member = value_->Find(name);
  const auto* text = member == nullptr ? nullptr : member->get_ptr<const std::string*>();
  return text == nullptr ? std::string() : *text;
}

std::optional<int64_t> SmallJson::Integer(const char* name) const {
  const nlohmann::json* member = value_->Find(name);
  if (member == nullptr || !member->is_number_integer()) return std::nullopt;
  if (const auto* large = member->get_ptr<const uint64_t*>();
      large != nullptr && *large > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return std::nullopt;
  return member->get<int64_t>();
}

std::optional<SmallJson> SmallJson::Object(const char* name) const {
  const nlohmann::json* member = value_->Find(name);
  if (member == nullptr || !member->is_object()) return std::nullopt;
  auto value = std::make_shared<Value>();
  value->json = *member;
  return SmallJson(std::move(value), fmt::format("\"{}\" of {}", name, what_));
}

std::vector<std::pair<std::string, std::string>> SmallJson::Texts() const {
  std::vector<std::pair<std::string, std::string>> texts;
  for (auto member = value_->json.begin(); member != value_->json.end(); ++member)
    if (const auto* text = member->get_ptr<const std::string*>())
      texts.emplace_back(member.key(), *text);
  return texts;
}

Result<std::string> SmallJson::Need(const char* name, bool lines) const {
  std::string text = Text(name);
  if (text.empty()) return Corrupt(fmt::format("reading {}: it holds no text \"{}\"", what_, name));
  for (const char c : text) {
    const bool is_line_end = c == '\n' || c == '\r';
    if ((static_cast<unsigned char>(c) < ' ' || c == '\x7f') && !(lines && is_line_end))
      return Corrupt(fmt::format("reading {}: \"{}\" holds a control character", what_, name));
  }
  return text;
}

std::string JsonQuote(std::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace tsnap::http
