#include "store/s3/instance_metadata.h"

#include <strings.h>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "store/http/message.h"
#include "store/http/service_url.h"
#include "store/http/small_file.h"
#include "store/http/small_json.h"
#include "store/s3/credential_json.h"

namespace tsnap::s3 {

namespace {

constexpr const char* kTokenSeconds = "300";  // for the two requests that follow
constexpr const char* kRoles = "/latest/meta-data/iam/security-credentials/";

class InstanceMetadata final : public http::CredentialSource {
 public:
  InstanceMetadata(std::function<Result<std::shared_ptr<http::Client>>()> make_near,
                   http::ServiceUrl url)
      : near_(std::move(make_near)), url_(std::move(url)) {
    while (url_.path.ends_with('/')) url_.path.pop_back();
  }

  Result<http::Credentials> Fetch() override {
    TSNAP_ASSIGN(const auto client, near_.Get());
    TSNAP_ASSIGN(const std::string token, Token(*client));
    TSNAP_ASSIGN(const std::string roles, Read(*client, token, kRoles));
    const std::string role = roles.substr(0, roles.find_first_of("\r\n"));
    if (role.empty() || role.size() > 256)
      return Status(
          Code::kAuth,
          fmt::format("asking {}: this instance has no role; attach one to it", Describe()));
    TSNAP_ASSIGN(const std::string text,
                 Read(*client, token, kRoles + http::PercentEncode(role, false)));
    TSNAP_ASSIGN(const auto json, http::SmallJson::Parse(text, "the answer of " + Describe()));
    if (const std::string code = json.Text("Code"); !code.empty() && code != "Success")
      return Status(Code::kAuth,
                    fmt::format("asking {}: it has no credentials for the role of this instance; "
                                "check the role's trust policy",
                                Describe()));
    return ParseCredentialJson(text, "the answer of " + Describe(), "Token");
  }

  std::string Describe() const override {
    return fmt::format("the instance metadata service at {}://{}", url_.scheme, url_.authority);
  }

 private:
  Result<std::string> Token(http::Client& client) {
    http::Request request = http::RequestTo(url_, "PUT");
    request.path = url_.path + "/latest/api/token";
    request.headers = {{"x-aws-ec2-metadata-token-ttl-seconds", kTokenSeconds}};
    TSNAP_ASSIGN(const http::Response answer, http::AskMetadata(client, request, Describe()));
    std::string token = http::BodyOf(answer);
    if (token.empty() || !http::IsHeaderValue(token))
      return Status(Code::kAuth,
                    fmt::format("asking {}: what it gave is no session token", Describe()));
    return token;
  }

  Result<std::string> Read(http::Client& client, const std::string& token,
                           const std::string& path) {
    http::Request request = http::RequestTo(url_, "GET");
    request.path = url_.path + path;
    request.headers = {{"x-aws-ec2-metadata-token", token}};
    TSNAP_ASSIGN(const http::Response answer,
                 http::AskService(client, request, Describe() + " for the role of this instance",
                                  {}, nullptr));
    return http::BodyOf(answer);
  }

  http::NearClient near_;
  http::ServiceUrl url_;
};

}  // namespace

Result<http::FoundSource> InstanceMetadataSource(
    const std::function<Result<std::shared_ptr<http::Client>>()>& make_near) {
  if (http::IsSwitchedOn("AWS_EC2_METADATA_DISABLED"))
    return Unsupported(
        "asking the instance metadata service: AWS_EC2_METADATA_DISABLED says not to");
  std::string text = http::Environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (text.empty()) {
    const std::string mode = http::Environment("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    text =
        strcasecmp(mode.c_str(), "IPv6") == 0 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  }
  TSNAP_ASSIGN(http::ServiceUrl url,
               http::ParseServiceUrl(text, "AWS_EC2_METADATA_SERVICE_ENDPOINT"));
  http::FoundSource found;
  found.identity = "s3 instance metadata\n" + text;
  found.source = std::make_unique<InstanceMetadata>(make_near, std::move(url));
  return found;
}

}  // namespace tsnap::s3
