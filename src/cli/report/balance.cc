#include "cli/report/balance.h"

#include <array>

namespace tsnap::cli {
namespace {

using nlohmann::ordered_json;

// What the bars of the seconds are made of.
enum Part { kStagePart, kMovePart, kVerifyPart, kWaitPart, kParts };
constexpr std::array<const char*, kParts> kPartKeys = {"stage", "move", "verify", "wait"};

Part PartOf(Activity activity) {
  switch (activity) {
    case Activity::kStage:
      return kStagePart;
    case Activity::kWrite:
    case Activity::kRead:
      return kMovePart;
    case Activity::kVerifying:
      return kVerifyPart;
    default:
      return kWaitPart;
  }
}

}  // namespace

ordered_json LoadsByLane(const std::vector<double>& of_ranks, const Lanes& lanes) {
  std::vector<double> mean(lanes.count), most(lanes.count);
  double total = 0, largest = 0;
  size_t largest_rank = 0;
  for (size_t rank = 0; rank < of_ranks.size(); ++rank) {
    const size_t lane = lanes.Of(static_cast<int64_t>(rank));
    mean[lane] += of_ranks[rank] / static_cast<double>(lanes.Size(lane));
    most[lane] = std::max(most[lane], of_ranks[rank]);
    total += of_ranks[rank];
    if (of_ranks[rank] > largest) {
      largest = of_ranks[rank];
      largest_rank = rank;
    }
  }
  const double average = of_ranks.empty() ? 0 : total / static_cast<double>(of_ranks.size());
  ordered_json json = {{"mean", mean},
                       {"total", total},
                       {"average", average},
                       {"largest", largest},
                       {"largest_rank", largest_rank}};
  if (lanes.ranks_a_lane > 1) json["most"] = most;
  return json;
}

ordered_json BalanceOf(const Trace& trace) {
  const Lanes lanes(trace.ranks);
  const auto ranks = static_cast<size_t>(trace.ranks);
  std::vector<double> bytes(ranks), busy(ranks);
  std::array<std::vector<double>, kParts> parts;
  for (auto& part : parts) part.resize(ranks);
  for (const RankOperation& seen : trace.rank_operations)
    bytes[static_cast<size_t>(seen.rank)] += static_cast<double>(seen.bytes);
  for (const Span& span : trace.spans) {
    if (span.activity == Activity::kPhase) continue;
    const double seconds = (span.end - span.begin) / 1e6;
    const Part part = PartOf(span.activity);
    parts[part][static_cast<size_t>(span.rank)] += seconds;
    if (part != kWaitPart) busy[static_cast<size_t>(span.rank)] += seconds;
  }
  ordered_json seconds = LoadsByLane(busy, lanes);
  for (size_t part = 0; part < kParts; ++part)
    seconds["parts"][kPartKeys[part]] = LoadsByLane(parts[part], lanes)["mean"];
  return {{"ranks", trace.ranks},
          {"ranks_a_lane", lanes.ranks_a_lane},
          {"bytes", LoadsByLane(bytes, lanes)},
          {"seconds", std::move(seconds)}};
}

}  // namespace tsnap::cli
