#include "store/http/request_check.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

namespace tsnap::http {

namespace {

bool IsVisible(char c) { return c > ' ' && c < 127; }

// RFC 9110, 5.6.2.
bool IsToken(std::string_view text) {
  constexpr std::string_view kDelimiters = "\"(),/:;<=>?@[\\]{}";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return IsVisible(c) && kDelimiters.find(c) == std::string_view::npos;
  });
}

bool HasOnly(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

// "host", "host:port", "[::1]:port".
bool IsAuthority(std::string_view text) {
  const bool v6 = text.starts_with('[');
  const size_t host_end = v6 ? text.find(']') + 1 : std::min(text.find(':'), text.size());
  if (host_end == 0) return false;
  const std::string_view host = text.substr(0, host_end), rest = text.substr(host_end);
  if (v6 ? host.size() < 4 || !HasOnly(host.substr(1, host.size() - 2), ":.")
         : !HasOnly(host, ".-_"))
    return false;
  if (rest.empty()) return true;
  const std::string_view port = rest.substr(1);
  unsigned value = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
  return rest[0] == ':' && error == std::errc() && end == port.data() + port.size() && value > 0 &&
         value <= 65535;
}

bool IsPath(std::string_view text) {
  return text.starts_with('/') && std::all_of(text.begin(), text.end(), [](char c) {
           return IsVisible(c) && c != '?' && c != '#';
         });
}

bool Equal(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

Status CheckHeader(const Header& header) {
  if (!IsToken(header.name))
    return Invalid("sending a request: the name of a header has characters that no name may have");
  for (const std::string_view own : {"Host", "Content-Length", "Transfer-Encoding", "Expect"}) {
    if (Equal(header.name, own))
      return Invalid(fmt::format("sending a request: the client itself sends the header {}", own));
  }
  const bool clean =
      std::all_of(header.value.begin(), header.value.end(),
                  [](char c) { return c == '\t' || static_cast<unsigned char>(c) >= ' '; }) &&
      header.value.find('\x7f') == std::string::npos;
  if (clean) return Status::Ok();
  return Invalid(fmt::format("sending a request: the value of the header {} has control characters",
                             header.name));
}

}  // namespace

Status CheckRequest(const Request& request) {
  if (!IsToken(request.method)) return Invalid("sending a request: its method is no word");
  if (request.scheme != "http" && request.scheme != "https")
    return Unsupported("sending a request: the endpoint is neither http:// nor https://");
  if (!IsAuthority(request.authority))
    return Invalid(
        "sending a request: the endpoint is not \"host\" or \"host:port\" (a user and a password "
        "do not belong there)");
  if (!IsPath(request.path)) return Invalid("sending a request: its path is not percent-encoded");
  if (request.method == "HEAD" && BodyBytes(request) > 0)
    return Invalid("sending a request: HEAD has no body");
  for (const Header& header : request.headers) TSNAP_TRY(CheckHeader(header));
  return Status::Ok();
}

std::string NameOf(const Request& request) {
  return fmt::format("{} {}://{}{}", request.method, request.scheme, request.authority,
                     request.path);
}

}  // namespace tsnap::http
