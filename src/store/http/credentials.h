// Credentials: what signs or accompanies a request, and where it comes from. Secrets: they are
// never put into a message, a log, a trace or a file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"

namespace tsnap::http {

struct Credentials {
  std::string access_key, secret_key;  // both empty: none (anonymous), or a bearer token alone
  std::string token;                   // of the session (S3), or the bearer token (OAuth2)
  int64_t expires_unix_seconds = 0;    // 0: never
};

// Asks one service or file; each call asks anew. Any thread.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  virtual Result<Credentials> Fetch() = 0;
  // What it is, for messages: "the instance metadata service at 169.254.169.254".
  virtual std::string Describe() const = 0;
};

// Credentials that are always fresh. Any thread.
class CredentialProvider {
 public:
  virtual ~CredentialProvider() = default;
  // What is kept; fetched where there is none yet, or where it soon expires.
  virtual Result<Credentials> Get() = 0;
  // The server has refused these: the next Get fetches others, unless somebody has already.
  virtual void Refuse(const Credentials& refused) = 0;
  virtual std::string Describe() const = 0;
};

}  // namespace tsnap::http
