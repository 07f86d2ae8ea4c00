#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "cli/failure.h"
#include "cli/text.h"

namespace tsnap::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kQuietTime = std::chrono::seconds(1);
constexpr auto kRefresh = std::chrono::milliseconds(100);

size_t TerminalColumns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// Nobody can be told when the terminal is gone.
void Show(const std::string& text) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Progress::Progress(std::string action) : action_(std::move(action)) {
  if (isatty(STDERR_FILENO) == 1) thread_ = std::thread([this] { Run(); });
}

void Progress::Set(uint64_t done, uint64_t total) {
  done_ = done;
  total_ = total;
}

void Progress::Stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Progress::Run() {
  const auto start = Clock::now();
  std::unique_lock lock(mutex_);
  bool drawn = false;
  auto next = start + kQuietTime;
  while (!wake_.wait_until(lock, next, [this] { return stopping_; })) {
    Draw(std::chrono::duration<double>(Clock::now() - start).count());
    drawn = true;
    next = Clock::now() + kRefresh;
  }
  if (drawn) Show("\r\033[K");
}

void Progress::Draw(double seconds) {
  constexpr size_t kMostCells = 40;
  const uint64_t total = total_, done = std::min(done_.load(), total);
  std::string head = "\r" + action_ + " ", tail = fmt::format(" {:.0f} s", seconds);
  if (total > 0) {
    const double part = static_cast<double>(done) / static_cast<double>(total);
    tail = fmt::format(" {:3.0f} % of {}, {}/s", 100 * part, HumanBytes(total),
                       HumanBytes(static_cast<uint64_t>(static_cast<double>(done) / seconds)));
    const size_t used = head.size() + tail.size() + 2, columns = TerminalColumns();
    const size_t cells = used < columns ? std::min(kMostCells, columns - used) : 0;
    const auto full = static_cast<size_t>(part * static_cast<double>(cells));
    if (cells > 0) head += "[" + std::string(full, '#') + std::string(cells - full, '.') + "]";
  }
  Show(head + tail + "\033[K");
}

WatchSnapshot::WatchSnapshot(const Snapshot& snapshot, Progress* progress) : snapshot_(snapshot) {
  Check(tsnap_snapshot_set_progress(
      snapshot.get(),
      [](uint64_t done, uint64_t total, void* user) {
        static_cast<Progress*>(user)->Set(done, total);
      },
      progress));
}

WatchSnapshot::~WatchSnapshot() { tsnap_snapshot_set_progress(snapshot_.get(), nullptr, nullptr); }

}  // namespace tsnap::cli
