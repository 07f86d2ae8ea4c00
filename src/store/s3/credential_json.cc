#include "store/s3/credential_json.h"

#include <fmt/format.h>

#include "store/http/service_call.h"
#include "store/http/small_json.h"
#include "store/http/time_text.h"

namespace tsnap::s3 {

Result<http::Credentials> ParseCredentialJson(const std::string& text, const std::string& what,
                                              const char* token_name) {
  TSNAP_ASSIGN(const http::SmallJson json, http::SmallJson::Parse(text, what));
  http::Credentials credentials;
  TSNAP_ASSIGN(credentials.access_key, json.Need("AccessKeyId"));
  TSNAP_ASSIGN(credentials.secret_key, json.Need("SecretAccessKey"));
  credentials.token = json.Text(token_name);
  if (const std::string expiration = json.Text("Expiration"); !expiration.empty()) {
    const auto expires = http::ParseUtcTime(expiration);
    if (!expires || *expires <= 0)
      return Corrupt(fmt::format("reading {}: \"Expiration\" is no time", what));
    credentials.expires_unix_seconds = *expires;
  }
  TSNAP_TRY(CheckKeys(credentials, what));
  return credentials;
}

Status CheckKeys(const http::Credentials& credentials, const std::string& what) {
  const auto check = [&](const std::string& text, const char* name) {
    if (http::IsHeaderValue(text)) return Status::Ok();
    return Status(Code::kAuth,
                  fmt::format("reading {}: {} is too long or holds something else than printable "
                              "letters; look for a line end or a quote in it",
                              what, name));
  };
  TSNAP_TRY(check(credentials.access_key, "the access key"));
  TSNAP_TRY(check(credentials.secret_key, "the secret key"));
  return check(credentials.token, "the session token");
}

}  // namespace tsnap::s3
