// StagingSlots: how many threads may use a processor for staging (copies, compression, checksums)
// at once, however many transfers are in flight: the application's own threads want the cores back.
#pragma once

#include <condition_variable>
#include <mutex>

namespace tsnap {

class StagingSlots {
 public:
  explicit StagingSlots(int count) : free_(count) {}

  // Held while a thread stages; never while it waits for the storage.
  class Hold {
   public:
    explicit Hold(StagingSlots& slots) : slots_(slots) {
      std::unique_lock lock(slots_.mutex_);
      slots_.freed_.wait(lock, [&] { return slots_.free_ > 0; });
      --slots_.free_;
    }
    ~Hold() {
      {
        std::lock_guard lock(slots_.mutex_);
        ++slots_.free_;
      }
      slots_.freed_.notify_one();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    StagingSlots& slots_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  int free_;  // guarded by mutex_
};

}  // namespace tsnap
