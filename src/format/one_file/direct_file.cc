#include "format/one_file/direct_file.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "store/posix/direct_io.h"

namespace tsnap::one_file {

namespace {

// Shorter ones wait longer for the disk than the page cache takes to copy them.
constexpr uint64_t kWorthIt = uint64_t{256} << 10;
constexpr uint64_t kBufferBytes = uint64_t{1} << 20;

}  // namespace

Result<std::unique_ptr<DirectFile>> DirectFile::Open(const std::string& path, int setting) {
  TSNAP_ASSIGN(const bool direct, posix::UseDirectIo(posix::ParentOf(path), setting));
  std::unique_ptr<DirectFile> file;
  if (!direct) return file;
  file.reset(new DirectFile(path));
  TSNAP_ASSIGN(file->file_, posix::Open(path, O_WRONLY | O_CLOEXEC | O_DIRECT, "opening"));
  return file;
}

uint64_t DirectFile::HeadBytes(uint64_t address, uint64_t bytes) noexcept {
  const uint64_t head = AlignUp(address, posix::kDirectAlignment) - address;
  return bytes < kWorthIt ? bytes : head;
}

Result<uint64_t> DirectFile::WriteBlocks(uint64_t address, ConstByteSpan bytes) {
  const ConstByteSpan blocks =
      bytes.first(bytes.size() / posix::kDirectAlignment * posix::kDirectAlignment);
  if (reinterpret_cast<uintptr_t>(blocks.data()) % posix::kDirectAlignment != 0) {
    TSNAP_TRY(WriteCopied(address, blocks));
  } else {
    uint64_t wrote = 0;
    TSNAP_TRY(
        posix::WriteAll(file_.get(), address, blocks, posix::kDirectAlignment, path_, &wrote));
  }
  return uint64_t{blocks.size()};
}

Status DirectFile::WriteCopied(uint64_t address, ConstByteSpan bytes) {
  Buffer buffer = TakeBuffer();
  if (!buffer) return {Code::kNoMemory, "writing " + path_ + ": no memory for a buffer"};
  Status status;
  for (uint64_t done = 0; status.ok() && done < bytes.size(); done += kBufferBytes) {
    const ConstByteSpan part =
        bytes.subspan(done, std::min<uint64_t>(kBufferBytes, bytes.size() - done));
    std::memcpy(buffer.get(), part.data(), part.size());
    uint64_t wrote = 0;
    status = posix::WriteAll(file_.get(), address + done, {buffer.get(), part.size()},
                             posix::kDirectAlignment, path_, &wrote);
  }
  Return(std::move(buffer));
  return status;
}

DirectFile::Buffer DirectFile::TakeBuffer() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      Buffer buffer = std::move(free_.back());
      free_.pop_back();
      return buffer;
    }
  }
  return Buffer(static_cast<std::byte*>(std::aligned_alloc(posix::kDirectAlignment, kBufferBytes)));
}

void DirectFile::Return(Buffer buffer) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(buffer));
}

}  // namespace tsnap::one_file
