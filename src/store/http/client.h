// Client: sends requests over connections that are kept. One thread drives them all (libcurl's
// multi interface); callers wait. The only place that knows libcurl. It retries nothing, but for a
// kept connection that the host has closed meanwhile: then the request is sent once more, on a new
// one, although the host may have acted on the first. The answer says so (sent_again): a refusal is
// to be settled as after a lost answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "store/http/message.h"

namespace tsnap::http {

struct ClientOptions {
  double connect_seconds = 10;  // to connect and to agree on TLS
  // Without a byte moved in either direction, once connected. In all a transfer may last ten times
  // as long, and a second more for each KiB that it moves.
  double stall_seconds = 60;
  int most_connections = 64;  // to all hosts; further requests wait for one
  bool use_proxy = true;      // false: whatever the environment says, for hosts beside this machine
  std::string ca_file;        // instead of the system's certificates; "" = the usual environment
                              // (CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR), then the system's
};

class Client {
 public:
  // kInvalid: a certificate file that cannot be read; kNoMemory.
  static Result<std::shared_ptr<Client>> Make(const ClientOptions& options);
  virtual ~Client() = default;

  // Sends one request and waits for the whole answer, whatever its status. Any thread. Proxies come
  // from the environment of when the client was made (https_proxy, HTTPS_PROXY, http_proxy,
  // all_proxy, no_proxy); redirects are not followed. Fails with
  //   kNetwork      no connection, a reset, an answer that is cut short or makes no sense: worth
  //                 another try
  //   kTimeout      the host did not answer in time, or the transfer stalled: worth another try
  //   kAuth         the host's certificate is not trusted; the text says how to name a CA
  //   kCorrupt      the answer is longer than what was asked for
  //   kInvalid, kUnsupported   a request that cannot be sent
  //   kNoMemory
  // Texts name the method, the host and the path, never a header, a query or a body.
  virtual Result<Response> Perform(const Request& request) = 0;
  // The same for several at once, side by side; one outcome for each, in their order. Throws
  // std::bad_alloc where there is no room for the outcomes, before anything is sent.
  virtual std::vector<Result<Response>> PerformAll(std::span<const Request> requests) = 0;
  // Bytes of bodies moved so far in both directions, for those who watch for progress.
  virtual uint64_t moved_bytes() const = 0;
  // Since (steady clock) a byte of a body was last moved or an answer came, or since the beginning;
  // for deadlines. Answers that only ask for another try, and their bodies, do not count; nor does
  // what is sent in the first stall_seconds of a request: its answer will tell.
  virtual double idle_seconds() const = 0;
  // True once any answer came from this authority.
  virtual bool has_answered(const std::string& authority) const = 0;
};

}  // namespace tsnap::http
