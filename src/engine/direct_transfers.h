// DirectTransfers: whether the bytes of one operation go between devices and files without the
// host's buffers (GPUDirect Storage). The store offers files, the stage moves bytes to and from
// them; neither knows the other. Where it cannot be, they go through the host, unless the user
// insists.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/status.h"
#include "stage/device_file.h"
#include "stage/stager.h"
#include "store/store.h"

namespace tsnap {

class DirectTransfers {
 public:
  // knob: gpu_direct_storage: 0 where it is expected to pay, 1 on, 2 off.
  explicit DirectTransfers(int32_t knob) : knob_(knob) {}

  // Before the first transfer, with memory of a device of the operation. kUnsupported where the
  // user insists and it cannot be. checksums: those of blocks are made on the device, too.
  Status Prepare(Stager* stager, const void* memory, const Store& store, bool checksums);
  // The user insists, but what the operation does rules it out.
  bool insists() const { return knob_ == 1; }
  Status Refuse(const char* why) const;
  bool is_on() const { return is_on_; }

  Result<std::unique_ptr<DeviceFile>> Open(Stager* stager, int descriptor) const {
    return stager->OpenFile(descriptor, insists());
  }
  // What has failed: the user's to hear where he insists, else the bytes go through the host, and
  // so do all that come.
  Status Fail(Status failure);
  // What a transfer has moved: it is progress.
  static void CountWritten(Store* store, uint64_t bytes);
  static void CountRead(Store* store, uint64_t bytes);

 private:
  const int32_t knob_;
  std::atomic<bool> is_on_{false};
};

}  // namespace tsnap
