// Addresses and places: what is taken, and what is refused in words that help.
#include <criterion/criterion.h>

#include "store/object/endpoint.h"

using namespace tsnap;
using namespace tsnap::object;

Test(object_endpoint, addresses_have_a_scheme_a_host_and_perhaps_a_path) {
  Result<Endpoint> endpoint = ParseEndpoint("http://127.0.0.1:9000", "E");
  cr_assert(endpoint.ok() && endpoint->scheme == "http" && endpoint->authority == "127.0.0.1:9000" && endpoint->base_path.empty());
  endpoint = ParseEndpoint("s3.example.org/swift/v1/", "E");
  cr_assert(endpoint.ok() && endpoint->scheme == "https" && endpoint->authority == "s3.example.org" && endpoint->base_path == "/swift/v1");
  endpoint = ParseEndpoint("http://[::1]:80", "E");
  cr_assert(endpoint.ok() && endpoint->authority == "[::1]:80");
}

Test(object_endpoint, other_addresses_are_refused_without_being_shown) {
  for (const char* bad : {"", "ftp://host", "https://", "http://user:SECRET@host", "http://ho st", "http://host/a?b=SECRET", "://host"}) {
    const Result<Endpoint> endpoint = ParseEndpoint(bad, "TSNAP_S3_ENDPOINT");
    cr_assert(endpoint.status().code() == Code::kInvalid, "%s", bad);
    cr_assert(endpoint.status().message().find("TSNAP_S3_ENDPOINT") != std::string::npos);
    cr_assert(endpoint.status().message().find("SECRET") == std::string::npos);
  }
}

Test(object_endpoint, a_place_is_a_bucket_and_a_prefix) {
  Result<BucketAndPrefix> place = ParsePlace("s3", "my-bucket.x/a/b c+d");
  cr_assert(place.ok() && place->bucket == "my-bucket.x" && place->prefix == "a/b c+d/");
  place = ParsePlace("s3", "bucket");
  cr_assert(place.ok() && place->prefix.empty());
  for (const std::string& bad : {std::string("ab"), std::string("UPPER/x"), std::string("a..b/x"), std::string("-abc/x"), std::string("bucket//x"),
                                std::string("bucket/../x"), std::string("bucket/a/./b"), std::string("bucket/a\nb"), "bucket/" + std::string(800, 'x'),
                                std::string(64, 'x'), std::string("buck et/x")})
    cr_assert(ParsePlace("s3", bad).status().code() == Code::kInvalid, "%s", bad.c_str());
}
