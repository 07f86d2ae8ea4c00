#include "cli/report/bins.h"

#include <cmath>
#include <cstdint>

namespace tsnap::cli {
namespace {

constexpr size_t kBins = 600;
constexpr size_t kLeastBinsAWindow = 8;
constexpr size_t kMostWindows = 60;

struct Window {
  double begin, end;
};

std::vector<Window> Merged(std::vector<Window> windows, double least_gap) {
  std::sort(windows.begin(), windows.end(),
            [](const Window& a, const Window& b) { return a.begin < b.begin; });
  std::vector<Window> merged;
  for (const Window& window : windows) {
    if (merged.empty() || window.begin - merged.back().end > least_gap)
      merged.push_back(window);
    else
      merged.back().end = std::max(merged.back().end, window.end);
  }
  return merged;
}

// When something happens; the smallest gaps count as something when there are many.
std::vector<Window> BusyWindows(const Trace& trace) {
  std::vector<Window> of_operations(trace.operations.size(), Window{1, 0});
  std::vector<Window> windows;
  const auto add = [&](uint32_t operation, double begin, double end) {
    if (operation == kNoOperation) return windows.push_back({begin, end});
    Window& window = of_operations[operation];
    if (window.end < window.begin) window = {begin, end};
    window = {std::min(window.begin, begin), std::max(window.end, end)};
  };
  for (const RankOperation& seen : trace.rank_operations) add(seen.operation, seen.begin, seen.end);
  for (const Span& span : trace.spans) add(span.operation, span.begin, span.end);
  for (const Window& window : of_operations)
    if (window.end >= window.begin) windows.push_back(window);
  windows = Merged(std::move(windows), 0);
  if (windows.size() <= kMostWindows) return windows;

  std::vector<double> gaps;
  for (size_t i = 1; i < windows.size(); ++i) gaps.push_back(windows[i].begin - windows[i - 1].end);
  std::nth_element(gaps.begin(), gaps.begin() + (kMostWindows - 1), gaps.end(), std::greater<>());
  return Merged(std::move(windows), gaps[kMostWindows - 1]);
}

}  // namespace

Bins::Bins(const Trace& trace) {
  const std::vector<Window> windows = BusyWindows(trace);
  double busy = 0;
  for (const Window& window : windows) busy += window.end - window.begin;
  for (const Window& window : windows) {
    const double length = window.end - window.begin;
    const auto bins =
        kLeastBinsAWindow +
        static_cast<size_t>(busy > 0 ? length / busy * static_cast<double>(kBins) : 0);
    if (edges_.empty() || edges_.back() < window.begin) edges_.push_back(window.begin);
    for (size_t i = 1; i <= bins && length > 0; ++i) {
      const double edge =
          i == bins ? window.end
                    : window.begin + length * static_cast<double>(i) / static_cast<double>(bins);
      if (edge > edges_.back()) edges_.push_back(edge);
    }
  }
  // A trace in which all happens at one instant.
  if (edges_.size() == 1) edges_.push_back(edges_[0] + 1);
}

size_t Bins::Find(double time) const {
  const auto after = std::upper_bound(edges_.begin(), edges_.end(), time);
  const auto bin = static_cast<size_t>(after - edges_.begin());
  return std::min(bin > 0 ? bin - 1 : 0, count() - 1);
}

}  // namespace tsnap::cli
