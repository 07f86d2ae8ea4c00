// Credentials of S3: the order of their sources, what each asks of its service, and that nothing is told of a secret.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "base/clock.h"
#include "credential_services.h"
#include "store/http/message.h"
#include "store/http/service_url.h"
#include "store/http/signature_v4.h"
#include "store/http/small_json.h"
#include "store/http/time_text.h"
#include "store/s3/aws_settings.h"
#include "store/s3/credentials.h"
#include "store/s3/process_credentials.h"
#include "store/s3/profile_file.h"

using namespace tsnap;
using namespace credential_test;

namespace {

constexpr const char* kImds = "169.254.169.254";
const std::string kRole = "arn:aws:iam::123456789012:role/writer";

Result<http::Credentials> Get(const World& world) {
  auto provider = s3::S3Credentials(*world.session(), world.clients());
  if (!provider.ok()) return std::move(provider).status();
  ExpectClean((*provider)->Describe());
  return (*provider)->Get();
}

void ExpectKeys(const World& world, const std::string& access_key, const std::string& token = {}) {
  auto keys = Get(world);
  cr_assert(keys.ok(), "%s", keys.status().ToString().c_str());
  cr_assert_eq(keys->access_key, access_key, "%s, not %s", keys->access_key.c_str(), access_key.c_str());
  cr_assert_eq(keys->secret_key, kSecret + access_key);
  cr_assert_eq(keys->token, token);
}

void ExpectRefused(const World& world, Code code, const std::string& part = {}) {
  auto keys = Get(world);
  cr_assert(!keys.ok());
  ExpectFailure(keys.status(), code, part);
}

std::string KeysJson(const std::string& access_key, const char* token_name, int64_t lifetime = 3600) {
  return fmt::format(R"({{"Version": 1, "Code": "Success", "AccessKeyId": "{0}", "SecretAccessKey": "{1}{0}", "{2}": "{1}token",)"
                     R"("Expiration": "{3}"}})",
                     access_key, kSecret, token_name, TimeText(UnixSeconds() + lifetime));
}

std::string ProfileText(const std::string& head, const std::string& access_key) {
  return fmt::format("[{0}]\naws_access_key_id = {1}\naws_secret_access_key = {2}{1}\n", head, access_key, kSecret);
}

// The instance metadata service of an instance that refuses version 1.
struct Imds {
  std::string token;
  int tokens = 0, fetches = 0;
  std::string role = "the role";
  std::string answer = KeysJson("IMDS", "Token");

  http::Response operator()(const http::Request& request) {
    if (request.scheme != "http") return Answer(400);
    if (request.path == "/latest/api/token") {
      if (request.method != "PUT") return Answer(405);
      if (!HeaderOf(request, "x-forwarded-for").empty()) return Answer(403);
      const std::string ttl = HeaderOf(request, "x-aws-ec2-metadata-token-ttl-seconds");
      int seconds = 0;
      std::from_chars(ttl.data(), ttl.data() + ttl.size(), seconds);
      if (seconds < 1 || seconds > 21600) return Answer(400);
      token = kSecret + "session" + std::to_string(++tokens);
      return Answer(200, token);
    }
    if (request.method != "GET") return Answer(405);
    if (token.empty() || HeaderOf(request, "x-aws-ec2-metadata-token") != token) return Answer(401);
    const std::string roles = "/latest/meta-data/iam/security-credentials/";
    if (request.path == roles) return role.empty() ? Answer(404) : Answer(200, role + "\n");
    if (request.path != roles + http::PercentEncode(role, false)) return Answer(404);
    ++fetches;
    return Answer(200, answer);
  }
};

void ServeImds(World* world, Imds* imds, const std::string& authority = kImds) {
  world->near->Serve(authority, [imds](const http::Request& request, const std::string&) { return (*imds)(request); });
}

// The Security Token Service. What it is asked with is checked as it would be there.
struct Sts {
  std::string region = "us-east-1";
  std::string web_token, access_key, token;  // what must come; the secret key follows from the access key
  std::string external_id;
  int calls = 0, failing = 0;
  std::string failure_code = "Throttling";

  static http::Response Error(int status, const std::string& code, const std::string& message) {
    return Answer(status, fmt::format(R"(<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>)"
                                      R"(<Code>{}</Code><Message>{}</Message></Error><RequestId>x</RequestId></ErrorResponse>)",
                                      code, message));
  }

  bool IsSigned(const http::Request& request) const {
    http::Request again = request;
    const std::string authorization = HeaderOf(request, "authorization"), date = HeaderOf(request, "x-amz-date");
    if (authorization.find("/" + region + "/sts/aws4_request") == std::string::npos || date.size() != 16) return false;
    if (HeaderOf(request, "x-amz-security-token") != token) return false;
    const auto now = http::ParseUtcTime(fmt::format("{}-{}-{}T{}:{}:{}Z", date.substr(0, 4), date.substr(4, 2), date.substr(6, 2),
                                                    date.substr(9, 2), date.substr(11, 2), date.substr(13, 2)));
    if (!now || std::abs(*now - UnixSeconds()) > 900) return false;
    http::Credentials credentials{access_key, kSecret + access_key, token, 0};
    const http::SignatureFamily family{"AWS4-HMAC-SHA256", "AWS4", "x-amz-", "sts", "aws4_request"};
    if (!http::SignV4(family, credentials, region, *now, http::HashPayload(request), &again).ok()) return false;
    return HeaderOf(again, "authorization") == authorization;
  }

  http::Response operator()(const http::Request& request, const std::string& body) {
    ++calls;
    auto form = FormOf(request, body);
    if (form["Version"] != "2011-06-15") return Error(400, "InvalidAction", "Could not find operation");
    for (const char* name : {"RoleArn", "RoleSessionName"})
      if (form[name].empty()) return Error(400, "ValidationError", fmt::format("Value null at '{}'", name));
    if (form["RoleArn"] != kRole) return Error(403, "AccessDenied", "not authorized");
    if (failing > 0 && failing-- > 0) return Error(400, failure_code, "try again");
    const std::string& action = form["Action"];
    if (action == "AssumeRoleWithWebIdentity") {
      if (!HeaderOf(request, "authorization").empty()) return Error(400, "InvalidAction", "signed");
      if (form["WebIdentityToken"] != web_token)  // a service that is careless with what it was sent
        return Error(400, "InvalidIdentityToken", "the token " + form["WebIdentityToken"] + " is not valid");
    } else if (action == "AssumeRole") {
      if (HeaderOf(request, "authorization").empty()) return Error(403, "MissingAuthenticationToken", "no signature");
      if (!IsSigned(request)) return Error(403, "SignatureDoesNotMatch", "the signature does not match");
      if (form["ExternalId"] != external_id) return Error(403, "AccessDenied", "external id");
    } else {
      return Error(400, "InvalidAction", "Could not find operation");
    }
    const std::string name = form["RoleSessionName"];
    return Answer(200, fmt::format(
                           R"(<{0}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{0}Result><Credentials>)"
                           R"(<AccessKeyId>{1}</AccessKeyId><SecretAccessKey>{2}{1}</SecretAccessKey><SessionToken>{2}token</SessionToken>)"
                           R"(<Expiration>{3}</Expiration></Credentials></{0}Result></{0}Response>)",
                           action, "STS-" + name, kSecret, TimeText(UnixSeconds() + std::stoi(form["DurationSeconds"]))));
  }
};

void ServeSts(World* world, Sts* sts, const std::string& authority) {
  world->far->Serve(authority, [sts](const http::Request& request, const std::string& body) { return (*sts)(request, body); });
}

void SetWebIdentity(World* world, Sts* sts, const std::string& session_name = "job") {
  sts->web_token = kSecret + "web.identity";
  Set("AWS_WEB_IDENTITY_TOKEN_FILE", world->home.Write("token", sts->web_token + "\n"));
  Set("AWS_ROLE_ARN", kRole);
  if (!session_name.empty()) Set("AWS_ROLE_SESSION_NAME", session_name);
}

double SecondsOf(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Test(s3_credentials, each_source_goes_before_the_next) {
  World world;
  Imds imds;
  ServeImds(&world, &imds);
  ExpectKeys(world, "IMDS", kSecret + "token");

  world.near->Serve("169.254.170.2", [](const http::Request& request, const std::string&) {
    return request.path == "/v2/credentials/1" ? Answer(200, KeysJson("CONTAINER", "Token")) : Answer(404);
  });
  Set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1");
  ExpectKeys(world, "CONTAINER", kSecret + "token");

  Sts sts;
  ServeSts(&world, &sts, "sts.amazonaws.com");
  SetWebIdentity(&world, &sts);
  ExpectKeys(world, "STS-job", kSecret + "token");

  world.home.Write(".aws/config", ProfileText("default", "CONFIG"));
  ExpectKeys(world, "CONFIG");
  world.home.Write(".aws/credentials", ProfileText("default", "FILE"));
  ExpectKeys(world, "FILE");

  Set("AWS_ACCESS_KEY_ID", "ENV");
  Set("AWS_SECRET_ACCESS_KEY", kSecret + "ENV");
  ExpectKeys(world, "ENV");
  Set("AWS_SESSION_TOKEN", kSecret + "session");
  ExpectKeys(world, "ENV", kSecret + "session");

  Set("TSNAP_S3_ANONYMOUS", "1");
  auto none = Get(world);
  cr_assert(none.ok() && none->access_key.empty() && none->secret_key.empty() && none->token.empty());

  world.knobs.s3_access_key = "KNOB";
  world.knobs.s3_secret_key = kSecret + "KNOB";
  ExpectKeys(world, "KNOB");
}

Test(s3_credentials, half_of_a_pair_is_an_error_that_names_the_other_half) {
  World world;
  world.knobs.s3_access_key = kSecret;
  ExpectRefused(world, Code::kInvalid, "s3_secret_key");
  world.knobs.s3_access_key.clear();
  world.knobs.s3_secret_key = kSecret;
  ExpectRefused(world, Code::kInvalid, "s3_access_key");
  world.knobs.s3_secret_key.clear();
  world.knobs.s3_session_token = kSecret;
  ExpectRefused(world, Code::kInvalid, "s3_access_key");
  world.knobs.s3_session_token.clear();

  Set("AWS_ACCESS_KEY_ID", "ENV");
  ExpectRefused(world, Code::kInvalid, "AWS_SECRET_ACCESS_KEY");
  unsetenv("AWS_ACCESS_KEY_ID");
  Set("AWS_SECRET_ACCESS_KEY", kSecret);
  ExpectRefused(world, Code::kInvalid, "AWS_ACCESS_KEY_ID");
  unsetenv("AWS_SECRET_ACCESS_KEY");

  world.home.Write(".aws/credentials", "[default]\naws_secret_access_key = " + kSecret + "\n");
  ExpectRefused(world, Code::kInvalid, "aws_access_key_id");
  world.home.Write(".aws/credentials", "");

  Set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere");
  ExpectRefused(world, Code::kInvalid, "AWS_ROLE_ARN");
  Set("AWS_ROLE_ARN", "no such thing");
  ExpectRefused(world, Code::kInvalid, "arn:aws:iam");
  Set("AWS_ROLE_ARN", kRole);
  ExpectRefused(world, Code::kAuth, "/nowhere");
}

Test(s3_credentials, without_any_the_message_says_in_order_what_was_looked_at_and_soon) {
  World world;
  const double seconds = SecondsOf([&] {
    auto keys = Get(world);
    const std::string& text = keys.status().message();
    ExpectFailure(keys.status(), Code::kAuth);
    size_t at = 0;
    for (const char* part : {"s3_access_key", "AWS_ACCESS_KEY_ID", "default", ".aws/credentials (no such file)", ".aws/config (no such file)",
                             "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", kImds, "TSNAP_S3_ANONYMOUS"}) {
      at = text.find(part, at);
      cr_assert_neq(at, std::string::npos, "%s is not in its place in: %s", part, text.c_str());
    }
  });
  cr_assert_lt(seconds, 2.0);
  cr_assert_eq(world.near->requests(kImds), 2);
  Set("AWS_EC2_METADATA_DISABLED", "TRUE");
  ExpectRefused(world, Code::kAuth, "AWS_EC2_METADATA_DISABLED");
  cr_assert_eq(world.near->requests(kImds), 2);
}

Test(s3_credentials, a_profile_that_is_named_must_be_there) {
  World world;
  world.home.Write(".aws/config", ProfileText("profile other", "OTHER") + ProfileText("bare", "BARE"));
  Set("AWS_PROFILE", "other");
  ExpectKeys(world, "OTHER");
  Set("AWS_PROFILE", "missing");
  ExpectRefused(world, Code::kAuth, "\"missing\"");
  Set("AWS_PROFILE", "bare");  // in the config file, profiles other than the default one are "[profile name]"
  ExpectRefused(world, Code::kAuth, "\"bare\"");
}

Test(s3_credentials, shared_files_are_read_as_the_aws_tools_do) {
  World world;
  Set("AWS_SHARED_CREDENTIALS_FILE", world.home.Write("keys", "\xef\xbb\xbf# a comment\r\n[ work ] ; more\r\nAWS_Access_Key_Id=WORK # mine\r\n"
                                                               "  ; not a setting\naws_secret_access_key = " + kSecret + "WORK\n"
                                                               "aws_session_token=" + kSecret + "a=b#c\n[empty]"));
  Set("AWS_CONFIG_FILE", world.home.Write("config", "[profile work]\naws_access_key_id = NOT\naws_secret_access_key = NOT\n"
                                                    "region = eu-central-1\ns3 =\n  endpoint_url = http://nested\n"));
  Set("AWS_PROFILE", "work");
  ExpectKeys(world, "WORK", kSecret + "a=b#c");
  cr_assert_eq(s3::ReadAwsSettings(world.knobs, "s3")->region, "eu-central-1");
  cr_assert_eq(s3::ReadAwsSettings(world.knobs, "s3")->endpoint_url, "");
  // Keys of one file are not completed by the other.
  world.home.Write("keys", "[work]\naws_access_key_id = WORK\n");
  ExpectRefused(world, Code::kInvalid, "aws_secret_access_key");
}

Test(s3_credentials, region_and_endpoint_come_in_the_order_of_the_aws_tools) {
  World world;
  const auto settings = [&](const char* service) {
    auto read = s3::ReadAwsSettings(world.knobs, service);
    cr_assert(read.ok());
    return read->region + " " + read->endpoint_url;
  };
  cr_assert_eq(settings("s3"), " ");
  world.home.Write(".aws/config", "[default]\nregion = r1\nendpoint_url = http://all\n");
  cr_assert_eq(settings("s3"), "r1 http://all");
  world.home.Write(".aws/config", "[default]\nregion = r1\nendpoint_url = http://all\nservices = mine\n[services mine]\ns3 =\n"
                                  "  endpoint_url = http://profile-s3\nsts =\n  endpoint_url = http://profile-sts\n");
  cr_assert_eq(settings("s3"), "r1 http://profile-s3");
  cr_assert_eq(settings("sts"), "r1 http://profile-sts");
  Set("AWS_ENDPOINT_URL", "http://env");
  Set("AWS_DEFAULT_REGION", "r2");
  cr_assert_eq(settings("s3"), "r2 http://env");
  Set("AWS_ENDPOINT_URL_S3", "http://env-s3");
  Set("AWS_REGION", "r3");
  cr_assert_eq(settings("s3"), "r3 http://env-s3");
  cr_assert_eq(settings("sts"), "r3 http://env");
  Set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
  cr_assert_eq(settings("s3"), "r3 ");
  world.knobs.s3_endpoint = "http://knob";
  world.knobs.s3_region = "r4";
  cr_assert_eq(settings("s3"), "r4 http://knob");
  cr_assert_eq(settings("sts"), "r4 ");
}

Test(s3_credentials, hostile_shared_files_are_refused_with_the_number_of_the_line) {
  World world;
  const std::string file = ".aws/credentials", keys = ProfileText("default", "FILE");
  world.home.Write(file, keys + std::string("x") + '\0' + kSecret + "=1\n");
  ExpectRefused(world, Code::kInvalid, "line 4");
  world.home.Write(file, keys + kSecret + "\n");
  ExpectRefused(world, Code::kInvalid, "line 4");
  world.home.Write(file, keys + "=" + kSecret + "\n");
  ExpectRefused(world, Code::kInvalid, "line 4");
  world.home.Write(file, kSecret + " = 1\n");
  ExpectRefused(world, Code::kInvalid, "line 1");
  world.home.Write(file, "[" + kSecret);
  ExpectRefused(world, Code::kInvalid, "line 1");
  world.home.Write(file, "[default]\naws_access_key_id = " + std::string(1 << 20, 'x') + "\n");
  ExpectRefused(world, Code::kInvalid, "1 MiB");
  world.home.Write(file, "[default]\naws_access_key_id = " + std::string((1 << 20) - 100, 'x') + "\naws_secret_access_key = y");
  ExpectRefused(world, Code::kAuth, "access key");
  world.home.Write(file, "[default]\naws_access_key_id = a\x01" + kSecret + "\naws_secret_access_key = " + kSecret);
  ExpectRefused(world, Code::kAuth, "access key");
  std::string brackets;
  for (int i = 0; i < 100000; ++i) brackets += "[a]\n b=\n  c=\n";
  world.home.Write(file, brackets.substr(0, 1 << 19));
  ExpectRefused(world, Code::kAuth);
  world.home.Write(file, keys.substr(0, keys.size() - 1));  // no newline at its end
  ExpectKeys(world, "FILE");
  Set("AWS_CONFIG_FILE", world.home.folder());
  ExpectRefused(world, Code::kIo, world.home.folder());
  Set("AWS_CONFIG_FILE", "/dev/null");
  ExpectKeys(world, "FILE");
}

Test(s3_credentials, keys_of_a_file_are_read_again_after_a_refusal) {
  World world;
  world.home.Write(".aws/credentials", ProfileText("default", "OLD"));
  auto provider = s3::S3Credentials(*world.session(), world.clients());
  const auto old = (*provider)->Get();
  cr_assert_eq(old->access_key, "OLD");
  world.home.Write(".aws/credentials", ProfileText("default", "NEW"));
  cr_assert_eq((*provider)->Get()->access_key, "OLD");
  (*provider)->Refuse(*old);
  cr_assert_eq((*provider)->Get()->access_key, "NEW");
  world.home.Write(".aws/credentials", "");
  (*provider)->Refuse(*(*provider)->Get());
  ExpectFailure((*provider)->Get().status(), Code::kAuth, "gone");
}

Test(s3_credentials, a_role_is_assumed_with_the_keys_of_its_source_and_a_signature_for_sts) {
  World world;
  Sts sts;
  sts.region = "eu-west-1";
  sts.access_key = "BASE";
  sts.external_id = "ours";
  ServeSts(&world, &sts, "sts.eu-west-1.amazonaws.com");
  const std::string role = "role_arn = " + kRole + "\nrole_session_name = me\nexternal_id = ours\nduration_seconds = 900\nregion = eu-west-1\n";
  world.home.Write(".aws/config", "[default]\nsource_profile = base\n" + role + ProfileText("profile base", "BASE"));
  ExpectKeys(world, "STS-me", kSecret + "token");
  // Its own keys; the environment's; with a session token.
  world.home.Write(".aws/config", ProfileText("default", "BASE") + "source_profile = default\n" + role);
  ExpectKeys(world, "STS-me", kSecret + "token");
  world.home.Write(".aws/config", "[default]\ncredential_source = Ec2InstanceMetadata\n" + role);
  Imds imds;
  imds.answer = KeysJson("BASE", "Token");
  sts.token = kSecret + "token";
  ServeImds(&world, &imds);
  ExpectKeys(world, "STS-me", kSecret + "token");
  cr_assert_eq(sts.calls, 3);
  sts.access_key = "ANOTHER";
  ExpectRefused(world, Code::kAuth, "SignatureDoesNotMatch");
}

Test(s3_credentials, roles_of_roles_are_assumed_one_by_one_and_circles_are_seen) {
  World world;
  Sts sts;
  sts.access_key = "BASE";
  ServeSts(&world, &sts, "localhost:1");
  Set("AWS_ENDPOINT_URL_STS", "http://localhost:1");
  const std::string role = "role_arn = " + kRole + "\n";
  world.home.Write(".aws/config", "[default]\nsource_profile = a\n" + role + "[profile a]\nsource_profile = b\n" + role +
                                      "[profile b]\nsource_profile = default\n" + role);
  ExpectRefused(world, Code::kInvalid, "leads back");
  world.home.Write(".aws/config", "[default]\nsource_profile = gone\n" + role);
  ExpectRefused(world, Code::kAuth, "\"gone\"");
  world.home.Write(".aws/config", "[default]\nsource_profile = bare\n" + role + "[profile bare]\nregion = x\n");
  ExpectRefused(world, Code::kInvalid, "holds no credentials");
  world.home.Write(".aws/config", "[default]\n" + role);
  ExpectRefused(world, Code::kInvalid, "source_profile");
  world.home.Write(".aws/config", "[default]\ncredential_source = Elsewhere\n" + role);
  ExpectRefused(world, Code::kInvalid, "credential_source");
  world.home.Write(".aws/config", "[default]\ncredential_source = Environment\n" + role);
  ExpectRefused(world, Code::kAuth, "Environment");
  world.home.Write(".aws/config", "[default]\nmfa_serial = arn:aws:iam::1:mfa/me\nsource_profile = default\n" + role);
  ExpectRefused(world, Code::kUnsupported, "one-time password");
  world.home.Write(".aws/config", "[default]\nsso_session = corp\nsso_account_id = 1\n");
  ExpectRefused(world, Code::kUnsupported, "SSO");
  cr_assert_eq(sts.calls, 0);
}

Test(s3_credentials, a_web_identity_token_is_exchanged_at_the_regional_service) {
  World world;
  Sts sts;
  SetWebIdentity(&world, &sts, "");
  Set("AWS_REGION", "cn-north-1");
  ServeSts(&world, &sts, "sts.cn-north-1.amazonaws.com.cn");
  ExpectKeys(world, "STS-tsnap", kSecret + "token");
  // The platform replaces the token; the file is read each time.
  auto provider = s3::S3Credentials(*world.session(), world.clients());
  const auto first = (*provider)->Get();
  sts.web_token = kSecret + "another";
  world.home.Write("token", sts.web_token);
  (*provider)->Refuse(*first);
  cr_assert((*provider)->Get().ok());
  cr_assert_eq(sts.calls, 3);
}

Test(s3_credentials, what_the_token_service_says_is_told_but_no_secret_that_it_repeats) {
  World world;
  Sts sts;
  SetWebIdentity(&world, &sts);
  Set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9");
  ServeSts(&world, &sts, "127.0.0.1:9");
  sts.web_token = "another";  // it will answer with what it was sent
  ExpectRefused(world, Code::kAuth, "400");
  Set("AWS_ROLE_ARN", kRole + "2");
  ExpectRefused(world, Code::kAuth, "AccessDenied: not authorized");
  Set("AWS_ROLE_ARN", kRole);
  world.home.Write("token", std::string("two\nlines") + kSecret);
  ExpectRefused(world, Code::kAuth, "printable");
  world.home.Write("token", " \n");
  ExpectRefused(world, Code::kAuth, "empty");
}

Test(s3_credentials, a_token_service_out_of_order_is_tried_again) {
  World world;
  Sts sts;
  SetWebIdentity(&world, &sts);
  ServeSts(&world, &sts, "sts.amazonaws.com");
  for (const char* code : {"Throttling", "IDPCommunicationError"}) {
    sts.failing = 2;
    sts.failure_code = code;
    ExpectKeys(world, "STS-job", kSecret + "token");
  }
  int failing = 2;
  world.far->Serve("sts.amazonaws.com", [&](const http::Request& request, const std::string& body) {
    return failing-- > 0 ? Answer(503) : sts(request, body);
  });
  ExpectKeys(world, "STS-job", kSecret + "token");
}

Test(s3_credentials, answers_that_make_no_sense_are_refused) {
  World world;
  Sts sts;
  SetWebIdentity(&world, &sts);
  std::string answer;
  world.far->Serve("sts.amazonaws.com", [&](const http::Request&, const std::string&) { return Answer(200, answer); });
  std::string deep;
  for (int i = 0; i < 50000; ++i) deep += "<a>";
  for (const std::string& text : {std::string(), std::string("<"), deep, std::string("{}"), kSecret, std::string("\0\0", 2),
                                  std::string("<Credentials><AccessKeyId>a</AccessKeyId></Credentials>"),
                                  "<Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>" + kSecret +
                                      "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>soon</Expiration></Credentials>"}) {
    answer = text;
    ExpectRefused(world, Code::kCorrupt, "no credentials");
  }
}

Test(s3_credentials, the_container_is_asked_with_its_token_and_only_where_that_is_safe) {
  World world;
  std::string expected = kSecret + "authorization";
  const auto service = [&](const http::Request& request, const std::string&) {
    if (request.method != "GET") return Answer(405);
    if (HeaderOf(request, "authorization") != expected)
      return Answer(401, R"({"code":"Denied","message":"not )" + HeaderOf(request, "authorization") + "\"}");
    return Answer(200, KeysJson("CONTAINER", "Token"));
  };
  for (const char* authority : {"127.0.0.1:51679", "169.254.170.23", "[fd00:ec2::23]", "localhost", "[::1]:80", "credentials.example"})
    world.near->Serve(authority, service);
  Set("AWS_CONTAINER_AUTHORIZATION_TOKEN", expected);
  for (const char* url : {"http://127.0.0.1:51679/get?x=1", "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1/credentials",
                          "http://localhost", "http://[::1]:80/x", "https://credentials.example/get"}) {
    Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    ExpectKeys(world, "CONTAINER", kSecret + "token");
  }
  for (const char* url : {"http://credentials.example/get", "http://169.254.170.3/", "http://127.0.0.1.example/", "http://0177.0.0.1/",
                          "http://[fd00:ec2::24]/", "http://localhost.example/", "http://2130706433/"}) {
    Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    ExpectRefused(world, Code::kInvalid, "in clear");
  }
  for (const std::string& url : {std::string("file:///etc/passwd"), std::string("http://"), "http://" + kSecret + "@localhost/",
                                 std::string("http://local host/"), std::string("http://localhost:99999/"), std::string("x")}) {
    Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    ExpectRefused(world, Code::kInvalid, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  }
  Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost");
  Set("AWS_CONTAINER_AUTHORIZATION_TOKEN", kSecret + "wrong");
  ExpectRefused(world, Code::kAuth, "401");
  Set("AWS_CONTAINER_AUTHORIZATION_TOKEN", kSecret + "\r\nX-Evil: 1");
  ExpectRefused(world, Code::kInvalid, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  Set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", world.home.Write("auth", expected + "\n"));
  ExpectKeys(world, "CONTAINER", kSecret + "token");
  world.home.Write("auth", expected + "\r\nX-Evil: 1\n");
  ExpectRefused(world, Code::kAuth, "printable");
  Set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/");
  ExpectRefused(world, Code::kInvalid, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
}

Test(s3_credentials, the_instance_is_asked_by_version_two_only) {
  World world;
  Imds imds;
  imds.role = "my/odd role?x";
  Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://imds.test:81/");
  ServeImds(&world, &imds, "imds.test:81");
  ExpectKeys(world, "IMDS", kSecret + "token");
  cr_assert_eq(imds.tokens, 1);
  cr_assert_eq(imds.fetches, 1);
  imds.role.clear();
  ExpectRefused(world, Code::kAuth, "404");
  imds.role = "r";
  imds.answer = R"({"Code": "AssumeRoleUnauthorizedAccess", "Message": ")" + kSecret + "\"}";
  ExpectRefused(world, Code::kAuth, "trust policy");
  for (const std::string& text : {kSecret, std::string("[]"), std::string("{}"), std::string(100000, '['), "{\"a\":" + std::string(100000, '[') + "}",
                                  std::string(R"({"AccessKeyId": 1, "SecretAccessKey": "x"})"), KeysJson("a\\u0000b", "Token"),
                                  KeysJson("a\\n", "Token"), std::string(R"({"AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "x"})")}) {
    imds.answer = text;
    ExpectRefused(world, Code::kCorrupt);
  }
  world.near->Serve("imds.test:81", [](const http::Request&, const std::string&) { return Answer(200, kSecret + "\n<html>"); });
  ExpectRefused(world, Code::kAuth, "no session token");
  world.near->Serve("imds.test:81", [](const http::Request&, const std::string&) { return Answer(403); });
  ExpectRefused(world, Code::kAuth, "403");
}

Test(s3_credentials, ranks_of_a_node_ask_the_instance_once) {
  World world;
  Imds imds;
  ServeImds(&world, &imds);
  world.node = *NodeMemory::Create();
  for (int i = 0; i < 10; ++i) ExpectKeys(world, "IMDS", kSecret + "token");
  cr_assert_eq(imds.fetches, 1);
}

Test(s3_credentials, a_command_is_run_without_a_shell) {
  World world;
  const std::string script = world.home.Write("print me", "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$HOME/arguments\"\ncat \"$HOME/answer\"\necho " +
                                                              kSecret + " >&2\n");
  chmod(script.c_str(), 0700);
  world.home.Write("answer", KeysJson("PROCESS", "SessionToken"));
  world.home.Write(".aws/config", "[default]\ncredential_process = \"" + script + "\" $(touch x) `id`;id 'a b' \"c\\\"d\" e\\ f\n");
  ExpectKeys(world, "PROCESS", kSecret + "token");
  std::stringstream arguments;
  arguments << std::ifstream(world.home.folder() + "/arguments").rdbuf();
  cr_assert_eq(arguments.str(), "$(touch\nx)\n`id`;id\na b\nc\"d\ne f\n", "%s", arguments.str().c_str());

  world.home.Write("answer", R"({"Version": 2, "AccessKeyId": "a", "SecretAccessKey": "b"})");
  ExpectRefused(world, Code::kUnsupported, "Version");
  world.home.Write("answer", kSecret);
  ExpectRefused(world, Code::kCorrupt);
  world.home.Write("answer", std::string(100000, 'x'));
  ExpectRefused(world, Code::kAuth, "64 KiB");
  world.home.Write(".aws/config", "[default]\ncredential_process = false " + kSecret + "\n");
  ExpectRefused(world, Code::kAuth, "exit status 1");
  world.home.Write(".aws/config", "[default]\ncredential_process = /nowhere/at-all " + kSecret + "\n");
  ExpectRefused(world, Code::kAuth, "/nowhere/at-all");
  world.home.Write(".aws/config", "[default]\ncredential_process = 'open\n");
  ExpectRefused(world, Code::kInvalid, "quote");
}

Test(s3_credentials, a_command_has_a_time_limit_even_when_it_closes_its_output_or_has_children) {
  for (const char* what : {"sleep 30", "exec >&-; sleep 30", "sleep 30 & exit 0", "trap '' TERM; sleep 30 & wait"}) {
    const double seconds = SecondsOf([&] {
      auto output = s3::RunCommand({"sh", "-c", what}, 0.3);
      ExpectFailure(output.status(), Code::kTimeout, "in time");
    });
    cr_assert_lt(seconds, 5.0, "%s", what);
  }
  cr_assert_eq(*s3::RunCommand({"echo", "a b"}, 5), "a b\n");
  signal(SIGCHLD, SIG_IGN);
  cr_assert_eq(*s3::RunCommand({"echo", "x"}, 5), "x\n");
}
