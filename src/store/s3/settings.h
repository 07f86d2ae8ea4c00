// Settings: where S3 is and in which style it is spoken to, from the configuration, the environment
// and the profile, in the order that users of S3 expect.
#pragma once

#include <string>

#include "base/knobs.h"
#include "base/status.h"
#include "store/object/endpoint.h"

namespace tsnap::s3 {

struct Settings {
  object::Endpoint endpoint;
  std::string region;   // "" = not set
  bool amazon = false;  // no endpoint is set: the address follows from the region
};

// Endpoint: the configuration (or TSNAP_S3_ENDPOINT), AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the
// profile (endpoint_url), Amazon's. Region: the configuration (or TSNAP_S3_REGION), AWS_REGION,
// AWS_DEFAULT_REGION, the profile.
Result<Settings> ReadSettings(const Knobs& knobs, const std::string& bucket);

}  // namespace tsnap::s3
