// Surroundings: what the environment says of proxies and of the certificates to trust, read once
// when a client is made: its thread then never calls getenv, which must not run beside the
// application's setenv. Knows nothing of who connects.
#pragma once

#include <string>

#include "base/status.h"

namespace tsnap::http {

struct Surroundings {
  // May hold a user and a password: never shown. Empty: none.
  std::string http_proxy, https_proxy;
  std::string no_proxy;  // hosts that are reached without one
  // What to trust; both empty: what libcurl was built with.
  std::string ca_file, ca_folder;
};

// ca_file: instead of what the environment says. kInvalid: a certificate file that cannot be read
// or holds no certificate.
Result<Surroundings> ReadSurroundings(const std::string& ca_file);

}  // namespace tsnap::http
