// One HTTP request and its answer, as plain values. Knows nothing of who sends them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace tsnap::http {

struct Header {
  std::string name, value;
};

struct Parameter {
  std::string name, value;  // not encoded
};

struct Request {
  std::string method;      // "GET", "PUT", ...
  std::string scheme;      // "http" or "https"
  std::string authority;   // "host" or "host:port"; what the Host header says
  std::string path = "/";  // percent-encoded
  std::vector<Parameter> query;
  std::vector<Header> headers;  // without Host and Content-Length
  // One after the other; borrowed until the answer is there.
  std::vector<ConstByteSpan> body;
  // Where the body of an answer of status 200 to 299 goes, when it is not empty: the answer then
  // has at most so many bytes. Other bodies are Response::body.
  ByteSpan into;
  // Of Response::body. What the text of an error has beyond this (and beyond 64 KiB) is cut.
  // How long its answer may take, where that is longer than the client's stall_seconds.
  double patience_seconds = 0;
  // Never sent a second time by the client itself, which it does where a kept connection turns out
  // to be dead: it then takes a fresh one.
  bool once = false;
  uint64_t most_body_bytes = uint64_t{1} << 20;
};

struct Response {
  int status = 0;
  std::vector<Header> headers;  // names in lower case
  Bytes body;
  uint64_t into_bytes = 0;  // how much of Request::into was filled
  // The body was sent twice, since the first connection broke: the host may have acted on both.
  bool sent_again = false;

  // The value of the first header of that (lower-case) name; "" when there is none.
  std::string_view header(std::string_view name) const {
    for (const Header& header : headers) {
      if (header.name == name) return header.value;
    }
    return {};
  }
};

// Every byte but the unreserved ones of RFC 3986 as %XX (upper case); "/" stays where asked for.
std::string PercentEncode(std::string_view text, bool keep_slashes);
// kInvalid is never returned: what is no escape stays as it is.
std::string PercentDecode(std::string_view text);
// "a=1&b=" with names and values encoded, in the order given.
std::string EncodeQuery(const std::vector<Parameter>& query);
// scheme://authority/path?query
std::string UrlOf(const Request& request);
uint64_t BodyBytes(const Request& request);

}  // namespace tsnap::http
