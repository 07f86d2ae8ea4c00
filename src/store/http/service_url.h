// ServiceUrl: where a credential service is, taken apart from a text that came from a file or the
// environment; and which hosts may be asked without TLS.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/http/message.h"

namespace tsnap::http {

struct ServiceUrl {
  std::string scheme;     // "http" or "https"
  std::string authority;  // "host", "host:port", "[::1]:port"
  std::string host;       // lower case, without brackets and port
  std::string path;       // begins with "/"; as it was written
  std::vector<Parameter> query;
};

// what: whose URL it is, for messages ("AWS_ENDPOINT_URL_STS"). kInvalid: it is no absolute http or
// https URL, or holds a user name, white space or control characters. The text does not repeat it:
// a URL may hold a secret.
Result<ServiceUrl> ParseServiceUrl(std::string_view text, std::string_view what);
// "localhost", 127.0.0.0/8 and ::1.
bool IsLoopback(const ServiceUrl& url);
bool IsLoopback(std::string_view authority);  // "host" or "host:port"
// An IPv4 address of 169.254.0.0/16, where clouds put their metadata services.
bool IsLinkLocal(const ServiceUrl& url);
// kInvalid for http to anywhere but this machine: secrets go there.
Status CheckKeepsSecrets(const ServiceUrl& url, std::string_view what);

// A request to it, without headers and body.
Request RequestTo(const ServiceUrl& url, std::string method);

}  // namespace tsnap::http
