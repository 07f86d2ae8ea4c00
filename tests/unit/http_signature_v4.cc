// Signature Version 4 against the examples that Amazon publishes for S3 ("Signature Calculations
// for the Authorization Header: Transferring Payload in a Single Chunk").
#include <criterion/criterion.h>

#include <string>

#include "store/http/signature_v4.h"

using namespace tsnap;
using namespace tsnap::http;

namespace {

constexpr int64_t kExampleTime = 1369353600;  // 20130524T000000Z
const Credentials kExample{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", 0};

Request ExampleRequest(const std::string& method, const std::string& path) {
  Request request;
  request.method = method;
  request.scheme = "https";
  request.authority = "examplebucket.s3.amazonaws.com";
  request.path = path;
  return request;
}

std::string HeaderOf(const Request& request, const std::string& name) {
  std::string value;
  for (const Header& header : request.headers) {
    if (header.name != name) continue;
    cr_assert(value.empty(), "%s is there twice", name.c_str());
    value = header.value;
  }
  return value;
}

// The Authorization header of the signed request.
std::string Sign(const SignatureFamily& family, const Credentials& credentials, Request* request,
                 int64_t now = kExampleTime) {
  const Status signed_ok = SignV4(family, credentials, "us-east-1", now, HashPayload(*request), request);
  cr_assert(signed_ok.ok(), "%s", signed_ok.ToString().c_str());
  return HeaderOf(*request, "authorization");
}

void ExpectSignature(Request request, const std::string& signed_headers, const std::string& signature) {
  const std::string expected =
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=" +
      signed_headers + ", Signature=" + signature;
  const std::string got = Sign(kAws4, kExample, &request);
  cr_assert_eq(got, expected, "%s", got.c_str());
}

}  // namespace

Test(http_signature_v4, example_get_object_has_its_published_signature) {
  Request request = ExampleRequest("GET", "/test.txt");
  request.headers = {{"Range", "bytes=0-9"}};
  ExpectSignature(request, "host;range;x-amz-content-sha256;x-amz-date",
                  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

Test(http_signature_v4, example_put_object_has_its_published_signature) {
  Request request = ExampleRequest("PUT", "/test%24file.text");
  request.headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  const std::string text = "Welcome to Amazon S3.";
  request.body = {AsBytes(text).first(7), AsBytes(text).subspan(7)};
  ExpectSignature(request, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

Test(http_signature_v4, example_get_bucket_lifecycle_has_its_published_signature) {
  Request request = ExampleRequest("GET", "/");
  request.query = {{"lifecycle", ""}};
  ExpectSignature(request, "host;x-amz-content-sha256;x-amz-date",
                  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

Test(http_signature_v4, example_list_objects_has_its_published_signature_in_any_order) {
  Request request = ExampleRequest("GET", "/");
  request.query = {{"prefix", "J"}, {"max-keys", "2"}};
  ExpectSignature(request, "host;x-amz-content-sha256;x-amz-date",
                  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

Test(http_signature_v4, a_query_is_sorted_as_it_is_encoded) {
  Request one = ExampleRequest("GET", "/"), other = one;
  one.query = {{"a", "2"}, {"a/", "1"}, {"a", "1"}, {"a-", "3"}};
  other.query = {{"a-", "3"}, {"a", "1"}, {"a/", "1"}, {"a", "2"}};
  cr_assert_eq(Sign(kAws4, kExample, &one), Sign(kAws4, kExample, &other));
}

Test(http_signature_v4, white_space_in_values_does_not_count) {
  Request one = ExampleRequest("GET", "/"), other = one;
  one.headers = {{"x-amz-meta-a", "  b \t c "}};
  other.headers = {{"X-Amz-Meta-A", "b c"}};
  cr_assert_eq(Sign(kAws4, kExample, &one), Sign(kAws4, kExample, &other));
}

Test(http_signature_v4, headers_of_one_name_are_signed_as_one) {
  Request one = ExampleRequest("GET", "/"), other = one;
  one.headers = {{"x-amz-meta-a", "b"}, {"x-amz-meta-b", "d"}, {"x-amz-meta-a", "c"}};
  other.headers = {{"x-amz-meta-a", "b,c"}, {"x-amz-meta-b", "d"}};
  cr_assert_eq(Sign(kAws4, kExample, &one), Sign(kAws4, kExample, &other));
}

Test(http_signature_v4, a_session_token_is_sent_and_signed) {
  Credentials session = kExample;
  session.token = "a-session";
  Request request = ExampleRequest("GET", "/");
  const std::string authorization = Sign(kAws4, session, &request);
  cr_assert_eq(HeaderOf(request, "x-amz-security-token"), "a-session");
  cr_assert(authorization.find(";x-amz-security-token,") != std::string::npos, "%s", authorization.c_str());
}

Test(http_signature_v4, signing_again_replaces_the_first_signature) {
  Credentials session = kExample;
  session.token = "a-session";
  Request again = ExampleRequest("GET", "/test.txt"), once = again;
  Sign(kAws4, session, &again, kExampleTime - 3600);
  cr_assert_eq(Sign(kAws4, kExample, &again), Sign(kAws4, kExample, &once));
  cr_assert_eq(HeaderOf(again, "x-amz-date"), "20130524T000000Z");
  cr_assert_eq(HeaderOf(again, "x-amz-security-token"), "");
}

// By the steps of Google's page "V4 signing process", worked out with other software.
Test(http_signature_v4, google_has_names_of_its_own) {
  Request request = ExampleRequest("GET", "/test.txt");
  request.authority = "storage.googleapis.com";
  const Status signed_ok = SignV4(kGoog4, {"GOOG1EXAMPLE", "a-secret", "", 0}, "auto", kExampleTime, kUnsignedPayload,
                                  &request);
  cr_assert(signed_ok.ok());
  cr_assert_eq(HeaderOf(request, "x-goog-date"), "20130524T000000Z");
  cr_assert_eq(HeaderOf(request, "x-goog-content-sha256"), "UNSIGNED-PAYLOAD");
  cr_assert_eq(HeaderOf(request, "authorization"),
               "GOOG4-HMAC-SHA256 Credential=GOOG1EXAMPLE/20130524/auto/storage/goog4_request, "
               "SignedHeaders=host;x-goog-content-sha256;x-goog-date, "
               "Signature=506f4b11b05034c29aa898b21e7f8d09bed15cb7ebfea8545c9c483ab9990045",
               "%s", HeaderOf(request, "authorization").c_str());
}

Test(http_signature_v4, without_keys_nothing_is_signed) {
  for (const Credentials& credentials : {Credentials{}, Credentials{"", "a-secret", "", 0}, Credentials{"AK", "", "", 0}}) {
    Request request = ExampleRequest("GET", "/");
    const Status refused = SignV4(kAws4, credentials, "us-east-1", kExampleTime, kUnsignedPayload, &request);
    cr_assert(refused.code() == Code::kAuth);
    cr_assert(refused.message().find("a-secret") == std::string::npos);
    cr_assert(request.headers.empty());
  }
}

Test(http_signature_v4, an_impossible_clock_is_an_error) {
  for (const int64_t now : {INT64_MAX, INT64_MIN, int64_t{-1} << 40}) {
    Request request = ExampleRequest("GET", "/");
    cr_assert(SignV4(kAws4, kExample, "us-east-1", now, kUnsignedPayload, &request).code() == Code::kInvalid);
  }
}
