// How requests are tried, repeated and understood: every answer that a service may give, from a script.
#include <criterion/criterion.h>

#include <chrono>
#include <string>
#include <thread>

#include "base/checksum.h"
#include "scripted_client.h"
#include "store/object/object_store.h"
#include "store/object/put.h"

using namespace tsnap;
using namespace tsnap::object;
using tsnap::test::ScriptedClient;

namespace {

class Keys final : public http::CredentialProvider {
 public:
  Result<http::Credentials> Get() override {
    ++asked;
    if (asked == fails_at) return Status(Code::kAuth, "the service of the test has none left");
    return http::Credentials{"ACCESS", "SECRET-KEY", "token-" + std::to_string(generation), 0};
  }
  void Refuse(const http::Credentials& refused) override {
    ++refusals;
    if (renewable && refused.token == "token-" + std::to_string(generation)) ++generation;
  }
  std::string Describe() const override { return "the test"; }
  int asked = 0, refusals = 0, generation = 1, fails_at = 0;
  bool renewable = true;
};

struct Scene {
  explicit Scene(const Dialect& dialect = kS3, bool amazon = false, bool keeps_conditions = true) {
    BucketOptions options;
    options.dialect = dialect;
    options.endpoint.authority = "host:1";
    options.endpoint.bucket_in_host = amazon;
    options.bucket = "bucket";
    options.region = amazon ? "" : "region-1";
    options.find_region = amazon;
    options.retry.first_delay_seconds = 0.001;
    options.retry.most_delay_seconds = 0.002;
    options.retry.most_attempts = 8;
    const Log log([](int32_t, const char* message, void* user) { static_cast<Scene*>(user)->said += std::string(message) + "\n"; }, this, 4);
    bucket = std::make_shared<Bucket>(options, client, keys, log);
    ObjectStoreOptions store_options;
    store_options.keeps_conditions = keeps_conditions;
    store = MakeObjectStore(bucket, "run/", store_options);
  }
  ~Scene() { cr_assert(client->done(), "an answer was not asked for"); }
  const test::SentRequest& sent(size_t number) const { return client->sent().at(number); }
  size_t count() const { return client->sent().size(); }

  std::shared_ptr<ScriptedClient> client = std::make_shared<ScriptedClient>();
  std::shared_ptr<Keys> keys = std::make_shared<Keys>();
  std::shared_ptr<Bucket> bucket;
  std::unique_ptr<Store> store;
  std::string said;
};

std::string Error(const std::string& code, const std::string& more = {}) {
  return "<Error><Code>" + code + "</Code><Message>words of the server</Message>" + more + "</Error>";
}

#define EXPECT(expression, expected)                                                                       \
  do {                                                                                                     \
    const Status found = (expression);                                                                     \
    cr_assert(found.code() == Code::expected, "%s: %s", #expression, found.ToString().c_str());            \
    cr_assert(found.message().find("SECRET") == std::string::npos && found.message().find("token-") == std::string::npos); \
  } while (false)

bool Has(const Status& status, const std::string& text) { return status.message().find(text) != std::string::npos; }

}  // namespace

Test(object_bucket, troubles_of_the_server_are_tried_again) {
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    Scene scene;
    scene.client->Answer(status, "<html>");
    scene.client->Fail(Code::kNetwork, "reset");
    scene.client->Fail(Code::kTimeout, "stalled");
    scene.client->Answer(200);
    EXPECT(scene.store->Put("a", AsBytes("x"), true), kOk);
    cr_assert_eq(scene.count(), 4);
    cr_assert_eq(scene.store->counters().requests.load(), 4);
    cr_assert_eq(scene.sent(3).body, "x");
  }
}

Test(object_bucket, what_another_try_would_not_change_is_tried_once) {
  const struct { int status; const char* code; Code expected; const char* says; } kCases[] = {
      {403, "AccessDenied", Code::kAuth, "may not do this"},
      {403, "SignatureDoesNotMatch", Code::kAuth, "the secret key is not the one"},
      {403, "InvalidAccessKeyId", Code::kAuth, "does not know this access key"},
      {404, "NoSuchBucket", Code::kNotFound, "bucket bucket does not exist"},
      {400, "EntityTooLarge", Code::kIo, "refuses"},
      {507, "", Code::kNoSpace, "no room"},
      {403, "QuotaExceeded", Code::kNoSpace, "no room"},
      {501, "NotImplemented", Code::kUnsupported, "cannot do this"},
  };
  for (const auto& one : kCases) {
    Scene scene;
    scene.client->Answer(one.status, Error(one.code));
    const Status status = scene.store->Put("a", AsBytes("x"), true);
    cr_assert(status.code() == one.expected, "%s: %s", one.code, status.ToString().c_str());
    cr_assert(Has(status, one.says) && Has(status, "s3://bucket/run/a"), "%s", status.message().c_str());
    cr_assert_eq(scene.count(), 1);
  }
}

Test(object_bucket, a_server_that_stays_in_trouble_is_an_error_with_its_words) {
  Scene scene;
  for (int i = 0; i < 8; ++i) scene.client->Answer(503, Error("SlowDown"));
  const Status status = scene.store->Put("a", AsBytes("x"), true);
  EXPECT(status, kIo);
  cr_assert(Has(status, "8 tries") && Has(status, "SlowDown: words of the server"));
}

Test(object_bucket, silence_is_a_network_error_and_no_timeout_of_the_job) {
  Scene scene;
  for (int i = 0; i < 3; ++i) scene.client->Fail(Code::kTimeout, "no answer from host:1");
  const Status status = scene.store->Put("a", AsBytes("x"), true);
  EXPECT(status, kNetwork);
  cr_assert(Has(status, "3 tries") && Has(status, "no answer"), "%s", status.message().c_str());
}

Test(object_bucket, damage_on_the_way_is_sent_again_but_not_for_ever) {
  Scene scene;
  scene.client->Answer(400, Error("BadDigest"));
  scene.client->Answer(200);
  EXPECT(scene.store->Put("a", AsBytes("x"), true), kOk);
  for (int i = 0; i < 6; ++i) scene.client->Answer(400, Error("BadDigest"));
  EXPECT(scene.store->Put("a", AsBytes("x"), true), kNetwork);
}

Test(object_bucket, expired_credentials_are_renewed_and_static_ones_are_an_error) {
  Scene scene;
  scene.client->Answer(400, Error("ExpiredToken"));
  scene.client->Answer(200);
  EXPECT(scene.store->Put("a", AsBytes("x"), true), kOk);
  cr_assert_eq(scene.keys->refusals, 1);
  cr_assert_neq(scene.sent(0).header("x-amz-security-token"), scene.sent(1).header("x-amz-security-token"));
  scene.keys->renewable = false;
  scene.client->Answer(400, Error("ExpiredToken"));
  const Status status = scene.store->Put("a", AsBytes("x"), true);
  EXPECT(status, kAuth);
  cr_assert(Has(status, "have expired") && Has(status, "the test"), "%s", status.message().c_str());
}

Test(object_bucket, the_servers_clock_is_used_when_ours_is_wrong) {
  Scene scene;
  scene.client->Answer(403, Error("RequestTimeTooSkewed"), {{"date", "Fri, 01 Jan 2038 00:00:00 GMT"}});
  scene.client->Answer(200);
  EXPECT(scene.store->Put("a", AsBytes("x"), true), kOk);
  cr_assert(scene.sent(1).header("x-amz-date").starts_with("20380101T0000"), "%s", scene.sent(1).header("x-amz-date").c_str());
  cr_assert(scene.said.find("clock") != std::string::npos);
  // Once more the same time: then something else is wrong, and the user hears of it.
  scene.client->Answer(403, Error("RequestTimeTooSkewed"), {{"date", "Fri, 01 Jan 2038 00:00:01 GMT"}});
  const Status status = scene.store->Put("a", AsBytes("x"), true);
  EXPECT(status, kAuth);
  cr_assert(Has(status, "clock of this machine"), "%s", status.message().c_str());
}

Test(object_bucket, the_region_is_found_out_and_kept) {
  Scene scene(kS3, /*amazon=*/true);
  scene.client->Answer(301, "", {{"x-amz-bucket-region", "eu-west-3"}});   // asked before a body is sent
  for (int i = 0; i < 2; ++i) scene.client->Answer(200);
  EXPECT(scene.store->Put("a", AsBytes("x"), true), kOk);
  cr_assert_eq(scene.sent(0).url, "https://bucket.s3.us-east-1.amazonaws.com/");
  cr_assert_eq(scene.sent(0).method, "HEAD");
  cr_assert_eq(scene.sent(2).url, "https://bucket.s3.eu-west-3.amazonaws.com/run/a");
  cr_assert(scene.sent(2).header("Authorization").find("/eu-west-3/s3/") != std::string::npos);
  scene.client->Answer(200);
  EXPECT(scene.store->Put("b", AsBytes("x"), true), kOk);
  cr_assert_eq(scene.sent(3).url, "https://bucket.s3.eu-west-3.amazonaws.com/run/b");
  // A region is no way to another host.
  scene.client->Answer(400, Error("AuthorizationHeaderMalformed", "<Region>evil.example.org/</Region>"));
  EXPECT(scene.store->Put("b", AsBytes("x"), true), kAuth);
}

Test(object_bucket, calls_side_by_side_all_learn_the_region_and_the_clock) {
  Scene scene(kS3, /*amazon=*/true);
  std::vector<Call> calls(3);
  for (Call& call : calls) {
    call.action = "removing";
    call.method = "DELETE";
    call.key = "run/a";
  }
  for (int i = 0; i < 3; ++i) scene.client->Answer(301, "", {{"x-amz-bucket-region", "eu-west-3"}});   // all at once
  for (int i = 0; i < 3; ++i) scene.client->Answer(204);
  StoreCounters counters;
  for (const Result<Answer>& answer : scene.bucket->SendAll(calls, &counters)) cr_assert(answer.ok() && answer->ok());
  for (int i = 0; i < 3; ++i) scene.client->Answer(403, Error("RequestTimeTooSkewed"), {{"date", "Fri, 01 Jan 2038 00:00:00 GMT"}});
  for (int i = 0; i < 3; ++i) scene.client->Answer(204);
  for (const Result<Answer>& answer : scene.bucket->SendAll(calls, &counters)) cr_assert(answer.ok() && answer->ok());
  cr_assert_eq(scene.said.find("clock"), scene.said.rfind("set the clock") - scene.said.substr(scene.said.find("clock")).rfind("set the clock"), "said once");
}

Test(object_bucket, troubles_do_not_use_up_what_is_learned_from_refusals) {
  Scene scene;
  for (int i = 0; i < 5; ++i) scene.client->Answer(503, Error("SlowDown"));
  scene.client->Answer(400, Error("ExpiredToken"));
  scene.client->Answer(200);
  EXPECT(scene.store->Put("a", AsBytes("x"), true), kOk);
}

Test(object_bucket, a_token_is_never_sent_in_clear_to_another_machine) {
  class Token final : public http::CredentialProvider {
   public:
    Result<http::Credentials> Get() override { return http::Credentials{"", "", "SECRET", 0}; }
    void Refuse(const http::Credentials&) override {}
    std::string Describe() const override { return "the test"; }
  };
  for (const std::string host : {"storage.example.org", "127.0.0.1:80", "localhost:80", "[::1]:80", "10.0.0.1:80", "127.evil.example.org"}) {
    const auto client = std::make_shared<ScriptedClient>();
    BucketOptions options;
    options.dialect = kGoogle;
    options.endpoint.scheme = "http";
    options.endpoint.authority = host;
    options.bucket = "bucket";
    const auto bucket = std::make_shared<Bucket>(options, client, std::make_shared<Token>(), Log());
    const bool near = host.starts_with("127.0.0.1") || host.starts_with("localhost") || host.starts_with("[::1]");
    if (near) client->Answer(200);
    const Status put = MakeObjectStore(bucket, "", {})->Put("a", AsBytes("x"), true);
    cr_assert(put.code() == (near ? Code::kOk : Code::kAuth), "%s: %s", host.c_str(), put.ToString().c_str());
    cr_assert(client->done());
  }
}

Test(object_bucket, a_write_carries_its_checksum_and_a_read_is_checked) {
  Scene scene;
  scene.client->Answer(200);
  EXPECT(scene.store->Put("a", AsBytes("123456789"), true), kOk);
  cr_assert_eq(scene.sent(0).header("x-amz-checksum-crc32c"), "4waSgw==");   // e3069283
  // Damaged twice on its way, whole the third time.
  for (const char* body : {"12345678x", "y23456789", "123456789"})
    scene.client->Answer(200, body, {{"x-amz-checksum-crc32c", "4waSgw=="}, {"etag", "\"e\""}});
  Version version;
  const Result<Bytes> got = scene.store->Get("a", 100, &version);
  cr_assert(got.ok() && AsText(*got) == "123456789" && version.tag == "\"e\"");
  for (int i = 0; i < 3; ++i) scene.client->Answer(200, "12345678x", {{"x-amz-checksum-crc32c", "4waSgw=="}});
  EXPECT(scene.store->Get("a", 100, nullptr).status(), kCorrupt);
}

Test(object_bucket, a_range_must_be_the_one_that_was_asked_for) {
  const auto read = [](int status, const char* body, const char* range, Code expected) {
    Scene scene;
    scene.client->Answer(status, body, {{"content-range", range}});
    Bytes out(4);
    const Status found = scene.store->ReadAt("a", 8, out);
    cr_assert(found.code() == expected, "%s", found.ToString().c_str());
    cr_assert_eq(scene.sent(0).header("Range"), "bytes=8-11");
  };
  read(206, "abcd", "bytes 8-11/100", Code::kOk);
  read(206, "ab", "bytes 8-9/10", Code::kCorrupt);         // it ends there
  read(206, "abcd", "bytes 9-12/100", Code::kIo);          // another range
  read(200, "abcd", "", Code::kIo);                        // ranges are ignored
  read(416, "<Error><Code>InvalidRange</Code></Error>", "", Code::kCorrupt);
}

Test(object_bucket, put_if_settles_a_lost_answer_by_reading_back) {
  Scene scene;
  scene.client->Fail(Code::kNetwork, "reset");             // it was done, and nobody heard
  scene.client->Answer(412, Error("PreconditionFailed"));
  scene.client->Answer(200, "record", {{"etag", "\"1\""}});
  EXPECT(scene.store->PutIf("r", AsBytes("record"), {}, true), kOk);
  cr_assert_eq(scene.sent(0).header("If-None-Match"), "*");
  // Another one's record is there.
  scene.client->Fail(Code::kNetwork, "reset");
  scene.client->Answer(412, Error("PreconditionFailed"));
  scene.client->Answer(200, "theirs", {{"etag", "\"2\""}});
  EXPECT(scene.store->PutIf("r", AsBytes("record"), {}, true), kExists);
  // At the first try the very same bytes were not ours.
  scene.client->Answer(412, Error("PreconditionFailed"));
  scene.client->Answer(200, "record", {{"etag", "\"1\""}});
  EXPECT(scene.store->PutIf("r", AsBytes("record"), {}, true), kExists);
}

Test(object_bucket, put_if_says_when_it_cannot_know) {
  Scene scene;
  for (int i = 0; i < 16; ++i) scene.client->Fail(Code::kNetwork, "reset");   // the write, then the look
  const Status status = scene.store->PutIf("r", AsBytes("record"), {}, true);
  EXPECT(status, kNetwork);
  cr_assert(Has(status, "not known"), "%s", status.message().c_str());
  for (int i = 0; i < 8; ++i) scene.client->Fail(Code::kNetwork, "reset");
  scene.client->Answer(404, Error("NoSuchKey"));
  const Status failed = scene.store->PutIf("r", AsBytes("record"), {}, true);
  EXPECT(failed, kNetwork);
  cr_assert(!Has(failed, "not known"), "it is known not to be there");
}

// kNetwork: it may be carried out even now, so what it names must stay.
Test(object_bucket, put_if_without_an_answer_may_still_come_whatever_failed_afterwards) {
  {
    Scene scene;   // a gateway that heard nothing in time from the server
    for (int i = 0; i < 8; ++i) scene.client->Answer(i % 2 == 0 ? 504 : 502);
    scene.client->Answer(404, Error("NoSuchKey"));
    EXPECT(scene.store->PutIf("r", AsBytes("record"), {}, true), kNetwork);
  }
  {
    Scene scene;   // no credentials for another try
    scene.keys->fails_at = 2;
    scene.client->Fail(Code::kNetwork, "reset");
    scene.client->Answer(404, Error("NoSuchKey"));
    EXPECT(scene.store->PutIf("r", AsBytes("record"), {}, true), kNetwork);
  }
  {
    Scene scene;   // a server that says itself that it was not done
    for (int i = 0; i < 8; ++i) scene.client->Answer(503, Error("SlowDown"));
    scene.client->Answer(404, Error("NoSuchKey"));
    EXPECT(scene.store->PutIf("r", AsBytes("record"), {}, true), kIo);
  }
}

Test(object_bucket, bodies_wait_until_the_region_is_known) {
  Scene scene(kS3, /*amazon=*/true);
  scene.client->Answer(301, "", {{"x-amz-bucket-region", "eu-west-3"}});
  for (int i = 0; i < 5; ++i) scene.client->Answer(200);
  scene.client->on_the_way = [](const http::Request& request) {
    if (request.method == "HEAD") std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  std::vector<std::thread> threads;
  std::vector<Status> statuses(4);
  for (Status& status : statuses) threads.emplace_back([&] { status = scene.store->Put("a", AsBytes("x"), true); });
  for (std::thread& thread : threads) thread.join();
  for (const Status& status : statuses) EXPECT(status, kOk);
  for (size_t i = 2; i < scene.count(); ++i) cr_assert_eq(scene.sent(i).url, "https://bucket.s3.eu-west-3.amazonaws.com/run/a");
}

Test(object_bucket, a_place_that_holds_unfinished_uploads_only_is_there) {
  for (const bool uploads : {true, false}) {
    Scene scene;
    scene.client->Answer(200, "<ListBucketResult/>");
    scene.client->Answer(200, uploads ? "<ListMultipartUploadsResult><Upload><Key>run/x</Key><UploadId>1</UploadId></Upload></ListMultipartUploadsResult>"
                                      : "<ListMultipartUploadsResult/>");
    cr_assert_eq(scene.store->HasPlace(), uploads);
  }
}

Test(object_bucket, put_if_over_a_version_names_it_with_or_without_quotes) {
  Scene scene;
  scene.client->Answer(200);
  EXPECT(scene.store->PutIf("r", AsBytes("new"), {"\"v1\""}, true), kOk);
  cr_assert_eq(scene.sent(0).header("If-Match"), "\"v1\"");
  scene.client->Answer(412, Error("PreconditionFailed"));   // this server compares without quotes
  scene.client->Answer(200, "old", {{"etag", "\"v1\""}});
  scene.client->Answer(200);
  EXPECT(scene.store->PutIf("r", AsBytes("new"), {"\"v1\""}, true), kOk);
  cr_assert_eq(scene.sent(3).header("If-Match"), "v1");
  scene.client->Answer(404, Error("NoSuchKey"));            // it was removed meanwhile
  scene.client->Answer(404, Error("NoSuchKey"));
  EXPECT(scene.store->PutIf("r", AsBytes("new"), {"\"v1\""}, true), kExists);
}

Test(object_bucket, without_conditional_writes_it_looks_writes_and_reads_back_and_says_so_once) {
  Scene scene;
  for (int round = 0; round < 2; ++round) {
    if (round == 0) scene.client->Answer(501, Error("NotImplemented"));
    scene.client->Answer(404, Error("NoSuchKey"));
    scene.client->Answer(200);
    scene.client->Answer(200, "record", {{"etag", "\"1\""}});
    EXPECT(scene.store->PutIf("r", AsBytes("record"), {}, true), kOk);
  }
  cr_assert_eq(scene.said.find("no conditional writes"), scene.said.rfind("no conditional writes"));
  cr_assert_neq(scene.said.find("no conditional writes"), std::string::npos);
  scene.client->Answer(200, "theirs", {{"etag", "\"2\""}});
  EXPECT(scene.store->PutIf("r", AsBytes("record"), {}, true), kExists);
  scene.client->Answer(404, Error("NoSuchKey"));
  scene.client->Answer(200);
  scene.client->Answer(200, "theirs", {{"etag", "\"2\""}});   // another job was a moment later
  EXPECT(scene.store->PutIf("r", AsBytes("record"), {}, true), kExists);
}

Test(object_bucket, a_server_of_unknown_word_is_looked_at_first) {
  Scene scene(kS3, false, /*keeps_conditions=*/false);
  scene.client->Answer(200, "theirs", {{"etag", "\"2\""}});
  EXPECT(scene.store->PutIf("r", AsBytes("record"), {}, true), kExists);
  cr_assert_eq(scene.count(), 1);
}

Test(object_bucket, google_versions_are_generations) {
  Scene scene(kGoogle);
  scene.client->Answer(200);
  EXPECT(scene.store->PutIf("r", AsBytes("123456789"), {}, true), kOk);
  cr_assert_eq(scene.sent(0).header("x-goog-if-generation-match"), "0");
  cr_assert_eq(scene.sent(0).header("x-goog-hash"), "crc32c=4waSgw==");
  scene.client->Answer(200, "123456789", {{"x-goog-generation", "1700"}, {"x-goog-hash", "crc32c=4waSgw=="}, {"x-goog-hash", "md5=AAAA"}});
  Version version;
  cr_assert(scene.store->Get("r", 100, &version).ok());
  cr_assert_eq(version.tag, "1700");
  scene.client->Answer(412, Error("PreconditionFailed"));
  scene.client->Answer(200, "theirs", {{"x-goog-generation", "1800"}});
  EXPECT(scene.store->PutIf("r", AsBytes("new"), version, true), kExists);
  cr_assert_eq(scene.sent(2).header("x-goog-if-generation-match"), "1700");
}

Test(object_bucket, an_object_of_one_part_is_one_request) {
  Scene scene;
  scene.client->Answer(200);
  const Bytes content(100000, std::byte{3});
  Result<std::unique_ptr<StoreWriter>> writer = scene.store->Create("slab", content.size());
  cr_assert(writer.ok());
  EXPECT((*writer)->WriteAt(0, content, Crc32c(content)), kOk);
  EXPECT((*writer)->Finish(content.size(), true), kOk);
  cr_assert_eq(scene.count(), 1);
  cr_assert_eq(scene.sent(0).method, "PUT");
  cr_assert_eq(scene.sent(0).header("x-amz-checksum-crc32c"), ChecksumText(Crc32c(content)));
}

namespace {

constexpr char kBegun[] = "<InitiateMultipartUploadResult><UploadId>up&amp;1</UploadId></InitiateMultipartUploadResult>";

// Three parts of one byte, which only a script takes.
std::unique_ptr<StoreWriter> UploadThree(Scene& scene) {
  WriteLayout layout;
  layout.offsets = {0, 1, 2};
  Result<std::unique_ptr<StoreWriter>> writer = scene.store->Create("slab", layout);
  cr_assert(writer.ok());
  scene.client->Answer(200, kBegun);
  for (const char* tag : {"\"p2\"", "\"p0\"", "\"p1\""}) scene.client->Answer(200, "", {{"etag", tag}});
  for (const uint64_t offset : {2, 0, 1}) EXPECT((*writer)->WriteAt(offset, AsBytes("x"), 5), kOk);
  return std::move(writer).value();
}

}  // namespace

Test(object_bucket, parts_are_uploaded_in_any_order_and_completed_in_theirs) {
  Scene scene;
  const auto writer = UploadThree(scene);
  scene.client->Answer(200, "<CompleteMultipartUploadResult/>");
  EXPECT(writer->Finish(3, true), kOk);
  cr_assert(scene.sent(0).url.ends_with("?uploads=") && scene.sent(0).header("x-amz-checksum-algorithm") == "CRC32C");
  cr_assert(scene.sent(1).url.ends_with("?partNumber=3&uploadId=up%261"), "%s", scene.sent(1).url.c_str());
  const std::string& xml = scene.sent(4).body;
  cr_assert(xml.find("&quot;p0&quot;") < xml.find("&quot;p1&quot;") && xml.find("&quot;p1&quot;") < xml.find("&quot;p2&quot;"), "%s", xml.c_str());
  cr_assert(xml.find("<ChecksumCRC32C>AAAABQ==</ChecksumCRC32C>") != std::string::npos);
}

Test(object_bucket, a_completion_may_fail_after_its_200) {
  Scene scene;
  const auto writer = UploadThree(scene);
  scene.client->Answer(200, Error("InternalError"));
  scene.client->Answer(200, "<CompleteMultipartUploadResult/>");
  EXPECT(writer->Finish(3, true), kOk);
}

Test(object_bucket, an_answer_to_a_completion_that_makes_no_sense_is_no_success) {
  for (const char* body : {"", "  ", "<html/>", "<CompleteMultipartUploadResult><Loc"}) {
    for (const bool there : {true, false}) {
      Scene scene;
      auto writer = UploadThree(scene);
      scene.client->Answer(200, body);
      scene.client->Answer(there ? 200 : 404, "", {{"content-length", "3"}});
      const Status finished = writer->Finish(3, true);
      cr_assert(finished.code() == (there ? Code::kOk : Code::kCorrupt), "%s", finished.ToString().c_str());
      if (!there) scene.client->Answer(204);   // aborting it
      writer.reset();
    }
  }
}

Test(object_bucket, a_server_that_knows_no_checksums_gets_a_completion_without) {
  Scene scene;
  const auto writer = UploadThree(scene);
  scene.client->Answer(400, Error("MalformedXML"));
  scene.client->Answer(200, "<CompleteMultipartUploadResult/>");
  EXPECT(writer->Finish(3, true), kOk);
  cr_assert(scene.sent(4).body.find("Checksum") != std::string::npos && scene.sent(5).body.find("Checksum") == std::string::npos);
}

Test(object_bucket, an_error_in_a_200_is_no_success_of_a_write) {
  Scene scene;
  scene.client->Answer(200, Error("InternalError"));
  scene.client->Answer(200);
  EXPECT(scene.store->Put("a", AsBytes("x"), true), kOk);
  cr_assert_eq(scene.count(), 2);
}

Test(object_bucket, an_object_that_was_put_is_not_removed_by_a_writer_that_gives_up) {
  Scene scene;
  Result<std::unique_ptr<StoreWriter>> writer = scene.store->Create("slab", 1);
  scene.client->Answer(403, Error("AccessDenied"));
  EXPECT((*writer)->WriteAt(0, AsBytes("x"), {}), kAuth);
  *writer = nullptr;   // another copy may have committed what lies under this name
  cr_assert_eq(scene.count(), 1);
}

Test(object_bucket, a_completion_whose_answer_was_lost_is_looked_for) {
  for (const bool there : {true, false}) {
    Scene scene;
    auto writer = UploadThree(scene);
    scene.client->Fail(Code::kNetwork, "reset");
    scene.client->Answer(404, Error("NoSuchUpload"));
    scene.client->Answer(there ? 200 : 404, "", {{"content-length", "3"}});
    const Status finished = writer->Finish(3, true);
    cr_assert(finished.code() == (there ? Code::kOk : Code::kNotFound), "%s", finished.ToString().c_str());
    if (!there) scene.client->Answer(404, Error("NoSuchUpload"));   // aborting it
    writer.reset();
  }
}

Test(object_bucket, an_abandoned_upload_is_aborted) {
  Scene scene;
  auto writer = UploadThree(scene);
  scene.client->Answer(204);
  writer.reset();
  cr_assert_eq(scene.sent(4).method, "DELETE");
  cr_assert(scene.sent(4).url.ends_with("?uploadId=up%261"));
}

Test(object_bucket, an_upload_with_a_missing_part_is_never_completed) {
  Scene scene;
  WriteLayout layout;
  layout.offsets = {0, 1};
  Result<std::unique_ptr<StoreWriter>> writer = scene.store->Create("slab", layout);
  scene.client->Answer(200, kBegun);
  scene.client->Answer(200, "", {{"etag", "\"p\""}});
  EXPECT((*writer)->WriteAt(0, AsBytes("x"), {}), kOk);
  EXPECT((*writer)->WriteAt(7, AsBytes("x"), {}), kInternal);
  EXPECT((*writer)->Finish(1, true), kInternal);
  scene.client->Answer(204);
}

Test(object_bucket, many_objects_are_removed_together_and_alone_where_that_fails) {
  Scene scene;
  scene.client->Answer(200, "<ListBucketResult><Contents><Key>run/a</Key><Size>1</Size></Contents><Contents><Key>run/b</Key><Size>1</Size></Contents>"
                            "<Contents><Key>elsewhere</Key><Size>1</Size></Contents></ListBucketResult>");
  scene.client->Answer(200, "<DeleteResult><Error><Key>run/b</Key><Code>InternalError</Code></Error></DeleteResult>");
  scene.client->Answer(204);
  scene.client->Answer(200, "<ListMultipartUploadsResult><Upload><Key>run/c</Key><UploadId>u</UploadId></Upload>"
                            "<Upload><Key>elsewhere</Key><UploadId>v</UploadId></Upload></ListMultipartUploadsResult>");
  scene.client->Answer(204);
  EXPECT(scene.store->RemoveAll(""), kOk);
  cr_assert(scene.sent(1).url.ends_with("?delete=") && !scene.sent(1).header("Content-MD5").empty());
  cr_assert_eq(scene.sent(1).body.find("elsewhere"), std::string::npos);
  cr_assert_eq(scene.sent(2).url, "https://host:1/bucket/run/b");
  cr_assert_eq(scene.sent(4).url, "https://host:1/bucket/run/c?uploadId=u");
}

Test(object_bucket, uploads_of_a_take_in_progress_and_young_ones_are_spared) {
  Scene scene;
  scene.client->Answer(200, "<ListMultipartUploadsResult>"
                            "<Upload><Key>run/alive/x</Key><UploadId>1</UploadId><Initiated>2020-01-01T00:00:00Z</Initiated></Upload>"
                            "<Upload><Key>run/dead/x</Key><UploadId>2</UploadId><Initiated>2020-01-01T00:00:00Z</Initiated></Upload>"
                            "<Upload><Key>run/young/x</Key><UploadId>3</UploadId><Initiated>2030-01-01T00:00:00Z</Initiated></Upload>"
                            "</ListMultipartUploadsResult>");
  scene.client->Answer(204);
  EXPECT(scene.store->RemoveLeftovers("", 1700000000, [](std::string_view key) { return !key.starts_with("alive/"); }), kOk);
  cr_assert_eq(scene.sent(1).url, "https://host:1/bucket/run/dead/x?uploadId=2");
}

Test(object_bucket, a_listing_that_never_ends_is_noticed) {
  Scene scene;
  for (int i = 0; i < 2; ++i)
    scene.client->Answer(200, "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>");
  EXPECT(scene.store->List("", [](const Entry&) { return Status::Ok(); }), kCorrupt);
}

Test(object_bucket, names_in_the_bucket_that_no_store_makes_are_not_listed) {
  Scene scene;
  scene.client->Answer(200, "<ListBucketResult><Contents><Key>run/</Key><Size>0</Size></Contents><Contents><Key>run/a/</Key><Size>0</Size></Contents>"
                            "<Contents><Key>run/../b</Key><Size>0</Size></Contents><Contents><Key>run/c</Key><Size>0</Size></Contents></ListBucketResult>");
  std::string keys;
  EXPECT(scene.store->List("", [&](const Entry& entry) { keys += entry.key + ";"; return Status::Ok(); }), kOk);
  cr_assert_eq(keys, "c;");
}
