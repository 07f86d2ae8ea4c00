// A line on the terminal that shows how far something is, once it takes longer than a second.
// Nothing is shown when standard error is no terminal.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "cli/snapshot.h"

namespace tsnap::cli {

class Progress {
 public:
  explicit Progress(std::string action);  // "verifying"
  ~Progress() { Stop(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Any thread. Without a total only the time is shown.
  void Set(uint64_t done, uint64_t total);
  // Wipes the line; the place is free for other output.
  void Stop();

 private:
  void Run();
  void Draw(double seconds);

  const std::string action_;
  std::atomic<uint64_t> done_{0}, total_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;     // from the constructor to Stop; none without a terminal
};

// Shows what the library reports of a snapshot, as long as it lives.
class WatchSnapshot {
 public:
  WatchSnapshot(const Snapshot& snapshot, Progress* progress);
  ~WatchSnapshot();
  WatchSnapshot(const WatchSnapshot&) = delete;
  WatchSnapshot& operator=(const WatchSnapshot&) = delete;

 private:
  const Snapshot& snapshot_;
};

}  // namespace tsnap::cli
