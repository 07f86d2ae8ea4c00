#include "store/object/bucket.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "store/object/failure.h"

namespace tsnap::object {

namespace {

constexpr int kMostAdaptations = 4;        // region, clock, credentials: each may need one or two
constexpr int kMostDamagedTries = 6;       // of a body that arrives damaged
constexpr int64_t kLeastSkewSeconds = 60;  // what is less is no reason to refuse a request

int64_t UnixNow() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

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
  bool uncertain = false;  // a try may have been done that nobody heard of
  bool refused = false;    // `used` were refused: others, or none
  Answer last;             // of the last try that was answered
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
  return region_.empty() ? "us-east-1" : region_;
}

std::string Bucket::Authority() const {
  std::string host = options_.endpoint.authority;
  if (options_.find_region) {
    const std::string region = this->region();
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
  const http::Credentials before = std::move(state->used);
  TSNAP_TRY(LetIn(state, &request));
  // Asked anew, the source gave the same: another try would be refused again.
  if (state->refused && SameCredentials(before, state->used)) return Failure(call, state->last);
  state->refused = false;
  return request;
}

Status Bucket::LetIn(Try* state, http::Request* request) {
  TSNAP_ASSIGN(state->used, credentials_->Get());
  const http::Credentials& used = state->used;
  if (used.access_key.empty()) {
    if (!used.token.empty()) request->headers.push_back({"Authorization", "Bearer " + used.token});
    return Status::Ok();
  }
  if (state->payload_hash.empty()) {
    const bool sign = options_.sign_payload && request->scheme == "http";
    state->payload_hash = sign ? http::HashPayload(*request) : std::string(http::kUnsignedPayload);
  }
  return http::SignV4(options_.signature, used, region(), UnixNow() + clock_offset_seconds_,
                      state->payload_hash, request);
}

// What a refusal tells can make the next try succeed.
bool Bucket::AdaptTo(const Answer& answer, Try* state) {
  if (state->adaptations >= kMostAdaptations) return false;
  ++state->adaptations;
  if (IsAboutCredentials(answer)) {
    credentials_->Refuse(state->used);
    state->refused = true;
    return true;
  }
  if (IsAboutClock(answer)) {
    const int64_t theirs = ParseHttpTime(answer.response.header("date"));
    const int64_t offset = theirs - UnixNow();
    if (theirs == 0 || std::abs(offset - clock_offset_seconds_) < kLeastSkewSeconds) return false;
    clock_offset_seconds_ = offset;
    log_.Write(LogLevel::kWarning,
               fmt::format("this machine's clock is {} s {} that of {}: requests are signed with "
                           "the server's time; set the clock",
                           std::abs(offset), offset < 0 ? "ahead of" : "behind", Authority()));
    return true;
  }
  const std::string region = RegionOf(answer);
  std::lock_guard lock(mutex_);
  if (region.empty() || region == region_) return false;
  region_ = region;
  return true;
}

bool Bucket::WorthAnotherTry(const Call& call, Try* state, Result<http::Response>& response) {
  ++state->sent;
  if (!response.ok() || response->status >= 500) state->uncertain = true;
  if (!response.ok()) return http::IsWorthRetrying(response.status()) && state->retry.Again();
  if (call.error_in_200 && response->status == 200 && IsError(response->body))
    response->status = 500;  // what the server found out after it had begun to answer
  if (response->status >= 200 && response->status < 300) return false;
  state->last = {*response, ParseError(response->body), state->sent};
  const Answer& answer = state->last;
  if (AdaptTo(answer, state)) return true;
  if (IsDamage(answer) && state->sent >= kMostDamagedTries) return false;
  if (IsFull(answer)) return false;
  if (!http::IsWorthRetrying(answer.status()) && !IsTransient(answer) && !IsDamage(answer))
    return false;
  return state->retry.Again(http::RetryAfterSeconds(answer.response, UnixNow()));
}

Result<Answer> Bucket::Conclude(const Call& call, Try* state, Result<http::Response> response) {
  if (response.ok()) {
    Answer answer;
    const bool good = response->status >= 200 && response->status < 300;
    if (!good) answer.error = ParseError(response->body);
    answer.response = std::move(response).value();
    answer.tries = state->sent;
    answer.uncertain = state->uncertain;
    return answer;
  }
  Status failure = std::move(response).status();
  // The server's silence ends this call, not the context: that is what kTimeout would mean.
  const Code code = failure.code() == Code::kTimeout ? Code::kNetwork : failure.code();
  std::string text = fmt::format("{} {}: {}", call.action, UrlOf(call.key), failure.message());
  if (code == Code::kNetwork && state->sent > 0)
    text += fmt::format(", {}; check the network and the address of the server",
                        state->retry.Describe());
  return Status(code, std::move(text));
}

Result<Answer> Bucket::Continue(const Call& call, Try* state, Result<http::Response> response,
                                StoreCounters* counters) {
  while (WorthAnotherTry(call, state, response)) {
    Result<http::Request> request = Prepare(call, state);
    if (!request.ok()) return std::move(request).status().While(call.action, UrlOf(call.key));
    ++counters->requests;
    response = client_->Perform(*request);
  }
  return Conclude(call, state, std::move(response));
}

Result<Answer> Bucket::Send(const Call& call, StoreCounters* counters) {
  Try state(options_.retry, *client_, Authority());
  Result<http::Request> request = Prepare(call, &state);
  if (!request.ok()) return std::move(request).status().While(call.action, UrlOf(call.key));
  ++counters->requests;
  return Continue(call, &state, client_->Perform(*request), counters);
}

std::vector<Result<Answer>> Bucket::SendAll(const std::vector<Call>& calls,
                                            StoreCounters* counters) {
  std::vector<Result<Answer>> answers;
  answers.reserve(calls.size());
  const size_t step = static_cast<size_t>(std::max(1, options_.most_parallel));
  for (size_t begin = 0; begin < calls.size(); begin += step) {
    const size_t end = std::min(calls.size(), begin + step);
    std::vector<Try> states;
    std::vector<http::Request> requests;
    states.reserve(end - begin);
    Status failure;
    for (size_t i = begin; i < end && failure.ok(); ++i) {
      states.emplace_back(options_.retry, *client_, Authority());
      Result<http::Request> request = Prepare(calls[i], &states.back());
      if (request.ok()) {
        requests.push_back(std::move(request).value());
      } else {
        failure = std::move(request).status().While(calls[i].action, UrlOf(calls[i].key));
      }
    }
    if (!failure.ok()) {
      while (answers.size() < calls.size()) answers.emplace_back(Status(failure));
      return answers;
    }
    counters->requests += requests.size();
    std::vector<Result<http::Response>> responses = client_->PerformAll(requests);
    for (size_t i = begin; i < end; ++i)
      answers.push_back(
          Continue(calls[i], &states[i - begin], std::move(responses[i - begin]), counters));
  }
  return answers;
}

Status Bucket::Failure(const Call& call, const Answer& answer) const {
  const FailedCall failed{options_.dialect.service, call.action, UrlOf(call.key),
                          options_.bucket,          Authority(), credentials_->Describe()};
  return Explain(failed, answer);
}

}  // namespace tsnap::object
