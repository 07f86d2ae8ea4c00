#include "store/s3/static_keys.h"

#include <utility>

#include <fmt/format.h>

#include "store/http/small_file.h"
#include "store/s3/credential_json.h"

namespace tsnap::s3 {

namespace {

struct Names {
  std::string place, access_key, secret_key, token;
};

Result<http::Credentials> Pair(std::string access_key, std::string secret_key, std::string token,
                               const Names& names) {
  const auto half = [&](const std::string& there, const std::string& missing) {
    return Invalid(
        fmt::format("reading S3 credentials from {}: {} is set, {} is not; set both, or neither",
                    names.place, there, missing));
  };
  if (!access_key.empty() && secret_key.empty()) return half(names.access_key, names.secret_key);
  if (access_key.empty() && !secret_key.empty()) return half(names.secret_key, names.access_key);
  if (access_key.empty() && !token.empty()) return half(names.token, names.access_key);
  http::Credentials credentials;
  credentials.access_key = std::move(access_key);
  credentials.secret_key = std::move(secret_key);
  credentials.token = std::move(token);
  TSNAP_TRY(CheckKeys(credentials, names.place));
  return credentials;
}

}  // namespace

Result<http::Credentials> KeysOfKnobs(const Knobs& knobs) {
  return Pair(knobs.s3_access_key, knobs.s3_secret_key, knobs.s3_session_token,
              {"the configuration of tsnap", "s3_access_key (TSNAP_S3_ACCESS_KEY)",
               "s3_secret_key (TSNAP_S3_SECRET_KEY)", "s3_session_token (TSNAP_S3_SESSION_TOKEN)"});
}

Result<http::Credentials> KeysOfEnvironment() {
  const Names names{"the environment", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
                    "AWS_SESSION_TOKEN"};
  return Pair(http::Environment(names.access_key.c_str()),
              http::Environment(names.secret_key.c_str()), http::Environment(names.token.c_str()),
              names);
}

Result<http::Credentials> KeysOfProfile(const Section& profile, const std::string& name) {
  const Names names{fmt::format("the profile \"{}\"", name), "aws_access_key_id",
                    "aws_secret_access_key", "aws_session_token"};
  return Pair(profile.Value(names.access_key), profile.Value(names.secret_key),
              profile.Value(names.token), names);
}

}  // namespace tsnap::s3
