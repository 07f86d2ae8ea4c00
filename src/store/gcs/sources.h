// The kinds of Google credentials. Their files are read once: what changes in one is for the next
// session.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "store/http/client.h"
#include "store/http/credential_clients.h"
#include "store/http/found_source.h"
#include "store/http/small_json.h"

namespace tsnap::gcs {

// A key of a service account: asks with a signed assertion (RFC 7523), good for an hour.
Result<http::FoundSource> ServiceAccountSource(const http::SmallJson& file,
                                               std::shared_ptr<http::Client> client);
// What "gcloud auth application-default login" writes: a refresh token.
Result<http::FoundSource> AuthorizedUserSource(const http::SmallJson& file,
                                               std::shared_ptr<http::Client> client);
// Workload identity federation: a token of somebody else's, from a file or a URL, is exchanged (RFC
// 8693) and may then speak for a service account. kUnsupported: other sources of tokens.
Result<http::FoundSource> ExternalAccountSource(const http::SmallJson& file,
                                                const http::CredentialClients& clients);
// The metadata server of a Google virtual machine, or of a pod with an identity; at
// GCE_METADATA_HOST where it is set. kUnsupported where NO_GCE_CHECK is true.
Result<http::FoundSource> MetadataServerSource(const http::CredentialClients& clients);

// A credential file by its "type"; file: its name, for messages.
Result<http::FoundSource> CredentialFileSource(const std::string& text, const std::string& file,
                                               const http::CredentialClients& clients);

}  // namespace tsnap::gcs
