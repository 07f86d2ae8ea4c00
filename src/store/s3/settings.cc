#include "store/s3/settings.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "store/s3/aws_settings.h"

namespace tsnap::s3 {

namespace {

// It becomes part of a host's name and of every signature.
bool IsRegion(const std::string& text) {
  return text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                  c == '-' || c == '_';
         });
}

// The certificate of *.s3.<region>.amazonaws.com does not cover a name with more dots.
bool FitsInHost(const std::string& bucket) {
  return bucket.find('.') == std::string::npos && bucket.find('_') == std::string::npos;
}

}  // namespace

Result<Settings> ReadSettings(const Knobs& knobs, const std::string& bucket) {
  TSNAP_ASSIGN(AwsSettings found, ReadAwsSettings(knobs, "s3"));
  Settings settings;
  settings.region = std::move(found.region);
  if (!IsRegion(settings.region))
    return Invalid(
        "opening a place in S3: the region (TSNAP_S3_REGION, AWS_REGION or the "
        "profile's) holds other characters than letters, digits and -");
  settings.amazon = found.endpoint_url.empty();
  if (!settings.amazon) {
    TSNAP_ASSIGN(settings.endpoint,
                 object::ParseEndpoint(found.endpoint_url,
                                       "the S3 endpoint (TSNAP_S3_ENDPOINT, AWS_ENDPOINT_URL_S3, "
                                       "AWS_ENDPOINT_URL or the profile's)"));
  }
  const bool by_itself = settings.amazon && FitsInHost(bucket);
  settings.endpoint.bucket_in_host =
      knobs.s3_addressing == "virtual" || (knobs.s3_addressing != "path" && by_itself);
  return settings;
}

}  // namespace tsnap::s3
