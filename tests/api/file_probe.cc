// See file_probe.h. Both names of each call are defined: which one is used depends on how the caller was compiled.
#undef _FILE_OFFSET_BITS
#include "file_probe.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace tsnap::test {
namespace {

std::atomic<uint64_t> data_bytes{0}, data_reads{0}, index_bytes{0}, index_reads{0}, record_bytes{0}, in_place_bytes{0};
std::atomic<uintptr_t> watched_begin{0}, watched_end{0};
std::atomic<int> write_error{0};
std::atomic<bool> writes_held{false};

enum class Sort { kOther, kData, kIndex, kRecord };

Sort SortOf(int file) {
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = syscall(SYS_readlink, link, path, sizeof path - 1);
  if (length <= 0) return Sort::kOther;
  path[length] = '\0';
  if (std::strstr(path, "/data/") != nullptr) return Sort::kData;
  if (std::strstr(path, "/index/") != nullptr) return Sort::kIndex;
  return std::strstr(path, "tsnap.json") != nullptr ? Sort::kRecord : Sort::kOther;
}

ssize_t Count(int file, ssize_t bytes) {
  if (bytes <= 0) return bytes;
  const int error = errno;
  const auto moved = static_cast<uint64_t>(bytes);
  switch (SortOf(file)) {
    case Sort::kData:
      data_bytes += moved;
      ++data_reads;
      break;
    case Sort::kIndex:
      index_bytes += moved;
      ++index_reads;
      break;
    case Sort::kRecord:
      record_bytes += moved;
      break;
    case Sort::kOther:
      break;
  }
  errno = error;
  return bytes;
}

// Bytes that a read moved to one or several places in turn.
ssize_t CountTo(int file, const struct iovec* parts, int count, ssize_t bytes) {
  Count(file, bytes);
  if (bytes <= 0 || SortOf(file) != Sort::kData) return bytes;
  auto left = static_cast<size_t>(bytes);
  for (int i = 0; i < count && left > 0; ++i) {
    const auto begin = reinterpret_cast<uintptr_t>(parts[i].iov_base);
    const size_t moved = parts[i].iov_len < left ? parts[i].iov_len : left;
    if (begin >= watched_begin && begin + moved <= watched_end) in_place_bytes += moved;
    left -= moved;
  }
  return bytes;
}

bool Refuses(int file) {
  if (writes_held && SortOf(file) == Sort::kData) writes_held.wait(true);
  const int error = write_error;
  if (error == 0 || SortOf(file) != Sort::kData) return false;
  errno = error;
  return true;
}

}  // namespace

FileReads TakeFileReads() {
  return {data_bytes.exchange(0), data_reads.exchange(0), index_bytes.exchange(0), index_reads.exchange(0), record_bytes.exchange(0),
          in_place_bytes.exchange(0)};
}

void WatchMemory(const void* begin, size_t bytes) {
  watched_begin = reinterpret_cast<uintptr_t>(begin);
  watched_end = watched_begin + bytes;
}

void FailWrites(int error) { write_error = error; }

void HoldWrites(bool held) {
  writes_held = held;
  writes_held.notify_all();
}

}  // namespace tsnap::test

using tsnap::test::Count;
using tsnap::test::CountTo;
using tsnap::test::Refuses;

extern "C" {

ssize_t read(int file, void* data, size_t bytes) { return Count(file, syscall(SYS_read, file, data, bytes)); }

ssize_t pread64(int file, void* data, size_t bytes, off64_t offset) {
  const struct iovec part = {data, bytes};
  return CountTo(file, &part, 1, syscall(SYS_pread64, file, data, bytes, offset));
}
ssize_t pread(int file, void* data, size_t bytes, off_t offset) { return pread64(file, data, bytes, offset); }

ssize_t preadv64(int file, const struct iovec* parts, int count, off64_t offset) {
  return CountTo(file, parts, count, syscall(SYS_preadv, file, parts, static_cast<long>(count), offset, 0L));
}
ssize_t preadv(int file, const struct iovec* parts, int count, off_t offset) { return preadv64(file, parts, count, offset); }

ssize_t write(int file, const void* data, size_t bytes) { return Refuses(file) ? -1 : syscall(SYS_write, file, data, bytes); }

ssize_t pwrite64(int file, const void* data, size_t bytes, off64_t offset) {
  return Refuses(file) ? -1 : syscall(SYS_pwrite64, file, data, bytes, offset);
}
ssize_t pwrite(int file, const void* data, size_t bytes, off_t offset) { return pwrite64(file, data, bytes, offset); }

ssize_t pwritev64(int file, const struct iovec* parts, int count, off64_t offset) {
  return Refuses(file) ? -1 : syscall(SYS_pwritev, file, parts, static_cast<long>(count), offset, 0L);
}
ssize_t pwritev(int file, const struct iovec* parts, int count, off_t offset) { return pwritev64(file, parts, count, offset); }

}  // extern "C"
