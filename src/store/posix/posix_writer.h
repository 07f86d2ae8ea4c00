// One new file: made exclusively, preallocated, written at any offsets by any threads, then cut to
// size, synced and closed.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "store/posix/files.h"
#include "store/store.h"

namespace tsnap::posix {

class PosixWriter final : public StoreWriter {
 public:
  // The counters outlive it.
  static Result<std::unique_ptr<StoreWriter>> Create(const std::string& path,
                                                     uint64_t expected_bytes, bool direct,
                                                     StoreCounters* counters);
  ~PosixWriter() override;

  Status WriteAt(uint64_t offset, ConstByteSpan bytes, std::optional<uint32_t> crc32c) override;
  int descriptor() const override { return file_.get(); }
  void Push(uint64_t offset, uint64_t bytes) override;
  Status Finish(uint64_t size_bytes, bool durable) override;

 private:
  PosixWriter(std::string path, bool direct, StoreCounters* counters)
      : path_(std::move(path)), direct_(direct), counters_(counters) {}

  Status Reserve(uint64_t bytes);

  const std::string path_;
  const bool direct_;
  StoreCounters* counters_;
  Descriptor file_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool ours_ = false;  // made and not finished: to be removed
};

}  // namespace tsnap::posix
