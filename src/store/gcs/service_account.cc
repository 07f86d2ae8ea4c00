// Tokens for the key of a service account: a JSON Web Token that it signs is exchanged for one.
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "store/gcs/oauth.h"
#include "store/gcs/sources.h"
#include "store/http/crypto.h"
#include "store/http/service_call.h"
#include "store/http/service_url.h"

namespace tsnap::gcs {

namespace {

constexpr int64_t kAssertionSeconds = 3600;  // the most that is allowed
constexpr const char* kGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";

class ServiceAccount final : public http::CredentialSource {
 public:
  ServiceAccount(std::shared_ptr<http::Client> client, http::ServiceUrl url, std::string audience,
                 std::string email, std::string key_id, std::string key)
      : client_(std::move(client)),
        url_(std::move(url)),
        audience_(std::move(audience)),
        email_(std::move(email)),
        key_id_(std::move(key_id)),
        key_(std::move(key)) {}

  Result<http::Credentials> Fetch() override {
    TSNAP_ASSIGN(const std::string assertion, Assertion(UnixSeconds()));
    return AskForToken(*client_, url_, {{"grant_type", kGrant}, {"assertion", assertion}},
                       {assertion});
  }

  std::string Describe() const override {
    return fmt::format("the key of the service account {}", email_);
  }

  Result<std::string> Assertion(int64_t now) const {
    std::string header = R"({"alg":"RS256","typ":"JWT")";
    if (!key_id_.empty()) header += R"(,"kid":)" + http::JsonQuote(key_id_);
    header += '}';
    const std::string claims = fmt::format(
        R"({{"iss":{},"scope":"{}","aud":{},"iat":{},"exp":{}}})", http::JsonQuote(email_), kScope,
        http::JsonQuote(audience_), now, now + kAssertionSeconds);
    const std::string signed_text =
        http::Base64Url(AsBytes(header)) + "." + http::Base64Url(AsBytes(claims));
    auto signature = http::SignRs256(key_, AsBytes(signed_text));
    if (!signature.ok()) return std::move(signature).status().While("signing with", Describe());
    return signed_text + "." + http::Base64Url(*signature);
  }

 private:
  const std::shared_ptr<http::Client> client_;
  const http::ServiceUrl url_;
  const std::string audience_, email_, key_id_, key_;
};

}  // namespace

Result<http::FoundSource> ServiceAccountSource(const http::SmallJson& file,
                                               std::shared_ptr<http::Client> client) {
  TSNAP_ASSIGN(const std::string email, file.Need("client_email"));
  TSNAP_ASSIGN(const std::string key, file.Need("private_key", true));
  TSNAP_ASSIGN(const std::string audience, file.Need("token_uri"));
  TSNAP_ASSIGN(http::ServiceUrl url, ParseTokenUrl(audience, "token_uri"));
  const std::string key_id = file.Text("private_key_id");
  auto account = std::make_unique<ServiceAccount>(std::move(client), std::move(url), audience,
                                                  email, key_id, key);
  // A key that cannot sign is told at once, before anybody is asked.
  TSNAP_TRY(account->Assertion(0).status());
  http::FoundSource found;
  found.identity = fmt::format("gcs service account\n{}\n{}\n{}", email, key_id, audience);
  found.source = std::move(account);
  return found;
}

}  // namespace tsnap::gcs
