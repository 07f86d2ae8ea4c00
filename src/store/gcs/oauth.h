// Asking for OAuth2 access tokens (RFC 6749, 7523, 8693): one form is posted, one JSON text comes
// back. Shared by all kinds of Google credentials.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/http/client.h"
#include "store/http/credentials.h"
#include "store/http/message.h"
#include "store/http/service_url.h"

namespace tsnap::gcs {

// To read and write objects; nothing else is asked for.
inline constexpr const char* kScope = "https://www.googleapis.com/auth/devstorage.read_write";

// The URL of a member of a credential file: https, or this machine. kInvalid: anything else.
Result<http::ServiceUrl> ParseTokenUrl(const std::string& text, const std::string& member);

// Posts the form to a token endpoint. secrets: what stands in it and must not come back in a
// message. kAuth: it says no (its "error" and "error_description" are told); kNetwork.
Result<http::Credentials> AskForToken(http::Client& client, const http::ServiceUrl& url,
                                      const std::vector<http::Parameter>& form,
                                      const std::vector<std::string>& secrets);

// The members "access_token", "token_type" (Bearer) and "expires_in".
Result<http::Credentials> ParseTokenAnswer(std::string_view body, const std::string& what);

}  // namespace tsnap::gcs
