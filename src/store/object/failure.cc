#include "store/object/failure.h"

#include <algorithm>
#include <initializer_list>

#include <fmt/format.h>

#include "store/object/bucket.h"

namespace tsnap::object {

namespace {

constexpr size_t kMostQuotedBytes = 200;  // of what a server says

bool IsOneOf(std::string_view code, std::initializer_list<std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// One line of printable text, whatever the server sent.
std::string Quote(std::string_view text) {
  std::string quoted;
  for (const char c : text.substr(0, kMostQuotedBytes))
    quoted += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? ' ' : c;
  if (text.size() > kMostQuotedBytes) quoted += "...";
  return quoted;
}

// "403 AccessDenied: the server's words".
std::string Said(const Answer& answer) {
  std::string said = std::to_string(answer.status());
  if (!answer.error.code.empty()) said += " " + Quote(answer.error.code);
  if (!answer.error.message.empty()) said += ": " + Quote(answer.error.message);
  return said;
}

Status ExplainRefusal(const FailedCall& call, const Answer& answer) {
  const std::string_view code = answer.error.code;
  std::string hint;
  if (code == "SignatureDoesNotMatch") {
    hint = fmt::format("the secret key is not the one of this access key (credentials from {})",
                       call.credentials);
  } else if (code == "InvalidAccessKeyId") {
    hint = fmt::format("the server does not know this access key (credentials from {})",
                       call.credentials);
  } else if (IsAboutClock(answer)) {
    hint = "the clock of this machine differs too much from the server's: set it (with NTP)";
  } else if (IsAboutCredentials(answer)) {
    hint =
        fmt::format("the credentials from {} have expired and no newer ones are there: renew them",
                    call.credentials);
  } else {
    hint = fmt::format(
        "the credentials from {} may not do this: allow it for bucket {}, or use others",
        call.credentials, call.bucket);
  }
  return {Code::kAuth, fmt::format("{} {}: {}; {} answered {}", call.action, call.url, hint,
                                   call.authority, Said(answer))};
}

}  // namespace

bool IsAboutCredentials(const Answer& answer) {
  return answer.status() == 401 ||
         IsOneOf(answer.error.code, {"ExpiredToken", "ExpiredTokenException", "InvalidToken",
                                     "TokenRefreshRequired", "AuthenticationRequired"});
}

bool IsAboutClock(const Answer& answer) {
  return IsOneOf(answer.error.code, {"RequestTimeTooSkewed", "RequestExpired"});
}

bool IsDamage(const Answer& answer) {
  return answer.status() == 400 &&
         IsOneOf(answer.error.code, {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch",
                                     "XAmzContentChecksumMismatch", "IncompleteBody"});
}

bool IsFull(const Answer& answer) {
  return answer.status() == 507 ||
         IsOneOf(answer.error.code, {"QuotaExceeded", "InsufficientStorage", "InsufficientCapacity",
                                     "StorageFull", "XMinioStorageFull"});
}

bool IsTransient(const Answer& answer) {
  return IsOneOf(answer.error.code,
                 {"RequestTimeout", "OperationAborted", "ConditionalRequestConflict", "SlowDown",
                  "Throttling", "ThrottlingException", "TooManyRequests"});
}

std::string RegionOf(const Answer& answer) {
  const int status = answer.status();
  if (status != 301 && status != 307 && status != 400 &&
      !IsOneOf(answer.error.code, {"AuthorizationHeaderMalformed", "PermanentRedirect",
                                   "TemporaryRedirect", "IllegalLocationConstraintException"}))
    return {};
  std::string region(answer.response.header("x-amz-bucket-region"));
  if (region.empty()) region = answer.error.region;
  // It becomes part of a host's name.
  const bool good = region.size() <= 64 && std::all_of(region.begin(), region.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                    });
  return good ? region : std::string();
}

Status Explain(const FailedCall& call, const Answer& answer) {
  const int status = answer.status();
  const std::string_view code = answer.error.code;
  const auto failed = [&](Code ours, std::string_view why) {
    return Status(ours, fmt::format("{} {}: {}; {} answered {}", call.action, call.url, why,
                                    call.authority, Said(answer)));
  };
  if (code == "NoSuchBucket")
    return failed(
        Code::kNotFound,
        fmt::format("bucket {} does not exist: create it, or correct the URL", call.bucket));
  if (status == 404) return failed(Code::kNotFound, "it does not exist");
  if (status == 412 || status == 409) return failed(Code::kExists, "another one is there");
  if (status == 416) return failed(Code::kCorrupt, "it is truncated: it ends before these bytes");
  if (status == 501 || status == 405 || code == "NotImplemented")
    return failed(Code::kUnsupported, "the server cannot do this");
  if (status == 301 || status == 307)
    return failed(Code::kInvalid,
                  "the bucket has another address or region: set TSNAP_S3_REGION or the endpoint");
  if (IsFull(answer))
    return failed(Code::kNoSpace, "there is no room left: remove something, or raise the quota");
  if (status == 401 || status == 403 || IsAboutCredentials(answer) || IsAboutClock(answer) ||
      IsOneOf(code,
              {"SignatureDoesNotMatch", "InvalidAccessKeyId", "AuthorizationHeaderMalformed"}))
    return ExplainRefusal(call, answer);
  if (IsDamage(answer))
    return failed(Code::kNetwork, "what was sent arrived damaged each time: check the network");
  if (status >= 500 || status == 429 || status == 408 || IsTransient(answer))
    return failed(Code::kIo, fmt::format("the server is in trouble or overloaded, {} tries failed",
                                         answer.tries));
  return failed(Code::kIo, "the server refuses the request");
}

}  // namespace tsnap::object
