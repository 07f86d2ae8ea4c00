#include "store/object/bucket.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "store/http/service_url.h"
#include "store/http/time_text.h"
#include "store/object/failure.h"

namespace tsnap::object {

namespace {

constexpr const char* kFirstRegion = "us-east-1";  // which knows all the others
constexpr int kMostAdaptations = 4;   // region, clock, credentials: each may need one or two
constexpr int kMostDamagedTries = 6;  // of a body that arrives damaged
constexpr int kTriesOfWhatMayBeLeft = 3;
constexpr int64_t kLeastSkewSeconds = 60;  // what is less is no reason to refuse a request

// A gateway in between had no answer in time from the server, which may be at work still.
bool IsSilence(int status) { return status == 502 || status == 504; }

bool SameCredentials(const http::Credentials& a, const http::Credentials& b) {
  return a.access_key == b.access_key && a.secret_key == b.secret_key && a.token == b.token;
}

}  // namespace

struct Bucket::Try {
  Try(const http::RetryPolicy& policy, const http::Client& client, std::string authority)
      : retry(policy, client, std::move(authority)) {}

  http::Retry retry;
  std::string payload_hash;  // hashed once, however often it is sent
  http::Credentials used;
  int adaptations = 0;
  int sent = 0;
  bool uncertain = false;            // a try may have been done that nobody heard of
  bool silent = false;               // a try had no answer
  bool refused = false;              // `used` were refused: others, or none
  std::string region;                // of the last try
  int64_t clock_offset_seconds = 0;  // of the last try
  Answer last;                       // of the last try that was answered
};

Bucket::Bucket(BucketOptions options, std::shared_ptr<http::Client> client,
               std::shared_ptr<http::CredentialProvider> credentials, Log log)
    : options_(std::move(options)),
      client_(std::move(client)),
      credentials_(std::move(credentials)),
      log_(log),
      region_(options_.region) {}

std::string Bucket::region() const {
  std::lock_guard lock(mutex_);
  return region_;
}

std::string Bucket::Authority() const {
  std::string host = options_.endpoint.authority;
  if (options_.find_region) {
    std::string region = this->region();
    if (region.empty()) region = kFirstRegion;
    host = fmt::format("s3.{}.amazonaws.com{}", region, region.starts_with("cn-") ? ".cn" : "");
  }
  return options_.endpoint.bucket_in_host ? options_.bucket + "." + host : host;
}

std::string Bucket::UrlOf(const std::string& key) const {
  return fmt::format("{}://{}{}{}", options_.dialect.scheme, options_.bucket,
                     key.empty() ? "" : "/", key);
}

Result<http::Request> Bucket::Prepare(const Call& call, Try* state) {
  http::Request request;
  request.method = call.method;
  request.scheme = options_.endpoint.scheme;
  request.authority = Authority();
  request.path = options_.endpoint.base_path;
  if (!options_.endpoint.bucket_in_host) request.path += "/" + options_.bucket;
  if (!call.key.empty() || request.path.empty())
    request.path += "/" + http::PercentEncode(call.key, /*keep_slashes=*/true);
  request.query = call.query;
  request.headers = call.headers;
  request.body = call.body;
  request.into = call.into;
  request.most_body_bytes = call.most_body_bytes;
  request.once = call.once;
  if (call.slow) request.patience_seconds = options_.slow_seconds;
  const http::Credentials before = std::move(state->used);
  TSNAP_TRY(LetIn(state, &request));
  // Asked anew, the source gave the same: another try would be refused again.
  if (state->refused && SameCredentials(before, state->used)) return Failure(call, state->last);
  state->refused = false;
  return request;
}

Status Bucket::LetIn(Try* state, http::Request* request) {
  TSNAP_ASSIGN(state->used, credentials_->Get());
  state->region = region();
  state->clock_offset_seconds = clock_offset_seconds_;
  const http::Credentials& used = state->used;
  if (used.access_key.empty() && used.token.empty()) return Status::Ok();
  if (used.access_key.empty()) {
    if (request->scheme != "https" && !http::IsLoopback(request->authority))
      return {Code::kAuth,
              fmt::format("a token is not sent to {} in clear: use https, or an HMAC key",
                          request->authority)};
    request->headers.push_back({"Authorization", "Bearer " + used.token});
    return Status::Ok();
  }
  if (state->payload_hash.empty()) {
    const bool sign = options_.sign_payload && request->scheme == "http";
    state->payload_hash = sign ? http::HashPayload(*request) : std::string(http::kUnsignedPayload);
  }
  return http::SignV4(options_.signature, used,
                      state->region.empty() ? kFirstRegion : state->region,
                      UnixSeconds() + state->clock_offset_seconds, state->payload_hash, request);
}

// What a refusal tells can make the next try succeed. Another call may have learned it meanwhile:
// what counts is what this try went out with.
bool Bucket::AdaptTo(const Answer& answer, Try* state) {
  if (state->adaptations >= kMostAdaptations) return false;
  const bool adapted = IsAboutCredentials(answer) ? RenewCredentials(state)
                       : IsAboutClock(answer)     ? SetClock(answer, *state)
                                                  : SetRegion(answer, *state);
  if (adapted) ++state->adaptations;
  return adapted;
}

bool Bucket::RenewCredentials(Try* state) {
  credentials_->Refuse(state->used);
  state->refused = true;
  return true;
}

bool Bucket::SetClock(const Answer& answer, const Try& state) {
  const std::optional<int64_t> theirs = http::ParseHttpTime(answer.response.header("date"));
  if (!theirs) return false;
  const int64_t offset = *theirs - UnixSeconds();
  if (std::abs(offset - state.clock_offset_seconds) < kLeastSkewSeconds) return false;
  const int64_t before = clock_offset_seconds_.exchange(offset);
  if (std::abs(offset - before) < kLeastSkewSeconds) return true;
  log_.Write(LogLevel::kWarning,
             fmt::format("this machine's clock is {} s {} that of {}: requests are signed with "
                         "the server's time; set the clock",
                         std::abs(offset), offset < 0 ? "ahead of" : "behind", Authority()));
  return true;
}

bool Bucket::SetRegion(const Answer& answer, const Try& state) {
  const std::string region = RegionOf(answer);
  if (region.empty() || region == state.region) return false;
  std::lock_guard lock(mutex_);
  region_ = region;
  return true;
}

bool Bucket::WorthAnotherTry(const Call& call, Try* state, Result<http::Response>& response) {
  const bool sent_again = response.ok() && response->sent_again;
  state->sent += sent_again ? 2 : 1;
  state->silent = state->silent || sent_again || !response.ok() || IsSilence(response->status);
  if (call.error_in_200 && response.ok() && response->status == 200 && IsError(response->body))
    response->status = 500;  // what the server found out after it had begun to answer
  if (!response.ok() || sent_again || response->status >= 500) state->uncertain = true;
  if (!response.ok()) {
    return !call.may_be_left && http::IsWorthRetrying(response.status()) &&
           state->retry.Again(-1, response.status().code() == Code::kTimeout);
  }
  if (response->status >= 200 && response->status < 300) return false;
  state->last = {*response, ParseError(response->body)};
  if (call.may_be_left && state->sent >= kTriesOfWhatMayBeLeft) return false;
  const Answer& answer = state->last;
  if (AdaptTo(answer, state)) return true;
  if (IsDamage(answer) && state->sent >= kMostDamagedTries) return false;
  if (IsFull(answer)) return false;
  if (!http::IsWorthRetrying(answer.status()) && !IsTransient(answer) && !IsDamage(answer))
    return false;
  return state->retry.Again(http::RetryAfterSeconds(answer.response, UnixSeconds()));
}

Result<Answer> Bucket::Conclude(const Call& call, Try* state, Result<http::Response> response) {
  if (response.ok()) {
    const bool good = response->status >= 200 && response->status < 300;
    Answer answer = good ? Answer{std::move(response).value(), {}} : std::move(state->last);
    answer.tries = state->sent;
    answer.uncertain = state->uncertain;
    answer.silent = state->silent;
    return answer;
  }
  Status failure = std::move(response).status();
  // The server's silence ends this call, not the context: that is what kTimeout would mean.
  const Code code = failure.code() == Code::kTimeout ? Code::kNetwork : failure.code();
  std::string text = fmt::format("{} {}: {}", call.action, UrlOf(call.key), failure.message());
  if (code == Code::kNetwork && state->sent > 0)
    text += fmt::format(", {}", state->retry.Describe());
  return Status(code, std::move(text));
}

Result<Answer> Bucket::Continue(const Call& call, Try* state, Result<http::Response> response,
                                StoreCounters* counters) {
  while (WorthAnotherTry(call, state, response)) {
    Result<http::Request> request = Prepare(call, state);
    if (!request.ok()) {
      Status failure = std::move(request).status().While(call.action, UrlOf(call.key));
      // What keeps another try from being sent says nothing about the one that had no answer.
      return call.once && state->silent ? Status(Code::kNetwork, failure.message()) : failure;
    }
    ++counters->requests;
    response = client_->Perform(*request);
  }
  return Conclude(call, state, std::move(response));
}

// Asked for with an empty body: what is refused in the middle of a large one may be a reset, which
// tells nothing.
void Bucket::FindRegion(StoreCounters* counters) {
  if (!options_.find_region) return;
  std::call_once(region_asked_, [&] {  // those who come meanwhile have bodies to send as well
    if (!region().empty()) return;
    Call look;
    look.action = "finding the region of";
    look.method = "HEAD";
    static_cast<void>(Send(look, counters));  // what is wrong shows in the call itself
  });
}

Result<Answer> Bucket::Send(const Call& call, StoreCounters* counters) {
  if (!call.body.empty()) FindRegion(counters);
  Try state(options_.retry, *client_, Authority());
  Result<http::Request> request = Prepare(call, &state);
  if (!request.ok()) return std::move(request).status().While(call.action, UrlOf(call.key));
  ++counters->requests;
  return Continue(call, &state, client_->Perform(*request), counters);
}

// Why others need not be sent: this one was tried until it was time to give up.
Status Bucket::Hopeless(const Call& call, const Result<Answer>& answer) const {
  if (!answer.ok()) return answer.status();
  return http::IsWorthRetrying(answer->status()) ? Failure(call, *answer) : Status::Ok();
}

std::vector<Result<Answer>> Bucket::SendAll(const std::vector<Call>& calls,
                                            StoreCounters* counters) {
  std::vector<Result<Answer>> answers;
  answers.reserve(calls.size());
  const size_t step = static_cast<size_t>(std::max(1, options_.most_parallel));
  Status failure;
  for (size_t begin = 0; begin < calls.size() && failure.ok(); begin += step) {
    const size_t end = std::min(calls.size(), begin + step);
    std::vector<Try> states;
    std::vector<http::Request> requests;
    states.reserve(end - begin);
    for (size_t i = begin; i < end && failure.ok(); ++i) {
      states.emplace_back(options_.retry, *client_, Authority());
      Result<http::Request> request = Prepare(calls[i], &states.back());
      if (request.ok()) {
        requests.push_back(std::move(request).value());
      } else {
        failure = std::move(request).status().While(calls[i].action, UrlOf(calls[i].key));
      }
    }
    if (!failure.ok()) break;
    counters->requests += requests.size();
    std::vector<Result<http::Response>> responses = client_->PerformAll(requests);
    for (size_t i = begin; i < end; ++i) {
      answers.push_back(
          Continue(calls[i], &states[i - begin], std::move(responses[i - begin]), counters));
      // Those behind these, which may be thousands, would each wait as long.
      if (failure.ok()) failure = Hopeless(calls[i], answers.back());
    }
  }
  while (answers.size() < calls.size()) answers.emplace_back(Status(failure));
  return answers;
}

Status Bucket::Failure(const Call& call, const Answer& answer) const {
  const FailedCall failed{options_.dialect.service, call.action, UrlOf(call.key),
                          options_.bucket,          Authority(), credentials_->Describe()};
  return Explain(failed, answer);
}

}  // namespace tsnap::object
