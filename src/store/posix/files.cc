#include "store/posix/files.h"

#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include <fmt/format.h>

namespace tsnap::posix {

namespace {
constexpr size_t kMostBytesPerCall = 1u << 30;  // Linux moves at most 2 GiB - 4 KiB a call
}

bool IsInternalName(const std::string& name) { return name.starts_with(kInternalPrefix); }
bool IsTemporaryName(const std::string& name) { return IsInternalName(name) && name != kLockName; }

Status FailedTo(const char* action, const std::string& path, int error) {
  return Status::FromErrno(error, fmt::format("{} {}", action, path));
}

Status Descriptor::Close(const std::string& path) {
  const int fd = std::exchange(fd_, -1);
  if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) return FailedTo("closing", path, errno);
  return Status::Ok();
}

Result<Descriptor> Open(const std::string& path, int flags, const char* action) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return FailedTo(action, path, errno);
  return Descriptor(fd);
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status MakeFolders(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0777) == 0) return Status::Ok();
  const int error = errno;
  struct stat info {};
  if (::stat(folder.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return Status::Ok();
    return FailedTo("making folder (there is a file of that name)", folder, ENOTDIR);
  }
  if (error != ENOENT || ParentOf(folder) == folder)
    return FailedTo("making folder", folder, error);
  TSNAP_TRY(MakeFolders(ParentOf(folder)));
  if (::mkdir(folder.c_str(), 0777) == 0 || errno == EEXIST)
    return Status::Ok();  // another rank was faster
  return FailedTo("making folder", folder, errno);
}

Status WriteAll(int fd, uint64_t offset, ConstByteSpan bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::pwrite(fd, bytes.data(), std::min(bytes.size(), kMostBytesPerCall),
                                   static_cast<off_t>(offset));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return FailedTo("writing", path, errno);
    if (wrote == 0)
      return IoError(
          fmt::format("writing {}: the file system takes no more bytes and gives no reason", path));
    bytes = bytes.subspan(static_cast<size_t>(wrote));
    offset += static_cast<uint64_t>(wrote);
  }
  return Status::Ok();
}

Status ReadAll(int fd, uint64_t offset, ByteSpan out, const std::string& path, uint64_t* got) {
  *got = 0;
  while (*got < out.size()) {
    const ByteSpan rest = out.subspan(*got);
    const ssize_t read = ::pread(fd, rest.data(), std::min(rest.size(), kMostBytesPerCall),
                                 static_cast<off_t>(offset + *got));
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return FailedTo("reading", path, errno);
    if (read == 0) break;
    *got += static_cast<uint64_t>(read);
  }
  return Status::Ok();
}

Status SyncFile(int fd, const std::string& path) {
  while (::fsync(fd) != 0) {
    if (errno != EINTR) return FailedTo("syncing", path, errno);
  }
  return Status::Ok();
}

Status SyncFolderOf(const std::string& folder) {
  TSNAP_ASSIGN(Descriptor descriptor, Open(folder, O_RDONLY | O_DIRECTORY, "opening folder"));
  while (::fsync(descriptor.get()) != 0) {
    if (errno == EINTR) continue;
    // Some file systems know no fsync of folders: their names are as durable as they can be.
    return errno == EINVAL ? Status::Ok() : FailedTo("syncing folder", folder, errno);
  }
  return Status::Ok();
}

Status SyncFolderAndAbove(const std::string& folder) {
  TSNAP_TRY(SyncFolderOf(folder));
  struct stat lowest {};
  if (::stat(folder.c_str(), &lowest) != 0) return FailedTo("asking for", folder, errno);
  for (std::string at = folder; ParentOf(at) != at;) {
    at = ParentOf(at);
    struct stat info {};
    if (::stat(at.c_str(), &info) != 0 || info.st_dev != lowest.st_dev) break;
    Status synced = SyncFolderOf(at);
    if (!synced.ok() && synced.code() != Code::kAuth) return synced;
    if (at == ".") break;
  }
  return Status::Ok();
}

std::string TemporaryBeside(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random)
    random = static_cast<uint64_t>(::getpid()) << 32;
  return fmt::format("{}/{}{:016x}-{}", ParentOf(path), kInternalPrefix, random, ++counter);
}

}  // namespace tsnap::posix
