#include "store/http/message.h"

namespace tsnap::http {

namespace {

bool IsUnreserved(unsigned char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string PercentEncode(std::string_view text, bool keep_slashes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsUnreserved(byte) || (keep_slashes && c == '/')) {
      encoded += c;
      continue;
    }
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

std::string PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const bool whole = text[i] == '%' && text.size() - i > 2;
    const int high = whole ? HexValue(text[i + 1]) : -1;
    const int low = whole ? HexValue(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      decoded += text[i];
      continue;
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::string EncodeQuery(const std::vector<Parameter>& query) {
  std::string encoded;
  for (const Parameter& parameter : query) {
    if (!encoded.empty()) encoded += '&';
    encoded += PercentEncode(parameter.name, false);
    encoded += '=';
    encoded += PercentEncode(parameter.value, false);
  }
  return encoded;
}

std::string UrlOf(const Request& request) {
  std::string url = request.scheme + "://" + request.authority + request.path;
  if (!request.query.empty()) url += "?" + EncodeQuery(request.query);
  return url;
}

uint64_t BodyBytes(const Request& request) {
  uint64_t bytes = 0;
  for (const ConstByteSpan part : request.body) bytes += part.size();
  return bytes;
}

}  // namespace tsnap::http
