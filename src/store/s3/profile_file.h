// The shared files of the AWS tools: ~/.aws/credentials and ~/.aws/config, or what
// AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name. Knows their syntax and how they are merged
// (AWS SDKs and Tools Reference Guide, "Shared config and credentials files"), not what their
// settings mean. They hold secrets: messages name lines, never what is in them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"

namespace tsnap::s3 {

using Settings = std::map<std::string, std::string>;  // names in lower case

struct Section {
  Settings values;
  // What is indented below a setting without a value: "s3 =" and then "  endpoint_url = ...".
  std::map<std::string, Settings> nested;

  // "" where it is not set.
  std::string Value(const std::string& name) const;
};

using Sections = std::map<std::string, Section>;

// file: for messages. kInvalid: a line that is no section, no setting, no comment.
Result<Sections> ParseProfileFile(std::string_view text, const std::string& file);

class ProfileFiles {
 public:
  // A file that is missing is an empty one.
  static Result<ProfileFiles> Read();

  // A profile as both files have it; null where neither does. What the credentials file says goes
  // first, and its keys are never mixed with those of the other file.
  const Section* Profile(const std::string& name) const;
  // "[services name]" of the config file.
  const Section* Services(const std::string& name) const;
  // What AWS_PROFILE says, else "default".
  const std::string& name() const { return name_; }
  bool is_named() const { return is_named_; }
  // "/a/credentials (no such file) and /a/config".
  const std::string& where() const { return where_; }

 private:
  Sections profiles_, services_;
  std::string name_, where_;
  bool is_named_ = false;
};

}  // namespace tsnap::s3
