#include "store/s3/sts.h"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "base/clock.h"
#include "store/http/message.h"
#include "store/http/service_call.h"
#include "store/http/signature_v4.h"
#include "store/http/small_file.h"
#include "store/http/time_text.h"
#include "store/s3/credential_json.h"

namespace tsnap::s3 {

namespace {

constexpr http::SignatureFamily kSts{"AWS4-HMAC-SHA256", "AWS4", "x-amz-", "sts", "aws4_request"};
constexpr const char* kVersion = "2011-06-15";
constexpr const char* kDefaultSeconds = "3600";

// The first element of this name anywhere below, whatever its namespace.
std::string TextOf(const pugi::xml_node& below, const char* name) {
  const pugi::xml_node found = below.find_node(
      [&](const pugi::xml_node& node) { return std::string_view(node.name()) == name; });
  return found.child_value();
}

struct ErrorOfSts {
  std::string code, message;
};

ErrorOfSts ParseError(const std::string& body) {
  pugi::xml_document document;
  if (!document.load_buffer(body.data(), body.size())) return {};
  return {TextOf(document, "Code"), TextOf(document, "Message")};
}

// Answered with 400, and worth another try all the same.
bool IsPassing(const std::string& code) {
  return code == "IDPCommunicationError" || code == "Throttling" || code == "ThrottlingException" ||
         code == "RequestLimitExceeded" || code == "InternalFailure";
}

Result<http::Credentials> ParseAnswer(const std::string& body, const std::string& what) {
  pugi::xml_document document;
  const pugi::xml_node found = document.load_buffer(body.data(), body.size())
                                   ? document.find_node([](const pugi::xml_node& node) {
                                       return std::string_view(node.name()) == "Credentials";
                                     })
                                   : pugi::xml_node();
  http::Credentials credentials;
  credentials.access_key = found.child_value("AccessKeyId");
  credentials.secret_key = found.child_value("SecretAccessKey");
  credentials.token = found.child_value("SessionToken");
  const auto expires = http::ParseUtcTime(found.child_value("Expiration"));
  if (credentials.access_key.empty() || credentials.secret_key.empty() ||
      credentials.token.empty() || !expires)
    return Corrupt(fmt::format("reading the answer of {}: it holds no credentials", what));
  credentials.expires_unix_seconds = *expires;
  TSNAP_TRY(CheckKeys(credentials, what));
  return credentials;
}

class StsSource : public http::CredentialSource {
 public:
  StsSource(StsPlace place, Role role) : place_(std::move(place)), role_(std::move(role)) {}
  std::string Describe() const override {
    return fmt::format("the Security Token Service at {} for the role {}", place_.url.authority,
                       role_.arn);
  }

 protected:
  // signer: null for an action that proves itself by its parameters.
  Result<http::Credentials> Ask(const char* action, const std::vector<http::Parameter>& more,
                                const http::Credentials* signer, std::vector<std::string> secrets) {
    std::vector<http::Parameter> parameters{
        {"Action", action},
        {"Version", kVersion},
        {"RoleArn", role_.arn},
        {"RoleSessionName", role_.session_name},
        {"DurationSeconds",
         role_.duration_seconds.empty() ? kDefaultSeconds : role_.duration_seconds}};
    parameters.insert(parameters.end(), more.begin(), more.end());
    const std::string body = http::EncodeQuery(parameters);
    http::Request request = http::RequestTo(place_.url, "POST");
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                       {"Accept", "text/xml"}};
    request.body = {AsBytes(body)};
    if (signer != nullptr)
      TSNAP_TRY(http::SignV4(kSts, *signer, place_.region, UnixSeconds(),
                             http::HashPayload(request), &request));
    ErrorOfSts error;
    auto answer = http::AskService(
        *place_.client, request, Describe(), secrets, [&](const std::string& text) {
          error = ParseError(text);
          return error.message.empty() ? error.code : error.code + ": " + error.message;
        });
    if (!answer.ok() && IsPassing(error.code))
      return Status(Code::kNetwork, answer.status().message());
    if (!answer.ok()) return std::move(answer).status();
    return ParseAnswer(http::BodyOf(*answer), Describe());
  }

  const StsPlace place_;
  const Role role_;
};

class WebIdentity final : public StsSource {
 public:
  WebIdentity(StsPlace place, Role role, std::string token_file)
      : StsSource(std::move(place), std::move(role)), token_file_(std::move(token_file)) {}

  Result<http::Credentials> Fetch() override {
    auto token = http::ReadWordFile(token_file_, "the web identity token");
    if (!token.ok()) return Status(Code::kAuth, token.status().message());
    return Ask("AssumeRoleWithWebIdentity", {{"WebIdentityToken", *token}}, nullptr, {*token});
  }

 private:
  const std::string token_file_;
};

class AssumeRole final : public StsSource {
 public:
  AssumeRole(StsPlace place, Role role, std::unique_ptr<http::CredentialSource> base)
      : StsSource(std::move(place), std::move(role)), base_(std::move(base)) {}

  Result<http::Credentials> Fetch() override {
    auto base = base_->Fetch();
    if (!base.ok())
      return std::move(base).status().While("getting credentials to ask with for", role_.arn);
    std::vector<http::Parameter> more;
    if (!role_.external_id.empty()) more.push_back({"ExternalId", role_.external_id});
    return Ask("AssumeRole", more, &*base, {base->secret_key, base->token});
  }

 private:
  const std::unique_ptr<http::CredentialSource> base_;
};

Status BadRole(std::string_view what, std::string_view must) {
  return Invalid(fmt::format("reading the role to assume: {} must be {}", what, must));
}

bool IsOf(std::string_view text, std::string_view more, size_t least, size_t most) {
  constexpr std::string_view kAlphanumeric =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  if (text.size() < least || text.size() > most) return false;
  for (const char c : text)
    if (kAlphanumeric.find(c) == std::string_view::npos && more.find(c) == std::string_view::npos)
      return false;
  return true;
}

}  // namespace

Result<StsPlace> FindSts(std::shared_ptr<http::Client> client, const AwsSettings& settings) {
  std::string url = settings.endpoint_url;
  if (url.empty()) {
    if (!settings.region.empty() && !IsOf(settings.region, "-", 1, 40))
      return Invalid(
          "finding the Security Token Service: the region is no name such as eu-central-1");
    const std::string region = settings.region.empty() ? "" : settings.region + ".";
    url = fmt::format("https://sts.{}amazonaws.com{}", region,
                      region.starts_with("cn-") ? ".cn" : "");
  }
  StsPlace place;
  place.client = std::move(client);
  place.region = settings.region.empty() ? "us-east-1" : settings.region;
  TSNAP_ASSIGN(place.url, http::ParseServiceUrl(url, "the endpoint of the Security Token Service"));
  return place;
}

std::string Role::Identity(const StsPlace& place) const {
  std::string identity;
  const std::array<std::string_view, 6> parts{
      place.url.scheme, place.url.authority, place.url.path, arn, session_name, external_id};
  for (const std::string_view part : parts) identity.append(part).push_back('\n');
  return identity + duration_seconds;
}

Status CheckRole(Role* role) {
  if (role->session_name.empty()) role->session_name = "tsnap";
  if (!IsOf(role->arn, ":/_+=,.@-", 20, 2048))
    return BadRole("its name", "an ARN such as arn:aws:iam::123456789012:role/name");
  if (!IsOf(role->session_name, "_+=,.@-", 2, 64))
    return BadRole("the session name", "2 to 64 letters, digits and _+=,.@-");
  if (!role->external_id.empty() && !IsOf(role->external_id, "_+=,.@:/-", 2, 1224))
    return BadRole("the external id", "letters, digits and _+=,.@:/-");
  if (role->duration_seconds.empty()) return Status::Ok();
  int seconds = 0;
  const std::string& text = role->duration_seconds;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 900 || seconds > 43200)
    return BadRole("duration_seconds", "a number from 900 to 43200");
  return Status::Ok();
}

std::unique_ptr<http::CredentialSource> WebIdentitySource(StsPlace place, Role role,
                                                          std::string token_file) {
  return std::make_unique<WebIdentity>(std::move(place), std::move(role), std::move(token_file));
}

std::unique_ptr<http::CredentialSource> AssumeRoleSource(
    StsPlace place, Role role, std::unique_ptr<http::CredentialSource> base) {
  return std::make_unique<AssumeRole>(std::move(place), std::move(role), std::move(base));
}

}  // namespace tsnap::s3
