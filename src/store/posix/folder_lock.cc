#include "store/posix/folder_lock.h"

#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include <fmt/format.h>

namespace tsnap::posix {

namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(5);

bool MeansNoLocks(int error) {
  return error == ENOLCK || error == EOPNOTSUPP || error == ENOSYS || error == EINVAL;
}

// Who emptied the place while we waited took the file's name away: its lock keeps nobody out any
// more.
bool StillNamed(int fd, const std::string& path) {
  struct stat opened {
  }, named{};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

}  // namespace

Result<FolderLock> FolderLock::Acquire(const std::string& folder, double timeout_seconds) {
  const std::string path = fmt::format("{}/{}", folder, kLockName);
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(timeout_seconds);
  while (true) {
    TSNAP_ASSIGN(Descriptor file, Open(path, O_RDWR | O_CREAT, "opening the lock file"));
    while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (MeansNoLocks(errno)) return FolderLock(Descriptor());
      if (errno != EWOULDBLOCK && errno != EINTR) return FailedTo("locking", path, errno);
      if (std::chrono::steady_clock::now() >= deadline) {
        return Status(
            Code::kTimeout,
            fmt::format(
                "locking {}: another process holds it since {} seconds; see which one writes there",
                path, timeout_seconds));
      }
      std::this_thread::sleep_for(kPollInterval);
    }
    if (StillNamed(file.get(), path)) return FolderLock(std::move(file));
  }
}

}  // namespace tsnap::posix
