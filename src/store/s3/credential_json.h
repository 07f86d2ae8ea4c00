// Credentials as all services and commands of AWS hand them out, in JSON.
#pragma once

#include <string>

#include "base/status.h"
#include "store/http/credentials.h"

namespace tsnap::s3 {

// The members "AccessKeyId", "SecretAccessKey", "Expiration", and the token; token_name: "Token" or
// "SessionToken". kCorrupt: one is missing or of another type.
Result<http::Credentials> ParseCredentialJson(const std::string& text, const std::string& what,
                                              const char* token_name);

// kAuth where one of them cannot stand in a header; the text says which, not what it is.
Status CheckKeys(const http::Credentials& credentials, const std::string& what);

}  // namespace tsnap::s3
