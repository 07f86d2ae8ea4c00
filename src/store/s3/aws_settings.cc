#include "store/s3/aws_settings.h"

#include "store/http/small_file.h"
#include "store/s3/profile_file.h"

namespace tsnap::s3 {

namespace {

using http::Environment;

void FillFrom(const std::string& text, std::string* field) {
  if (field->empty()) *field = text;
}

std::string EndpointOfServices(const ProfileFiles& files, const Section& profile,
                               const std::string& service) {
  const Section* services = files.Services(profile.Value("services"));
  if (services == nullptr) return {};
  const auto found = services->nested.find(service);
  if (found == services->nested.end()) return {};
  const auto url = found->second.find("endpoint_url");
  return url == found->second.end() ? std::string() : url->second;
}

}  // namespace

AwsSettings ReadAwsSettings(const Knobs& knobs, const std::string& service,
                            const ProfileFiles& files) {
  const bool is_s3 = service == "s3";
  AwsSettings settings{knobs.s3_region, is_s3 ? knobs.s3_endpoint : std::string()};
  const Section* profile = files.Profile(files.name());
  FillFrom(Environment("AWS_REGION"), &settings.region);
  FillFrom(Environment("AWS_DEFAULT_REGION"), &settings.region);
  if (profile != nullptr) FillFrom(profile->Value("region"), &settings.region);
  if (http::IsSwitchedOn("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) return settings;
  FillFrom(Environment(is_s3 ? "AWS_ENDPOINT_URL_S3" : "AWS_ENDPOINT_URL_STS"),
           &settings.endpoint_url);
  FillFrom(Environment("AWS_ENDPOINT_URL"), &settings.endpoint_url);
  if (profile == nullptr) return settings;
  FillFrom(EndpointOfServices(files, *profile, service), &settings.endpoint_url);
  FillFrom(profile->Value("endpoint_url"), &settings.endpoint_url);
  return settings;
}

Result<AwsSettings> ReadAwsSettings(const Knobs& knobs, const std::string& service) {
  TSNAP_ASSIGN(const ProfileFiles files, ProfileFiles::Read());
  return ReadAwsSettings(knobs, service, files);
}

}  // namespace tsnap::s3
