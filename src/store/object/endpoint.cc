#include "store/object/endpoint.h"

#include <algorithm>

#include <fmt/format.h>

namespace tsnap::object {

namespace {

constexpr size_t kMostPrefixBytes = 700;  // S3 takes keys of 1024 bytes; ours need the rest

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
}

bool IsBucketCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool IsPathCharacter(char c) { return c > ' ' && c < 0x7f && c != '?' && c != '#' && c != '"'; }

Status BadPrefix(std::string_view scheme, std::string_view rest, std::string_view why) {
  return Invalid(fmt::format("opening {}://{}: {}", scheme, rest, why));
}

}  // namespace

Result<Endpoint> ParseEndpoint(std::string_view text, std::string_view name) {
  Endpoint endpoint;
  std::string_view rest = text;
  if (const size_t mark = rest.find("://"); mark != std::string_view::npos) {
    endpoint.scheme = rest.substr(0, mark);
    rest.remove_prefix(mark + 3);
  }
  if (const size_t slash = rest.find('/'); slash != std::string_view::npos) {
    endpoint.base_path = rest.substr(slash);
    rest = rest.substr(0, slash);
    while (endpoint.base_path.ends_with('/')) endpoint.base_path.pop_back();
  }
  endpoint.authority = rest;
  const bool good =
      (endpoint.scheme == "http" || endpoint.scheme == "https") && !rest.empty() &&
      std::all_of(rest.begin(), rest.end(), IsHostCharacter) &&
      std::all_of(endpoint.base_path.begin(), endpoint.base_path.end(), IsPathCharacter);
  // Not shown: it may hold a user and a password.
  if (!good)
    return Invalid(fmt::format(
        "{} is no address of a server: write https://host[:port] or http://host[:port]", name));
  return endpoint;
}

Result<BucketAndPrefix> ParsePlace(std::string_view scheme, std::string_view rest) {
  const size_t slash = std::min(rest.find('/'), rest.size());
  BucketAndPrefix place{std::string(rest.substr(0, slash)), ""};
  const std::string& bucket = place.bucket;
  if (bucket.size() < 3 || bucket.size() > 63 ||
      !std::all_of(bucket.begin(), bucket.end(), IsBucketCharacter) || bucket.front() == '.' ||
      bucket.front() == '-' || bucket.find("..") != std::string::npos)
    return BadPrefix(
        scheme, rest,
        fmt::format("\"{}\" is no name of a bucket (3 to 63 of a-z 0-9 . - _)", bucket));
  std::string_view prefix = rest.substr(std::min(slash + 1, rest.size()));
  if (prefix.empty()) return place;
  if (prefix.size() > kMostPrefixBytes)
    return BadPrefix(scheme, rest,
                     fmt::format("the prefix is longer than {} bytes", kMostPrefixBytes));
  for (std::string_view left = prefix; !left.empty();) {
    const size_t end = std::min(left.find('/'), left.size());
    const std::string_view part = left.substr(0, end);
    if (part.empty() || part == "." || part == "..")
      return BadPrefix(scheme, rest, R"(the prefix has an empty part, or one that is "." or "..")");
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  if (std::any_of(prefix.begin(), prefix.end(), [](char c) { return c >= 0 && c < ' '; }))
    return BadPrefix(scheme, rest, "the prefix holds a control character");
  place.prefix = std::string(prefix) + "/";
  return place;
}

}  // namespace tsnap::object
