// The Security Token Service: credentials of a role, for a web identity token (a file that the
// platform keeps fresh) or for other credentials (AWS STS API, version 2011-06-15).
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "store/http/client.h"
#include "store/http/credentials.h"
#include "store/http/service_url.h"
#include "store/s3/aws_settings.h"

namespace tsnap::s3 {

// Where it is: the endpoint of the settings, else that of the region, else the one of all regions.
struct StsPlace {
  std::shared_ptr<http::Client> client;
  http::ServiceUrl url;
  std::string region;  // that requests are signed for
};
Result<StsPlace> FindSts(std::shared_ptr<http::Client> client, const AwsSettings& settings);

struct Role {
  std::string arn, session_name, external_id;
  std::string duration_seconds;  // "": an hour
  // What tells it from other roles at other places.
  std::string Identity(const StsPlace& place) const;
};
// kInvalid: what STS would refuse; the session name becomes "tsnap" where there is none.
Status CheckRole(Role* role);

// token_file is read whenever it is asked: the platform replaces it.
std::unique_ptr<http::CredentialSource> WebIdentitySource(StsPlace place, Role role,
                                                          std::string token_file);
std::unique_ptr<http::CredentialSource> AssumeRoleSource(
    StsPlace place, Role role, std::unique_ptr<http::CredentialSource> credentials_to_ask_with);

}  // namespace tsnap::s3
