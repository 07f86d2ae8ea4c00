// Files: system calls on whole paths with the failures told as tsnap tells them. Knows nothing of
// stores.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"

namespace tsnap::posix {

// An open descriptor, closed by its owner's end.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  // Closing can be where a network file system reports that a write failed.
  Status Close(const std::string& path);

 private:
  int fd_ = -1;
};

// Temporary files and lock files: no user sees them, List skips them.
inline constexpr const char* kInternalPrefix = ".tsnap-";
inline constexpr const char* kLockName = ".tsnap-lock";
bool IsInternalName(const std::string& name);
bool IsTemporaryName(const std::string& name);

Status FailedTo(const char* action, const std::string& path, int error);
Result<Descriptor> Open(const std::string& path, int flags, const char* action);
// Makes every missing folder above a file.
Status MakeFolders(const std::string& folder);
Status WriteAll(int fd, uint64_t offset, ConstByteSpan bytes, const std::string& path);
// Reads up to out.size() bytes; *got is less only at the end of the file.
Status ReadAll(int fd, uint64_t offset, ByteSpan out, const std::string& path, uint64_t* got);
Status SyncFile(int fd, const std::string& path);
Status SyncFolderOf(const std::string& folder);
// The folder and those above it on the same file system: any of them may have been made for it.
// Those that may not be opened were not.
Status SyncFolderAndAbove(const std::string& folder);
std::string ParentOf(const std::string& path);
// A name in the same folder that no other process uses.
std::string TemporaryBeside(const std::string& path);

}  // namespace tsnap::posix
