#include "store/s3/credentials.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "store/http/found_source.h"
#include "store/http/small_file.h"
#include "store/s3/aws_settings.h"
#include "store/s3/container_credentials.h"
#include "store/s3/instance_metadata.h"
#include "store/s3/profile_credentials.h"
#include "store/s3/profile_file.h"
#include "store/s3/static_keys.h"
#include "store/s3/sts.h"

namespace tsnap::s3 {

namespace {

constexpr const char* kTokenFile = "AWS_WEB_IDENTITY_TOKEN_FILE";

Status NothingFound(const std::vector<std::string>& looked_at) {
  return {Code::kAuth,
          fmt::format(
              "getting S3 credentials: none were found. Looked at: {}. Set AWS_ACCESS_KEY_ID and "
              "AWS_SECRET_ACCESS_KEY, or name a profile with AWS_PROFILE; for a public bucket "
              "set TSNAP_S3_ANONYMOUS=1",
              fmt::join(looked_at, "; "))};
}

Result<http::FoundSource> FromWebIdentity(const http::CredentialClients& clients,
                                          const AwsSettings& sts) {
  const std::string file = http::Environment(kTokenFile);
  if (file.empty()) return http::FoundSource();
  Role role{http::Environment("AWS_ROLE_ARN"), http::Environment("AWS_ROLE_SESSION_NAME"), "", ""};
  if (role.arn.empty())
    return Invalid(
        fmt::format("reading S3 credentials from the environment: {} is set, AWS_ROLE_ARN is not; "
                    "set both, or neither",
                    kTokenFile));
  TSNAP_TRY(CheckRole(&role).While("reading", "AWS_ROLE_ARN and AWS_ROLE_SESSION_NAME"));
  TSNAP_ASSIGN(StsPlace place, FindSts(clients.services, sts));
  http::FoundSource found;
  found.identity = fmt::format("s3 web identity\n{}\n{}", role.Identity(place), file);
  found.source = WebIdentitySource(std::move(place), std::move(role), file);
  return found;
}

// The steps of the header, one after the other.
Result<http::FoundSource> Find(const Knobs& knobs, const http::CredentialClients& clients) {
  std::vector<std::string> looked_at;
  TSNAP_ASSIGN(const http::Credentials of_knobs, KeysOfKnobs(knobs));
  if (!of_knobs.access_key.empty())
    return http::LocalSource([of_knobs] { return Result<http::Credentials>(of_knobs); },
                             "the configuration of tsnap");
  looked_at.push_back("s3_access_key of the configuration (not set)");

  if (http::IsSwitchedOn("TSNAP_S3_ANONYMOUS"))
    return http::LocalSource([] { return Result<http::Credentials>(http::Credentials()); },
                             "TSNAP_S3_ANONYMOUS");

  TSNAP_ASSIGN(const http::Credentials of_environment, KeysOfEnvironment());
  if (!of_environment.access_key.empty())
    return http::LocalSource([of_environment] { return Result<http::Credentials>(of_environment); },
                             "the environment");
  looked_at.push_back("AWS_ACCESS_KEY_ID (not set)");

  TSNAP_ASSIGN(const ProfileFiles files, ProfileFiles::Read());
  const AwsSettings sts = ReadAwsSettings(knobs, "sts", files);
  if (files.is_named() || files.Profile(files.name()) != nullptr) {
    TSNAP_ASSIGN(http::FoundSource of_profile, ProfileSource(files, files.name(), clients, sts));
    if (of_profile.source != nullptr) return of_profile;
    looked_at.push_back(fmt::format("the profile \"{}\" of {} (no credentials in it)", files.name(),
                                    files.where()));
  } else {
    looked_at.push_back(
        fmt::format("the profile \"{}\" of {} (not there)", files.name(), files.where()));
  }

  TSNAP_ASSIGN(http::FoundSource of_identity, FromWebIdentity(clients, sts));
  if (of_identity.source != nullptr) return of_identity;
  looked_at.push_back(fmt::format("{} (not set)", kTokenFile));

  TSNAP_ASSIGN(http::FoundSource of_container, ContainerSource(clients.make_near));
  if (of_container.source != nullptr) return of_container;
  looked_at.push_back(
      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI (not set)");

  auto of_instance = InstanceMetadataSource(clients.make_near);
  if (!of_instance.ok()) {
    if (of_instance.status().code() != Code::kUnsupported) return std::move(of_instance).status();
    looked_at.push_back(of_instance.status().message());
    return NothingFound(looked_at);
  }
  return http::LastResort(*std::move(of_instance), [looked_at](const std::string& said) {
    std::vector<std::string> all = looked_at;
    all.push_back(said);
    return NothingFound(all);
  });
}

}  // namespace

Result<std::shared_ptr<http::CredentialProvider>> S3Credentials(
    const StoreSession& session, const http::CredentialClients& clients) {
  TSNAP_ASSIGN(http::FoundSource found, Find(session.knobs(), clients));
  return http::KeepFresh(std::move(found), session);
}

}  // namespace tsnap::s3
