#include "store/gcs/credentials.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "store/gcs/sources.h"
#include "store/http/service_call.h"
#include "store/http/small_file.h"

namespace tsnap::gcs {

namespace {

constexpr const char* kAccessKey = "TSNAP_GCS_ACCESS_KEY";
constexpr const char* kSecretKey = "TSNAP_GCS_SECRET_KEY";
constexpr const char* kFile = "GOOGLE_APPLICATION_CREDENTIALS";

Status NothingFound(const std::vector<std::string>& looked_at) {
  return {
      Code::kAuth,
      fmt::format(
          "getting Google credentials: none were found. Looked at: {}. Run \"gcloud auth "
          "application-default login\", or name the key of a service account with {}; for a public "
          "bucket set TSNAP_GCS_ANONYMOUS=1",
          fmt::join(looked_at, "; "), kFile)};
}

Result<http::Credentials> HmacKey() {
  http::Credentials key;
  key.access_key = http::Environment(kAccessKey);
  key.secret_key = http::Environment(kSecretKey);
  if (key.access_key.empty() != key.secret_key.empty()) {
    const bool has_access = !key.access_key.empty();
    return Invalid(fmt::format(
        "reading Google credentials from the environment: {} is set, {} is not; set both, or "
        "neither",
        has_access ? kAccessKey : kSecretKey, has_access ? kSecretKey : kAccessKey));
  }
  if (!http::IsHeaderValue(key.access_key) || !http::IsHeaderValue(key.secret_key))
    return Invalid(
        fmt::format("reading {} and {}: they must be printable lines", kAccessKey, kSecretKey));
  return key;
}

std::string WellKnownFile() {
  const std::string folder = http::Environment("CLOUDSDK_CONFIG");
  constexpr const char* kName = "application_default_credentials.json";
  return folder.empty() ? http::HomePath(std::string(".config/gcloud/") + kName)
                        : folder + "/" + kName;
}

// Nothing: neither file is there, and looked_at says so.
Result<std::optional<http::FoundSource>> FromFiles(const http::CredentialClients& clients,
                                                   std::vector<std::string>* looked_at) {
  std::string file = http::Environment(kFile);
  const bool is_named = !file.empty();
  if (!is_named) {
    looked_at->push_back(fmt::format("{} (not set)", kFile));
    file = WellKnownFile();
    if (file.empty()) {
      looked_at->push_back("~/.config/gcloud (HOME is not set)");
      return std::optional<http::FoundSource>();
    }
  }
  auto text = http::ReadSmallFile(file, "the credential file");
  if (!text.ok() && text.status().code() == Code::kNotFound) {
    if (is_named)
      return Status(Code::kAuth, fmt::format("{}; correct {}", text.status().message(), kFile));
    looked_at->push_back(file + " (not there)");
    return std::optional<http::FoundSource>();
  }
  if (!text.ok()) return std::move(text).status();
  TSNAP_ASSIGN(http::FoundSource found,
               CredentialFileSource(*text, "the credential file " + file, clients));
  return std::optional<http::FoundSource>(std::move(found));
}

// The steps of the header, one after the other.
Result<http::FoundSource> Find(const http::CredentialClients& clients) {
  std::vector<std::string> looked_at;
  TSNAP_ASSIGN(const http::Credentials key, HmacKey());
  if (!key.access_key.empty())
    return http::LocalSource([key] { return Result<http::Credentials>(key); }, kAccessKey);
  looked_at.push_back(fmt::format("{} (not set)", kAccessKey));
  if (http::IsSwitchedOn("TSNAP_GCS_ANONYMOUS"))
    return http::LocalSource([] { return Result<http::Credentials>(http::Credentials()); },
                             "TSNAP_GCS_ANONYMOUS");
  TSNAP_ASSIGN(std::optional<http::FoundSource> of_file, FromFiles(clients, &looked_at));
  if (of_file) return *std::move(of_file);
  auto of_server = MetadataServerSource(clients);
  if (!of_server.ok()) {
    if (of_server.status().code() != Code::kUnsupported) return std::move(of_server).status();
    looked_at.push_back(of_server.status().message());
    return NothingFound(looked_at);
  }
  return http::LastResort(*std::move(of_server), [looked_at](const std::string& said) {
    std::vector<std::string> all = looked_at;
    all.push_back(said);
    return NothingFound(all);
  });
}

}  // namespace

bool HasHmacKey() { return !http::Environment(kAccessKey).empty(); }

Result<std::shared_ptr<http::CredentialProvider>> GcsCredentials(
    const StoreSession& session, const http::CredentialClients& clients) {
  TSNAP_ASSIGN(http::FoundSource found, Find(clients));
  return http::KeepFresh(std::move(found), session);
}

}  // namespace tsnap::gcs
