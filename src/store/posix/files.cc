#include "store/posix/files.h"

#include <sys/random.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include <fmt/format.h>

namespace tsnap::posix {

namespace {

constexpr size_t kMostBytesPerCall = 1u << 30;  // Linux moves at most 2 GiB - 4 KiB a call
constexpr int kMostRaces = 4;  // how often someone may remove the folder that was just made

bool IsRoot(const std::string& path) { return path == "/" || path == "."; }

// The nearest thing at or above a path that is there and is no folder.
std::string FileInTheWay(std::string path) {
  for (; !IsRoot(path); path = ParentOf(path)) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) return S_ISDIR(info.st_mode) ? "" : path;
  }
  return "";
}

// What a look around adds to an errno; empty when there is nothing to add.
std::string Circumstances(const std::string& path, int error) {
  if (error == ENOTDIR) {
    const std::string file = FileInTheWay(path);
    return file.empty() ? ""
                        : fmt::format(" ({} is a file, not a folder: choose another place)", file);
  }
  if (error == ENOSPC) {
    struct statvfs info {};
    std::string folder = ParentOf(path);
    while (::statvfs(folder.c_str(), &info) != 0 && !IsRoot(folder)) folder = ParentOf(folder);
    return fmt::format(" ({} bytes and {} names are free)",
                       static_cast<uint64_t>(info.f_bavail) * info.f_frsize,
                       static_cast<uint64_t>(info.f_favail));
  }
  return "";
}

}  // namespace

bool IsInternalName(const std::string& name) { return name.starts_with(kInternalPrefix); }
bool IsTemporaryName(const std::string& name) { return IsInternalName(name) && name != kLockName; }

Status FailedTo(const char* action, const std::string& path, int error) {
  return Status::FromErrno(error, fmt::format("{} {}{}", action, path, Circumstances(path, error)));
}

Status Descriptor::Close(const std::string& path) {
  const int fd = std::exchange(fd_, -1);
  // After EINTR the descriptor is closed on Linux, and closing it again could close another's.
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

Result<Descriptor> OpenToRead(const std::string& path) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0 && errno == ENOTDIR) return NotFound(FailedTo("opening", path, ENOTDIR).message());
  if (fd < 0) return FailedTo("opening", path, errno);
  Descriptor file(fd);
  struct stat info {};
  if (::fstat(fd, &info) != 0) return FailedTo("asking for the size of", path, errno);
  if (!S_ISREG(info.st_mode)) return Corrupt(fmt::format("reading {}: it is not a file", path));
  return file;
}

Result<Descriptor> CreateFile(const std::string& path, int more_flags) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | more_flags;
  Result<Descriptor> file = Open(path, flags, "creating");
  // Most files go to a folder that is there; who empties the place meanwhile may remove one that
  // was just made.
  for (int race = 0; race < kMostRaces && !file.ok() && file.status().code() == Code::kNotFound;
       ++race) {
    const Status made = MakeFolders(ParentOf(path));
    if (!made.ok() && made.code() != Code::kNotFound) return made;
    file = Open(path, flags, "creating");
  }
  return file;
}

std::string ParentOf(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return path.empty() ? "." : "/";
  const size_t slash = path.find_last_of('/', end);
  if (slash == std::string::npos) return ".";
  const size_t last = path.find_last_not_of('/', slash);
  return last == std::string::npos ? "/" : path.substr(0, last + 1);
}

Status MakeFolders(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0777) == 0) return Status::Ok();
  const int error = errno;
  struct stat info {};
  if (::stat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return Status::Ok();
  if (error == EEXIST)
    return FailedTo("making folder", folder,
                    ::lstat(folder.c_str(), &info) == 0 ? ENOTDIR : ENOENT);
  const std::string parent = ParentOf(folder);
  if (error != ENOENT || parent == folder) return FailedTo("making folder", folder, error);
  TSNAP_TRY(MakeFolders(parent));
  if (::mkdir(folder.c_str(), 0777) == 0 || errno == EEXIST)
    return Status::Ok();  // another rank was faster
  return FailedTo("making folder", folder, errno);
}

Status WriteAll(int fd, uint64_t offset, ConstByteSpan bytes, uint64_t alignment,
                const std::string& path, uint64_t* wrote) {
  *wrote = 0;
  while (!bytes.empty()) {
    const ssize_t moved = ::pwrite(fd, bytes.data(), std::min(bytes.size(), kMostBytesPerCall),
                                   static_cast<off_t>(offset));
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return FailedTo("writing", path, errno);
    // A direct write that stopped inside a block is taken up at the block's begin: only there it is
    // aligned.
    const uint64_t taken = static_cast<uint64_t>(moved) / alignment * alignment;
    if (taken == 0)
      return IoError(
          fmt::format("writing {}: the file system takes no more bytes and gives no reason", path));
    bytes = bytes.subspan(taken);
    offset += taken;
    *wrote += taken;
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
  int result = 0;
  do {
    result = ::fsync(fd);
  } while (result != 0 && errno == EINTR);
  return result == 0 ? Status::Ok() : FailedTo("syncing", path, errno);
}

Status SyncFolderOf(const std::string& folder) {
  TSNAP_ASSIGN(Descriptor descriptor, Open(folder, O_RDONLY | O_DIRECTORY, "opening folder"));
  if (::fsync(descriptor.get()) == 0) return Status::Ok();
  // Some file systems know no fsync of folders: their names are as durable as they can be.
  return errno == EINVAL ? Status::Ok() : FailedTo("syncing folder", folder, errno);
}

Status SyncFoldersAbove(const std::string& folder) {
  struct stat lowest {};
  if (::stat(folder.c_str(), &lowest) != 0) return FailedTo("asking for", folder, errno);
  for (std::string at = folder; ParentOf(at) != at;) {
    at = ParentOf(at);
    struct stat info {};
    if (::stat(at.c_str(), &info) != 0 || info.st_dev != lowest.st_dev) break;
    Status synced = SyncFolderOf(at);
    if (!synced.ok() && synced.code() != Code::kAuth) return synced;
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
