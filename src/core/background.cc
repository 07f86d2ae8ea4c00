#include "core/background.h"

#include <chrono>
#include <system_error>

#include <fmt/format.h>

#include "base/protect.h"

namespace tsnap {

namespace {
constexpr auto kBetweenVisits = std::chrono::microseconds(200);
constexpr auto kBetweenLooks = std::chrono::seconds(1);
}  // namespace

bool PendingTake::done() const {
  std::lock_guard lock(mutex_);
  return done_;
}

Status PendingTake::outcome() const {
  std::lock_guard lock(mutex_);
  return CopyOf(outcome_);
}

void PendingTake::Cancel() {
  std::function<void()> call;
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    call = std::exchange(on_cancel_, nullptr);
  }
  if (call) call();
}

void PendingTake::set_on_cancel(std::function<void()> call) {
  std::lock_guard lock(mutex_);
  on_cancel_ = std::move(call);
}

void PendingTake::LetCallerGo() {
  {
    std::lock_guard lock(mutex_);
    caller_is_gone_ = true;
  }
  changed_.notify_all();
}

void PendingTake::AwaitCaller() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return caller_is_gone_.load(); });
}

void PendingTake::Finish(Status outcome) {
  std::function<void()> unused;  // destroyed without the lock
  {
    std::lock_guard lock(mutex_);
    outcome_ = std::move(outcome);
    done_ = true;
    unused = std::exchange(on_cancel_, nullptr);
  }
  changed_.notify_all();
}

void PendingTake::WaitShortly(bool for_visits) {
  std::unique_lock lock(mutex_);
  const auto done = [&] { return done_; };
  if (for_visits) {
    changed_.wait_for(lock, kBetweenVisits, done);
  } else {
    changed_.wait_for(lock, kBetweenLooks, done);
  }
}

Background::~Background() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  submitted_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status Background::Start() {
  if (thread_.joinable()) return Status::Ok();
  try {
    thread_ = std::thread([this] { Loop(); });
  } catch (const std::system_error& error) {
    return {Code::kNoMemory,
            fmt::format("starting the background thread: {}: raise the limit on processes (ulimit "
                        "-u), or take without _async",
                        error.what())};
  }
  return Status::Ok();
}

Status Background::Connect(Comm& comm) {
  if (twin_ != nullptr) return Status::Ok();
  TSNAP_ASSIGN(twin_, comm.MakeTwin());
  twin_->set_timeline(timeline_);
  return Status::Ok();
}

void Background::Submit(std::shared_ptr<PendingTake> take, std::unique_ptr<Work> work) noexcept {
  pending_ = take;
  {
    std::lock_guard lock(mutex_);
    next_ = std::move(take);
    work_ = std::move(work);
  }
  submitted_.notify_all();
}

void Background::Loop() {
  if (timeline_ != nullptr) {
    static_cast<void>(Protect([&] {
      timeline_->NameThisThread(Timeline::kBackgroundLane);
      return Status::Ok();
    }));
  }
  std::unique_lock lock(mutex_);
  while (true) {
    submitted_.wait(lock, [&] { return stopping_ || next_ != nullptr; });
    if (next_ == nullptr) return;
    const std::shared_ptr<PendingTake> take = std::move(next_);
    std::unique_ptr<Work> work = std::move(work_);
    next_ = nullptr;
    lock.unlock();
    Status outcome = Protect([&] { return work->Run(*twin_); });
    work.reset();
    take->Finish(std::move(outcome));
    lock.lock();
  }
}

void Background::Visit() {
  if (twin_ != nullptr) twin_->Visit();
}

void Background::Wait(PendingTake& take) {
  while (!take.done()) {
    Visit();
    take.WaitShortly(twin_->needs_visits());
  }
}

}  // namespace tsnap
