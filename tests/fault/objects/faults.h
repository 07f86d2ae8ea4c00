// What the fault programs of object stores share: faults between tsnap and a server, armed while the program runs; what a bucket holds,
// seen from outside; and a place in it with a state that is small and yet has a slab in one piece and one in parts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fault_state.h"
#include "ranks.h"

namespace tsnap::test {

// The value of a variable that with_servers.py sets.
std::string Needed(const char* name);

// The body of GET url, of a control port. One process's matter.
std::string Ask(const std::string& url);

// Faults of the proxy, or of the stand-in of Google Cloud Storage. Collective: rank 0 asks.
class Faults {
 public:
  // query: as fault/start.sh explains it, "mode=503&n=2&method=PUT".
  static void Arm(const std::string& query);
  static void Clear();
  // How many requests it has met since it was armed; the same on all ranks.
  static int64_t Hits();
  // Waits until it has met one; rank 0's.
  static void AwaitHit();
};

// A request of a take or of a restore, told from all others by what is in its URL.
struct Kind {
  const char* name;
  const char* method;
  const char* match;
};
inline const std::vector<Kind> kReadsBeforeCommit = {{"the look at the record", "GET", "tsnap.json"}, {"the look at the marker", "HEAD", "/taking"}};
inline const std::vector<Kind> kWrites = {{"the marker", "PUT", "/taking"},
                                          {"a slab in one piece", "PUT", "/1.0"},
                                          {"the begin of an upload", "POST", "uploads"},
                                          {"a part", "PUT", "partNumber"},
                                          {"the completion of an upload", "POST", "uploadId"},
                                          {"an index part", "PUT", "/index/"},
                                          {"the record", "PUT", "tsnap.json"}};
// Of a take that overwrites, when its record is there: nothing of these makes it fail.
inline const std::vector<Kind> kCleaning = {{"the removal of the marker", "DELETE", "/taking"},
                                            {"the list of what is replaced", "GET", "list-type"},
                                            {"the removal of what is replaced", "POST", "delete"},
                                            {"the list of uploads", "GET", "uploads"}};
inline const std::vector<Kind> kReads = {{"the record", "GET", "tsnap.json"}, {"an index part", "GET", "/index/"}, {"data", "GET", "/data/"}};

std::string Of(const Kind& kind, const std::string& fault);

// Rank 0's private array is one slab of two parts and some; the other ranks have one small slab each.
Sizes SizesOf(int rank);

// A folder of places of its own in the bucket, and a state. scheme: "s3" or "gs".
class Scene {
 public:
  explicit Scene(const std::string& scheme = "s3");

  std::string Place(const std::string& name) const { return folder_ + "/" + name; }
  const std::string& folder() const { return folder_; }
  FaultState& state() { return state_; }

  // Fills, and takes as TSNAP_TEST_HOW says.
  int32_t Take(tsnap_context* context, const std::string& place, uint64_t step, How how = TheHow());
  void CheckTaken(tsnap_context* context, const std::string& place, uint64_t step) { CheckSame(Take(context, place, step), TSNAP_OK); }
  void CheckRestores(tsnap_context* context, const std::string& place, uint64_t step);
  // Nothing is committed there.
  void CheckHoldsNothing(tsnap_context* context, const std::string& place);
  // The server does what it was asked for when the take has long failed (io_timeout_seconds: 4): its record must not come without its
  // data, and gc must not part them.
  void CheckRecordThatComesLate(tsnap_context* context, bool overwrites);
  // gc as soon as it may, without any fault; then of each place with a snapshot there are its objects and no others, of the others none,
  // and no upload is unfinished. A marker may stay beside a record: it goes with the snapshot.
  void CollectAndCheckRest();

 private:
  const std::string scheme_;
  std::string folder_;
  FaultState state_;
};

// Objects and unfinished uploads below a URL, as "object KEY" and "upload KEY", relative to it. One process's matter.
std::vector<std::string> ListBelow(const std::string& url);

// A context of all ranks whose requests go to this endpoint; closed with them.
class ObjectWorld {
 public:
  explicit ObjectWorld(double io_timeout_seconds = 30, const std::string& endpoint = Needed("FAULT_ENDPOINT"));
  ~ObjectWorld() { CHECK_OK(tsnap_context_close(&context_)); }
  ObjectWorld(const ObjectWorld&) = delete;
  ObjectWorld& operator=(const ObjectWorld&) = delete;
  tsnap_context* get() { return context_; }

 private:
  tsnap_context* context_ = nullptr;
};

// As contexts of these tests are set: small parts, and what dies is old soon.
tsnap_config ObjectConfig(double io_timeout_seconds);
int RunFaults(int argc, char** argv, const Cases& cases);

}  // namespace tsnap::test
