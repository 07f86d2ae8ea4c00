// The timeline of a trace as numbers to draw: what each rank did when, and how fast bytes moved.
// The page stays small however many ranks and spans there are.
#pragma once

#include <nlohmann/json.hpp>

#include "cli/report/trace.h"

namespace tsnap::cli {

// How ranks share the lanes of a page: one each, or groups of neighbours.
struct Lanes {
  int64_t ranks = 0, ranks_a_lane = 1;
  size_t count = 0;

  explicit Lanes(int64_t all_ranks);
  size_t Of(int64_t rank) const { return static_cast<size_t>(rank / ranks_a_lane); }
  int64_t First(size_t lane) const { return static_cast<int64_t>(lane) * ranks_a_lane; }
  int64_t Size(size_t lane) const { return std::min(ranks - First(lane), ranks_a_lane); }
};

nlohmann::ordered_json TimelineOf(const Trace& trace);

}  // namespace tsnap::cli
