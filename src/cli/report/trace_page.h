// Everything that the page of a trace shows, as one JSON value.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/report/trace.h"

namespace tsnap::cli {

nlohmann::ordered_json TracePage(const Trace& trace, const std::string& source);

}  // namespace tsnap::cli
