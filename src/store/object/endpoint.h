// Endpoint: where a bucket is found. Plain values; knows neither credentials nor requests.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace tsnap::object {

struct Endpoint {
  std::string scheme = "https";
  std::string authority;        // "host[:port]", without the bucket
  std::string base_path;        // "" or "/below", percent-encoded
  bool bucket_in_host = false;  // virtual-host style: <bucket>.<authority>
};

// From "https://host:port/below", or "host:port" (then https). kInvalid for anything else; `name`
// says where the text comes from.
Result<Endpoint> ParseEndpoint(std::string_view text, std::string_view name);

// "bucket/a/b" of a URL: the bucket, and the prefix of all keys ("" or "a/b/"). kInvalid where the
// bucket is no valid name (3 to 63 of a-z 0-9 . - _, no address of a host) or the prefix holds an
// empty, "." or ".." part or bytes that no service takes.
struct BucketAndPrefix {
  std::string bucket, prefix;
};
Result<BucketAndPrefix> ParsePlace(std::string_view scheme, std::string_view rest);

}  // namespace tsnap::object
