// Servers that are silent, are killed, or refuse who asks: all ranks get the same status in bounded time, with a sentence that helps, and
// their context goes on.
#include <signal.h>

#include <string>
#include <thread>

#include "faults.h"

namespace tsnap::test {
namespace {

constexpr double kIoTimeoutSeconds = 4;
constexpr double kBoundSeconds = 3 * kIoTimeoutSeconds + 10;

int32_t TakeInTime(Scene& scene, ObjectWorld& world, const std::string& place, uint64_t step, How how = TheHow()) {
  const double begin = Now();
  const int32_t code = scene.Take(world.get(), place, step, how);
  CHECK_TEXT(Now() - begin < kBoundSeconds, std::to_string(Now() - begin) + " s");
  return code;
}

void SilentServer() {
  Scene scene;
  ObjectWorld world(kIoTimeoutSeconds, Needed("SILENT_ENDPOINT"));
  SharedFolder folder;
  for (int i = 0; i < 2; ++i) {
    Where() = "a server that never answers";
    CheckSame(TakeInTime(scene, world, scene.Place("a"), 1), TSNAP_E_NETWORK);
    CHECK_TEXT(Contains(tsnap_last_error(), "nothing has moved") && Contains(tsnap_last_error(), "check the network"), tsnap_last_error());
    const double begin = Now();
    CheckSame(tsnap_restore(world.get(), scene.Place("a").c_str(), scene.state().get(), nullptr), TSNAP_E_NETWORK);
    CHECK(Now() - begin < kBoundSeconds);
    // The context goes on: elsewhere.
    scene.CheckTaken(world.get(), folder / "a", 2);
    scene.CheckRestores(world.get(), folder / "a", 2);
  }
}

// The proxy is the server; behind it all goes on.
void KilledServer() {
  Scene scene;
  ObjectWorld world(kIoTimeoutSeconds), behind(30, Needed("S3_ENDPOINT"));
  scene.CheckTaken(behind.get(), scene.Place("kept"), 1);
  Where() = "a server that is killed in the middle of a take";
  // What is sent to it is held up, so that it dies in the middle.
  Faults::Arm("mode=delay&ms=300&method=PUT&match=/data/");
  std::thread killer;
  if (WorldRank() == 0) {
    killer = std::thread([] {
      Faults::AwaitHit();
      CHECK(kill(std::stoi(Needed("FAULT_PID")), SIGTERM) == 0);   // it breaks all its connections
    });
  }
  CheckSame(TakeInTime(scene, world, scene.Place("kept"), 2), TSNAP_E_NETWORK);
  const std::string message = tsnap_last_error();
  if (killer.joinable()) killer.join();
  MPI_Barrier(MPI_COMM_WORLD);
  CHECK_TEXT(Contains(message, "s3://"), message);
  CheckSame(TakeInTime(scene, world, scene.Place("new"), 3), TSNAP_E_NETWORK);
  scene.CheckRestores(behind.get(), scene.Place("kept"), 1);
  scene.CheckHoldsNothing(behind.get(), scene.Place("new"));
  scene.CollectAndCheckRest();
  scene.CheckRestores(behind.get(), scene.Place("kept"), 1);
}

struct Keys {
  const char* access;
  const char* secret;
  int32_t code;
  const char* says;
};

void WrongKeys() {
  Scene scene;
  ObjectWorld good(30, Needed("S3_ENDPOINT"));
  scene.CheckTaken(good.get(), scene.Place("a"), 1);
  const std::string access = Needed("AWS_ACCESS_KEY_ID");
  for (const Keys& keys : {Keys{access.c_str(), "this is not the secret", TSNAP_E_AUTH, "the secret key is not the one of this access key"},
                           Keys{"NOBODYHASTHISKEY", "nor this secret", TSNAP_E_AUTH, "the server does not know this access key"}}) {
    Where() = keys.says;
    tsnap_config config = ObjectConfig(kIoTimeoutSeconds);
    config.s3_access_key = keys.access;
    config.s3_secret_key = keys.secret;
    tsnap_context* context = nullptr;
    CHECK_OK(tsnap_context_open(MPI_COMM_WORLD, &config, &context));
    const double begin = Now();
    for (int i = 0; i < 2; ++i) {
      CheckSame(scene.Take(context, scene.Place("a"), 2), keys.code);
      CHECK_TEXT(Contains(tsnap_last_error(), keys.says) && !Contains(tsnap_last_error(), keys.secret), tsnap_last_error());
    }
    CheckSame(tsnap_restore(context, scene.Place("a").c_str(), scene.state().get(), nullptr), keys.code);
    CHECK_TEXT(Contains(tsnap_last_error(), keys.says), tsnap_last_error());
    CHECK_TEXT(Now() - begin < 10, std::to_string(Now() - begin) + " s: it is not worth another try");
    CHECK_OK(tsnap_context_close(&context));
  }
  scene.CheckRestores(good.get(), scene.Place("a"), 1);
}

void MissingBucket() {
  Scene scene;
  ObjectWorld world(kIoTimeoutSeconds, Needed("S3_ENDPOINT"));
  const std::string place = "s3://" + Needed("S3_BUCKET") + "-that-nobody-made/a";
  const double begin = Now();
  CheckSame(scene.Take(world.get(), place, 1), TSNAP_E_NOT_FOUND);
  CHECK_TEXT(Contains(tsnap_last_error(), "does not exist: create it, or correct the URL"), tsnap_last_error());
  CheckSame(tsnap_restore(world.get(), place.c_str(), scene.state().get(), nullptr), TSNAP_E_NOT_FOUND);
  CHECK_TEXT(Contains(tsnap_last_error(), "create it, or correct the URL"), tsnap_last_error());
  if (WorldRank() == 0) {
    CHECK(tsnap_remove(place.c_str(), nullptr) == TSNAP_E_NOT_FOUND);
    CHECK(tsnap_gc(place.c_str(), nullptr, nullptr, nullptr) == TSNAP_E_NOT_FOUND);
  }
  CHECK(Now() - begin < 10);
  scene.CheckTaken(world.get(), scene.Place("a"), 2);
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunFaults(argc, argv, {{"silent_server", SilentServer},
                                {"killed_server", KilledServer},
                                {"wrong_keys", WrongKeys},
                                {"missing_bucket", MissingBucket}});
}
