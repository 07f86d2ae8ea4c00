// Which kind of Google credentials a file holds.
#include <string>

#include <fmt/format.h>

#include "store/gcs/sources.h"

namespace tsnap::gcs {

namespace {

Result<http::FoundSource> SourceOf(const http::SmallJson& json,
                                   const http::CredentialClients& clients) {
  const std::string type = json.Text("type");
  if (type == "service_account") return ServiceAccountSource(json, clients.services);
  if (type == "authorized_user") return AuthorizedUserSource(json, clients.services);
  if (type == "external_account") return ExternalAccountSource(json, clients);
  const bool is_known = type == "impersonated_service_account" || type == "gdch_service_account" ||
                        type == "external_account_authorized_user";
  return Unsupported(
      fmt::format("reading Google credentials: their \"type\" is {}; tsnap knows service_account, "
                  "authorized_user and external_account",
                  is_known ? type : "none that is known"));
}

}  // namespace

Result<http::FoundSource> CredentialFileSource(const std::string& text, const std::string& file,
                                               const http::CredentialClients& clients) {
  TSNAP_ASSIGN(const auto json, http::SmallJson::Parse(text, file));
  auto found = SourceOf(json, clients);
  if (!found.ok()) return std::move(found).status().While("reading", file);
  return found;
}

}  // namespace tsnap::gcs
