// Which objects are the largest, of what the ranks say of theirs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "cli/report/trace.h"

namespace tsnap::cli {

// Sums up the bytes of each object in each operation; when there are too many, the small ones go.
class LargeObjects {
 public:
  void Add(uint32_t operation, const std::string& path, uint64_t bytes);
  void MoveTo(Trace* trace);

 private:
  using Key = std::pair<uint32_t, std::string>;
  struct Hash {
    size_t operator()(const Key& key) const {
      return std::hash<std::string>()(key.second) * 31 + key.first;
    }
  };
  void DropSmallerHalf();

  std::unordered_map<Key, uint64_t, Hash> sums_;
  bool has_dropped_ = false;
};

}  // namespace tsnap::cli
