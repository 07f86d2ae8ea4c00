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

// Magic numbers of file systems (linux/magic.h and the Lustre headers) where direct writes pay.
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

bool IsRefusal(int error) { return error == EINVAL || error == EOPNOTSUPP || error == ENOSYS; }

// Opens and writes one block for real: a file system may take the flag and refuse the write.
// kUnsupported when it refuses either; a disk that fails or is full is told as such.
Status TryDirect(const std::string& folder) {
  const std::string probe = TemporaryBeside(folder + "/probe");
  const auto failed = [&](int error) {
    if (!IsRefusal(error)) return FailedTo("probing direct I/O with", probe, error);
    return Unsupported(
        fmt::format("direct I/O is switched on, but the file system at {} does not support it: "
                    "switch direct_io off",
                    folder));
  };
  const Descriptor file(
      ::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_DIRECT | O_CLOEXEC, 0666));
  const int error = errno;
  ::unlink(probe.c_str());  // some file systems make the file before they refuse the flag
  if (!file) return failed(error);
  const std::unique_ptr<void, decltype(&std::free)> block(
      std::aligned_alloc(kDirectAlignment, kDirectAlignment), &std::free);
  if (!block) return Status::NoMemory();
  std::memset(block.get(), 0, kDirectAlignment);
  const ssize_t wrote = ::pwrite(file.get(), block.get(), kDirectAlignment, 0);
  if (wrote == static_cast<ssize_t>(kDirectAlignment)) return Status::Ok();
  return failed(wrote < 0 ? errno : EINVAL);
}

}  // namespace

Result<bool> UseDirectIo(const std::string& folder, int setting) {
  if (setting == 2 || (setting == 0 && !DirectPays(folder))) return false;
  Status tried = TryDirect(folder);
  if (tried.ok()) return true;
  if (setting == 0) return false;  // what is wrong shows when the data is written
  return tried;
}

}  // namespace tsnap::posix
