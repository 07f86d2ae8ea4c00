#include "cli/report/timeline.h"

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "cli/report/bins.h"

namespace tsnap::cli {
namespace {

using nlohmann::ordered_json;

constexpr int64_t kMostSingleLanes = 64;
constexpr int64_t kMostGroupLanes = 50;
constexpr size_t kMostExactSpans = 20'000;

constexpr size_t kMoving = 4;  // the activities that move or check bytes come first
constexpr std::array<const char*, kActivities> kKeys = {
    "stage", "write", "read", "verify", "wait_ranks", "wait_memory", "wait_staging"};

size_t At(Activity activity) { return static_cast<size_t>(activity); }

// Tenths of a microsecond are what a clock tells.
double Rounded(double microseconds) { return std::round(microseconds * 10) / 10; }

// Bytes a second, all ranks together, for each bin and what moves bytes.
ordered_json BandwidthOf(const Trace& trace, const Bins& bins) {
  std::array<std::vector<double>, kMoving> bytes;
  for (const Span& span : trace.spans) {
    if (At(span.activity) >= kMoving || span.bytes == 0) continue;
    auto& of_kind = bytes[At(span.activity)];
    of_kind.resize(bins.count());
    bins.Spread(span, [&](size_t bin, double part) {
      of_kind[bin] += part * static_cast<double>(span.bytes);
    });
  }
  auto bandwidth = ordered_json::object();
  for (size_t kind = 0; kind < kMoving; ++kind) {
    if (bytes[kind].empty() || kind == At(Activity::kVerifying)) continue;
    auto rates = ordered_json::array();
    for (size_t bin = 0; bin < bins.count(); ++bin)
      rates.push_back(
          static_cast<uint64_t>(std::min(bytes[kind][bin] / bins.width(bin) * 1e6, 1e18)));
    bandwidth[kKeys[kind]] = std::move(rates);
  }
  return bandwidth;
}

// Every span, six numbers each: what, begin, length, bytes, operation, phase.
ordered_json ExactLanes(const Trace& trace, const Lanes& lanes) {
  std::vector<const Span*> sorted;
  for (const Span& span : trace.spans) sorted.push_back(&span);
  std::sort(sorted.begin(), sorted.end(),
            [](const Span* a, const Span* b) { return a->begin < b->begin; });
  std::vector<ordered_json> spans(lanes.count, ordered_json::array());
  for (const Span* span : sorted) {
    ordered_json& of_lane = spans[lanes.Of(span->rank)];
    of_lane.push_back(At(span->activity));
    of_lane.push_back(Rounded(span->begin));
    of_lane.push_back(Rounded(span->end - span->begin));
    of_lane.push_back(span->bytes);
    of_lane.push_back(span->operation == kNoOperation ? -1 : static_cast<int64_t>(span->operation));
    of_lane.push_back(span->phase);
  }
  auto json = ordered_json::array();
  for (size_t lane = 0; lane < lanes.count; ++lane)
    json.push_back({{"first", lanes.First(lane)},
                    {"count", lanes.Size(lane)},
                    {"spans", std::move(spans[lane])}});
  return json;
}

// For each bin how many of a lane's ranks were at it, as a digit to base 36, and the bytes that
// moved.
struct Binned {
  std::vector<double> busy, bytes;

  std::string Levels(const Bins& bins, int64_t ranks) const {
    static constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    std::string levels;
    for (size_t bin = 0; bin < busy.size(); ++bin) {
      const double share = busy[bin] / (bins.width(bin) * static_cast<double>(ranks));
      const double level = busy[bin] > 0 ? std::max(1.0, std::round(std::min(share, 1.0) * 35)) : 0;
      levels += kDigits[static_cast<size_t>(level)];
    }
    return levels;
  }
  // Pairs of bin and bytes, where there are any.
  ordered_json Bytes() const {
    auto pairs = ordered_json::array();
    for (size_t bin = 0; bin < bytes.size(); ++bin) {
      if (bytes[bin] < 1) continue;
      pairs.push_back(bin);
      pairs.push_back(static_cast<uint64_t>(std::min(bytes[bin], 1e18)));
    }
    return pairs;
  }
};

ordered_json BinnedLanes(const Trace& trace, const Lanes& lanes, const Bins& bins) {
  std::vector<std::array<Binned, kActivities>> all(lanes.count);
  for (const Span& span : trace.spans) {
    if (span.activity == Activity::kPhase) continue;
    Binned& binned = all[lanes.Of(span.rank)][At(span.activity)];
    binned.busy.resize(bins.count());
    binned.bytes.resize(bins.count());
    bins.Spread(span, [&](size_t bin, double part) {
      binned.busy[bin] += part * (span.end - span.begin);
      binned.bytes[bin] += part * static_cast<double>(span.bytes);
    });
  }
  auto json = ordered_json::array();
  for (size_t lane = 0; lane < lanes.count; ++lane) {
    ordered_json levels = ordered_json::object(), bytes = ordered_json::object();
    for (size_t kind = 0; kind < kActivities; ++kind) {
      const Binned& binned = all[lane][kind];
      if (binned.busy.empty()) continue;
      levels[kKeys[kind]] = binned.Levels(bins, lanes.Size(lane));
      if (kind < kMoving) bytes[kKeys[kind]] = binned.Bytes();
    }
    json.push_back({{"first", lanes.First(lane)},
                    {"count", lanes.Size(lane)},
                    {"levels", std::move(levels)},
                    {"bytes", std::move(bytes)}});
  }
  return json;
}

}  // namespace

Lanes::Lanes(int64_t all_ranks) : ranks(all_ranks) {
  if (ranks > kMostSingleLanes) ranks_a_lane = (ranks + kMostGroupLanes - 1) / kMostGroupLanes;
  count = static_cast<size_t>((ranks + ranks_a_lane - 1) / ranks_a_lane);
}

ordered_json TimelineOf(const Trace& trace) {
  const Bins bins(trace);
  const Lanes lanes(trace.ranks);
  const bool is_exact = lanes.ranks_a_lane == 1 && trace.spans.size() <= kMostExactSpans;
  auto edges = ordered_json::array();
  for (const double edge : bins.edges()) edges.push_back(Rounded(edge));
  return {{"edges", std::move(edges)},
          {"bandwidth", BandwidthOf(trace, bins)},
          {"ranks_a_lane", lanes.ranks_a_lane},
          {"exact", is_exact},
          {"lanes", is_exact ? ExactLanes(trace, lanes) : BinnedLanes(trace, lanes, bins)}};
}

}  // namespace tsnap::cli
