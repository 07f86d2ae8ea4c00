// Who has how much: loads of ranks as numbers to draw, one bar each or one for each group of
// neighbours.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/report/timeline.h"

namespace tsnap::cli {

// {"mean": [...], "most": [...]} by lane, and over all ranks "total", "average", "largest",
// "largest_rank".
nlohmann::ordered_json LoadsByLane(const std::vector<double>& of_ranks, const Lanes& lanes);

// Of a trace: bytes, and seconds by what they were spent on.
nlohmann::ordered_json BalanceOf(const Trace& trace);

}  // namespace tsnap::cli
