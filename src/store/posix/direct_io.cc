#include "store/posix/direct_io.h"

#include <fcntl.h>
#include <sys/statfs.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>

#include "store/posix/files.h"

namespace tsnap::posix {

namespace {

// Magic numbers of file systems (linux/magic.h and the headers of Lustre and Spectrum Scale) where
// direct writes pay: they own their disks, and the page cache is only a copy on the way. The others
// are left buffered: tmpfs is the page cache, overlay and FUSE hand on to who knows what, NFS and
// SMB gather better than we do, btrfs and ZFS checksum (and compress) what is in the cache and fall
// back to it.
constexpr long kDirectPays[] = {
    0xef53,      // ext2, ext3, ext4
    0x58465342,  // XFS
    0x0bd00bd0,  // Lustre
    0x47504653,  // Spectrum Scale
};

bool DirectPays(const std::string& folder) {
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0) return false;
  for (const long magic : kDirectPays) {
    if (static_cast<long>(info.f_type) == magic) return true;
  }
  return false;
}

bool MeansUnsupported(int error) {
  return error == EINVAL || error == EOPNOTSUPP || error == ENOSYS;
}

// A file without a name where the file system knows such: many ranks probe at once, and names in
// one folder are dear. Sets errno when it fails.
Descriptor OpenProbe(const std::string& folder) {
  if (const int fd = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_DIRECT | O_CLOEXEC, 0600);
      fd >= 0)
    return Descriptor(fd);
  const std::string probe = TemporaryBeside(folder + "/probe");
  Descriptor file(::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_DIRECT | O_CLOEXEC, 0600));
  const int error = errno;
  ::unlink(probe.c_str());  // some file systems make the file before they refuse the flag
  errno = error;
  return file;
}

// Opens and writes one block for real: a file system may take the flag and refuse the write. 0 or
// the errno.
int ProbeDirect(const std::string& folder) {
  const std::unique_ptr<void, decltype(&std::free)> block(
      std::aligned_alloc(kDirectAlignment, kDirectAlignment), &std::free);
  if (!block) return ENOMEM;
  std::memset(block.get(), 0, kDirectAlignment);
  const Descriptor file = OpenProbe(folder);
  if (!file) return errno;
  ssize_t wrote = 0;
  do {
    wrote = ::pwrite(file.get(), block.get(), kDirectAlignment, 0);
  } while (wrote < 0 && errno == EINTR);
  if (wrote < 0) return errno;
  return wrote == static_cast<ssize_t>(kDirectAlignment) ? 0 : EINVAL;
}

}  // namespace

Result<bool> UseDirectIo(const std::string& folder, int setting) {
  if (setting == 2 || (setting == 0 && !DirectPays(folder))) return false;
  const int error = ProbeDirect(folder);
  if (error == 0) return true;
  // By file system, what really stands in the way (no space, no permission) shows when the first
  // file is made.
  if (setting == 0) return false;
  if (!MeansUnsupported(error)) return FailedTo("probing direct I/O in", folder, error);
  return Unsupported(
      fmt::format("direct I/O is switched on, but the file system at {} does not support it: "
                  "switch direct_io off",
                  folder));
}

}  // namespace tsnap::posix
