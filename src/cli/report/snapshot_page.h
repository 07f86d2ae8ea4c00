// Everything that the page of a snapshot shows, as one JSON value.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/progress.h"

namespace tsnap::cli {

// Throws Failure, with the library's message.
nlohmann::ordered_json SnapshotPage(const std::string& url, Progress* progress);

}  // namespace tsnap::cli
