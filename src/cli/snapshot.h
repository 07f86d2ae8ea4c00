// An opened snapshot, closed on every way out, and what commands ask of it.
#pragma once

#include <tsnap.h>

#include <cstdint>
#include <functional>
#include <string>

namespace tsnap::cli {

class Snapshot {
 public:
  explicit Snapshot(const std::string& url);
  ~Snapshot() { tsnap_snapshot_close(&handle_); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  tsnap_snapshot* get() const { return handle_; }
  tsnap_snapshot_info info() const;
  tsnap_object_info Find(const std::string& path) const;
  // All objects in the order of their paths. The first one waits for the whole index.
  void ForEach(const std::function<void(const tsnap_object_info&)>& use) const;

 private:
  tsnap_snapshot* handle_ = nullptr;
};

}  // namespace tsnap::cli
