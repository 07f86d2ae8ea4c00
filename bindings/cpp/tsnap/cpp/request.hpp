// request.hpp - takes that go on in the background.
//
//     tsnap::Request pending = context.take_async(url, state);
//     ... time steps; the state may change ...
//     pending.wait();                     the snapshot exists from here on, on all ranks
//
// Below MPI_THREAD_MULTIPLE the background talks to other ranks only inside of calls: test() now
// and then.
#ifndef TSNAP_CPP_REQUEST_HPP_
#define TSNAP_CPP_REQUEST_HPP_

#include <tsnap/request.h>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include <tsnap/cpp/config.hpp>
#include <tsnap/cpp/error.hpp>

namespace tsnap {

class Context;

// What a take or restore has done so far, in bytes of this rank: staged, written or read, all.
using Progress = std::function<void(std::uint64_t, std::uint64_t, std::uint64_t)>;

namespace detail {

// What a Context, and the requests of its takes, know of it.
struct ContextCore {
  explicit ContextCore(Config config) : held(std::move(config)) {}
  HeldConfig held;
  tsnap_context *handle = nullptr;
  tsnap_request *last_request = nullptr;  // of the last take_async, while its Request has it
  std::int64_t rank = 0;
  std::int64_t ranks = 1;
  // The last collective call failed, on all ranks: they all leave by the same exception.
  bool failed_together = false;
};

// Whether a destructor runs because of an exception that came after the object was made.
class Unwinding {
 public:
  bool now() const noexcept { return std::uncaught_exceptions() > before_; }

 private:
  int before_ = std::uncaught_exceptions();
};

// A progress callback for C, and what it throws. After an exception it is not called again.
class HeldProgress {
 public:
  explicit HeldProgress(Progress progress) : progress_(std::move(progress)) {}
  HeldProgress(const HeldProgress &) = delete;
  HeldProgress &operator=(const HeldProgress &) = delete;

  template <typename Options>
  void Put(Options &options) {
    if (!progress_) return;
    options.progress = Call;
    options.progress_user = this;
  }
  Trap &trap() noexcept { return trap_; }

 private:
  static void Call(std::uint64_t staged, std::uint64_t done, std::uint64_t total, void *user) {
    auto *self = static_cast<HeldProgress *>(user);
    if (self->failed_) return;  // one call at a time
    if (!self->trap_.Run([&] { self->progress_(staged, done, total); })) self->failed_ = true;
  }

  Progress progress_;
  Trap trap_;
  bool failed_ = false;
};

}  // namespace detail

// Destroying a Request waits, and drops how the take ended: wait() says it. During unwinding it
// waits only where that cannot hold this rank for others that do not come: then the take goes on.
class Request {
 public:
  Request() = default;  // of no take: wait() returns at once
  Request(Request &&other) noexcept
      : core_(std::move(other.core_)),
        handle_(std::exchange(other.handle_, nullptr)),
        progress_(std::move(other.progress_)) {}
  // Takes the other one over, waits for the take that this one was of, and throws how it failed.
  Request &operator=(Request &&other) {
    if (this == &other) return *this;
    Request before(std::move(*this));
    core_ = std::move(other.core_);
    handle_ = std::exchange(other.handle_, nullptr);
    progress_ = std::move(other.progress_);
    before.wait();
    return *this;
  }
  ~Request() {
    if (handle_ == nullptr) return;
    if (unwinding_.now() && core_->ranks > 1 && !core_->failed_together) {
      std::int32_t done = 0;
      if (tsnap_request_test(handle_, &done) != TSNAP_OK || done == 0) {
        (void)progress_.release();  // it may still be called
        return;
      }
    }
    if (core_->last_request == handle_) core_->last_request = nullptr;
    (void)tsnap_request_free(&handle_);
    if (handle_ != nullptr) (void)progress_.release();  // inside of its own callback
  }

  bool valid() const noexcept { return handle_ != nullptr; }

  // Whether the take has ended, well or not. Does not wait for other ranks.
  bool test() {
    std::int32_t done = 1;
    if (handle_ != nullptr) detail::Check(tsnap_request_test(handle_, &done));
    return done != 0;
  }

  // Waits until the take has ended; throws how it failed. May be called again.
  void wait() {
    if (handle_ == nullptr) return;
    End(tsnap_request_wait(handle_));
  }

  // Tests until the take has ended or so much time has passed; whether it has ended.
  template <typename Rep, typename Period>
  bool wait_for(std::chrono::duration<Rep, Period> at_most) {
    const auto until = std::chrono::steady_clock::now() + at_most;
    while (!test()) {
      if (std::chrono::steady_clock::now() >= until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  // Ends the take early, on all ranks. Afterwards wait() throws Cancelled, or returns where the
  // snapshot was there already.
  void cancel() {
    if (handle_ != nullptr) detail::Check(tsnap_request_cancel(handle_));
  }

  // The handle in C, which stays the Request's own.
  tsnap_request *handle() const noexcept { return handle_; }

 private:
  friend class Context;
  Request(std::shared_ptr<detail::ContextCore> core, tsnap_request *handle,
          std::unique_ptr<detail::HeldProgress> progress)
      : core_(std::move(core)), handle_(handle), progress_(std::move(progress)) {}

  void End(std::int32_t status) {
    if (status != TSNAP_E_BUSY) core_->failed_together = status != TSNAP_OK;
    detail::EndCall(status, {&progress_->trap(), &core_->held.trap()});
  }

  std::shared_ptr<detail::ContextCore> core_;
  tsnap_request *handle_ = nullptr;
  std::unique_ptr<detail::HeldProgress> progress_;
  detail::Unwinding unwinding_;
};

}  // namespace tsnap

#endif
