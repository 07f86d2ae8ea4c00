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
  int release() { return std::exchange(fd_, -1); }
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

// "<action> <path>: <cause>", with what only a look at the path can tell: the free space, the file
// that is in the way.
Status FailedTo(const char* action, const std::string& path, int error);
Result<Descriptor> Open(const std::string& path, int flags, const char* action);
// Of regular files only, without ever waiting for the other end of a pipe; kNotFound also when a
// part of the path is a file.
Result<Descriptor> OpenToRead(const std::string& path);
// A file that was not there, O_WRONLY; the folders above are made when they are missing.
Result<Descriptor> CreateFile(const std::string& path, int more_flags);
// Makes every missing folder down to this one.
Status MakeFolders(const std::string& folder);
// In calls of multiples of `alignment`. *wrote is what reached the file, also when it fails.
Status WriteAll(int fd, uint64_t offset, ConstByteSpan bytes, uint64_t alignment,
                const std::string& path, uint64_t* wrote);
// Reads up to out.size() bytes; *got is less only at the end of the file.
Status ReadAll(int fd, uint64_t offset, ByteSpan out, const std::string& path, uint64_t* got);
Status SyncFile(int fd, const std::string& path);
Status SyncFolderOf(const std::string& folder);
// The folder above, which may be another's: where we may not look into it, its names are left to
// its owner.
Status SyncFoldersAbove(const std::string& folder);
// "." for "a", "/" for "/a".
std::string ParentOf(const std::string& path);
// A name in the same folder that no other process uses.
std::string TemporaryBeside(const std::string& path);

}  // namespace tsnap::posix
