// Where a service of AWS, or one that speaks like it, is: its region and its endpoint, in the order
// that the AWS tools have. Knows no credentials.
#pragma once

#include <string>

#include "base/knobs.h"
#include "base/status.h"

namespace tsnap::s3 {

class ProfileFiles;

struct AwsSettings {
  std::string region, endpoint_url;  // "" where nobody says
};

// service: "s3" or "sts". The region: Knobs::s3_region, AWS_REGION, AWS_DEFAULT_REGION, the
// profile's region. The endpoint: Knobs::s3_endpoint (of "s3" only), AWS_ENDPOINT_URL_S3 or _STS,
// AWS_ENDPOINT_URL, the profile's "services" section, the profile's endpoint_url; but for the
// first, none of them where AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true. Fails where a file cannot
// be read.
Result<AwsSettings> ReadAwsSettings(const Knobs& knobs, const std::string& service);
AwsSettings ReadAwsSettings(const Knobs& knobs, const std::string& service,
                            const ProfileFiles& files);

}  // namespace tsnap::s3
