// Asking a credential service, and judging what it says: which answers are worth another try, and
// what of an answer may stand in a message. Shared by the credentials of all object stores.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "store/http/client.h"
#include "store/http/message.h"

namespace tsnap::http {

// The client for what is beside this machine, made when it is asked for. Any thread.
class NearClient {
 public:
  explicit NearClient(std::function<Result<std::shared_ptr<Client>>()> make)
      : make_(std::move(make)) {}
  Result<std::shared_ptr<Client>> Get();

 private:
  const std::function<Result<std::shared_ptr<Client>>()> make_;
  std::mutex mutex_;
  std::shared_ptr<Client> client_;  // guarded by mutex_
};

// An answer of status 200; else a failure:
//   kNetwork   worth another try: no answer, 408, 425, 429, 5xx (but for 501 and 505)
//   kAuth      everything else; its text says "<what>: it answered <status>[, <detail>]"
// detail(body) picks from the answer what the service says about itself; null: nothing.
// secrets: what was sent; a detail that repeats a piece of one is left out.
Result<Response> AskService(Client& client, const Request& request, std::string_view what,
                            std::span<const std::string> secrets,
                            const std::function<std::string(const std::string& body)>& detail);

// The body of an answer.
std::string BodyOf(const Response& answer);

// AskService for a metadata service that may not be there at all: where nobody has ever answered,
// it is tried twice, and then kAuth says that there is none.
Result<Response> AskMetadata(Client& client, const Request& request, std::string_view what);

// At most 300 printable ASCII characters of a text of others, in quotes after ", "; "" where it
// holds a piece of one of the secrets.
std::string Quotable(std::string_view text, std::span<const std::string> secrets);

// Whether a value may stand in a header: printable ASCII, at most 16 KiB.
bool IsHeaderValue(std::string_view text);

}  // namespace tsnap::http
