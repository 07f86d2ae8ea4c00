#include "store/gcs/oauth.h"

#include <strings.h>

#include <fmt/format.h>

#include "base/clock.h"

#include "store/http/service_call.h"
#include "store/http/small_json.h"

namespace tsnap::gcs {

namespace {

constexpr int64_t kMostSeconds = 86400;

// "invalid_grant: Token has been expired or revoked."
std::string ErrorOf(const std::string& body) {
  const auto json = http::SmallJson::Parse(body, "");
  if (!json.ok()) return {};
  if (const auto error = json->Object("error")) return error->Text("message");  // of Google's APIs
  const std::string description = json->Text("error_description");
  return json->Text("error") + (description.empty() ? "" : ": " + description);
}

}  // namespace

Result<http::ServiceUrl> ParseTokenUrl(const std::string& text, const std::string& member) {
  TSNAP_ASSIGN(http::ServiceUrl url, http::ParseServiceUrl(text, member));
  TSNAP_TRY(http::CheckKeepsSecrets(url, member));
  return url;
}

Result<http::Credentials> AskForToken(http::Client& client, const http::ServiceUrl& url,
                                      const std::vector<http::Parameter>& form,
                                      const std::vector<std::string>& secrets) {
  const std::string body = http::EncodeQuery(form);
  http::Request request = http::RequestTo(url, "POST");
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  request.body = {AsBytes(body)};
  const std::string what = "the token service at " + url.authority;
  TSNAP_ASSIGN(const http::Response answer,
               http::AskService(client, request, what, secrets, ErrorOf));
  return ParseTokenAnswer(AsText(answer.body), "the answer of " + what);
}

Result<http::Credentials> ParseTokenAnswer(std::string_view body, const std::string& what) {
  TSNAP_ASSIGN(const auto json, http::SmallJson::Parse(body, what));
  http::Credentials credentials;
  TSNAP_ASSIGN(credentials.token, json.Need("access_token"));
  if (!http::IsHeaderValue(credentials.token))
    return Corrupt(fmt::format("reading {}: its \"access_token\" cannot stand in a header", what));
  if (const std::string type = json.Text("token_type");
      !type.empty() && strcasecmp(type.c_str(), "Bearer") != 0)
    return Unsupported(fmt::format("reading {}: its \"token_type\" is not Bearer", what));
  const auto seconds = json.Integer("expires_in");
  if (!seconds || *seconds <= 0 || *seconds > kMostSeconds)
    return Corrupt(
        fmt::format("reading {}: its \"expires_in\" is no number of seconds up to a day", what));
  credentials.expires_unix_seconds = UnixSeconds() + *seconds;
  return credentials;
}

}  // namespace tsnap::gcs
