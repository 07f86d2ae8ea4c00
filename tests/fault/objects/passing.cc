// Faults that pass: each kind of request of a take, of a restore, of gc and of a removal meets each fault once or twice, and what was
// asked for is done all the same, with all values right.
#include <string>
#include <vector>

#include "faults.h"

namespace tsnap::test {
namespace {

constexpr double kIoTimeoutSeconds = 10;   // a request that hangs is given up after a fifth of it

std::vector<std::string> Often(const std::string& mode) {
  std::vector<std::string> faults = {mode + "&n=1"};
  if (LongMode()) faults.push_back(mode + "&n=2");
  return faults;
}

void TakeThrough(Scene& scene, ObjectWorld& world, const Kind& kind, const std::string& fault, uint64_t step) {
  Where() = fault + " at " + kind.name + " of a take";
  Faults::Arm(Of(kind, fault));
  CheckSame(scene.Take(world.get(), scene.Place("a"), step), TSNAP_OK);
  CHECK_TEXT(Faults::Hits() > 0, "no request met it");
  Faults::Clear();
}

void Take() {
  Scene scene;
  ObjectWorld world(kIoTimeoutSeconds);
  scene.CheckTaken(world.get(), scene.Place("a"), 1);
  uint64_t step = 1;
  std::vector<Kind> kinds = kWrites;
  kinds.insert(kinds.end(), kReadsBeforeCommit.begin(), kReadsBeforeCommit.end());
  kinds.insert(kinds.end(), kCleaning.begin(), kCleaning.end());
  std::vector<std::string> modes = {"503", "reset", "drop"};
  if (LongMode()) modes.insert(modes.end(), {"500", "429&retry_after=1", "hang", "delay&ms=300"});
  for (const Kind& kind : kinds) {
    for (const std::string& mode : modes) {
      for (const std::string& fault : Often(mode)) TakeThrough(scene, world, kind, fault, ++step);
    }
    scene.CheckRestores(world.get(), scene.Place("a"), step);
  }
  scene.CollectAndCheckRest();
}

// Faults that not every kind of request can meet: bodies that are damaged, answers that never come.
void TakeOfBodies() {
  Scene scene;
  ObjectWorld world(kIoTimeoutSeconds);
  uint64_t step = 1;
  scene.CheckTaken(world.get(), scene.Place("a"), step);
  for (const Kind& kind : kWrites) {
    if (std::string(kind.method) == "PUT") TakeThrough(scene, world, kind, "corruptput&n=1", ++step);
  }
  for (const Kind& kind : {kWrites[3], kWrites[6]}) TakeThrough(scene, world, kind, "hang&n=1", ++step);
  for (const std::string mode : {"midreset&bytes=20", "trunc&bytes=20", "200err"}) TakeThrough(scene, world, kWrites[4], mode + "&n=1", ++step);
  TakeThrough(scene, world, kCleaning[2], "200err&n=1", ++step);
  TakeThrough(scene, world, kReadsBeforeCommit[0], "corrupt&bytes=20&n=1", ++step);
  scene.CheckRestores(world.get(), scene.Place("a"), step);
  scene.CollectAndCheckRest();
}

void Restore() {
  Scene scene;
  ObjectWorld world(kIoTimeoutSeconds);
  scene.CheckTaken(world.get(), scene.Place("a"), 1);
  std::vector<std::string> modes = {"503", "reset", "drop", "trunc&bytes=100", "midreset&bytes=100", "corrupt&bytes=0"};
  if (LongMode()) modes.insert(modes.end(), {"500", "429", "hang", "delay&ms=300", "slow&rate=4000000"});
  for (const Kind& kind : kReads) {
    for (const std::string& mode : modes) {
      for (const std::string& fault : Often(mode)) {
        if (fault == "corrupt&bytes=0&n=2") continue;   // one damaged answer is asked for again, two are damage
        Where() = fault + " at " + kind.name + " of a restore";
        Faults::Arm(Of(kind, fault));
        scene.CheckRestores(world.get(), scene.Place("a"), 1);
        CHECK_TEXT(Faults::Hits() > 0, "no request met it");
        Faults::Clear();
      }
    }
  }
  // Without MPI, object by object.
  setenv("TSNAP_S3_ENDPOINT", Needed("FAULT_ENDPOINT").c_str(), 1);
  for (const Kind& kind : kReads) {
    Where() = std::string("503 at ") + kind.name + " of a read";
    Faults::Arm(Of(kind, "503&n=1"));
    if (WorldRank() == 0) {
      tsnap_snapshot* snapshot = nullptr;
      int64_t step = 0;
      CHECK_OK(tsnap_snapshot_open(scene.Place("a").c_str(), nullptr, &snapshot));
      CHECK_OK(tsnap_read_int64(snapshot, "step", &step));
      CHECK(step == 1);
      std::vector<uint64_t> table(static_cast<size_t>(Sizes().shared_items));
      tsnap_array array = TSNAP_ARRAY_INIT;
      array.dtype = TSNAP_UINT64;
      array.ndim = 1;
      array.shape[0] = Sizes().shared_items;
      array.data = table.data();
      CHECK_OK(tsnap_read(snapshot, "table", &array, nullptr));
      tsnap_snapshot_close(&snapshot);
    }
    CHECK_TEXT(Faults::Hits() > 0, "no request met it");
  }
  Faults::Clear();
}

void Remove() {
  Scene scene;
  ObjectWorld world(kIoTimeoutSeconds);
  setenv("TSNAP_S3_ENDPOINT", Needed("FAULT_ENDPOINT").c_str(), 1);
  const std::vector<Kind> kinds = {{"the read of the record", "GET", "tsnap.json"},
                                   {"the look at the record", "HEAD", "tsnap.json"},
                                   {"the removal of the record", "DELETE", "tsnap.json"},
                                   {"the list of the data", "GET", "list-type"},
                                   {"the removal of the data", "POST", "delete"}};
  uint64_t step = 0;
  for (const Kind& kind : kinds) {
    for (const std::string mode : {"503", "drop", "reset"}) {
      scene.CheckTaken(world.get(), scene.Place("a"), ++step);
      Where() = mode + " at " + kind.name + " of a removal";
      Faults::Arm(Of(kind, mode + "&n=1"));
      if (WorldRank() == 0) CHECK_OK(tsnap_remove(scene.Place("a").c_str(), nullptr));
      CHECK_TEXT(Faults::Hits() > 0, "no request met it");
      Faults::Clear();
      if (WorldRank() == 0) {
        const std::vector<std::string> left = ListBelow(scene.Place("a"));
        CHECK_TEXT(left.empty(), "it leaves " + left.front());
      }
      if (!LongMode()) break;   // one of the removals is enough
    }
  }
}

// 30 of 100 requests are refused, whatever they ask for.
void ServerThatIsOverloaded() {
  Scene scene;
  ObjectWorld world;
  Where() = "a server that refuses 30 of 100 requests";
  Faults::Arm("mode=503&p=30");
  uint64_t step = 0;
  for (int i = 0; i < (LongMode() ? 20 : 4); ++i) {
    scene.CheckTaken(world.get(), scene.Place("a"), ++step);
    scene.CheckRestores(world.get(), scene.Place("a"), step);
  }
  CHECK(Faults::Hits() > 10);
  Faults::Clear();
  scene.CollectAndCheckRest();
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunFaults(argc, argv, {{"take", Take},
                                {"take_of_bodies", TakeOfBodies},
                                {"restore", Restore},
                                {"remove", Remove},
                                {"server_that_is_overloaded", ServerThatIsOverloaded}});
}
