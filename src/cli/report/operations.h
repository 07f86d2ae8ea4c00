// The operations of a trace as numbers to show: how long each took, in which phases, how evenly.
#pragma once

#include <nlohmann/json.hpp>

#include "cli/report/trace.h"

namespace tsnap::cli {

// {"shown": [...], "count": n, "failed": n, and totals}; of many, those that failed or took
// longest.
nlohmann::ordered_json OperationsOf(const Trace& trace);

}  // namespace tsnap::cli
