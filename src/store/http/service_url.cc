#include "store/http/service_url.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace tsnap::http {

namespace {

constexpr size_t kMostUrlBytes = 4096;

Status Malformed(std::string_view what, std::string_view why) {
  return Invalid(
      fmt::format("reading the URL in {}: {}; it must look like https://host/path", what, why));
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

bool IsPort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

// The host of "host", "host:port", "[v6]" and "[v6]:port"; nothing for anything else.
std::optional<std::string> HostOf(std::string_view authority) {
  std::string_view host = authority, port;
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos)
      return std::nullopt;
  } else {
    const size_t colon = authority.find(':');
    host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
    constexpr std::string_view kOfNames =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._";
    if (host.find_first_not_of(kOfNames) != std::string_view::npos) return std::nullopt;
  }
  if (host.empty()) return std::nullopt;
  if (!port.empty() && (port[0] != ':' || !IsPort(port.substr(1)))) return std::nullopt;
  return LowerCase(host);
}

std::vector<Parameter> ParseQuery(std::string_view text) {
  std::vector<Parameter> query;
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    const size_t equals = std::min(pair.find('='), pair.size());
    if (!pair.empty())
      query.push_back({PercentDecode(pair.substr(0, equals)),
                       PercentDecode(pair.substr(std::min(equals + 1, pair.size())))});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return query;
}

// The four numbers of "169.254.170.2", and of nothing that is written in another way.
std::optional<std::array<uint8_t, 4>> Ipv4Of(std::string_view host) {
  std::array<uint8_t, 4> numbers = {};
  for (size_t i = 0; i < 4; ++i) {
    const size_t end = i == 3 ? host.size() : host.find('.');
    if (end == std::string_view::npos || end == 0) return std::nullopt;
    const auto [stop, error] = std::from_chars(host.data(), host.data() + end, numbers[i]);
    if (error != std::errc() || stop != host.data() + end) return std::nullopt;
    host.remove_prefix(std::min(end + 1, host.size()));
  }
  return numbers;
}

}  // namespace

Result<ServiceUrl> ParseServiceUrl(std::string_view text, std::string_view what) {
  if (text.size() > kMostUrlBytes) return Malformed(what, "it is too long");
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || static_cast<signed char>(c) < 0)
      return Malformed(what, "it holds a space, a control character or a letter that is not ASCII");
  const size_t mark = text.find("://");
  ServiceUrl url;
  url.scheme = LowerCase(text.substr(0, std::min(mark, text.size())));
  if (mark == std::string_view::npos || (url.scheme != "http" && url.scheme != "https"))
    return Malformed(what, "it does not begin with https:// or http://");
  std::string_view rest = text.substr(mark + 3);
  rest = rest.substr(0, rest.find('#'));
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  url.authority = rest.substr(0, end);
  if (url.authority.find('@') != std::string::npos) return Malformed(what, "it holds a user name");
  auto host = HostOf(url.authority);
  if (!host) return Malformed(what, "it names no host");
  url.host = *std::move(host);
  rest.remove_prefix(end);
  const size_t question = std::min(rest.find('?'), rest.size());
  url.path = question == 0 ? "/" : std::string(rest.substr(0, question));
  if (question < rest.size()) url.query = ParseQuery(rest.substr(question + 1));
  return url;
}

bool IsLoopback(const ServiceUrl& url) {
  if (url.host == "localhost" || url.host == "::1") return true;
  const auto address = Ipv4Of(url.host);
  return address && (*address)[0] == 127;
}

bool IsLoopback(std::string_view authority) {
  ServiceUrl url;
  if (authority.starts_with('[')) {
    url.host = authority.substr(1, authority.find(']') - 1);
  } else {
    url.host = authority.substr(0, authority.find(':'));
  }
  return IsLoopback(url);
}

bool IsLinkLocal(const ServiceUrl& url) {
  const auto address = Ipv4Of(url.host);
  return address && (*address)[0] == 169 && (*address)[1] == 254;
}

Status CheckKeepsSecrets(const ServiceUrl& url, std::string_view what) {
  if (url.scheme == "https" || IsLoopback(url)) return Status::Ok();
  return Invalid(
      fmt::format("using the URL in {}: a secret would go to {} in clear; it must be an https URL",
                  what, url.host));
}

Request RequestTo(const ServiceUrl& url, std::string method) {
  Request request;
  request.method = std::move(method);
  request.scheme = url.scheme;
  request.authority = url.authority;
  request.path = url.path;
  request.query = url.query;
  return request;
}

}  // namespace tsnap::http
