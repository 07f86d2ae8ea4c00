// WorkerPool: a bounded number of threads that move bytes. Each transfer is one task that stages,
// transforms, checksums and moves its segment, so that bytes are still in the cache when the next
// step wants them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/status.h"

namespace tsnap {

class WorkerPool {
 public:
  // Given to every task; a task that moves many bytes says when some have moved, which keeps the
  // watch from barking.
  struct Watch {
    double stall_seconds = 300;  // no task finished and no progress noted for so long = kTimeout
    // Grows while a task that notes no progress gets on; may be empty.
    std::function<uint64_t()> progress;
    std::function<void()>
        tick;  // called from the waiting thread about ten times a second, and once at the end
  };

  WorkerPool() = default;
  // Joins the threads. After a stall they hang in the operating system: then they are left behind.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Runs task(0) .. task(count - 1) on up to `concurrency` threads and waits for all. After a
  // failure nothing new is started; the failure of the lowest number is returned. After kTimeout a
  // task may still be running: whatever it touches must be owned by the closure. Several threads
  // may call Run at once.
  Status Run(size_t count, int concurrency, std::function<Status(size_t)> task, const Watch& watch);
  void NoteProgress();
  // NoteProgress for a task, which may outlive the pool when it hangs.
  std::function<void()> ProgressNote() const;
  bool stuck() const;

 private:
  struct Job {
    std::function<Status(size_t)> task;
    size_t count = 0, next = 0, running = 0;
    size_t failed_number = 0;
    bool failed = false;
    Status failure;
    bool drained() const { return running == 0 && (failed || next == count); }
  };
  // Shared with the threads, so that a thread left behind by a stall never touches freed memory.
  struct Shared {
    std::mutex mutex;
    std::condition_variable work_available, job_changed;
    std::deque<std::shared_ptr<Job>> jobs;  // with tasks to start; guarded by mutex
    uint64_t progress = 0;                  // guarded by mutex
    bool stopping = false, stuck = false;   // guarded by mutex
  };
  static void Note(Shared* shared);
  static void Work(const std::shared_ptr<Shared>& shared);
  Status EnsureThreads(int count);

  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::mutex threads_mutex_;
  std::vector<std::thread> threads_;  // guarded by threads_mutex_
};

}  // namespace tsnap
