// What a profile of the shared files says about credentials: keys, a command, a role to assume with
// others' credentials or with a web identity token. Decided without asking anybody.
#pragma once

#include <string>

#include "base/status.h"
#include "store/http/credential_clients.h"
#include "store/http/found_source.h"
#include "store/s3/aws_settings.h"
#include "store/s3/profile_file.h"

namespace tsnap::s3 {

// No source where the profile says nothing about credentials. kInvalid: half of something, a role
// whose source leads back to itself; kAuth: a profile that is named and not there; kUnsupported:
// single sign-on, one-time passwords.
Result<http::FoundSource> ProfileSource(const ProfileFiles& files, const std::string& name,
                                        const http::CredentialClients& clients,
                                        const AwsSettings& sts_settings);

}  // namespace tsnap::s3
