#include "store/s3/profile_file.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "store/http/small_file.h"

namespace tsnap::s3 {

namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr const char* kKeys[] = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"};

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

// A comment begins with # or ; after a blank, where a value is before it.
std::string_view WithoutComment(std::string_view value) {
  for (size_t i = 0; i < value.size(); ++i) {
    const bool after_blank = i == 0 || value[i - 1] == ' ' || value[i - 1] == '\t';
    if (after_blank && (value[i] == '#' || value[i] == ';')) return value.substr(0, i);
  }
  return value;
}

// "profile  'a b'" -> "profile a b": one blank, no quotes. What is in quotes is kept as it is.
std::string SectionName(std::string_view text) {
  std::string name;
  text = Trim(text);
  const size_t blank = std::min(text.find_first_of(" \t"), text.size());
  std::string_view rest = Trim(text.substr(blank));
  if (rest.size() > 1 && (rest.front() == '"' || rest.front() == '\'') &&
      rest.back() == rest.front())
    rest = rest.substr(1, rest.size() - 2);
  name = text.substr(0, blank);
  if (!rest.empty()) name.append(" ").append(rest);
  return name;
}

class ProfileParser {
 public:
  explicit ProfileParser(const std::string& file) : file_(file) {}

  Status Line(std::string_view line) {
    ++number_;
    if (line.find('\0') != std::string_view::npos) return Malformed("it holds a NUL byte");
    const bool indented = !line.empty() && (line[0] == ' ' || line[0] == '\t');
    const std::string_view text = Trim(line);
    if (text.empty() || text[0] == '#' || text[0] == ';') return Status::Ok();
    if (text[0] == '[' && !indented) return Head(text);
    if (section_ == nullptr) return Malformed("it stands before the first [section]");
    if (indented && !setting_.empty()) return Below(text);
    return Setting(text);
  }

  Sections Take() && { return std::move(sections_); }

 private:
  Status Malformed(std::string_view why) const {
    return Invalid(fmt::format("reading {}, line {}: {}; correct the file", file_, number_, why));
  }

  Status Head(std::string_view text) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return Malformed("a [section] does not end");
    section_ = &sections_[SectionName(text.substr(1, end - 1))];
    setting_.clear();
    return Status::Ok();
  }

  Status Setting(std::string_view text) {
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return Malformed("it is neither a [section] nor a setting such as name = value");
    setting_ = LowerCase(Trim(text.substr(0, equals)));
    section_->values[setting_] = Trim(WithoutComment(text.substr(equals + 1)));
    return Status::Ok();
  }

  // The lines that continue a value are of no setting that matters here.
  Status Below(std::string_view text) {
    const size_t equals = text.find('=');
    if (!section_->values[setting_].empty() || equals == std::string_view::npos)
      return Status::Ok();
    section_->nested[setting_][LowerCase(Trim(text.substr(0, equals)))] =
        Trim(WithoutComment(text.substr(equals + 1)));
    return Status::Ok();
  }

  const std::string& file_;
  size_t number_ = 0;
  Sections sections_;
  Section* section_ = nullptr;
  std::string setting_;  // the last one of the section
};

// Where a file is, and what is in it; the place is told, with what is wrong with it.
Result<Sections> ReadOne(const char* variable, const char* below_home, std::string* where) {
  std::string path = http::ExpandHome(http::Environment(variable));
  if (path.empty()) path = http::HomePath(below_home);
  if (!where->empty()) *where += " and ";
  if (path.empty()) {
    *where += fmt::format("~/{} (HOME is not set)", below_home);
    return Sections();
  }
  *where += path;
  auto text = http::ReadSmallFile(path, "the shared file");
  if (text.ok()) return ParseProfileFile(*text, path);
  if (text.status().code() != Code::kNotFound) return std::move(text).status();
  *where += " (no such file)";
  return Sections();
}

}  // namespace

std::string Section::Value(const std::string& name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::string() : found->second;
}

Result<Sections> ParseProfileFile(std::string_view text, const std::string& file) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  ProfileParser parser(file);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    TSNAP_TRY(parser.Line(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(parser).Take();
}

Result<ProfileFiles> ProfileFiles::Read() {
  ProfileFiles files;
  files.name_ = http::Environment("AWS_PROFILE");
  files.is_named_ = !files.name_.empty();
  if (!files.is_named_) files.name_ = "default";
  TSNAP_ASSIGN(Sections of_credentials,
               ReadOne("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", &files.where_));
  TSNAP_ASSIGN(Sections of_config, ReadOne("AWS_CONFIG_FILE", ".aws/config", &files.where_));
  // "[profile default]" goes before "[default]": it comes later in the order of names.
  for (auto& [name, section] : of_config) {
    if (name == "default") files.profiles_[name] = std::move(section);
    if (name.starts_with("profile ")) files.profiles_[name.substr(8)] = std::move(section);
    if (name.starts_with("services ")) files.services_[name.substr(9)] = std::move(section);
  }
  for (auto& [name, section] : of_credentials) {
    Section& merged = files.profiles_[name];
    const bool has_keys = section.values.contains(kKeys[0]) || section.values.contains(kKeys[1]);
    for (const char* key : kKeys)
      if (has_keys) merged.values.erase(key);
    for (auto& [setting, value] : section.values) merged.values[setting] = std::move(value);
    for (auto& [setting, below] : section.nested) merged.nested[setting] = std::move(below);
  }
  return files;
}

const Section* ProfileFiles::Profile(const std::string& name) const {
  const auto found = profiles_.find(name);
  return found == profiles_.end() ? nullptr : &found->second;
}

const Section* ProfileFiles::Services(const std::string& name) const {
  const auto found = services_.find(name);
  return found == services_.end() ? nullptr : &found->second;
}

}  // namespace tsnap::s3
