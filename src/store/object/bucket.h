// Bucket: how requests reach one bucket. It makes the URL, lets each try in (signed anew), sends it
// again while that makes sense, and says in our words what a failure means. One per bucket and
// session: what it learns (region, clock) serves all stores of that bucket. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "store/http/client.h"
#include "store/http/credentials.h"
#include "store/http/retry.h"
#include "store/http/signature_v4.h"
#include "store/object/dialect.h"
#include "store/object/endpoint.h"
#include "store/object/xml.h"
#include "store/store.h"

namespace tsnap::object {

// One operation on the bucket, or on one of its objects.
struct Call {
  std::string action;  // for messages: "writing", "listing"
  std::string method;
  std::string key;  // of the object, with the prefix; "" = the bucket itself
  std::vector<http::Parameter> query;
  std::vector<http::Header> headers;
  std::vector<ConstByteSpan> body;  // borrowed
  ByteSpan into;                    // where the object's bytes go
  uint64_t most_body_bytes = uint64_t{1} << 20;
  // An answer of status 200 may hold an error: what goes wrong after a server has begun to answer.
  // Not where the body is the object's own.
  bool error_in_200 = true;
  bool once = false;         // what is done twice is another thing: no try is repeated unseen
  bool slow = false;         // its answer may take minutes: what it asks for is much work
  bool may_be_left = false;  // others do it later: not worth many tries, nor a silent server
};

// What came back at last, whatever its status.
struct Answer {
  http::Response response;
  ServiceError error;  // of a status that is not 2xx, as far as the server said
  int tries = 1;
  bool uncertain = false;  // an earlier try, or this one, may have been done all the same
  bool silent = false;     // one had no answer, or a gateway none: it may do its work even now
  int status() const { return response.status; }
  bool ok() const { return response.status >= 200 && response.status < 300; }
};

struct BucketOptions {
  Dialect dialect;
  Endpoint endpoint;
  std::string bucket;
  std::string region;        // "" = to be found out
  bool find_region = false;  // the service has regions, with an address each
  // Credentials with keys sign; a token alone is the bearer's; without any, requests go as they
  // are.
  http::SignatureFamily signature = http::kAws4;
  bool sign_payload = true;  // where the connection is not encrypted
  http::RetryPolicy retry;
  double slow_seconds = 180;  // how long the answer to a slow call may take
  int most_parallel = 16;     // of SendAll
};

class Bucket {
 public:
  Bucket(BucketOptions options, std::shared_ptr<http::Client> client,
         std::shared_ptr<http::CredentialProvider> credentials, Log log);

  // Sends it until there is an answer that another try would not change. Fails with kNetwork (no
  // answer in time), kAuth (no credentials, or none that are taken), or what keeps it from being
  // sent; every other answer is the caller's to judge.
  Result<Answer> Send(const Call& call, StoreCounters* counters);
  // Several calls side by side, none of which depends on another. Each is tried alone again where
  // the first try did not settle it. When one fails for good, those behind it may not be sent.
  std::vector<Result<Answer>> SendAll(const std::vector<Call>& calls, StoreCounters* counters);

  // What an answer that is not 2xx means: kNotFound, kExists (412), kAuth, kNoSpace, kCorrupt
  // (416), kUnsupported (501), kIo.
  Status Failure(const Call& call, const Answer& answer) const;

  const Dialect& dialect() const { return options_.dialect; }
  const std::string& name() const { return options_.bucket; }
  const Endpoint& endpoint() const { return options_.endpoint; }
  const http::Client& client() const { return *client_; }
  const Log& log() const { return log_; }
  // "s3://bucket/key", for messages.
  std::string UrlOf(const std::string& key) const;
  // What servers turned out not to have.
  std::atomic<bool> lacks_conditional_put{false}, lacks_multi_delete{false};

 private:
  struct Try;  // one operation while it is tried
  Result<http::Request> Prepare(const Call& call, Try* state);
  Status LetIn(Try* state, http::Request* request);
  bool WorthAnotherTry(const Call& call, Try* state, Result<http::Response>& response);
  bool AdaptTo(const Answer& answer, Try* state);
  bool RenewCredentials(Try* state);
  bool SetClock(const Answer& answer, const Try& state);
  bool SetRegion(const Answer& answer, const Try& state);
  void FindRegion(StoreCounters* counters);
  Result<Answer> Conclude(const Call& call, Try* state, Result<http::Response> response);
  Result<Answer> Continue(const Call& call, Try* state, Result<http::Response> first,
                          StoreCounters* counters);
  Status Hopeless(const Call& call, const Result<Answer>& answer) const;
  std::string Authority() const;
  std::string region() const;  // "" = not known yet

  const BucketOptions options_;
  const std::shared_ptr<http::Client> client_;
  const std::shared_ptr<http::CredentialProvider> credentials_;
  const Log log_;
  std::atomic<int64_t> clock_offset_seconds_{0};  // the server's clock less ours
  std::once_flag region_asked_;
  mutable std::mutex mutex_;
  std::string region_;  // guarded by mutex_
};

}  // namespace tsnap::object
