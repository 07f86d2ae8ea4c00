#include "engine/direct_transfers.h"

#include <utility>

#include <fmt/format.h>

#include "stage/device_notes.h"

namespace tsnap {

Status DirectTransfers::Prepare(Stager* stager, const void* memory, const Store& store,
                                bool checksums) {
  if (knob_ == 2) return Status::Ok();
  if (!store.traits().has_files)
    return insists() ? Refuse("the snapshot's place has no files that a GPU could write or read")
                     : Status::Ok();
  Status can = stager->CheckFiles(memory, checksums, insists());
  if (can.ok()) {
    is_on_ = true;
    return can;
  }
  return can.code() == Code::kUnsupported && insists() ? Refuse(can.message().c_str())
                                                       : Fail(std::move(can));
}

Status DirectTransfers::Refuse(const char* why) const {
  return Unsupported(
      fmt::format("GPUDirect Storage is switched on, but {}: leave gpu_direct_storage 0", why));
}

Status DirectTransfers::Fail(Status failure) {
  if (insists()) return failure;
  is_on_ = false;
  NoteOfDevices(false, fmt::format("GPU memory goes through host memory, not straight to files: {}",
                                   failure.message()));
  return Status::Ok();
}

void DirectTransfers::CountWritten(Store* store, uint64_t bytes) {
  ++store->counters().write_calls;
  store->counters().written_bytes += bytes;
  store->counters().moved_bytes += bytes;
}

void DirectTransfers::CountRead(Store* store, uint64_t bytes) {
  ++store->counters().read_calls;
  store->counters().read_bytes += bytes;
  store->counters().moved_bytes += bytes;
}

}  // namespace tsnap
