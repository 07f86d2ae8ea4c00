#include "store/posix/read_ahead.h"

#include <fcntl.h>
#include <sys/statfs.h>

#include <algorithm>

#include "base/knobs.h"

namespace tsnap::posix {

namespace {

// Magic numbers (linux/magic.h) of file systems whose reads are Linux's generic ones, over a page
// cache. Network and parallel ones have caches and readahead of their own, or hand on requests as
// they come: they get whole transfers and no hints. On memory file systems a hint does nothing and
// costs as much.
constexpr uint64_t kOverPageCache[] = {
    0xef53,      // ext2, ext3, ext4
    0x58465342,  // XFS
    0x9123683e,  // btrfs
    0xf2f52010,  // F2FS
    0x01021994,  // tmpfs
    0x794c7630,  // overlayfs, which hands both on to the files below
};

// One call fetches at most the readahead window of the file or one request of the device, whichever
// is larger, and drops the rest without a word. 128 KiB is Linux's default window; the block
// layer joins neighbours.
constexpr uint64_t kStepBytes = 128 * 1024;

}  // namespace

bool CanReadAhead(const std::string& folder) {
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0) return false;
  const auto magic = static_cast<uint64_t>(info.f_type) & 0xffffffff;
  return std::find(std::begin(kOverPageCache), std::end(kOverPageCache), magic) !=
         std::end(kOverPageCache);
}

void ExpectReads(int fd, bool announced) {
  ::posix_fadvise(fd, 0, 0, announced ? POSIX_FADV_RANDOM : POSIX_FADV_SEQUENTIAL);
}

bool ReadAhead(int fd, uint64_t offset, uint64_t bytes) {
  if (offset > static_cast<uint64_t>(INT64_MAX) || bytes > INT64_MAX - offset) return true;
  while (bytes > 0) {
    const uint64_t step = std::min(bytes, kStepBytes);
    if (::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(step),
                        POSIX_FADV_WILLNEED) != 0)
      return false;
    offset += step;
    bytes -= step;
  }
  return true;
}

}  // namespace tsnap::posix
