#include "store/s3/profile_credentials.h"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "store/http/small_file.h"
#include "store/s3/container_credentials.h"
#include "store/s3/instance_metadata.h"
#include "store/s3/process_credentials.h"
#include "store/s3/static_keys.h"
#include "store/s3/sts.h"

namespace tsnap::s3 {

namespace {

Status Odd(const std::string& profile, std::string_view what, Code code = Code::kInvalid) {
  return {code, fmt::format("reading the profile \"{}\": {}", profile, what)};
}

// Reads the files anew: who keeps them fresh replaces what is in them.
Result<http::Credentials> KeysOfFile(const std::string& profile) {
  TSNAP_ASSIGN(const ProfileFiles files, ProfileFiles::Read());
  const Section* section = files.Profile(profile);
  if (section == nullptr) return Odd(profile, "it is gone from " + files.where(), Code::kAuth);
  TSNAP_ASSIGN(http::Credentials keys, KeysOfProfile(*section, profile));
  if (keys.access_key.empty())
    return Odd(profile, "its keys are gone from " + files.where(), Code::kAuth);
  return keys;
}

class ProfileReader {
 public:
  ProfileReader(const ProfileFiles& files, const http::CredentialClients& clients,
                const AwsSettings& sts)
      : files_(files), clients_(clients), sts_(sts) {}

  Result<http::FoundSource> Read(const std::string& name) {
    const Section* profile = files_.Profile(name);
    if (profile == nullptr)
      return Odd(
          name,
          fmt::format("it is not in {}; correct AWS_PROFILE, or what names it", files_.where()),
          Code::kAuth);
    // Its own keys may be what a role is assumed with; anything else would go round in circles.
    if (!visited_.insert(name).second) return Odd(name, "its source_profile leads back to it");
    if (!profile->Value("role_arn").empty()) return ReadRole(name, *profile);
    return ReadPlain(name, *profile);
  }

 private:
  Result<http::FoundSource> ReadPlain(const std::string& name, const Section& profile) {
    http::FoundSource found;
    TSNAP_ASSIGN(const http::Credentials keys, KeysOfProfile(profile, name));
    if (!keys.access_key.empty()) {
      return http::LocalSource([name] { return KeysOfFile(name); },
                               fmt::format("the profile \"{}\"", name));
    }
    if (const std::string command = profile.Value("credential_process"); !command.empty()) {
      TSNAP_TRY(SplitCommand(command).status().While("reading the profile", name));
      found.source = ProcessSource(command, name);
      found.identity = "s3 process\n" + command;
      return found;
    }
    if (!profile.Value("sso_session").empty() || !profile.Value("sso_start_url").empty())
      return Odd(name,
                 "it signs in by SSO, which tsnap does not do itself: set credential_process = aws "
                 "configure "
                 "export-credentials --profile NAME --format process in a profile of its own, and "
                 "name that one",
                 Code::kUnsupported);
    return found;
  }

  Result<http::FoundSource> ReadRole(const std::string& name, const Section& profile) {
    if (!profile.Value("mfa_serial").empty())
      return Odd(
          name,
          "its role wants a one-time password (mfa_serial), for which nobody can be asked in a job",
          Code::kUnsupported);
    Role role{profile.Value("role_arn"), profile.Value("role_session_name"),
              profile.Value("external_id"), profile.Value("duration_seconds")};
    TSNAP_TRY(CheckRole(&role).While("reading the profile", name));
    TSNAP_ASSIGN(StsPlace place, FindSts(clients_.services, sts_));
    http::FoundSource found;
    if (const std::string file = profile.Value("web_identity_token_file"); !file.empty()) {
      found.identity = fmt::format("s3 web identity\n{}\n{}", role.Identity(place), file);
      found.source = WebIdentitySource(std::move(place), std::move(role), http::ExpandHome(file));
      return found;
    }
    TSNAP_ASSIGN(http::FoundSource base, ReadBase(name, profile));
    found.identity = fmt::format("s3 role\n{}\n{}\n{}", role.Identity(place), name, files_.where());
    found.source = AssumeRoleSource(std::move(place), std::move(role), std::move(base.source));
    return found;
  }

  // Where the credentials come from that the role is assumed with.
  Result<http::FoundSource> ReadBase(const std::string& name, const Section& profile) {
    const std::string source_profile = profile.Value("source_profile");
    const std::string source = profile.Value("credential_source");
    if (source_profile.empty() == source.empty())
      return Odd(
          name,
          "a role_arn needs one of source_profile, credential_source and web_identity_token_file");
    if (!source.empty()) return ReadSource(name, source);
    http::FoundSource base;
    if (source_profile == name) {
      TSNAP_ASSIGN(base, ReadPlain(name, profile));
    } else {
      TSNAP_ASSIGN(base, Read(source_profile));
    }
    if (base.source == nullptr)
      return Odd(name,
                 fmt::format("its source_profile \"{}\" holds no credentials", source_profile));
    return base;
  }

  Result<http::FoundSource> ReadSource(const std::string& name, const std::string& source) {
    http::FoundSource base;
    if (source == "Environment") {
      TSNAP_ASSIGN(const http::Credentials keys, KeysOfEnvironment());
      if (!keys.access_key.empty()) base = http::LocalSource(KeysOfEnvironment, "the environment");
    } else if (source == "Ec2InstanceMetadata") {
      TSNAP_ASSIGN(base, InstanceMetadataSource(clients_.make_near));
    } else if (source == "EcsContainer") {
      TSNAP_ASSIGN(base, ContainerSource(clients_.make_near));
    } else {
      return Odd(name,
                 "its credential_source is none of Environment, Ec2InstanceMetadata, EcsContainer");
    }
    if (base.source == nullptr)
      return Odd(name, fmt::format("its credential_source {} has none", source), Code::kAuth);
    return base;
  }

  const ProfileFiles& files_;
  const http::CredentialClients& clients_;
  const AwsSettings& sts_;
  std::set<std::string> visited_;
};

}  // namespace

Result<http::FoundSource> ProfileSource(const ProfileFiles& files, const std::string& name,
                                        const http::CredentialClients& clients,
                                        const AwsSettings& sts_settings) {
  return ProfileReader(files, clients, sts_settings).Read(name);
}

}  // namespace tsnap::s3
