#include "hdf5/bytes_at.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tsnap::hdf5 {

namespace {

constexpr size_t kMostBytesPerCall = size_t{1} << 30;

}  // namespace

int ReadAt(int fd, uint64_t address, size_t bytes, void* out) noexcept {
  auto* to = static_cast<char*>(out);
  while (bytes > 0) {
    const ssize_t got =
        ::pread(fd, to, std::min(bytes, kMostBytesPerCall), static_cast<off_t>(address));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) {
      std::memset(to, 0, bytes);
      return 0;
    }
    to += got;
    address += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
  return 0;
}

int WriteAt(int fd, uint64_t address, size_t bytes, const void* in) noexcept {
  const auto* from = static_cast<const char*>(in);
  while (bytes > 0) {
    const ssize_t wrote =
        ::pwrite(fd, from, std::min(bytes, kMostBytesPerCall), static_cast<off_t>(address));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return wrote < 0 ? errno : EIO;
    from += wrote;
    address += static_cast<uint64_t>(wrote);
    bytes -= static_cast<size_t>(wrote);
  }
  return 0;
}

}  // namespace tsnap::hdf5
