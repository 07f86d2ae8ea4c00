// Faults that do not pass: each kind of request meets one until the library gives up. All ranks get the same status in bounded time,
// nothing half-done is committed, the snapshot before is unharmed, the context goes on, and what is left gc removes.
#include <string>
#include <vector>

#include "faults.h"

namespace tsnap::test {
namespace {

constexpr double kIoTimeoutSeconds = 4;
constexpr double kBoundSeconds = 3 * kIoTimeoutSeconds + 10;

struct Lasting {
  Kind kind;
  std::string mode;
};

int32_t CodeOf(const std::string& mode) {
  if (mode == "403") return TSNAP_E_AUTH;
  return mode == "503" || mode == "500" || mode == "429" || mode == "200err" ? TSNAP_E_IO : TSNAP_E_NETWORK;
}

class Failing {
 public:
  Failing() : world_(kIoTimeoutSeconds) { scene_.CheckTaken(world_.get(), scene_.Place("kept"), kept_ = ++step_); }
  ~Failing() { scene_.CollectAndCheckRest(); }
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;

  // The take fails, at a new place or over the kept snapshot.
  void Take(const Lasting& fault, bool overwrites) {
    const std::string place = scene_.Place(overwrites ? "kept" : "new" + std::to_string(++places_));
    Where() = fault.mode + " at " + fault.kind.name + ", lasting, " + (overwrites ? "over another" : "at a new place");
    Faults::Arm(Of(fault.kind, fault.mode));
    const double begin = Now();
    const int32_t code = scene_.Take(world_.get(), place, ++step_);
    const std::string message = tsnap_last_error();
    CHECK_TEXT(Now() - begin < kBoundSeconds, std::to_string(Now() - begin) + " s");
    CHECK_TEXT(Faults::Hits() > 0, "no request met it");
    Faults::Clear();
    CHECK_TEXT(code == CodeOf(fault.mode), std::string(tsnap_status_name(code)) + ": " + message);
    CHECK_TEXT(Contains(message, "rank ") && Contains(message, "s3://"), message);
    if (overwrites) scene_.CheckRestores(world_.get(), place, kept_);
    else scene_.CheckHoldsNothing(world_.get(), place);
    scene_.CheckTaken(world_.get(), place, ++step_);
    scene_.CheckRestores(world_.get(), place, step_);
    if (overwrites) kept_ = step_;
  }

  // It succeeds all the same.
  void TakeInSpiteOf(const Lasting& fault, bool overwrites) {
    const std::string place = scene_.Place(overwrites ? "kept" : "new" + std::to_string(++places_));
    Where() = fault.mode + " at " + fault.kind.name + ", lasting";
    Faults::Arm(Of(fault.kind, fault.mode));
    const double begin = Now();
    scene_.CheckTaken(world_.get(), place, ++step_);
    CHECK_TEXT(Now() - begin < kBoundSeconds, std::to_string(Now() - begin) + " s");
    CHECK_TEXT(Faults::Hits() > 1, "too few requests met it");
    Faults::Clear();
    if (overwrites) kept_ = step_;
    scene_.CheckRestores(world_.get(), place, step_);
  }

  void Restore(const Lasting& fault, int32_t expected, const std::string& says) {
    Where() = fault.mode + " at " + fault.kind.name + " of a restore, lasting";
    scene_.state().Scribble();
    Faults::Arm(Of(fault.kind, fault.mode));
    const double begin = Now();
    const int32_t code = SameOnAll(tsnap_restore(world_.get(), scene_.Place("kept").c_str(), scene_.state().get(), nullptr));
    const std::string message = tsnap_last_error();
    CHECK_TEXT(Now() - begin < kBoundSeconds, std::to_string(Now() - begin) + " s");
    CHECK_TEXT(Faults::Hits() > 0, "no request met it");
    Faults::Clear();
    CHECK_TEXT(code == expected, std::string(tsnap_status_name(code)) + ": " + message);
    CHECK_TEXT(Contains(message, says), message);
    CheckReport(world_.get(), scene_.state(), kept_);
    scene_.CheckRestores(world_.get(), scene_.Place("kept"), kept_);
  }

  Scene& scene() { return scene_; }
  ObjectWorld& world() { return world_; }
  uint64_t kept() const { return kept_; }

 private:
  Scene scene_;
  ObjectWorld world_;
  uint64_t step_ = 0, kept_ = 0;
  int places_ = 0;
};

enum : size_t { kMarker, kSlab, kBegin, kPart, kComplete, kIndex, kRecord };

void Take() {
  std::vector<Lasting> faults;
  if (LongMode()) {
    for (const Kind& kind : kWrites) {
      for (const char* mode : {"503", "reset", "hang", "403"}) faults.push_back({kind, mode});
      if (std::string(kind.method) == "PUT") faults.push_back({kind, "corruptput"});
      if (kind.name != kWrites[kRecord].name) faults.push_back({kind, "drop"});
    }
    for (const Kind& kind : kReadsBeforeCommit) {
      for (const char* mode : {"500", "reset", "hang", "403"}) faults.push_back({kind, mode});
    }
  } else if (TheHow() == How::kSync) {
    faults = {{kWrites[kMarker], "reset"}, {kWrites[kSlab], "503"},  {kWrites[kBegin], "hang"},
              {kWrites[kPart], "drop"},    {kWrites[kComplete], "200err"}, {kWrites[kIndex], "corruptput"},
              {kWrites[kRecord], "503"},   {kWrites[kRecord], "hang"},     {kReadsBeforeCommit[1], "reset"}, {kWrites[kRecord], "403"}};
  } else {
    faults = {{kWrites[kSlab], "reset"}, {kWrites[kPart], "hang"}, {kWrites[kIndex], "503"}, {kWrites[kRecord], "reset"}};
  }
  Failing failing;
  for (size_t i = 0; i < faults.size(); ++i) {
    failing.Take(faults[i], i % 2 == 0);
    if (LongMode()) failing.Take(faults[i], i % 2 != 0);
  }
}

// When the record is there, all is there: an answer that never comes changes nothing, nor does what cannot be cleaned.
void TakeThatIsDone() {
  Failing failing;
  failing.TakeInSpiteOf({kWrites[kRecord], "drop"}, false);
  for (const Kind& kind : kCleaning) {
    failing.TakeInSpiteOf({kind, "503"}, true);
    if (!LongMode()) continue;
    failing.TakeInSpiteOf({kind, "hang"}, true);
    failing.TakeInSpiteOf({kind, "drop"}, true);
  }
}

// Over another record Ceph refuses the first request, whose tag has quotes, so there it is google.cc's matter.
void RecordThatComesLate() {
  Scene scene;
  ObjectWorld world(kIoTimeoutSeconds);
  scene.CheckRecordThatComesLate(world.get(), /*overwrites=*/false);
}

void Restore() {
  Failing failing;
  failing.Restore({kReads[0], "reset"}, TSNAP_E_NETWORK, "tsnap.json");
  failing.Restore({kReads[0], "trunc&bytes=5"}, TSNAP_E_NETWORK, "tsnap.json");   // bytes arrive, and yet nothing gets on
  failing.Restore({kReads[1], "503"}, TSNAP_E_IO, "/index/");
  failing.Restore({kReads[2], "hang"}, TSNAP_E_NETWORK, "/data/");
  failing.Restore({kReads[2], "403"}, TSNAP_E_AUTH, "may not do this");
  failing.Restore({kReads[2], "corrupt&bytes=0"}, TSNAP_E_CORRUPT, "reading object");
  failing.Restore({kReads[1], "corrupt&bytes=0"}, TSNAP_E_CORRUPT, "/index/");
  failing.Restore({kReads[0], "corrupt&bytes=20"}, TSNAP_E_CORRUPT, "commit record");
  if (!LongMode()) return;
  for (const Kind& kind : kReads) {
    for (const char* mode : {"503", "reset", "hang", "drop"})
      failing.Restore({kind, mode}, CodeOf(mode), kind.match);
    for (const char* mode : {"trunc&bytes=5", "midreset&bytes=5"}) failing.Restore({kind, mode}, TSNAP_E_NETWORK, kind.match);
  }
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunFaults(argc, argv, {{"take", Take},
                                {"take_that_is_done", TakeThatIsDone},
                                {"record_that_comes_late", RecordThatComesLate},
                                {"restore", Restore}});
}
