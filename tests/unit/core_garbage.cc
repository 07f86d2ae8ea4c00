// Garbage in a store with unfinished uploads: those of dead takes go, those of takes in progress and of other programs stay.
#include <criterion/criterion.h>
#include <unistd.h>

#include <ctime>
#include <string>
#include <vector>

#include "core/snapshot.h"
#include "format/native/marker.h"
#include "format/native/names.h"
#include "forwarding_store.h"
#include "store/memory/memory_store.h"
#include "uploads.h"

using namespace tsnap;

namespace {

using Keys = std::vector<std::string>;

const std::string kDead(32, 'd'), kAlive(32, 'a');

class UploadingStore final : public test::ForwardingStore {
 public:
  UploadingStore() : ForwardingStore(OpenMemoryStore("garbage")) {}
  Status RemoveLeftovers(const std::string& prefix, int64_t before_unix_seconds,
                         const std::function<bool(std::string_view)>& dead) override {
    uploads.Remove(prefix, before_unix_seconds, dead);
    return Status::Ok();
  }
  Status ListParts(const std::string& prefix, const std::function<Status(const std::string&)>& visit) override {
    Status listed = store().ListParts(prefix, visit);
    if (prefix.empty() && after_listing) std::exchange(after_listing, {})();
    return listed;
  }
  // A take in progress, with an upload that has lasted for a while.
  void TakeAt(const std::string& place, const std::string& id, int64_t begun) {
    cr_assert(Put(native::MarkerKey(place + id), AsBytes(native::EncodeMarker(60)), false).ok());
    uploads.Begin(place + id + "/data/0/0.0", begun);
  }

  test::Uploads uploads;
  std::function<void()> after_listing;
};

void Collect(Store& store, double min_age_seconds, bool dry_run = false) {
  GcOptions options;
  options.dry_run = dry_run;
  GcResult result;
  const Status collected = CollectGarbage(store, min_age_seconds, options, &result);
  cr_assert(collected.ok(), "%s", collected.ToString().c_str());
}

}  // namespace

Test(core_garbage, uploads_of_dead_takes_go_and_no_others) {
  UploadingStore store;
  const int64_t old = std::time(nullptr) - 1000;
  store.TakeAt("", kAlive, old);
  store.TakeAt("run/", kAlive, old);
  store.uploads.Begin(kDead + "/data/0/0.0", old);
  store.uploads.Begin("run/" + kDead + "/data/0/0.0", old);
  store.uploads.Begin("alone/" + kDead + "/data/0/0.0", old);   // nothing else is in that folder
  store.uploads.Begin(std::string(32, 'e') + "/data/0/0.0", std::time(nullptr) + 100);
  store.uploads.Begin("backup.tar", old);
  store.uploads.Begin("backups/" + std::string(31, 'd') + "/disk.img", old);
  const Keys all = store.uploads.keys();
  Collect(store, 500, /*dry_run=*/true);
  cr_assert(store.uploads.keys() == all);
  Collect(store, 500);
  cr_assert(store.uploads.keys() == (Keys{kAlive + "/data/0/0.0", "run/" + kAlive + "/data/0/0.0", std::string(32, 'e') + "/data/0/0.0",
                                          "backup.tar", "backups/" + std::string(31, 'd') + "/disk.img"}));
}

// However short the least age is, and however long it takes to look.
Test(core_garbage, a_take_that_begins_in_a_new_folder_while_gc_looks_keeps_its_uploads) {
  UploadingStore store;
  store.TakeAt("run/", kAlive, std::time(nullptr));
  store.after_listing = [&] {
    store.TakeAt("new/", kAlive, std::time(nullptr));
    sleep(3);
  };
  Collect(store, 1);
  cr_assert(store.uploads.keys() == (Keys{"run/" + kAlive + "/data/0/0.0", "new/" + kAlive + "/data/0/0.0"}));
}
