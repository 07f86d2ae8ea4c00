#include "store/http/multi_loop.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <system_error>

namespace tsnap::http {

// Those whom one caller waits for.
struct Transfer::Batch {
  size_t left = 0;  // guarded by the loop's mutex
  std::condition_variable ended;
};

namespace {

double SteadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

CURLcode CodeOf(CURLMcode code) {
  return code == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_FAILED_INIT;
}

// The application's signal handlers must not run on a thread that it does not know, and a broken
// connection below TLS must not end the process with SIGPIPE: libcurl only spares plain ones.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

Status PrepareCurl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);  // threads wait for the first
  if (code == CURLE_OK) return Status::Ok();
  if (code == CURLE_OUT_OF_MEMORY) return Status::NoMemory();
  return Internal(std::string("starting libcurl: ") + curl_easy_strerror(code));
}

Result<std::unique_ptr<MultiLoop>> MultiLoop::Start(const ClientOptions& options,
                                                    Progress* progress) {
  std::unique_ptr<MultiLoop> loop(new MultiLoop(options, progress));
  TSNAP_TRY(loop->Start());
  return loop;
}

MultiLoop::MultiLoop(const ClientOptions& options, Progress* progress)
    : most_running_(static_cast<size_t>(options.most_connections)),
      tick_seconds_(std::clamp(options.stall_seconds / 8, 0.01, 1.0)),
      progress_(progress),
      multi_(curl_multi_init()) {
  running_.reserve(most_running_);
}

Status MultiLoop::Start() {
  if (multi_ == nullptr) return Status::NoMemory();
  const long most = static_cast<long>(most_running_);
  // Idle connections count as well: those of another host make room.
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, most);
  curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, most);
  curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING, long{CURLPIPE_NOTHING});
  // libcurl does without the descriptors to wake it with when it gets none, and would then sleep
  // on.
  if (curl_multi_wakeup(multi_.get()) != CURLM_OK)
    return IoError(
        "starting an HTTP client: no more files can be opened; raise the limit (ulimit -n)");
  try {
    const AllSignalsBlocked blocked;
    thread_ = std::thread([this] { Loop(); });
  } catch (const std::system_error&) {
    return {Code::kNoMemory, "starting an HTTP client: no more threads (ulimit -u)"};
  }
  return Status::Ok();
}

MultiLoop::~MultiLoop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  curl_multi_wakeup(multi_.get());
  thread_.join();
}

void MultiLoop::Run(Transfer* first) noexcept {
  if (first == nullptr) return;
  Transfer::Batch batch;
  Transfer* last = first;
  for (Transfer* transfer = first; transfer != nullptr; transfer = transfer->next) {
    transfer->batch = &batch;
    ++batch.left;
    last = transfer;
  }
  std::unique_lock lock(mutex_);
  (last_waiting_ == nullptr ? first_waiting_ : last_waiting_->next) = first;
  last_waiting_ = last;
  lock.unlock();
  curl_multi_wakeup(multi_.get());
  lock.lock();
  batch.ended.wait(lock, [&] { return batch.left == 0; });
}

void MultiLoop::Loop() noexcept {
  ::pthread_setname_np(::pthread_self(), "tsnap-http");
  last_tick_ = SteadySeconds();
  while (TakeWaiting()) {
    int still_running = 0;
    const CURLMcode code = curl_multi_perform(multi_.get(), &still_running);
    if (code != CURLM_OK) AbandonAll(CodeOf(code));
    const size_t before = running_.size();
    Collect();
    WatchForStalls();
    if (running_.size() < before) continue;  // there may be others that wait for their place
    // With nothing under way only a caller or the end wakes the thread.
    const int most_ms = running_.empty() ? 60 * 1000 : static_cast<int>(tick_seconds_ * 1000) + 1;
    if (curl_multi_poll(multi_.get(), nullptr, 0, most_ms, nullptr) != CURLM_OK)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));  // no memory: it may come back
  }
}

// Starts what waits as far as there is room; false when the client ends.
bool MultiLoop::TakeWaiting() {
  if (running_.empty()) last_tick_ = SteadySeconds();
  while (true) {
    Transfer* transfer = nullptr;
    {
      std::lock_guard lock(mutex_);
      if (stop_) return false;
      if (first_waiting_ == nullptr || running_.size() == most_running_) return true;
      transfer = first_waiting_;
      first_waiting_ = transfer->next;
      if (first_waiting_ == nullptr) last_waiting_ = nullptr;
    }
    const CURLMcode code = curl_multi_add_handle(multi_.get(), transfer->easy());
    if (code == CURLM_OK) {
      running_.push_back(transfer);
    } else {
      transfer->End(CodeOf(code), false);
      Tell(transfer);
    }
  }
}

void MultiLoop::Collect() {
  int queued = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &queued)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // the message goes with its handle
    CURL* const easy = message->easy_handle;
    const auto found = std::find_if(running_.begin(), running_.end(),
                                    [&](const Transfer* it) { return it->easy() == easy; });
    if (found != running_.end()) End(*found, code, false);
  }
}

void MultiLoop::WatchForStalls() {
  const double now = SteadySeconds();
  const double passed = now - last_tick_;
  if (passed < tick_seconds_) return;
  last_tick_ = now;
  // Much more than a tick: the job was suspended, and no host is to blame.
  const double counted = std::min(passed, 2 * tick_seconds_);
  if (passed > 10 * tick_seconds_ + 1) progress_->Touch();
  for (size_t i = running_.size(); i-- > 0;) {
    if (running_[i]->HasStalled(counted)) End(running_[i], CURLE_OPERATION_TIMEDOUT, true);
  }
}

void MultiLoop::AbandonAll(CURLcode code) {
  while (!running_.empty()) End(running_.back(), code, false);
}

void MultiLoop::End(Transfer* transfer, CURLcode code, bool stalled) {
  transfer->End(code, stalled);
  curl_multi_remove_handle(multi_.get(), transfer->easy());
  running_.erase(std::find(running_.begin(), running_.end(), transfer));
  Tell(transfer);
}

// Under the lock to the last: the caller's batch is gone as soon as it has seen the end.
void MultiLoop::Tell(Transfer* transfer) {
  std::lock_guard lock(mutex_);
  if (--transfer->batch->left == 0) transfer->batch->ended.notify_one();
}

}  // namespace tsnap::http
