// Whether a request can be sent as it stands, and how messages call it: nothing of a request goes
// to a server unchecked, since keys and header values come from users.
#pragma once

#include <string>

#include "base/status.h"
#include "store/http/message.h"

namespace tsnap::http {

// kInvalid for what would end up as another request, or as two: white space, control characters, a
// user's name in the authority, headers that are the client's own. The text repeats none of it.
Status CheckRequest(const Request& request);
// "GET https://host/path": without the query, which may carry a signature.
std::string NameOf(const Request& request);

}  // namespace tsnap::http
