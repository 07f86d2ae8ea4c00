// CredentialBoard: where the processes of one job on one node pin up the credentials that one of
// them fetched, so that a service is asked once per node. It lies in NodeMemory and trusts no
// length that it finds there. Knows nothing of services.
//
// A slot is found by a hash of what the source is. Two locks, both of which the system releases
// when their owner dies:
//   the board's   held for one copy of a slot; what a dead owner left half written is thrown away
//   the claim     one per slot, held by the one thread on the node that fetches
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/node_memory.h"
#include "base/status.h"
#include "store/http/credentials.h"

namespace tsnap::http {

// What hangs in a slot.
struct Posted {
  bool usable = false;  // there are credentials, and nobody has seen them refused
  Credentials credentials;
  uint64_t generation = 0;     // rises with every posting of credentials
  double refresh_at_unix = 0;  // from then on somebody should fetch others
  uint64_t failures = 0;       // fetches that failed so far
  double failed_at_unix = 0;   // when the last did
  Status failure;              // of the last fetch; OK where it went well
};

class CredentialBoard;

// One source's place on the board. Any thread. Failures of the board itself (kBusy: its lock is
// held for seconds, by a process that was stopped) mean that the caller is on his own.
class CredentialSlot {
 public:
  Result<Posted> Read() const;
  // kUnsupported: longer than a slot is.
  Status Post(const Credentials& credentials, double now_unix, double refresh_at_unix) const;
  // What was posted before stays, and is to be refreshed only then.
  Status PostFailure(const Status& failure, double now_unix, double refresh_at_unix) const;
  // Takes down what is equal to this; what is not was fetched since. A service that gave out again
  // what had been refused is not asked for it a second time within quiet_seconds.
  Status Refuse(const Credentials& refused, double now_unix, double quiet_seconds) const;

  // Waits until this thread is the one that fetches, or the time is over: false. A claim ends by
  // EndClaim in the same thread.
  bool Claim(double wait_seconds) const;
  void EndClaim() const;

 private:
  friend class CredentialBoard;
  CredentialSlot(std::shared_ptr<const CredentialBoard> board, int index);
  std::shared_ptr<const CredentialBoard> board_;
  int index_;
};

class CredentialBoard : public std::enable_shared_from_this<CredentialBoard> {
 public:
  static constexpr int kSlots = 4;
  static constexpr size_t kMostCredentialBytes = 12 << 10;  // session tokens grow to kilobytes
  static constexpr size_t kMostFailureBytes = 2 << 10;

  // The board in this memory, laid out by whoever comes first. kBusy: somebody began and did not
  // end.
  static Result<std::shared_ptr<CredentialBoard>> Open(std::shared_ptr<NodeMemory> memory);

  // The slot of a source, the same for all who say the same. kBusy: all slots are taken by others.
  Result<CredentialSlot> SlotOf(std::string_view identity) const;

 private:
  friend class CredentialSlot;
  struct Layout;
  struct Place;
  class Lock;
  explicit CredentialBoard(std::shared_ptr<NodeMemory> memory);

  const std::shared_ptr<NodeMemory> memory_;
  Layout* const layout_;
};

}  // namespace tsnap::http
