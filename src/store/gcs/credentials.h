// Where the credentials of Google Cloud Storage come from:
//   1. TSNAP_GCS_ACCESS_KEY and TSNAP_GCS_SECRET_KEY: an HMAC key, which signs
//   2. TSNAP_GCS_ANONYMOUS=1: none, for public buckets and emulators
//   3. the file that GOOGLE_APPLICATION_CREDENTIALS names
//   4. application_default_credentials.json in CLOUDSDK_CONFIG, else in ~/.config/gcloud
//   5. the metadata server of a virtual machine or pod
// 3 and 4 hold a key of a service account, a user's refresh token, or an external account. The
// first that is configured is the one; the network is not asked before credentials are.
#pragma once

#include <memory>

#include "base/status.h"
#include "store/http/credential_clients.h"
#include "store/http/credentials.h"
#include "store/session.h"

namespace tsnap::gcs {

// To be called once for a session and remembered there (not from within Remember of another thing).
// What Get gives: access_key and secret_key to sign with (kGoog4), or a token alone for
// "Authorization: Bearer", or nothing at all: requests go without. Refuse is for an answer of 401.
// kInvalid: half of a key; kAuth, kCorrupt, kUnsupported: a credential file that is missing,
// malformed or of another kind. Get says kAuth, with all that was looked at, where nobody has any.
Result<std::shared_ptr<http::CredentialProvider>> GcsCredentials(
    const StoreSession& session, const http::CredentialClients& clients);

// Whether 1 is configured: requests are signed, not accompanied by a token.
bool HasHmacKey();

}  // namespace tsnap::gcs
