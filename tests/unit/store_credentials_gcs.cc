// Credentials of Google Cloud Storage: the order of their sources, what each asks of its service, and that nothing is told
// of a secret.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <fmt/format.h>

#include "base/clock.h"
#include "credential_services.h"
#include "store/gcs/credentials.h"
#include "store/http/crypto.h"
#include "store/http/message.h"
#include "store/http/small_json.h"

using namespace tsnap;
using namespace credential_test;

namespace {

const std::string kTokenUri = "https://oauth2.googleapis.com/token";
constexpr const char* kTokenHost = "oauth2.googleapis.com";
constexpr const char* kMetadata = "metadata.google.internal";
constexpr const char* kEmail = "writer@project.iam.gserviceaccount.com";
constexpr const char* kScope = "https://www.googleapis.com/auth/devstorage.read_write";

Result<http::Credentials> Get(const World& world) {
  auto provider = gcs::GcsCredentials(*world.session(), world.clients());
  if (!provider.ok()) return std::move(provider).status();
  ExpectClean((*provider)->Describe());
  return (*provider)->Get();
}

void ExpectToken(const World& world, const std::string& token) {
  auto got = Get(world);
  cr_assert(got.ok(), "%s", got.status().ToString().c_str());
  cr_assert_eq(got->token, kSecret + token, "%s", got->token.c_str());
  cr_assert(got->access_key.empty() && got->secret_key.empty());
  const int64_t left = got->expires_unix_seconds - UnixSeconds();
  cr_assert(left > 3000 && left <= 3600);
}

void ExpectRefused(const World& world, Code code, const std::string& part = {}) {
  auto got = Get(world);
  cr_assert(!got.ok());
  ExpectFailure(got.status(), code, part);
}

class Key {
 public:
  Key() : key_(EVP_RSA_gen(2048)) { cr_assert_not_null(key_); }
  ~Key() { EVP_PKEY_free(key_); }

  std::string pem() const {
    BIO* bio = BIO_new(BIO_s_mem());
    cr_assert_eq(PEM_write_bio_PKCS8PrivateKey(bio, key_, nullptr, nullptr, 0, nullptr, nullptr), 1);
    char* data = nullptr;
    const long bytes = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<size_t>(bytes));
    BIO_free(bio);
    return text;
  }

  bool Verifies(const std::string& text, const std::string& signature) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    const bool good = EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key_) == 1 &&
                      EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                                       reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
    EVP_MD_CTX_free(context);
    return good;
  }

 private:
  EVP_PKEY* const key_;
};

std::string FromBase64Url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (text.size() % 4 != 0) text += '=';
  auto bytes = http::DecodeBase64(text);
  return bytes.ok() ? std::string(AsText(*bytes)) : std::string();
}

std::string TokenJson(const std::string& token) {
  return fmt::format(R"({{"access_token": "{}{}", "expires_in": 3599, "token_type": "Bearer"}})", kSecret, token);
}

http::Response Error(const std::string& error, const std::string& description) {
  return Answer(400, fmt::format(R"({{"error": "{}", "error_description": "{}"}})", error, description));
}

// The token endpoint of Google, for assertions (RFC 7523) and refresh tokens (RFC 6749).
struct TokenService {
  const Key* key = nullptr;
  std::string audience = kTokenUri;
  std::string refresh_token = kSecret + "refresh";
  int calls = 0;

  http::Response operator()(const http::Request& request, const std::string& body) {
    ++calls;
    auto form = FormOf(request, body);
    if (form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer") return Assertion(form["assertion"]);
    if (form["grant_type"] != "refresh_token") return Error("unsupported_grant_type", "Invalid grant_type: " + form["grant_type"]);
    if (form["client_id"] != "id" || form["client_secret"] != kSecret + "client") return Error("invalid_client", "Unauthorized");
    if (form["refresh_token"] != refresh_token) return Error("invalid_grant", "Bad " + form["refresh_token"]);
    return Answer(200, TokenJson("of-user"));
  }

  http::Response Assertion(const std::string& assertion) const {
    const size_t first = assertion.find('.'), last = assertion.rfind('.');
    if (first == std::string::npos || first == last || assertion.find('=') != std::string::npos)
      return Error("invalid_grant", "Assertion is no JWT");
    const auto header = http::SmallJson::Parse(FromBase64Url(assertion.substr(0, first)), "header");
    const auto claims = http::SmallJson::Parse(FromBase64Url(assertion.substr(first + 1, last - first - 1)), "claims");
    if (!header.ok() || !claims.ok()) return Error("invalid_grant", "JSON");
    if (header->Text("alg") != "RS256" || header->Text("typ") != "JWT" || header->Text("kid") != "kid1")
      return Error("invalid_grant", "header");
    if (!key->Verifies(assertion.substr(0, last), FromBase64Url(assertion.substr(last + 1))))
      return Error("invalid_grant", "Invalid JWT Signature.");
    const int64_t now = UnixSeconds(), issued = claims->Integer("iat").value_or(0), expires = claims->Integer("exp").value_or(0);
    if (issued > now + 5 || issued < now - 60 || expires <= now || expires > issued + 3600)
      return Error("invalid_grant", "iat and exp");
    if (claims->Text("aud") != audience) return Error("invalid_grant", "Invalid JWT: Failed audience check.");
    if (claims->Text("iss") != kEmail) return Error("invalid_grant", "account not found");
    if (claims->Text("scope") != kScope) return Error("invalid_scope", "scope");
    return Answer(200, TokenJson("of-account"));
  }
};

std::string AccountJson(const std::string& pem, const std::string& token_uri = kTokenUri) {
  return fmt::format(R"({{"type": "service_account", "project_id": "p", "private_key_id": "kid1", "private_key": {},)"
                     R"("client_email": "{}", "token_uri": {}}})",
                     http::JsonQuote(pem), kEmail, http::JsonQuote(token_uri));
}

std::string UserJson(const std::string& refresh_token = kSecret + "refresh") {
  return fmt::format(R"({{"type": "authorized_user", "client_id": "id", "client_secret": "{}client", "refresh_token": "{}"}})", kSecret,
                     refresh_token);
}

void ServeMetadata(World* world, int* calls, const std::string& host = kMetadata) {
  world->near->Serve(host, [calls](const http::Request& request, const std::string&) {
    if (HeaderOf(request, "metadata-flavor") != "Google") return Answer(403);
    if (!HeaderOf(request, "x-forwarded-for").empty() || request.scheme != "http") return Answer(403);
    if (request.method != "GET") return Answer(405);
    if (request.path != "/computeMetadata/v1/instance/service-accounts/default/token") return Answer(404);
    ++*calls;
    return Answer(200, TokenJson("of-machine"), {{"metadata-flavor", "Google"}, {"content-type", "application/json"}});
  });
}

void ServeTokens(World* world, TokenService* service, const std::string& host = kTokenHost) {
  world->far->Serve(host, [service](const http::Request& request, const std::string& body) {
    if (request.path != "/token") return Answer(404);
    return (*service)(request, body);
  });
}

}  // namespace

Test(gcs_credentials, each_source_goes_before_the_next) {
  World world;
  int calls = 0;
  ServeMetadata(&world, &calls);
  ExpectToken(world, "of-machine");

  TokenService service;
  ServeTokens(&world, &service);
  world.home.Write(".config/gcloud/application_default_credentials.json", UserJson());
  ExpectToken(world, "of-user");
  Set("CLOUDSDK_CONFIG", world.home.folder() + "/empty");  // the well-known file is there and nowhere else
  ExpectToken(world, "of-machine");

  const Key key;
  service.key = &key;
  Set("GOOGLE_APPLICATION_CREDENTIALS", world.home.Write("account.json", AccountJson(key.pem())));
  ExpectToken(world, "of-account");

  Set("TSNAP_GCS_ANONYMOUS", "true");
  auto none = Get(world);
  cr_assert(none.ok() && none->access_key.empty() && none->secret_key.empty() && none->token.empty());

  Set("TSNAP_GCS_ACCESS_KEY", "GOOG1");
  ExpectRefused(world, Code::kInvalid, "TSNAP_GCS_SECRET_KEY");
  Set("TSNAP_GCS_SECRET_KEY", kSecret);
  auto hmac = Get(world);
  cr_assert(hmac.ok() && hmac->access_key == "GOOG1" && hmac->secret_key == kSecret && hmac->token.empty());
  unsetenv("TSNAP_GCS_ACCESS_KEY");
  ExpectRefused(world, Code::kInvalid, "TSNAP_GCS_ACCESS_KEY");
}

Test(gcs_credentials, without_any_the_message_says_in_order_what_was_looked_at) {
  World world;
  auto got = Get(world);
  ExpectFailure(got.status(), Code::kAuth);
  size_t at = 0;
  for (const char* part : {"TSNAP_GCS_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "application_default_credentials.json (not there)",
                           kMetadata, "gcloud auth", "TSNAP_GCS_ANONYMOUS"}) {
    at = got.status().message().find(part, at);
    cr_assert_neq(at, std::string::npos, "%s is not in its place in: %s", part, got.status().message().c_str());
  }
  cr_assert_eq(world.near->requests(kMetadata), 2);
  Set("NO_GCE_CHECK", "true");
  ExpectRefused(world, Code::kAuth, "NO_GCE_CHECK");
  cr_assert_eq(world.near->requests(kMetadata), 2);
}

Test(gcs_credentials, an_assertion_is_signed_for_its_audience_and_an_hour) {
  World world;
  const Key key, other;
  TokenService service;
  service.key = &key;
  service.audience = "http://127.0.0.1:8080/token";
  ServeTokens(&world, &service, "127.0.0.1:8080");
  const std::string file = world.home.Write("account.json", AccountJson(key.pem(), service.audience));
  Set("GOOGLE_APPLICATION_CREDENTIALS", file);
  ExpectToken(world, "of-account");
  service.audience = "another";
  ExpectRefused(world, Code::kAuth, "Failed audience check");
  world.home.Write("account.json", AccountJson(other.pem(), "http://127.0.0.1:8080/token"));
  ExpectRefused(world, Code::kAuth, "Invalid JWT Signature");
}

Test(gcs_credentials, secrets_go_to_https_or_this_machine_only) {
  World world;
  const Key key;
  for (const char* uri : {"http://oauth2.googleapis.com/token", "http://169.254.169.254/token", "ftp://localhost/token", "localhost", "https://",
                          "https://user@oauth2.googleapis.com/token", "https://a b/token"}) {
    Set("GOOGLE_APPLICATION_CREDENTIALS", world.home.Write("account.json", AccountJson(key.pem(), uri)));
    ExpectRefused(world, Code::kInvalid, "token_uri");
  }
}

Test(gcs_credentials, hostile_files_are_refused_and_nothing_of_them_is_told) {
  World world;
  const Key key;
  const std::string file = world.home.Write("account.json", "");
  Set("GOOGLE_APPLICATION_CREDENTIALS", file);
  for (const std::string& text :
       {std::string(), kSecret, std::string("[]"), std::string("{\"type\":"), std::string(200000, '['), std::string("{\"a\":\"") + kSecret,
        std::string("{}\0", 3), std::string(R"({"type": "service_account"})"),
        std::string(R"({"type": "service_account", "client_email": 5, "private_key": [], "token_uri": {}})"),
        std::string(R"({"type": "authorized_user", "client_id": "id"})"),
        std::string(R"({"type": "external_account", "audience": "a", "subject_token_type": "b"})"),
        std::string(R"({"type": "authorized_user", "client_id": "id", "client_secret": "a\u0000b", "refresh_token": "x"})")}) {
    world.home.Write("account.json", text);
    ExpectRefused(world, Code::kCorrupt, "account.json");
  }
  world.home.Write("account.json", AccountJson("-----BEGIN PRIVATE KEY-----\n" + kSecret + "\n-----END PRIVATE KEY-----\n"));
  ExpectRefused(world, Code::kInvalid, "account.json");
  for (const std::string type : {"impersonated_service_account", "gdch_service_account", kSecret.c_str(), ""}) {
    world.home.Write("account.json", R"({"type": ")" + type + "\"}");
    ExpectRefused(world, Code::kUnsupported, "authorized_user");
  }
  world.home.Write("account.json", std::string(2 << 20, ' '));
  ExpectRefused(world, Code::kInvalid, "1 MiB");
  Set("GOOGLE_APPLICATION_CREDENTIALS", file + ".missing");
  ExpectRefused(world, Code::kAuth, "correct GOOGLE_APPLICATION_CREDENTIALS");
  Set("GOOGLE_APPLICATION_CREDENTIALS", world.home.folder());
  ExpectRefused(world, Code::kIo, world.home.folder());
}

Test(gcs_credentials, a_refused_refresh_token_leads_to_signing_in_again) {
  World world;
  TokenService service;
  ServeTokens(&world, &service);
  world.home.Write(".config/gcloud/application_default_credentials.json", UserJson(kSecret + "old"));
  ExpectRefused(world, Code::kAuth, "gcloud auth application-default login");  // the service repeats the token that it was sent
  service.refresh_token = "x";
  int failing = 2;
  world.far->Serve(kTokenHost, [&](const http::Request& request, const std::string& body) {
    service.refresh_token = kSecret + "old";
    return failing-- > 0 ? Answer(failing == 0 ? 429 : 503) : service(request, body);
  });
  ExpectToken(world, "of-user");
}

Test(gcs_credentials, answers_that_make_no_sense_are_refused) {
  World world;
  std::string answer;
  world.far->Serve(kTokenHost, [&](const http::Request&, const std::string&) { return Answer(200, answer); });
  world.home.Write(".config/gcloud/application_default_credentials.json", UserJson());
  for (const std::string& text :
       {std::string(), kSecret, std::string("{}"), std::string(R"({"access_token": "", "expires_in": 5})"),
        R"({"access_token": ")" + kSecret + "\"}", R"({"access_token": ")" + kSecret + R"(\r\nX: y", "expires_in": 5})",
        R"({"access_token": ")" + kSecret + R"(", "expires_in": "5"})", R"({"access_token": ")" + kSecret + R"(", "expires_in": -5})",
        R"({"access_token": ")" + kSecret + R"(", "expires_in": 1e300})",
        R"({"access_token": ")" + kSecret + R"(", "expires_in": 99999999999999999999})"}) {
    answer = text;
    ExpectRefused(world, Code::kCorrupt);
  }
  answer = R"({"access_token": ")" + kSecret + R"(", "expires_in": 5, "token_type": "mac"})";
  ExpectRefused(world, Code::kUnsupported, "Bearer");
}

Test(gcs_credentials, only_a_google_metadata_server_is_believed) {
  World world;
  int calls = 0;
  ServeMetadata(&world, &calls, "169.254.1.1:80");
  Set("GCE_METADATA_HOST", "169.254.1.1:80");
  ExpectToken(world, "of-machine");
  for (const char* flavor : {"", "google", "Google2"}) {
    world.near->Serve("169.254.1.1:80", [&](const http::Request&, const std::string&) {
      return Answer(200, TokenJson("of-nobody"), {{"metadata-flavor", flavor}});
    });
    ExpectRefused(world, Code::kAuth, "no Google metadata server");
  }
  world.near->Serve("169.254.1.1:80", [](const http::Request&, const std::string&) { return Answer(404); });
  ExpectRefused(world, Code::kAuth, "404");
  Set("GCE_METADATA_HOST", "user@host");
  ExpectRefused(world, Code::kInvalid, "GCE_METADATA_HOST");
}

Test(gcs_credentials, ranks_of_a_node_ask_once) {
  World world;
  world.node = *NodeMemory::Create();
  int calls = 0;
  ServeMetadata(&world, &calls);
  for (int i = 0; i < 10; ++i) ExpectToken(world, "of-machine");
  cr_assert_eq(calls, 1);
  TokenService service;
  ServeTokens(&world, &service);
  world.home.Write(".config/gcloud/application_default_credentials.json", UserJson());
  for (int i = 0; i < 10; ++i) ExpectToken(world, "of-user");
  cr_assert_eq(service.calls, 1);
}

Test(gcs_credentials, a_token_of_another_identity_is_exchanged_and_may_speak_for_an_account) {
  World world;
  const std::string audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q";
  bool impersonates = false;
  world.far->Serve("sts.googleapis.com", [&](const http::Request& request, const std::string& body) {
    auto form = FormOf(request, body);
    if (request.path != "/v1/token" || form["grant_type"] != "urn:ietf:params:oauth:grant-type:token-exchange")
      return Error("invalid_request", "grant");
    if (form["requested_token_type"] != "urn:ietf:params:oauth:token-type:access_token") return Error("invalid_request", "type");
    if (form["subject_token_type"] != "urn:ietf:params:oauth:token-type:jwt") return Error("invalid_request", "subject type");
    if (form["audience"] != audience) return Error("invalid_target", "audience");
    if (form["scope"] != (impersonates ? "https://www.googleapis.com/auth/cloud-platform" : kScope)) return Error("invalid_scope", "scope");
    if (form["subject_token"] != kSecret + "subject") return Error("invalid_grant", "not " + form["subject_token"]);
    return Answer(200, TokenJson("federated"));
  });
  world.far->Serve("iamcredentials.googleapis.com", [&](const http::Request& request, const std::string& body) {
    if (HeaderOf(request, "authorization") != "Bearer " + kSecret + "federated") return Answer(401);
    if (request.path != "/v1/projects/-/serviceAccounts/a@b:generateAccessToken") return Answer(404);
    if (body.find(kScope) == std::string::npos || HeaderOf(request, "content-type") != "application/json") return Answer(400);
    return Answer(200, fmt::format(R"({{"accessToken": "{}impersonated", "expireTime": "{}"}})", kSecret, TimeText(UnixSeconds() + 3600)));
  });
  const auto write = [&](const std::string& source, const std::string& more = {}) {
    Set("GOOGLE_APPLICATION_CREDENTIALS",
        world.home.Write("external.json",
                         fmt::format(R"({{"type": "external_account", "audience": "{}", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",)"
                                     R"("token_url": "https://sts.googleapis.com/v1/token", "credential_source": {}{}}})",
                                     audience, source, more)));
  };
  const std::string file = world.home.Write("subject", kSecret + "subject\n");
  write(R"({"file": ")" + file + "\"}");
  ExpectToken(world, "federated");
  world.home.Write("subject", R"({"id": ")" + kSecret + R"(subject"})");
  write(R"({"file": ")" + file + R"(", "format": {"type": "json", "subject_token_field_name": "id"}})");
  ExpectToken(world, "federated");
  const auto identity = [&](const http::Request& request, const std::string&) {
    if (HeaderOf(request, "metadata") != "true" || request.query.size() != 1 || request.query[0].value != "a/b") return Answer(400);
    return Answer(200, kSecret + "subject");
  };
  world.near->Serve("169.254.169.254", identity);
  write(R"({"url": "http://169.254.169.254/identity?resource=a%2Fb", "headers": {"Metadata": "true"}})");
  ExpectToken(world, "federated");

  impersonates = true;
  const std::string impersonation =
      R"(, "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b:generateAccessToken")";
  write(R"({"url": "http://169.254.169.254/identity?resource=a%2Fb", "headers": {"Metadata": "true"}})", impersonation);
  ExpectToken(world, "impersonated");

  write(R"({"url": "http://identity.example/"})");
  ExpectRefused(world, Code::kInvalid, "in clear");
  write(R"({"url": "http://169.254.169.254/", "headers": {"A\r\nB": "c"}})");
  ExpectRefused(world, Code::kInvalid, "header");
  write(R"({"environment_id": "aws1", "url": "http://169.254.169.254/x"})");
  ExpectRefused(world, Code::kUnsupported, "AWS");
  write(R"({"executable": {"command": "x"}})");
  ExpectRefused(world, Code::kUnsupported, "program");
  impersonates = false;
  world.home.Write("subject", kSecret + "wrong");
  write(R"({"file": ")" + file + "\"}");
  ExpectRefused(world, Code::kAuth, "400");
}
