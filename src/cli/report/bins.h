// Slices of time: fine where something happens, one where nothing does.
#pragma once

#include <algorithm>
#include <vector>

#include "cli/report/trace.h"

namespace tsnap::cli {

class Bins {
 public:
  explicit Bins(const Trace& trace);

  size_t count() const { return edges_.empty() ? 0 : edges_.size() - 1; }
  const std::vector<double>& edges() const { return edges_; }
  double width(size_t bin) const { return edges_[bin + 1] - edges_[bin]; }

  // Calls use(bin, part) for each bin that the span meets; part is the share of the span in it.
  template <class Use>
  void Spread(const Span& span, const Use& use) const {
    if (count() == 0) return;
    size_t bin = Find(span.begin);
    const double length = span.end - span.begin;
    if (length <= 0) return use(bin, 1.0);
    for (; bin < count() && edges_[bin] < span.end; ++bin) {
      const double inside = std::min(span.end, edges_[bin + 1]) - std::max(span.begin, edges_[bin]);
      if (inside > 0) use(bin, inside / length);
    }
  }

 private:
  size_t Find(double time) const;

  std::vector<double> edges_;
};

}  // namespace tsnap::cli
