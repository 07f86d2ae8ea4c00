#include "store/posix/publish.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fmt/format.h>

#include "base/checksum.h"
#include "store/posix/files.h"
#include "store/posix/folder_lock.h"

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
  TSNAP_ASSIGN(Descriptor file, CreateFile(temporary, 0));
  uint64_t wrote = 0;
  TSNAP_TRY(WriteAll(file.get(), 0, bytes, 1, temporary, &wrote));
  if (durable) TSNAP_TRY(SyncFile(file.get(), temporary));
  return file.Close(temporary);
}

// The folder's name is made before the file has its own: memory that runs out in between would fail
// what is done.
Status SyncNames(const std::string& folder, const std::string& path, bool durable) {
  if (!durable) return Status::Ok();
  Status synced = SyncFolderOf(folder);
  if (synced.ok()) return synced;
  return {
      synced.code() == Code::kNoSpace ? Code::kNoSpace : Code::kIo,
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

Status Taken(const std::string& path) {
  return Exists(fmt::format("writing {}: another one is there", path));
}

// Naming the file failed with `error`, or only the answer was lost: OK when what is there is ours.
// `unchanged` tells whether what is there (null: nothing) is what was there before.
template <class Unchanged>
Status Settle(const std::string& path, ConstByteSpan bytes, int error, Unchanged unchanged) {
  Status failure = FailedTo("committing", path, error);
  const Result<Bytes> found = ReadWhole(path, kMostSmallBytes);
  if (!found.ok() && found.status().code() == Code::kNotFound)
    return unchanged(nullptr) ? failure : Taken(path);
  if (!found.ok() && found.status().code() == Code::kCorrupt) return Taken(path);  // no file at all
  if (!found.ok()) {
    return IoError(fmt::format(
        "{}; whether it was done could not be settled, the file may or may not be there: {}",
        failure.message(), found.status().message()));
  }
  if (std::equal(bytes.begin(), bytes.end(), found->begin(), found->end())) return Status::Ok();
  return unchanged(&*found) ? failure : Taken(path);
}

Status PutNew(const std::string& path, ConstByteSpan bytes, TemporaryName* temporary,
              bool durable) {
  const std::string folder = ParentOf(path);
  const int error = LinkOrRename(temporary->path(), path);
  if (error != 0) {
    TSNAP_TRY(Settle(path, bytes, error,
                     [&](const Bytes* found) { return found == nullptr && error != EEXIST; }));
  }
  return SyncNames(folder, path, durable);
}

Status PutOver(const std::string& path, ConstByteSpan bytes, const Version& expected,
               TemporaryName* temporary, bool durable, double lock_timeout_seconds) {
  const std::string folder = ParentOf(path);
  TSNAP_ASSIGN(const FolderLock lock, FolderLock::Acquire(folder, lock_timeout_seconds));
  const Result<Bytes> found = ReadWhole(path, kMostSmallBytes);
  if (!found.ok() && found.status().code() == Code::kNotFound) {
    return Exists(fmt::format("writing {}: what was to be replaced was removed meanwhile", path));
  }
  if (!found.ok()) return found.status();
  if (VersionOf(*found) != expected) return Taken(path);
  if (::rename(temporary->path().c_str(), path.c_str()) != 0) {
    TSNAP_TRY(Settle(path, bytes, errno, [&](const Bytes* now) {
      return now != nullptr && VersionOf(*now) == expected;
    }));
  } else {
    temporary->Gone();
  }
  return SyncNames(folder, path, durable);
}

}  // namespace

Version VersionOf(ConstByteSpan bytes) {
  const Hash128 hash = HashContent(bytes);
  return {fmt::format("{:016x}{:016x}", hash.high, hash.low)};
}

Result<Bytes> ReadWhole(const std::string& path, uint64_t max_bytes) {
  TSNAP_ASSIGN(const Descriptor file, OpenToRead(path));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return FailedTo("asking for the size of", path, errno);
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
  const std::string folder = ParentOf(path);
  TemporaryName temporary(TemporaryBeside(path));
  TSNAP_TRY(WriteTemporary(temporary.path(), bytes, durable));
  if (::rename(temporary.path().c_str(), path.c_str()) != 0)
    return FailedTo("writing", path, errno);
  temporary.Gone();
  return SyncNames(folder, path, durable);
}

Status PutIf(const std::string& path, ConstByteSpan bytes, const Version& expected, bool durable,
             double lock_timeout_seconds) {
  TemporaryName temporary(TemporaryBeside(path));
  TSNAP_TRY(WriteTemporary(temporary.path(), bytes, durable));
  if (expected.tag.empty()) return PutNew(path, bytes, &temporary, durable);
  return PutOver(path, bytes, expected, &temporary, durable, lock_timeout_seconds);
}

Status RemoveIf(const std::string& path, const Version& expected, double lock_timeout_seconds) {
  const std::string folder = ParentOf(path), lock_name = fmt::format("{}/{}", folder, kLockName);
  TSNAP_ASSIGN(const FolderLock lock, FolderLock::Acquire(folder, lock_timeout_seconds));
  const Result<Bytes> found = ReadWhole(path, kMostSmallBytes);
  if (!found.ok()) return found.status();
  if (VersionOf(*found) != expected)
    return Exists(fmt::format("removing {}: another one is there", path));
  // After a lost answer it is gone all the same.
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return FailedTo("removing", path, errno);
  // Nobody needs it now, so that an empty place may go; who waits for it sees that it has gone and
  // makes another.
  ::unlink(lock_name.c_str());
  return Status::Ok();
}

}  // namespace tsnap::posix
