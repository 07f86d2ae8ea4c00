// Tokens by workload identity federation: somebody else's token, from a file that he keeps fresh or
// from a URL, is exchanged for one of Google's, which may be exchanged once more for a service
// account's.
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "store/gcs/oauth.h"
#include "store/gcs/sources.h"
#include "store/http/service_call.h"
#include "store/http/service_url.h"
#include "store/http/small_file.h"
#include "store/http/time_text.h"

namespace tsnap::gcs {

namespace {

constexpr const char* kExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr const char* kAccessToken = "urn:ietf:params:oauth:token-type:access_token";
constexpr const char* kCloudScope = "https://www.googleapis.com/auth/cloud-platform";

// Where somebody else's token is, and how it is written there.
struct SubjectToken {
  std::string file;  // one of these two
  http::ServiceUrl url;
  std::vector<http::Header> headers;
  std::string json_member;  // "": the text is the token
};

struct Federation {
  http::ServiceUrl token_url, impersonation_url;
  bool impersonates = false;
  std::string audience, subject_type;
  SubjectToken subject;
};

class ExternalAccount final : public http::CredentialSource {
 public:
  ExternalAccount(const http::CredentialClients& clients, Federation federation)
      : client_(clients.services), near_(clients.make_near), federation_(std::move(federation)) {}

  Result<http::Credentials> Fetch() override {
    TSNAP_ASSIGN(const std::string subject, Subject());
    const std::vector<http::Parameter> form{
        {"grant_type", kExchange},
        {"audience", federation_.audience},
        {"scope", federation_.impersonates ? kCloudScope : kScope},
        {"requested_token_type", kAccessToken},
        {"subject_token", subject},
        {"subject_token_type", federation_.subject_type}};
    TSNAP_ASSIGN(http::Credentials token,
                 AskForToken(*client_, federation_.token_url, form, {subject}));
    if (!federation_.impersonates) return token;
    return Impersonate(token);
  }

  std::string Describe() const override {
    return "the token service at " + federation_.token_url.authority + " for an external account";
  }

 private:
  Result<std::string> Subject() {
    const SubjectToken& subject = federation_.subject;
    std::string text;
    if (!subject.file.empty()) {
      TSNAP_ASSIGN(text, http::ReadSmallFile(subject.file, "the subject token"));
    } else {
      // What is beside this machine is not asked through a proxy.
      std::shared_ptr<http::Client> client = client_;
      if (subject.url.scheme == "http") {
        TSNAP_ASSIGN(client, near_.Get());
      }
      http::Request request = http::RequestTo(subject.url, "GET");
      request.headers = subject.headers;
      std::vector<std::string> secrets;
      for (const http::Header& header : subject.headers) secrets.push_back(header.value);
      TSNAP_ASSIGN(const http::Response answer,
                   http::AskService(*client, request,
                                    "the source of subject tokens at " + subject.url.authority,
                                    secrets, nullptr));
      text = http::BodyOf(answer);
    }
    if (!subject.json_member.empty()) {
      TSNAP_ASSIGN(const auto json, http::SmallJson::Parse(text, "the subject token"));
      text = json.Text(subject.json_member.c_str());
    }
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (text.empty())
      return Status(Code::kAuth, "reading the subject token of an external account: there is none");
    return text;
  }

  Result<http::Credentials> Impersonate(const http::Credentials& token) {
    const std::string body = fmt::format(R"({{"scope":["{}"],"lifetime":"3600s"}})", kScope);
    http::Request request = http::RequestTo(federation_.impersonation_url, "POST");
    request.headers = {{"Content-Type", "application/json"},
                       {"Authorization", "Bearer " + token.token}};
    request.body = {AsBytes(body)};
    const std::string what =
        "the service account credentials at " + federation_.impersonation_url.authority;
    const std::vector<std::string> secrets{token.token};
    TSNAP_ASSIGN(const http::Response answer,
                 http::AskService(*client_, request, what, secrets, [](const std::string& text) {
                   const auto json = http::SmallJson::Parse(text, "");
                   const auto error = json.ok() ? json->Object("error") : std::nullopt;
                   return error ? error->Text("message") : std::string();
                 }));
    TSNAP_ASSIGN(const auto json,
                 http::SmallJson::Parse(AsText(answer.body), "the answer of " + what));
    http::Credentials credentials;
    TSNAP_ASSIGN(credentials.token, json.Need("accessToken"));
    const auto expires = http::ParseUtcTime(json.Text("expireTime"));
    if (!expires || !http::IsHeaderValue(credentials.token))
      return Corrupt(
          fmt::format("reading the answer of {}: it holds no token with an \"expireTime\"", what));
    credentials.expires_unix_seconds = *expires;
    return credentials;
  }

  const std::shared_ptr<http::Client> client_;
  http::NearClient near_;
  const Federation federation_;
};

Result<SubjectToken> ReadSubjectToken(const http::SmallJson& file) {
  const auto source = file.Object("credential_source");
  if (!source)
    return Corrupt("reading an external account: it holds no object \"credential_source\"");
  SubjectToken subject;
  subject.file = source->Text("file");
  const std::string url = source->Text("url");
  if (!source->Text("environment_id").empty() || source->Object("executable") ||
      source->Object("certificate") || subject.file.empty() == url.empty())
    return Unsupported(
        "reading an external account: tsnap takes subject tokens from a file or a url only (not "
        "from AWS, a program "
        "or a certificate); use another \"credential_source\", or a key of a service account");
  if (const auto format = source->Object("format"); format && format->Text("type") == "json") {
    TSNAP_ASSIGN(subject.json_member, format->Need("subject_token_field_name"));
  }
  if (url.empty()) return subject;
  TSNAP_ASSIGN(subject.url, http::ParseServiceUrl(url, "credential_source"));
  if (!http::IsLinkLocal(subject.url))
    TSNAP_TRY(http::CheckKeepsSecrets(subject.url, "credential_source"));
  if (const auto headers = source->Object("headers")) {
    for (auto& [name, value] : headers->Texts()) {
      const bool is_name =
          !name.empty() && name.find_first_not_of(
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "0123456789-_") == std::string::npos;
      if (!is_name || !http::IsHeaderValue(value))
        return Invalid("reading an external account: a header of its credential_source is none");
      subject.headers.push_back({name, value});
    }
  }
  return subject;
}

}  // namespace

Result<http::FoundSource> ExternalAccountSource(const http::SmallJson& file,
                                                const http::CredentialClients& clients) {
  Federation federation;
  TSNAP_ASSIGN(federation.audience, file.Need("audience"));
  TSNAP_ASSIGN(federation.subject_type, file.Need("subject_token_type"));
  TSNAP_ASSIGN(const std::string token_url, file.Need("token_url"));
  TSNAP_ASSIGN(federation.token_url, ParseTokenUrl(token_url, "token_url"));
  TSNAP_ASSIGN(federation.subject, ReadSubjectToken(file));
  const std::string impersonation = file.Text("service_account_impersonation_url");
  federation.impersonates = !impersonation.empty();
  if (federation.impersonates) {
    TSNAP_ASSIGN(federation.impersonation_url,
                 ParseTokenUrl(impersonation, "service_account_impersonation_url"));
  }
  http::FoundSource found;
  found.identity = fmt::format("gcs external\n{}\n{}\n{}\n{}\n{}{}", federation.audience, token_url,
                               impersonation, federation.subject.file,
                               federation.subject.url.authority, federation.subject.url.path);
  found.source = std::make_unique<ExternalAccount>(clients, std::move(federation));
  return found;
}

}  // namespace tsnap::gcs
