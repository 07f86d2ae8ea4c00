#include "store/s3/container_credentials.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "store/http/message.h"
#include "store/http/service_url.h"
#include "store/http/small_file.h"
#include "store/http/small_json.h"
#include "store/s3/credential_json.h"

namespace tsnap::s3 {

namespace {

constexpr const char* kRelative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
constexpr const char* kFull = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
constexpr const char* kToken = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
constexpr const char* kTokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

// The hosts of ECS, and of EKS in both protocols; nobody else may be asked in clear.
bool MayBeInClear(const http::ServiceUrl& url) {
  return http::IsLoopback(url) || url.host == "169.254.170.2" || url.host == "169.254.170.23" ||
         url.host == "fd00:ec2::23";
}

class Container final : public http::CredentialSource {
 public:
  Container(std::function<Result<std::shared_ptr<http::Client>>()> make_near, http::ServiceUrl url)
      : near_(std::move(make_near)), url_(std::move(url)) {}

  Result<http::Credentials> Fetch() override {
    TSNAP_ASSIGN(const auto client, near_.Get());
    TSNAP_ASSIGN(const std::string token, Token());
    http::Request request = http::RequestTo(url_, "GET");
    request.headers = {{"Accept", "application/json"}};
    if (!token.empty()) request.headers.push_back({"Authorization", token});
    const std::vector<std::string> secrets{token};
    TSNAP_ASSIGN(
        const http::Response answer,
        http::AskService(*client, request, Describe(), secrets, [](const std::string& body) {
          const auto json = http::SmallJson::Parse(body, "");
          return json.ok() ? json.value().Text("message") : std::string();
        }));
    return ParseCredentialJson(http::BodyOf(answer), "the answer of " + Describe(), "Token");
  }

  std::string Describe() const override {
    return fmt::format("the container credentials endpoint at {}://{}", url_.scheme,
                       url_.authority);
  }

 private:
  // The file goes first, and is read whenever it is asked: the platform replaces it.
  static Result<std::string> Token() {
    if (const std::string file = http::Environment(kTokenFile); !file.empty()) {
      auto token = http::ReadWordFile(file, fmt::format("the file that {} names,", kTokenFile));
      if (!token.ok()) return Status(Code::kAuth, token.status().message());
      return token;
    }
    std::string token = http::Environment(kToken);
    if (!http::IsHeaderValue(token))
      return Invalid(
          fmt::format("reading {}: it must be one printable line of at most 16 KiB", kToken));
    return token;
  }

  http::NearClient near_;
  const http::ServiceUrl url_;
};

}  // namespace

Result<http::FoundSource> ContainerSource(
    const std::function<Result<std::shared_ptr<http::Client>>()>& make_near) {
  const std::string relative = http::Environment(kRelative);
  const std::string text =
      relative.empty() ? http::Environment(kFull) : "http://169.254.170.2" + relative;
  if (text.empty()) return http::FoundSource();
  if (!relative.empty() && relative[0] != '/')
    return Invalid(fmt::format("reading {}: it must begin with /", kRelative));
  const char* variable = relative.empty() ? kFull : kRelative;
  TSNAP_ASSIGN(http::ServiceUrl url, http::ParseServiceUrl(text, variable));
  if (url.scheme != "https" && !MayBeInClear(url))
    return Invalid(fmt::format(
        "using {}: credentials would come from {} in clear; it must be an https URL, or name "
        "this machine, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]",
        variable, url.host));
  http::FoundSource found;
  found.identity = "s3 container\n" + text;
  found.source = std::make_unique<Container>(make_near, std::move(url));
  return found;
}

}  // namespace tsnap::s3
