// CredentialCache: credentials of one source that are always fresh, fetched once per node whatever
// the number of ranks. Knows no service.
//
//   valid, not due     given out as they are
//   valid, but due     whoever gets the claim asks once; everybody else goes on with the old ones,
//                      and so does he when the service fails: he has some minutes more
//   none, or expired   whoever gets the claim asks, again and again while the service is out of
//                      order, for a bounded time; the others wait for what he gets, be it a failure
//
// Due: five minutes before they expire and up to a minute earlier, drawn when they are fetched, so
// that the nodes of a job do not all ask at one moment; short-lived ones at half of their time.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/node_memory.h"
#include "base/status.h"
#include "store/http/credential_board.h"
#include "store/http/credentials.h"

namespace tsnap::http {

struct CacheOptions {
  // What tells this source with its settings from every other one; only a hash of it is shared. Two
  // ranks that say the same get the same credentials.
  std::string identity;
  double refresh_before_seconds = 300;
  double most_jitter_seconds = 60;
  double most_fetch_seconds = 20;  // how long a service that is out of order is tried
  double first_delay_seconds = 0.2, most_delay_seconds = 4;
  std::function<double()> unix_now;  // none: the clock
  Log log;
};

class CredentialCache final : public CredentialProvider {
 public:
  // node: what the ranks of this node share; null, or a full board: this process fetches its own.
  static Result<std::shared_ptr<CredentialProvider>> Make(std::unique_ptr<CredentialSource> source,
                                                          const std::shared_ptr<NodeMemory>& node,
                                                          CacheOptions options);

  // kAuth: the source has none, or they have expired already; what else Fetch says. A failure is
  // shared for a second: so many ranks that come one after the other do not all ask.
  Result<Credentials> Get() override;
  void Refuse(const Credentials& refused) override;
  std::string Describe() const override { return source_->Describe(); }

 private:
  CredentialCache(std::unique_ptr<CredentialSource> source, CacheOptions options);

  Result<Credentials> GetFrom(const CredentialSlot& slot);
  Result<Credentials> Refresh(const CredentialSlot& slot, const Posted& old);
  Result<Credentials> FetchOrWait(const CredentialSlot& slot, const Posted& before);
  Result<Credentials> FetchAndPost(const CredentialSlot& slot, double most_seconds);
  Result<Credentials> FetchFresh(double most_seconds);
  Result<CredentialSlot> OwnSlot();
  bool IsValid(const Posted& posted) const;
  double Now() const;

  const std::unique_ptr<CredentialSource> source_;
  const CacheOptions options_;
  std::optional<CredentialSlot> shared_;  // set before anybody else sees this
  std::mutex mutex_;
  std::optional<CredentialSlot> own_;  // guarded by mutex_; for when the shared one is out of reach
};

}  // namespace tsnap::http
