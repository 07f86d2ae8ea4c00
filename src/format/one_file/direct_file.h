// DirectFile: long writes into a file past the page cache, at any address and from any memory.
// Whole blocks of the file go directly, through a buffer where the memory does not lie as the file
// does; what is left at both ends, less than a block each, goes through the page cache, for others
// write the rest of those blocks. Any thread.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "store/posix/files.h"

namespace tsnap::one_file {

class DirectFile {
 public:
  // Null where direct writes are impossible or do not pay (posix/direct_io.h, which explains
  // `setting`).
  static Result<std::unique_ptr<DirectFile>> Open(const std::string& path, int setting);

  // How much of `bytes`, from its beginning, is written through `buffered` before the blocks begin;
  // everything when it is too short for direct writes to pay.
  static uint64_t HeadBytes(uint64_t address, uint64_t bytes) noexcept;
  // Whole blocks, and what is behind the last one is left to the caller: returns how many bytes
  // were written.
  Result<uint64_t> WriteBlocks(uint64_t address, ConstByteSpan bytes);

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };
  using Buffer = std::unique_ptr<std::byte, Free>;

  explicit DirectFile(std::string path) : path_(std::move(path)) {}
  Buffer TakeBuffer();
  void Return(Buffer buffer);
  Status WriteCopied(uint64_t address, ConstByteSpan bytes);

  const std::string path_;
  posix::Descriptor file_;
  std::mutex mutex_;
  std::vector<Buffer> free_;  // guarded by mutex_; as many as there were writes at once
};

}  // namespace tsnap::one_file
