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
    0xef53,        // ext2, ext3, ext4
    0x58465342,    // XFS
    0x0bd00bd0,    // Lustre
    0x47504653,    // Spectrum Scale
};

bool DirectPays(const std::string& folder) {
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0) return false;
  for (const long magic : kDirectPays) {
    if (static_cast<long>(info.f_type) == magic) return true;
  }
  return false;
}

// Opens and writes one block for real: a file system may take the flag and refuse the write.
bool DirectWorks(const std::string& folder) {
  const std::string probe = TemporaryBeside(folder + "/probe");
  Result<Descriptor> file = Open(probe, O_WRONLY | O_CREAT | O_EXCL | O_DIRECT, "probing direct I/O with");
  if (!file.ok()) {
    ::unlink(probe.c_str());   // some file systems make the file before they refuse the flag
    return false;
  }
  ::unlink(probe.c_str());
  const std::unique_ptr<void, decltype(&std::free)> block(std::aligned_alloc(kDirectAlignment, kDirectAlignment), &std::free);
  if (!block) return false;
  std::memset(block.get(), 0, kDirectAlignment);
  return ::pwrite(file->get(), block.get(), kDirectAlignment, 0) == static_cast<ssize_t>(kDirectAlignment);
}

}  // namespace

Result<bool> UseDirectIo(const std::string& folder, int setting) {
  if (setting == 2 || (setting == 0 && !DirectPays(folder))) return false;
  if (DirectWorks(folder)) return true;
  if (setting == 0) return false;
  return Unsupported(fmt::format("direct I/O is switched on, but the file system at {} does not support it: switch direct_io off",
                                 folder));
}

}  // namespace tsnap::posix
