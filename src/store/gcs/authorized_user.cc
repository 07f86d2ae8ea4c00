// Tokens for a user who signed in once: the refresh token that he was given is exchanged for them.
#include <string>
#include <utility>

#include <fmt/format.h>

#include "store/gcs/oauth.h"
#include "store/gcs/sources.h"
#include "store/http/service_url.h"

namespace tsnap::gcs {

namespace {

class AuthorizedUser final : public http::CredentialSource {
 public:
  AuthorizedUser(std::shared_ptr<http::Client> client, http::ServiceUrl url, std::string id,
                 std::string secret, std::string refresh_token)
      : client_(std::move(client)),
        url_(std::move(url)),
        id_(std::move(id)),
        secret_(std::move(secret)),
        refresh_token_(std::move(refresh_token)) {}

  Result<http::Credentials> Fetch() override {
    auto token = AskForToken(*client_, url_,
                             {{"grant_type", "refresh_token"},
                              {"client_id", id_},
                              {"client_secret", secret_},
                              {"refresh_token", refresh_token_}},
                             {secret_, refresh_token_});
    if (token.ok() || token.status().code() != Code::kAuth) return token;
    return Status(Code::kAuth, token.status().message() +
                                   "; sign in again: gcloud auth application-default login");
  }

  std::string Describe() const override { return "the refresh token of a Google user"; }

 private:
  const std::shared_ptr<http::Client> client_;
  const http::ServiceUrl url_;
  const std::string id_, secret_, refresh_token_;
};

}  // namespace

Result<http::FoundSource> AuthorizedUserSource(const http::SmallJson& file,
                                               std::shared_ptr<http::Client> client) {
  TSNAP_ASSIGN(const std::string id, file.Need("client_id"));
  TSNAP_ASSIGN(const std::string secret, file.Need("client_secret"));
  TSNAP_ASSIGN(const std::string refresh_token, file.Need("refresh_token"));
  std::string place = file.Text("token_uri");
  if (place.empty()) place = "https://oauth2.googleapis.com/token";
  TSNAP_ASSIGN(http::ServiceUrl url, ParseTokenUrl(place, "token_uri"));
  http::FoundSource found;
  found.identity = fmt::format("gcs user\n{}\n{}\n{}", id, refresh_token, place);
  found.source = std::make_unique<AuthorizedUser>(std::move(client), std::move(url), id, secret,
                                                  refresh_token);
  return found;
}

}  // namespace tsnap::gcs
