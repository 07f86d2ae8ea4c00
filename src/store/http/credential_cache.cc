#include "store/http/credential_cache.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "store/http/retry.h"

namespace tsnap::http {

namespace {

// A request that is signed with them must still arrive in time.
constexpr double kLeastLifeSeconds = 10;
constexpr double kSharedFailureSeconds = 1;
constexpr double kQuietSeconds = 10;  // after a service gave out again what had been refused

class ClaimGuard {
 public:
  explicit ClaimGuard(const CredentialSlot& slot) : slot_(slot) {}
  ~ClaimGuard() { slot_.EndClaim(); }
  ClaimGuard(const ClaimGuard&) = delete;
  ClaimGuard& operator=(const ClaimGuard&) = delete;

 private:
  const CredentialSlot& slot_;
};

Result<CredentialSlot> SlotIn(std::shared_ptr<NodeMemory> memory, const std::string& identity) {
  TSNAP_ASSIGN(const auto board, CredentialBoard::Open(std::move(memory)));
  return board->SlotOf(identity);
}

}  // namespace

CredentialCache::CredentialCache(std::unique_ptr<CredentialSource> source, CacheOptions options)
    : source_(std::move(source)), options_(std::move(options)) {}

Result<std::shared_ptr<CredentialProvider>> CredentialCache::Make(
    std::unique_ptr<CredentialSource> source, const std::shared_ptr<NodeMemory>& node,
    CacheOptions options) {
  std::shared_ptr<CredentialCache> cache(
      new CredentialCache(std::move(source), std::move(options)));
  if (node != nullptr) {
    auto slot = SlotIn(node, cache->options_.identity);
    if (slot.ok())
      cache->shared_ = *std::move(slot);
    else
      cache->options_.log.Write(LogLevel::kInfo, slot.status().message());
  }
  if (!cache->shared_) TSNAP_TRY(cache->OwnSlot().status());
  return std::shared_ptr<CredentialProvider>(std::move(cache));
}

Result<Credentials> CredentialCache::Get() {
  if (shared_) {
    auto credentials = GetFrom(*shared_);
    if (credentials.ok() || credentials.status().code() != Code::kBusy) return credentials;
    options_.log.Write(LogLevel::kWarning, credentials.status().message());
  }
  TSNAP_ASSIGN(const CredentialSlot own, OwnSlot());
  return GetFrom(own);
}

void CredentialCache::Refuse(const Credentials& refused) {
  const auto refuse = [&](const CredentialSlot& slot) {
    // Where the board is out of reach the server will refuse once more, and says why.
    static_cast<void>(slot.Refuse(refused, Now(), kQuietSeconds));
  };
  if (shared_) refuse(*shared_);
  std::lock_guard lock(mutex_);
  if (own_) refuse(*own_);
}

// kBusy: the board is out of reach.
Result<Credentials> CredentialCache::GetFrom(const CredentialSlot& slot) {
  TSNAP_ASSIGN(Posted posted, slot.Read());
  if (!IsValid(posted)) return FetchOrWait(slot, posted);
  if (Now() < posted.refresh_at_unix) return std::move(posted.credentials);
  return Refresh(slot, posted);
}

Result<Credentials> CredentialCache::Refresh(const CredentialSlot& slot, const Posted& old) {
  if (!slot.Claim(0)) return old.credentials;
  const ClaimGuard guard(slot);
  TSNAP_ASSIGN(Posted posted, slot.Read());
  // Between the look at the board and the claim another one may have been here.
  if (IsValid(posted) && Now() < posted.refresh_at_unix) return std::move(posted.credentials);
  auto fetched = FetchAndPost(slot, 0);
  if (fetched.ok() || !IsValid(old)) return fetched;
  const double left_seconds = static_cast<double>(old.credentials.expires_unix_seconds) - Now();
  options_.log.Write(LogLevel::kWarning,
                     fmt::format("refreshing credentials: {}; the old ones are good for {:.0f} s",
                                 fetched.status().message(), left_seconds));
  return old.credentials;
}

Result<Credentials> CredentialCache::FetchOrWait(const CredentialSlot& slot, const Posted& before) {
  const double failed_seconds_ago = Now() - before.failed_at_unix;
  if (!before.failure.ok() && failed_seconds_ago >= 0 && failed_seconds_ago < kSharedFailureSeconds)
    return before.failure;
  // Longer than whoever fetches may take: he can only be stopped. If he died, the wait is over at
  // once.
  if (!slot.Claim(2 * options_.most_fetch_seconds + 30))
    return Status(
        Code::kBusy,
        "waiting for credentials that another rank of this node fetches: it does not end");
  const ClaimGuard guard(slot);
  TSNAP_ASSIGN(Posted posted, slot.Read());
  if (IsValid(posted)) return std::move(posted.credentials);
  if (posted.failures != before.failures && !posted.failure.ok()) return std::move(posted.failure);
  return FetchAndPost(slot, options_.most_fetch_seconds);
}

Result<Credentials> CredentialCache::FetchAndPost(const CredentialSlot& slot, double most_seconds) {
  auto fetched = FetchFresh(most_seconds);
  const double now = Now();
  if (!fetched.ok()) {
    // A refresh that failed is tried again before long, and more often as the end comes near.
    TSNAP_ASSIGN(const Posted posted, slot.Read());
    const double left_seconds =
        posted.refresh_at_unix == 0 || !posted.usable
            ? 0
            : static_cast<double>(posted.credentials.expires_unix_seconds) - now;
    const double pause_seconds = std::clamp(left_seconds / 8, 1.0, 30.0);
    TSNAP_TRY(
        slot.PostFailure(fetched.status(), now, now + pause_seconds + DrawBelow(pause_seconds)));
    return fetched;
  }
  double refresh_at = std::numeric_limits<double>::infinity();
  if (fetched->expires_unix_seconds > 0) {
    const auto expires = static_cast<double>(fetched->expires_unix_seconds);
    const double early_seconds =
        options_.refresh_before_seconds + DrawBelow(options_.most_jitter_seconds);
    refresh_at = expires - std::min(early_seconds, (expires - now) / 2);
  }
  TSNAP_TRY(slot.Post(*fetched, now, refresh_at).While("keeping what came from", Describe()));
  return fetched;
}

// With exponential backoff and full jitter, for so long after the first try.
Result<Credentials> CredentialCache::FetchFresh(double most_seconds) {
  const auto begin = std::chrono::steady_clock::now();
  double bound_seconds = options_.first_delay_seconds;
  for (;;) {
    auto fetched = source_->Fetch();
    if (fetched.ok()) {
      const int64_t expires = fetched->expires_unix_seconds;
      if (expires == 0 || static_cast<double>(expires) > Now()) return fetched;
      return Status(Code::kAuth,
                    fmt::format("getting credentials from {}: they have expired already; "
                                "check the clock of this machine",
                                Describe()));
    }
    const double delay_seconds = DrawBelow(bound_seconds);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    if (!IsWorthRetrying(fetched.status()) || elapsed.count() + delay_seconds >= most_seconds)
      return fetched;
    std::this_thread::sleep_for(std::chrono::duration<double>(delay_seconds));
    bound_seconds = std::min(2 * bound_seconds, options_.most_delay_seconds);
  }
}

Result<CredentialSlot> CredentialCache::OwnSlot() {
  std::lock_guard lock(mutex_);
  if (!own_) {
    TSNAP_ASSIGN(auto memory, NodeMemory::Create());
    TSNAP_ASSIGN(own_, SlotIn(std::move(memory), options_.identity));
  }
  return *own_;
}

bool CredentialCache::IsValid(const Posted& posted) const {
  const int64_t expires = posted.credentials.expires_unix_seconds;
  return posted.usable &&
         (expires == 0 || static_cast<double>(expires) > Now() + kLeastLifeSeconds);
}

double CredentialCache::Now() const {
  if (options_.unix_now) return options_.unix_now();
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace tsnap::http
