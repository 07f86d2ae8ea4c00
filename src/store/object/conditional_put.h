// ConditionalPut: writes a small object only if nothing is there, or exactly the version that was
// seen; settles what an answer that was lost leaves open (the steps stand in object_store.h).
#pragma once

#include <string>

#include "store/object/bucket.h"
#include "store/store.h"

namespace tsnap::object {

// A version as the service tells it: a generation, or an entity tag.
std::string VersionOf(const Dialect& dialect, const http::Response& response);
// "Only if nothing is there" (empty), or only if it is exactly this version. quoted: entity tags
// with their quotes, as the standard has it.
http::Header ConditionOn(const Dialect& dialect, const Version& expected, bool quoted);

class ConditionalPut {
 public:
  ConditionalPut(Bucket& bucket, std::string key, ConstByteSpan bytes, Version expected,
                 StoreCounters* counters)
      : bucket_(bucket),
        key_(std::move(key)),
        bytes_(bytes),
        expected_(std::move(expected)),
        counters_(counters) {}

  // kExists when the condition does not hold.
  Status Run(bool look_first);

 private:
  enum class Found { kOurs, kExpected, kAnother };

  Result<Found> Look();
  Status SendOnCondition(bool quoted);
  Status Settle(const Call& call, const Answer& answer, bool quoted);
  Status SettleSilence(Status failure);
  Status RunByHand();
  Status Another() const;

  Bucket& bucket_;
  const std::string key_;
  const ConstByteSpan bytes_;
  const Version expected_;
  StoreCounters* const counters_;
};

}  // namespace tsnap::object
