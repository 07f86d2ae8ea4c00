// MultiLoop: the one thread of a client that moves the bytes of all its transfers. Whoever brings
// transfers waits until they have ended; those beyond the most that may run wait in a queue, so
// that no time limit runs for them. Knows nothing of what a transfer carries.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/status.h"
#include "store/http/transfer.h"

namespace tsnap::http {

// Once in a process, whoever asks first. Never undone: others in the process may use libcurl too.
Status PrepareCurl();

class MultiLoop {
 public:
  static Result<std::unique_ptr<MultiLoop>> Start(const ClientOptions& options, Progress* progress);
  // Ends the thread. Nobody waits in Run any more.
  ~MultiLoop();
  MultiLoop(const MultiLoop&) = delete;
  MultiLoop& operator=(const MultiLoop&) = delete;

  // Runs transfers, chained by `next`, and waits for the end of all. Any thread; does not throw.
  void Run(Transfer* first) noexcept;

 private:
  using MultiHandle = std::unique_ptr<CURLM, Freer<curl_multi_cleanup>>;

  MultiLoop(const ClientOptions& options, Progress* progress);
  Status Start();
  void Loop() noexcept;
  bool TakeWaiting();
  void Collect();
  void WatchForStalls();
  void AbandonAll(CURLcode code);
  void End(Transfer* transfer, CURLcode code, bool stalled);
  void Tell(Transfer* transfer);

  const size_t most_running_;
  const double tick_seconds_;
  Progress* const progress_;
  MultiHandle multi_;
  std::vector<Transfer*> running_;  // the thread's own; never grows beyond its first capacity
  double last_tick_ = 0;            // the thread's own

  std::mutex mutex_;
  Transfer* first_waiting_ = nullptr;  // this and the following are guarded by mutex_
  Transfer* last_waiting_ = nullptr;
  bool stop_ = false;

  std::thread thread_;
};

}  // namespace tsnap::http
