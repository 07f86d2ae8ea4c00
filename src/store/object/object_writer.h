// ObjectWriter: one new object: a PUT where it is written at once, else an upload in parts.
//
//   1. Create asks the server nothing.
//   2. The first WriteAt of an object of several parts begins the upload; each WriteAt is one part,
//      sent straight from the caller's memory, with its CRC32C, and again when that fails.
//   3. Finish completes the upload: only then is there an object. An upload that is already gone
//      then was completed by a try whose answer was lost, when the object is there as it should be.
//   4. A writer that ends unfinished aborts its own upload, if the server does it soon; what is
//   left
//      of others, and what a killed one leaves, gc finds. An object that was put stays: a take that
//      failed removes all of its id, and a copy may have written what another one has committed.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/object/bucket.h"
#include "store/store.h"

namespace tsnap::object {

class ObjectWriter final : public StoreWriter {
 public:
  // key: with the prefix. kInvalid where the layout has more parts than an upload may have.
  static Result<std::unique_ptr<StoreWriter>> Create(std::shared_ptr<Bucket> bucket,
                                                     std::string key, const WriteLayout& layout,
                                                     StoreCounters* counters);
  ~ObjectWriter() override;
  Status WriteAt(uint64_t offset, ConstByteSpan bytes, std::optional<uint32_t> crc32c) override;
  Status Finish(uint64_t size_bytes, bool durable) override;

 private:
  struct Part {
    UploadedPart uploaded;
    uint64_t bytes = 0;
    bool written = false;
  };

  ObjectWriter(std::shared_ptr<Bucket> bucket, std::string key, const WriteLayout& layout,
               StoreCounters* counters);
  bool in_parts() const { return offsets_.size() > 1; }
  Result<size_t> NumberOf(uint64_t offset) const;
  Status PutPart(size_t number, ConstByteSpan bytes, std::optional<uint32_t> crc32c);
  Status Begin();
  Status Complete(uint64_t size_bytes);
  void Abort() noexcept;

  const std::shared_ptr<Bucket> bucket_;
  const std::string key_;
  const std::vector<uint64_t> offsets_;
  StoreCounters* const counters_;
  std::mutex mutex_;
  std::string upload_id_;    // guarded by mutex_ until set
  Status begun_;             // why there is none; guarded by mutex_
  std::vector<Part> parts_;  // guarded by mutex_
  bool finished_ = false;
};

}  // namespace tsnap::object
