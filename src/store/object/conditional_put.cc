#include "store/object/conditional_put.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "store/object/put.h"

namespace tsnap::object {

// Where a service with generations names none, it is another one behind the same protocol.
std::string VersionOf(const Dialect& dialect, const http::Response& response) {
  const std::string_view version = response.header(dialect.version_header);
  return std::string(version.empty() ? response.header("etag") : version);
}

http::Header ConditionOn(const Dialect& dialect, const Version& expected, bool quoted) {
  const std::string& tag = expected.tag;
  const bool generation =
      dialect.precondition == Precondition::kGeneration &&
      std::all_of(tag.begin(), tag.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (generation) return {"x-goog-if-generation-match", tag.empty() ? "0" : tag};
  if (tag.empty()) return {"If-None-Match", "*"};
  const bool has_quotes = tag.size() >= 2 && tag.front() == '"' && tag.back() == '"';
  return {"If-Match", quoted || !has_quotes ? tag : tag.substr(1, tag.size() - 2)};
}

Status ConditionalPut::Run(bool look_first) {
  if (bucket_.lacks_conditional_put) return RunByHand();
  if (look_first) {
    TSNAP_ASSIGN(const Found found, Look());
    if (found != Found::kExpected) return Another();
  }
  return SendOnCondition(/*quoted=*/true);
}

// Ours: exactly our bytes, where the expected version is not just that.
Result<ConditionalPut::Found> ConditionalPut::Look() {
  Call call;
  call.action = "reading back";
  call.method = "GET";
  call.error_in_200 = false;
  call.key = key_;
  call.most_body_bytes = std::max<uint64_t>(bytes_.size(), uint64_t{64} << 20);
  TSNAP_ASSIGN(const Answer answer, bucket_.Send(call, counters_));
  if (answer.status() == 404 && answer.error.code != "NoSuchBucket")
    return expected_.tag.empty() ? Found::kExpected : Found::kAnother;
  if (!answer.ok()) return bucket_.Failure(call, answer);
  const std::string version = VersionOf(bucket_.dialect(), answer.response);
  if (!expected_.tag.empty() && version == expected_.tag) return Found::kExpected;
  const bool ours = std::equal(bytes_.begin(), bytes_.end(), answer.response.body.begin(),
                               answer.response.body.end());
  return ours ? Found::kOurs : Found::kAnother;
}

Status ConditionalPut::Another() const {
  return Exists(fmt::format("writing {}: another one is there", bucket_.UrlOf(key_)));
}

Status ConditionalPut::SendOnCondition(bool quoted) {
  Call call = PutCall(bucket_.dialect(), key_, bytes_, Crc32c(bytes_));
  call.headers.push_back(ConditionOn(bucket_.dialect(), expected_, quoted));
  call.once = true;
  Result<Answer> answer = bucket_.Send(call, counters_);
  if (!answer.ok()) return SettleSilence(std::move(answer).status());
  return answer->ok() ? Status::Ok() : Settle(call, *answer, quoted);
}

Status ConditionalPut::Settle(const Call& call, const Answer& answer, bool quoted) {
  if (answer.status() == 501) {
    if (!bucket_.lacks_conditional_put.exchange(true))
      bucket_.log().Write(
          LogLevel::kWarning,
          fmt::format("{} has no conditional writes: two jobs that commit at one place within the "
                      "same moment are only told apart by reading back",
                      bucket_.UrlOf("")));
    return RunByHand();
  }
  const bool failed =
      answer.status() == 412 || answer.status() == 409 ||
      (answer.status() == 404 && !expected_.tag.empty() && answer.error.code != "NoSuchBucket");
  if (!failed) {
    Status failure = bucket_.Failure(call, answer);
    if (answer.silent) failure = {Code::kNetwork, failure.message()};
    // An earlier try may have been done all the same.
    return answer.uncertain ? SettleSilence(std::move(failure)) : failure;
  }
  TSNAP_ASSIGN(const Found found, Look());
  if (found == Found::kOurs && answer.uncertain) return Status::Ok();
  // Some servers compare tags without their quotes.
  if (found == Found::kExpected && !expected_.tag.empty() && quoted)
    return SendOnCondition(/*quoted=*/false);
  if (found == Found::kExpected) return bucket_.Failure(call, answer);  // refused without a reason
  return Another();
}

Status ConditionalPut::SettleSilence(Status failure) {
  if (failure.code() == Code::kAuth) return failure;
  const Result<Found> found = Look();
  if (found.ok() && *found == Found::kOurs) return Status::Ok();
  if (found.ok()) return failure;
  return {failure.code(), fmt::format("{}; whether it was written is not known, since it cannot be "
                                      "read back: {}",
                                      failure.message(), found.status().message())};
}

Status ConditionalPut::RunByHand() {
  TSNAP_ASSIGN(const Found before, Look());
  if (before != Found::kExpected) return Another();
  const Status written = PutWhole(bucket_, key_, bytes_, Crc32c(bytes_), counters_);
  if (!written.ok()) return SettleSilence(written);
  TSNAP_ASSIGN(const Found after, Look());
  return after == Found::kOurs ? Status::Ok() : Another();
}

}  // namespace tsnap::object
