#include "store/posix/publish.h"

#include <sys/file.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdio>

#include <fmt/format.h>

#include "base/checksum.h"
#include "store/posix/files.h"

namespace tsnap::posix {

namespace {

constexpr uint64_t kMostSmallBytes = uint64_t{1}
                                     << 30;  // what is larger was never seen as a small object

// A temporary name that disappears with its owner.
class TemporaryName {
 public:
  explicit TemporaryName(std::string path) : path_(std::move(path)) {}
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;
  ~TemporaryName() {
    if (!gone_) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  void Gone() { gone_ = true; }

 private:
  std::string path_;
  bool gone_ = false;
};

Status WriteTemporary(const std::string& temporary, ConstByteSpan bytes, bool durable) {
  TSNAP_TRY(MakeFolders(ParentOf(temporary)));
  TSNAP_ASSIGN(Descriptor file, Open(temporary, O_WRONLY | O_CREAT | O_EXCL, "creating"));
  TSNAP_TRY(WriteAll(file.get(), 0, bytes, temporary));
  if (durable) TSNAP_TRY(SyncFile(file.get(), temporary));
  return file.Close(temporary);
}

Status SyncNames(const std::string& path, bool durable) {
  if (!durable) return Status::Ok();
  const Status synced = SyncFolderOf(ParentOf(path));
  if (synced.ok()) return synced;
  return {
      synced.code(),
      fmt::format(
          "writing {}: the file is there, but its name may not survive a crash of the machine: {}",
          path, synced.message())};
}

// 0, or the errno: EEXIST when the name is taken.
int LinkOrRename(const std::string& temporary, const std::string& path) {
  if (::link(temporary.c_str(), path.c_str()) == 0) return 0;
  if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK) return errno;
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0)
    return 0;
  return errno;
}

// Waits for the lock; held until the descriptor closes. An empty descriptor where locks are
// unknown.
Result<Descriptor> Lock(const std::string& path) {
  const std::string lock_path = fmt::format("{}/{}", ParentOf(path), kLockName);
  TSNAP_ASSIGN(Descriptor lock, Open(lock_path, O_RDWR | O_CREAT, "opening the lock file"));
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS) return Descriptor();
    return FailedTo("locking", lock_path, errno);
  }
  return lock;
}

Status Taken(const std::string& path) {
  return Exists(fmt::format("writing {}: another one is there", path));
}

// The answer to a link or rename was `error`, but on a network file system it may have been done
// all the same: is it ours that is there? OK when it is.
Status Settle(const std::string& path, ConstByteSpan bytes, int error) {
  const Result<Bytes> found = ReadWhole(path, bytes.size());
  if (found.ok() && found->size() == bytes.size() &&
      std::equal(bytes.begin(), bytes.end(), found->begin()))
    return Status::Ok();
  if (error == EEXIST) return Taken(path);
  Status failed = FailedTo("committing", path, error);
  if (found.ok() || found.status().code() == Code::kNotFound ||
      found.status().code() == Code::kCorrupt)
    return failed;
  return IoError(fmt::format("{}; it may or may not have been done: {}", failed.message(),
                             found.status().message()));
}

Status PutNew(const std::string& path, ConstByteSpan bytes, TemporaryName* temporary,
              bool durable) {
  const int error = LinkOrRename(temporary->path(), path);
  if (error != 0) TSNAP_TRY(Settle(path, bytes, error));
  return SyncNames(path, durable);
}

Status PutOver(const std::string& path, ConstByteSpan bytes, const Version& expected,
               TemporaryName* temporary, bool durable) {
  TSNAP_ASSIGN(const Descriptor lock, Lock(path));
  Result<Bytes> found = ReadWhole(path, kMostSmallBytes);
  if (!found.ok() && found.status().code() == Code::kNotFound) {
    return Exists(fmt::format("writing {}: what was to be replaced was removed meanwhile", path));
  }
  if (!found.ok()) return std::move(found).status();
  if (VersionOf(*found) != expected) return Taken(path);
  if (::rename(temporary->path().c_str(), path.c_str()) != 0) TSNAP_TRY(Settle(path, bytes, errno));
  temporary->Gone();
  return SyncNames(path, durable);
}

}  // namespace

Version VersionOf(ConstByteSpan bytes) {
  const Hash128 hash = HashContent(bytes);
  return {fmt::format("{:016x}{:016x}", hash.high, hash.low)};
}

Result<Bytes> ReadWhole(const std::string& path, uint64_t max_bytes) {
  TSNAP_ASSIGN(const Descriptor file, Open(path, O_RDONLY, "opening"));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return FailedTo("asking for the size of", path, errno);
  if (!S_ISREG(info.st_mode)) return Corrupt(fmt::format("reading {}: it is not a file", path));
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size > max_bytes)
    return Corrupt(fmt::format("reading {}: it has {} bytes, at most {} were expected", path, size,
                               max_bytes));
  Bytes bytes(size);
  uint64_t got = 0;
  TSNAP_TRY(ReadAll(file.get(), 0, bytes, path, &got));
  if (got != size)
    return Corrupt(fmt::format("reading {}: it shrank from {} to {} bytes", path, size, got));
  return bytes;
}

Status Put(const std::string& path, ConstByteSpan bytes, bool durable) {
  TemporaryName temporary(TemporaryBeside(path));
  TSNAP_TRY(WriteTemporary(temporary.path(), bytes, durable));
  if (::rename(temporary.path().c_str(), path.c_str()) != 0)
    return FailedTo("writing", path, errno);
  temporary.Gone();
  return SyncNames(path, durable);
}

Status PutIf(const std::string& path, ConstByteSpan bytes, const Version& expected, bool durable) {
  TemporaryName temporary(TemporaryBeside(path));
  TSNAP_TRY(WriteTemporary(temporary.path(), bytes, durable));
  return expected.tag.empty() ? PutNew(path, bytes, &temporary, durable)
                              : PutOver(path, bytes, expected, &temporary, durable);
}

}  // namespace tsnap::posix
