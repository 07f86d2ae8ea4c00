// Signature Version 4, the signing of S3 requests (AWS Signature Version 4 for Amazon S3), and its
// Google twin (GOOG4-HMAC-SHA256), which differs in names only. In the Authorization header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/http/credentials.h"
#include "store/http/message.h"

namespace tsnap::http {

struct SignatureFamily {
  std::string_view algorithm, key_prefix, header_prefix, service, terminator;
};
inline constexpr SignatureFamily kAws4{"AWS4-HMAC-SHA256", "AWS4", "x-amz-", "s3", "aws4_request"};
inline constexpr SignatureFamily kGoog4{"GOOG4-HMAC-SHA256", "GOOG4", "x-goog-", "storage",
                                        "goog4_request"};

// In place of the body's SHA-256, over TLS.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

// Lower-case hexadecimal SHA-256 of the request's body.
std::string HashPayload(const Request& request);

// Adds the date, the payload's hash, the session token and the Authorization header. What is
// signed: the host and all headers of the request so far.
Status SignV4(const SignatureFamily& family, const Credentials& credentials,
              std::string_view region, int64_t unix_now, std::string_view payload_hash,
              Request* request);

}  // namespace tsnap::http
