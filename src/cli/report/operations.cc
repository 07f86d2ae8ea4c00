#include "cli/report/operations.h"

#include <array>
#include <numeric>
#include <utility>
#include <vector>

#include "cli/text.h"

namespace tsnap::cli {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMostShown = 200;

struct PhaseSums {
  uint8_t phase = 0;
  double total = 0, longest = 0;
  int32_t longest_rank = 0;
  uint64_t bytes = 0;
};

struct Sums {
  bool is_seen = false;
  double begin = 0, end = 0, longest = 0;
  int64_t ranks = 0;  // that said something of it
  int32_t longest_rank = 0, most_bytes_rank = 0;
  uint64_t bytes = 0, stored_bytes = 0, most_bytes = 0;
  std::array<double, 3> waits{};  // for ranks, memory, staging
  std::vector<PhaseSums> phases;  // in the order of their first span

  void Widen(double from, double to) {
    begin = is_seen ? std::min(begin, from) : from;
    end = is_seen ? std::max(end, to) : to;
    is_seen = true;
  }
};

void Add(const RankOperation& seen, Sums* sums) {
  sums->Widen(seen.begin, seen.end);
  ++sums->ranks;
  sums->bytes = AddBytes(sums->bytes, seen.bytes);
  sums->stored_bytes = AddBytes(sums->stored_bytes, seen.stored_bytes);
  if (seen.end - seen.begin > sums->longest) {
    sums->longest = seen.end - seen.begin;
    sums->longest_rank = seen.rank;
  }
  if (seen.bytes > sums->most_bytes) {
    sums->most_bytes = seen.bytes;
    sums->most_bytes_rank = seen.rank;
  }
}

void Add(const Span& span, Sums* sums) {
  sums->Widen(span.begin, span.end);
  const double length = span.end - span.begin;
  if (span.activity >= Activity::kWaitRanks && span.activity <= Activity::kWaitStaging) {
    sums->waits[static_cast<size_t>(span.activity) - static_cast<size_t>(Activity::kWaitRanks)] +=
        length;
    return;
  }
  if (span.activity != Activity::kPhase) return;
  auto place = std::find_if(sums->phases.begin(), sums->phases.end(),
                            [&](const PhaseSums& phase) { return phase.phase == span.phase; });
  if (place == sums->phases.end()) {
    sums->phases.push_back({span.phase, 0, 0, span.rank, 0});
    place = sums->phases.end() - 1;
  }
  place->total += length;
  place->bytes = AddBytes(place->bytes, span.bytes);
  if (length > place->longest) {
    place->longest = length;
    place->longest_rank = span.rank;
  }
}

ordered_json ToJson(const Trace& trace, const Operation& operation, const Sums& sums) {
  const auto ranks =
      static_cast<double>(std::max<int64_t>(sums.ranks > 0 ? sums.ranks : trace.ranks, 1));
  auto phases = ordered_json::array();
  for (const PhaseSums& phase : sums.phases)
    phases.push_back({{"name", Printable(trace.phase_names[phase.phase])},
                      {"mean", phase.total / ranks},
                      {"longest", phase.longest},
                      {"longest_rank", phase.longest_rank},
                      {"bytes", phase.bytes}});
  const double mean_bytes = static_cast<double>(sums.bytes) / ranks;
  ordered_json json = {{"number", operation.number},
                       {"name", Printable(operation.name)},
                       {"url", Printable(operation.url)},
                       {"status", Printable(operation.status)},
                       {"begin", sums.begin},
                       {"end", sums.end},
                       {"longest", sums.longest},
                       {"longest_rank", sums.longest_rank},
                       {"ranks", sums.ranks},
                       {"bytes", sums.bytes},
                       {"stored_bytes", sums.stored_bytes},
                       {"most_bytes_rank", sums.most_bytes_rank},
                       {"phases", std::move(phases)}};
  json["balance"] = mean_bytes > 0 ? static_cast<double>(sums.most_bytes) / mean_bytes : 0;
  json["wait_ranks"] = sums.waits[0] / ranks;
  json["wait_memory"] = sums.waits[1] / ranks;
  json["wait_staging"] = sums.waits[2] / ranks;
  return json;
}

// How long any of them went on; takes in the background overlap.
double BusyTime(const std::vector<Sums>& sums) {
  std::vector<std::pair<double, double>> windows;
  for (const Sums& one : sums) windows.emplace_back(one.begin, one.end);
  std::sort(windows.begin(), windows.end());
  double busy = 0, until = 0;
  for (const auto& [begin, end] : windows) {
    busy += std::max(0.0, end - std::max(begin, until));
    until = std::max(until, end);
  }
  return busy;
}

bool IsOk(const Operation& operation) {
  return operation.status == "TSNAP_OK" || operation.status.empty();
}

}  // namespace

ordered_json OperationsOf(const Trace& trace) {
  std::vector<Sums> sums(trace.operations.size());
  for (const RankOperation& seen : trace.rank_operations) Add(seen, &sums[seen.operation]);
  for (const Span& span : trace.spans)
    if (span.operation != kNoOperation) Add(span, &sums[span.operation]);

  std::vector<size_t> order(sums.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (order.size() > kMostShown) {
    const auto matters_more = [&](size_t a, size_t b) {
      const bool a_ok = IsOk(trace.operations[a]), b_ok = IsOk(trace.operations[b]);
      return a_ok != b_ok ? b_ok : sums[a].longest > sums[b].longest;
    };
    std::nth_element(order.begin(), order.begin() + kMostShown, order.end(), matters_more);
    order.resize(kMostShown);
    std::sort(order.begin(), order.end());
  }
  auto shown = ordered_json::array();
  for (const size_t i : order) shown.push_back(ToJson(trace, trace.operations[i], sums[i]));

  uint64_t bytes = 0, stored_bytes = 0;
  size_t failed = 0;
  for (size_t i = 0; i < sums.size(); ++i) {
    bytes = AddBytes(bytes, sums[i].bytes);
    stored_bytes = AddBytes(stored_bytes, sums[i].stored_bytes);
    failed += IsOk(trace.operations[i]) ? 0 : 1;
  }
  return {
      {"shown", std::move(shown)},    {"count", sums.size()},  {"failed", failed}, {"bytes", bytes},
      {"stored_bytes", stored_bytes}, {"busy", BusyTime(sums)}};
}

}  // namespace tsnap::cli
