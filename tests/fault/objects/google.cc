// The same over Google Cloud Storage, whose conditions are generations, and who lets in whoever has a token: against the strict stand-in,
// with the fault proxy before it.
#include <string>
#include <thread>
#include <vector>

#include "faults.h"

namespace tsnap::test {
namespace {

constexpr double kIoTimeoutSeconds = 10;

// Of the stand-in.
int64_t Count(const std::string& what) {
  const std::string stats = Ask(Needed("GCS_CONTROL") + "/stats");
  const size_t at = stats.find("\"" + what + "\": ");
  return at == std::string::npos ? 0 : std::stoll(stats.substr(at + what.size() + 4));
}

void UseProxy() { setenv("TSNAP_GCS_ENDPOINT", Needed("FAULT_ENDPOINT").c_str(), 1); }

void UseKey() {
  setenv("TSNAP_GCS_ACCESS_KEY", Needed("GCS_ACCESS_KEY").c_str(), 1);
  setenv("TSNAP_GCS_SECRET_KEY", Needed("GCS_SECRET_KEY").c_str(), 1);
  setenv("TSNAP_GCS_SIGNATURE", "goog4", 1);
}

void Passing() {
  UseProxy();
  Scene scene("gs");
  ObjectWorld world(kIoTimeoutSeconds, "");
  uint64_t step = 0;
  scene.CheckTaken(world.get(), scene.Place("a"), ++step);
  for (const Kind& kind : kWrites) {
    for (const char* mode : {"503", "drop", "reset"}) {
      Where() = std::string(mode) + " at " + kind.name;
      Faults::Arm(Of(kind, mode) + "&n=1");
      scene.CheckTaken(world.get(), scene.Place("a"), ++step);
      CHECK_TEXT(Faults::Hits() > 0, "no request met it");
    }
    Faults::Clear();
    scene.CheckRestores(world.get(), scene.Place("a"), step);
  }
  scene.CollectAndCheckRest();
}

void Lasting() {
  UseProxy();
  Scene scene("gs");
  ObjectWorld world(4, "");
  scene.CheckTaken(world.get(), scene.Place("kept"), 1);
  const Kind slab = kWrites[1], record = kWrites[6];
  uint64_t step = 1;
  for (const Kind& kind : {slab, record}) {
    Where() = std::string("503 at ") + kind.name + ", lasting";
    Faults::Arm(Of(kind, "503"));
    CheckSame(scene.Take(world.get(), scene.Place("kept"), ++step), TSNAP_E_IO);
    CHECK_TEXT(Faults::Hits() > 1, "too few requests met it");
    Faults::Clear();
    scene.CheckRestores(world.get(), scene.Place("kept"), 1);
  }
  Where() = "the record's answer never comes";
  Faults::Arm(Of(record, "drop"));
  scene.CheckTaken(world.get(), scene.Place("kept"), ++step);
  CHECK_TEXT(Faults::Hits() > 1, "too few requests met it");
  Faults::Clear();
  scene.CheckRestores(world.get(), scene.Place("kept"), step);
  scene.CollectAndCheckRest();
}

void RecordThatComesLate() {
  UseProxy();
  ObjectWorld world(4, "");
  for (const bool overwrites : {true, false}) {
    if (!overwrites && !LongMode()) continue;   // lasting.cc has that
    Scene scene("gs");
    scene.CheckRecordThatComesLate(world.get(), overwrites);
  }
}

// All tokens end in the middle of a take: the next request is refused, and another one is fetched.
void TokensThatEnd() {
  UseProxy();
  Scene scene("gs");
  ObjectWorld world(kIoTimeoutSeconds, "");
  uint64_t step = 0;
  scene.CheckTaken(world.get(), scene.Place("a"), ++step);
  for (const Kind& kind : {kWrites[1], kWrites[3], kWrites[6]}) {
    Where() = std::string("tokens end at ") + kind.name;
    const int64_t before = WorldRank() == 0 ? Count("token_requests") : 0;
    Faults::Arm(Of(kind, "delay&ms=500&n=1"));
    std::thread ender;
    if (WorldRank() == 0) {
      ender = std::thread([] {
        Faults::AwaitHit();
        Ask(Needed("GCS_CONTROL") + "/expire");
      });
    }
    scene.CheckTaken(world.get(), scene.Place("a"), ++step);
    if (ender.joinable()) ender.join();
    Faults::Clear();
    if (WorldRank() == 0) CHECK_TEXT(Count("token_requests") > before && Count("AuthenticationRequired") > 0, "no token was refused");
    scene.CheckRestores(world.get(), scene.Place("a"), step);
  }
}

// Signatures are good for a quarter of an hour.
void ClockThatDiffers() {
  UseKey();
  Scene scene("gs");
  uint64_t step = 0;
  for (const char* offset : {"3600", "-3600"}) {
    Where() = std::string("a server whose clock is off by ") + offset + " s";
    ObjectWorld world(kIoTimeoutSeconds, "");
    MPI_Barrier(MPI_COMM_WORLD);
    if (WorldRank() == 0) Ask(Needed("GCS_CONTROL") + "/clock?offset=" + offset);
    MPI_Barrier(MPI_COMM_WORLD);
    scene.CheckTaken(world.get(), scene.Place("a"), ++step);
    if (WorldRank() == 0) CHECK_TEXT(Count("RequestTimeTooSkewed") > 0, "nothing was refused: " + Ask(Needed("GCS_CONTROL") + "/stats"));
    scene.CheckRestores(world.get(), scene.Place("a"), step);
  }
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunFaults(argc, argv, {{"passing", Passing},
                                {"lasting", Lasting},
                                {"record_that_comes_late", RecordThatComesLate},
                                {"tokens_that_end", TokensThatEnd},
                                {"clock_that_differs", ClockThatDiffers}});
}
