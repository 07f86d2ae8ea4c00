#include "engine/worker_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/protect.h"

namespace tsnap {

namespace {
constexpr auto kTickInterval = std::chrono::milliseconds(100);
// A longer gap is not waiting: this process was itself stopped (a suspended job).
constexpr double kLongestGapSeconds = 1;
}  // namespace

WorkerPool::~WorkerPool() {
  bool stuck = false;
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    stuck = shared_->stuck;
  }
  shared_->work_available.notify_all();
  for (std::thread& thread : threads_) {
    if (stuck) {
      thread.detach();  // it hangs in a system call that nobody can end; it owns what it touches
    } else {
      thread.join();
    }
  }
}

void WorkerPool::Work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->work_available.wait(lock, [&] { return shared->stopping || !shared->jobs.empty(); });
    if (shared->stopping) return;
    std::shared_ptr<Job> job = shared->jobs.front();
    const size_t number = job->next++;
    ++job->running;
    if (job->next == job->count) shared->jobs.pop_front();
    lock.unlock();
    Status status = Protect([&] { return job->task(number); });
    lock.lock();
    --job->running;
    ++shared->progress;
    if (!status.ok() && (!job->failed || number < job->failed_number)) {
      job->failed = true;
      job->failed_number = number;
      job->failure = std::move(status);
      std::erase(shared->jobs, job);
    }
    if (job->drained()) shared->job_changed.notify_all();
  }
}

Status WorkerPool::EnsureThreads(int count) {
  std::lock_guard lock(threads_mutex_);
  while (static_cast<int>(threads_.size()) < count) {
    try {
      threads_.emplace_back([shared = shared_] { Work(shared); });
    } catch (const std::system_error& error) {
      if (!threads_.empty()) return Status::Ok();  // fewer threads are slower, not wrong
      return {
          Code::kNoMemory,
          fmt::format("starting a transfer thread: {}: raise the limit on processes (ulimit -u)",
                      error.what())};
    }
  }
  return Status::Ok();
}

Status WorkerPool::Run(size_t count, int concurrency, std::function<Status(size_t)> task,
                       const Watch& watch) {
  if (count == 0) return Status::Ok();
  TSNAP_TRY(EnsureThreads(static_cast<int>(std::min(count, static_cast<size_t>(concurrency)))));
  auto job = std::make_shared<Job>();
  job->task = std::move(task);
  job->count = count;

  std::unique_lock lock(shared_->mutex);
  if (shared_->stuck) return Timeout("an earlier transfer still hangs in the storage system");
  shared_->jobs.push_back(job);
  shared_->work_available.notify_all();
  const auto progress = [&] { return shared_->progress + (watch.progress ? watch.progress() : 0); };
  uint64_t seen = progress();
  double idle_seconds = 0;
  auto last = std::chrono::steady_clock::now();
  while (!job->drained()) {
    shared_->job_changed.wait_for(lock, kTickInterval, [&] { return job->drained(); });
    const auto now = std::chrono::steady_clock::now();
    idle_seconds += std::min(kLongestGapSeconds, std::chrono::duration<double>(now - last).count());
    last = now;
    if (progress() != seen) {
      seen = progress();
      idle_seconds = 0;
    }
    if (!job->drained() && idle_seconds > watch.stall_seconds) {
      shared_->stuck = true;
      std::erase(shared_->jobs, job);
      return Timeout(
          fmt::format("the storage made no progress for {:.0f} s (io_timeout_seconds); the "
                      "transfer still hangs: "
                      "check the file system, then restart the job",
                      watch.stall_seconds));
    }
    if (watch.tick) {
      lock.unlock();
      // Done in passing: it must not end the job, whose tasks are at work. Its time is not theirs.
      static_cast<void>(Protect([&] {
        watch.tick();
        return Status::Ok();
      }));
      lock.lock();
      last = std::chrono::steady_clock::now();
    }
  }
  return std::move(job->failure);
}

void WorkerPool::Note(Shared* shared) {
  std::lock_guard lock(shared->mutex);
  ++shared->progress;
}

void WorkerPool::NoteProgress() { Note(shared_.get()); }

std::function<void()> WorkerPool::ProgressNote() const {
  return [shared = shared_] { Note(shared.get()); };
}

bool WorkerPool::stuck() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->stuck;
}

}  // namespace tsnap
