// Unfinished uploads of a store that is played.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tsnap::test {

class Uploads {
 public:
  void Begin(const std::string& key, int64_t unix_seconds) { begun_.emplace_back(key, unix_seconds); }
  // As Store::RemoveLeftovers promises.
  void Remove(const std::string& prefix, int64_t before_unix_seconds, const std::function<bool(std::string_view)>& dead) {
    std::erase_if(begun_, [&](const auto& upload) {
      return upload.first.starts_with(prefix) && upload.second < before_unix_seconds &&
             dead(std::string_view(upload.first).substr(prefix.size()));
    });
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const auto& [key, begun] : begun_) keys.push_back(key);
    return keys;
  }

 private:
  std::vector<std::pair<std::string, int64_t>> begun_;
};

}  // namespace tsnap::test
