// Tokens of the service account that a Google virtual machine or pod runs as. Answers without
// "Metadata-Flavor: Google" come from somebody else (a captive portal, say) and are not believed.
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.h"
#include "store/gcs/oauth.h"
#include "store/gcs/sources.h"
#include "store/http/service_call.h"
#include "store/http/service_url.h"
#include "store/http/small_file.h"

namespace tsnap::gcs {

namespace {

constexpr const char* kDefaultHost = "metadata.google.internal";
constexpr const char* kTokenPath = "/computeMetadata/v1/instance/service-accounts/default/token";

class MetadataServer final : public http::CredentialSource {
 public:
  MetadataServer(const http::CredentialClients& clients, http::ServiceUrl url)
      : near_(clients.make_near), url_(std::move(url)) {}

  Result<http::Credentials> Fetch() override {
    TSNAP_ASSIGN(const auto client, near_.Get());
    http::Request request = http::RequestTo(url_, "GET");
    request.headers = {{"Metadata-Flavor", "Google"}};
    TSNAP_ASSIGN(const http::Response answer, http::AskMetadata(*client, request, Describe()));
    if (answer.header("metadata-flavor") != "Google")
      return Status(Code::kAuth, fmt::format("asking {}: what answers is no Google metadata server",
                                             Describe()));
    return ParseTokenAnswer(AsText(answer.body), "the answer of " + Describe());
  }

  std::string Describe() const override { return "the metadata server at " + url_.authority; }

 private:
  http::NearClient near_;
  const http::ServiceUrl url_;
};

}  // namespace

Result<http::FoundSource> MetadataServerSource(const http::CredentialClients& clients) {
  if (http::IsSwitchedOn("NO_GCE_CHECK"))
    return Unsupported("asking the Google metadata server: NO_GCE_CHECK says not to");
  std::string host = http::Environment("GCE_METADATA_HOST");
  if (host.empty()) host = kDefaultHost;
  TSNAP_ASSIGN(http::ServiceUrl url, http::ParseServiceUrl("http://" + host, "GCE_METADATA_HOST"));
  url.path = kTokenPath;
  http::FoundSource found;
  found.identity = "gcs metadata\n" + host;
  found.source = std::make_unique<MetadataServer>(clients, std::move(url));
  return found;
}

}  // namespace tsnap::gcs
