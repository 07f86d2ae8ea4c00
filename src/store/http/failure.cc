#include "store/http/failure.h"

#include <cstring>

#include <fmt/format.h>

namespace tsnap::http {

namespace {

constexpr std::string_view kCheckEndpoint =
    "check the endpoint, the network and the proxy (https_proxy, no_proxy)";

// libcurl's own text, which has parts that the host chose: one line, and not too long. Texts of
// other codes than these may repeat a proxy's URL with its password.
std::string Cause(const CurlFailure& failure) {
  constexpr size_t kMostBytes = 200;
  switch (failure.code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      break;
    default:
      return curl_easy_strerror(failure.code);
  }
  if (failure.text.empty()) return curl_easy_strerror(failure.code);
  std::string text(failure.text.substr(0, kMostBytes));
  for (char& c : text) {
    if (c < ' ' || c == 127) c = '?';
  }
  return text;
}

Status Network(const CurlFailure& failure, std::string_view what) {
  return {Code::kNetwork, fmt::format("{}: {}", failure.name, what)};
}

Status NotConnected(const CurlFailure& failure) {
  if (failure.os_error == 0)
    return Network(failure, fmt::format("could not connect; {}", kCheckEndpoint));
  char buffer[128] = "";
  const char* why = ::strerror_r(failure.os_error, buffer, sizeof(buffer));  // the GNU variant
  return Network(failure, fmt::format("could not connect: {}; {}", why, kCheckEndpoint));
}

Status ProxyRefused(const CurlFailure& failure) {
  if (failure.proxy_status == 407)
    return {Code::kAuth,
            fmt::format("{}: the proxy wants a user and a password; put them into https_proxy "
                        "(http://user:password@host:port)",
                        failure.name)};
  return Network(failure, fmt::format("the proxy refuses to connect (status {}); {}",
                                      failure.proxy_status, kCheckEndpoint));
}

}  // namespace

Status StatusOf(const CurlFailure& failure) {
  if (failure.proxy_status >= 300) return ProxyRefused(failure);
  switch (failure.code) {
    case CURLE_OUT_OF_MEMORY:
      return Status::NoMemory();
    case CURLE_OPERATION_TIMEDOUT:
      return Timeout(fmt::format("{}: no connection within {:g} s; {}", failure.name,
                                 failure.connect_seconds, kCheckEndpoint));
    case CURLE_COULDNT_RESOLVE_HOST:
      return Network(failure, fmt::format("no address is known for the host; {}", kCheckEndpoint));
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Network(failure,
                     "no address is known for the proxy; check https_proxy, http_proxy and "
                     "all_proxy");
    case CURLE_COULDNT_CONNECT:
      return NotConnected(failure);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return {Code::kAuth,
              fmt::format("{}: the host's certificate is not trusted: {}; name the file of the "
                          "certificate authority in ca_file, TSNAP_CA_FILE or CURL_CA_BUNDLE",
                          failure.name, Cause(failure))};
    case CURLE_SSL_CACERT_BADFILE:
      return Invalid(fmt::format(
          "{}: the file of trusted certificates cannot be used; check ca_file, TSNAP_CA_FILE, "
          "CURL_CA_BUNDLE and SSL_CERT_FILE",
          failure.name));
    case CURLE_URL_MALFORMAT:
      return Invalid(fmt::format("{}: this is no URL; check the endpoint", failure.name));
    case CURLE_PARTIAL_FILE:
      return Network(failure, fmt::format("the answer was cut short after {} bytes of its body",
                                          failure.received_bytes));
    case CURLE_GOT_NOTHING:
      return Network(failure, "the host closed the connection without an answer");
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return Network(failure, fmt::format("the answer is not HTTP; {}", kCheckEndpoint));
    case CURLE_FAILED_INIT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return Internal(fmt::format("{}: {}", failure.name, Cause(failure)));
    default:
      return Network(failure, Cause(failure));
  }
}

}  // namespace tsnap::http
