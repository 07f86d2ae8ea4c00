// Keys that somebody wrote down: in the configuration, the environment or a shared file.
#pragma once

#include <string>

#include "base/knobs.h"
#include "base/status.h"
#include "store/http/credentials.h"
#include "store/s3/profile_file.h"

namespace tsnap::s3 {

// Each: empty credentials where nothing is set, kInvalid where only half of a pair is, or a session
// token alone.
Result<http::Credentials> KeysOfKnobs(const Knobs& knobs);
Result<http::Credentials> KeysOfEnvironment();
Result<http::Credentials> KeysOfProfile(const Section& profile, const std::string& name);

}  // namespace tsnap::s3
