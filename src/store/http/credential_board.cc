#include "store/http/credential_board.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/checksum.h"

namespace tsnap::http {

namespace {

constexpr double kLockSeconds = 5;    // a lock is held for microseconds, by who is not stopped
constexpr double kLayoutSeconds = 1;  // laying out takes microseconds as well

timespec TimeAfter(double seconds) {
  timespec time = {};
  clock_gettime(CLOCK_REALTIME, &time);
  const double whole = std::floor(seconds);
  time.tv_sec += static_cast<time_t>(whole);
  time.tv_nsec += static_cast<int64_t>((seconds - whole) * 1e9);
  if (time.tv_nsec >= 1'000'000'000) {
    ++time.tv_sec;
    time.tv_nsec -= 1'000'000'000;
  }
  return time;
}

Status Busy(std::string text) { return {Code::kBusy, std::move(text)}; }

bool InitRobust(pthread_mutex_t* mutex) {
  pthread_mutexattr_t kind;
  if (pthread_mutexattr_init(&kind) != 0) return false;
  const bool made = pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED) == 0 &&
                    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST) == 0 &&
                    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK) == 0 &&
                    pthread_mutex_init(mutex, &kind) == 0;
  pthread_mutexattr_destroy(&kind);
  return made;
}

// 0: locked; EOWNERDEAD: locked, and whoever held it died; else an error.
int LockRobust(pthread_mutex_t* mutex, double wait_seconds) {
  int error = pthread_mutex_trylock(mutex);
  if (error == EBUSY && wait_seconds > 0) {
    const timespec until = TimeAfter(wait_seconds);
    error = pthread_mutex_timedlock(mutex, &until);
  }
  if (error == EOWNERDEAD) pthread_mutex_consistent(mutex);
  return error;
}

void PutText(std::string_view text, std::string* out) {
  const auto length = static_cast<uint32_t>(text.size());
  out->append(reinterpret_cast<const char*>(&length), sizeof length);
  out->append(text);
}

bool TakeText(std::string_view* from, std::string* text) {
  uint32_t length = 0;
  if (from->size() < sizeof length) return false;
  std::memcpy(&length, from->data(), sizeof length);
  from->remove_prefix(sizeof length);
  if (from->size() < length) return false;
  text->assign(from->substr(0, length));
  from->remove_prefix(length);
  return true;
}

std::string Serialize(const Credentials& credentials) {
  std::string out;
  out.append(reinterpret_cast<const char*>(&credentials.expires_unix_seconds), sizeof(int64_t));
  PutText(credentials.access_key, &out);
  PutText(credentials.secret_key, &out);
  PutText(credentials.token, &out);
  return out;
}

std::optional<Credentials> Deserialize(std::string_view text) {
  Credentials credentials;
  if (text.size() < sizeof(int64_t)) return std::nullopt;
  std::memcpy(&credentials.expires_unix_seconds, text.data(), sizeof(int64_t));
  text.remove_prefix(sizeof(int64_t));
  if (!TakeText(&text, &credentials.access_key) || !TakeText(&text, &credentials.secret_key) ||
      !TakeText(&text, &credentials.token) || !text.empty())
    return std::nullopt;
  return credentials;
}

bool AreSame(const std::optional<Credentials>& a, const Credentials& b) {
  return a && a->access_key == b.access_key && a->secret_key == b.secret_key && a->token == b.token;
}

}  // namespace

struct CredentialBoard::Place {
  uint32_t used;
  uint32_t whole;  // 0 while it is being written
  Hash128 key;
  uint32_t usable, credential_bytes, failure_bytes;
  int32_t failure_code;
  uint64_t generation, failures;
  double refresh_at_unix, failed_at_unix;
  double confirmed_at_unix;  // when the service last gave out again what had been refused
  pthread_mutex_t claim;
  char credentials[kMostCredentialBytes];
  char failure[kMostFailureBytes];

  std::string_view credential_text() const {
    return {credentials, std::min<size_t>(credential_bytes, sizeof credentials)};
  }
  std::string_view failure_text() const {
    return {failure, std::min<size_t>(failure_bytes, sizeof failure)};
  }
};

struct CredentialBoard::Layout {
  std::atomic<uint32_t> state;  // one of the three below
  pthread_mutex_t mutex;        // guards all of places but their claims
  Place places[kSlots];

  static constexpr uint32_t kBlank = 0, kBegun = 1, kReady = 2;
};

// The board's lock; what a dead owner left half written is thrown away.
class CredentialBoard::Lock {
 public:
  explicit Lock(Layout* layout) : layout_(layout) {
    const int error = LockRobust(&layout->mutex, kLockSeconds);
    locked_ = error == 0 || error == EOWNERDEAD;
    if (error != EOWNERDEAD) return;
    for (Place& place : layout->places) {
      if (place.whole != 0) continue;
      place.usable = place.credential_bytes = place.failure_bytes = 0;
      place.failure_code = 0;
      ++place.generation;
    }
  }
  ~Lock() {
    if (locked_) pthread_mutex_unlock(&layout_->mutex);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  Status status() const {
    if (locked_) return Status::Ok();
    return Busy(
        "sharing credentials with the other ranks of this node: another process holds them");
  }

 private:
  Layout* const layout_;
  bool locked_ = false;
};

CredentialBoard::CredentialBoard(std::shared_ptr<NodeMemory> memory)
    : memory_(std::move(memory)), layout_(reinterpret_cast<Layout*>(memory_->bytes().data())) {}

Result<std::shared_ptr<CredentialBoard>> CredentialBoard::Open(std::shared_ptr<NodeMemory> memory) {
  static_assert(sizeof(Layout) <= NodeMemory::kBytes && alignof(Layout) <= 64);
  static_assert(std::atomic<uint32_t>::is_always_lock_free);
  std::shared_ptr<CredentialBoard> board(new CredentialBoard(std::move(memory)));
  Layout& layout = *board->layout_;
  uint32_t seen = Layout::kBlank;
  if (layout.state.compare_exchange_strong(seen, Layout::kBegun)) {
    bool made = InitRobust(&layout.mutex);
    for (Place& place : layout.places) made = made && InitRobust(&place.claim);
    if (!made)
      return Unsupported("sharing credentials on this node: the system has no locks for it");
    layout.state.store(Layout::kReady);
    return board;
  }
  const auto begin = std::chrono::steady_clock::now();
  while (layout.state.load() != Layout::kReady) {
    if (std::chrono::steady_clock::now() - begin > std::chrono::duration<double>(kLayoutSeconds))
      return Busy("sharing credentials on this node: who began to lay them out did not end");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return board;
}

Result<CredentialSlot> CredentialBoard::SlotOf(std::string_view identity) const {
  const Hash128 key = HashContent(AsBytes(identity));
  Lock lock(layout_);
  TSNAP_TRY(lock.status());
  for (int i = 0; i < kSlots; ++i) {
    Place& place = layout_->places[i];
    if (place.used == 0) {
      place.key = key;
      place.whole = 1;
      place.used = 1;
    }
    if (place.key == key) return CredentialSlot(shared_from_this(), i);
  }
  return Busy("sharing credentials on this node: there are more kinds of them than places");
}

CredentialSlot::CredentialSlot(std::shared_ptr<const CredentialBoard> board, int index)
    : board_(std::move(board)), index_(index) {}

Result<Posted> CredentialSlot::Read() const {
  const CredentialBoard::Lock lock(board_->layout_);
  TSNAP_TRY(lock.status());
  const CredentialBoard::Place& place = board_->layout_->places[index_];
  Posted posted;
  posted.generation = place.generation;
  posted.refresh_at_unix = place.refresh_at_unix;
  posted.failures = place.failures;
  posted.failed_at_unix = place.failed_at_unix;
  if (place.failure_code != 0)
    posted.failure = {static_cast<Code>(place.failure_code), std::string(place.failure_text())};
  if (place.usable == 0) return posted;
  if (auto credentials = Deserialize(place.credential_text())) {
    posted.credentials = *std::move(credentials);
    posted.usable = true;
  }
  return posted;
}

Status CredentialSlot::Post(const Credentials& credentials, double now_unix,
                            double refresh_at_unix) const {
  const std::string text = Serialize(credentials);
  if (text.size() > CredentialBoard::kMostCredentialBytes)
    return Unsupported("sharing credentials on this node: they are longer than their place");
  const CredentialBoard::Lock lock(board_->layout_);
  TSNAP_TRY(lock.status());
  CredentialBoard::Place& place = board_->layout_->places[index_];
  const bool given_again = place.generation > 0 && place.usable == 0;
  if (given_again && AreSame(Deserialize(place.credential_text()), credentials))
    place.confirmed_at_unix = now_unix;
  place.whole = 0;
  std::memcpy(place.credentials, text.data(), text.size());
  std::memset(place.credentials + text.size(), 0, sizeof place.credentials - text.size());
  place.credential_bytes = static_cast<uint32_t>(text.size());
  place.refresh_at_unix = refresh_at_unix;
  place.failure_code = 0;
  place.failure_bytes = 0;
  place.usable = 1;
  ++place.generation;
  place.whole = 1;
  return Status::Ok();
}

Status CredentialSlot::PostFailure(const Status& failure, double now_unix,
                                   double refresh_at_unix) const {
  const CredentialBoard::Lock lock(board_->layout_);
  TSNAP_TRY(lock.status());
  CredentialBoard::Place& place = board_->layout_->places[index_];
  const std::string& text = failure.message();
  place.failure_bytes = 0;  // first: a text that is cut short by death is an empty one
  const size_t bytes = std::min(text.size(), sizeof place.failure);
  std::memcpy(place.failure, text.data(), bytes);
  place.failure_bytes = static_cast<uint32_t>(bytes);
  place.failure_code = static_cast<int32_t>(failure.code());
  place.failed_at_unix = now_unix;
  place.refresh_at_unix = refresh_at_unix;
  ++place.failures;
  return Status::Ok();
}

Status CredentialSlot::Refuse(const Credentials& refused, double now_unix,
                              double quiet_seconds) const {
  const CredentialBoard::Lock lock(board_->layout_);
  TSNAP_TRY(lock.status());
  CredentialBoard::Place& place = board_->layout_->places[index_];
  const bool given_again =
      place.confirmed_at_unix > 0 && std::abs(now_unix - place.confirmed_at_unix) < quiet_seconds;
  if (place.usable == 0 || given_again) return Status::Ok();
  if (AreSame(Deserialize(place.credential_text()), refused)) place.usable = 0;
  return Status::Ok();
}

bool CredentialSlot::Claim(double wait_seconds) const {
  const int error = LockRobust(&board_->layout_->places[index_].claim, wait_seconds);
  return error == 0 || error == EOWNERDEAD;
}

void CredentialSlot::EndClaim() const {
  pthread_mutex_unlock(&board_->layout_->places[index_].claim);
}

}  // namespace tsnap::http
