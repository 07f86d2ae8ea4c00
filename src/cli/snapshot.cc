#include "cli/snapshot.h"

#include "cli/failure.h"

namespace tsnap::cli {

void Check(int32_t status) {
  if (status != TSNAP_OK) throw Failure(kFailed, tsnap_last_error());
}

Snapshot::Snapshot(const std::string& url) {
  Check(tsnap_snapshot_open(url.c_str(), nullptr, &handle_));
}

tsnap_snapshot_info Snapshot::info() const {
  tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
  Check(tsnap_snapshot_info_get(handle_, &info));
  return info;
}

tsnap_object_info Snapshot::Find(const std::string& path) const {
  tsnap_object_info object = TSNAP_OBJECT_INFO_INIT;
  Check(tsnap_snapshot_find(handle_, path.c_str(), &object));
  return object;
}

void Snapshot::ForEach(const std::function<void(const tsnap_object_info&)>& use) const {
  const int64_t count = info().object_count;
  for (int64_t index = 0; index < count; ++index) {
    tsnap_object_info object = TSNAP_OBJECT_INFO_INIT;
    Check(tsnap_snapshot_object(handle_, index, &object));
    use(object);
  }
}

}  // namespace tsnap::cli
