#include "cli/report/large_objects.h"

#include <algorithm>
#include <vector>

namespace tsnap::cli {
namespace {

constexpr size_t kMostObjects = 100'000;

}  // namespace

void LargeObjects::Add(uint32_t operation, const std::string& path, uint64_t bytes) {
  uint64_t& sum = sums_[{operation, path}];
  sum = AddBytes(sum, bytes);
  if (sums_.size() > kMostObjects) DropSmallerHalf();
}

void LargeObjects::MoveTo(Trace* trace) {
  for (const auto& [key, bytes] : sums_) trace->objects.push_back({key.second, key.first, bytes});
  trace->objects_are_approximate = has_dropped_;
}

void LargeObjects::DropSmallerHalf() {
  std::vector<uint64_t> sizes;
  sizes.reserve(sums_.size());
  for (const auto& [key, bytes] : sums_) sizes.push_back(bytes);
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
  std::nth_element(sizes.begin(), middle, sizes.end());
  size_t spare = sizes.size() / 2;  // many may be as large as the middle one
  std::erase_if(sums_, [&, limit = *middle](const auto& entry) {
    if (entry.second > limit || spare == 0) return false;
    --spare;
    return true;
  });
  has_dropped_ = true;
}

}  // namespace tsnap::cli
