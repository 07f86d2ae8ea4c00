// Where the credentials of S3 come from, in the order that users of the AWS tools expect:
//   1. the configuration of tsnap (Knobs::s3_access_key, s3_secret_key, s3_session_token)
//   2. TSNAP_S3_ANONYMOUS=1: none, for public buckets
//   3. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   4. the profile of the shared files: keys, credential_process, a role
//   5. AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN
//   6. the endpoint of the container
//   7. the instance metadata service
// The first that is configured is the one; the network is not asked before credentials are.
#pragma once

#include <memory>

#include "base/status.h"
#include "store/http/credential_clients.h"
#include "store/http/credentials.h"
#include "store/session.h"

namespace tsnap::s3 {

// To be called once for a session and remembered there (not from within Remember of another thing).
// What Get gives: keys to sign with, with a session token or without; nothing at all: requests go
// unsigned. Refuse is for an answer of ExpiredToken, InvalidToken or InvalidAccessKeyId; the next
// Get then asks anew, once per node.
// kInvalid: something is half set or malformed; kAuth: a profile that is named and not there, or
// nothing is configured and the metadata service is not to be asked; kUnsupported: single sign-on.
// Get says kAuth, with all that was looked at, where nobody has any.
Result<std::shared_ptr<http::CredentialProvider>> S3Credentials(
    const StoreSession& session, const http::CredentialClients& clients);

}  // namespace tsnap::s3
