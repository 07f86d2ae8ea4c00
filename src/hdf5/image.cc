#include "hdf5/image.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/bytes.h"
#include "hdf5/bytes_at.h"

namespace tsnap::hdf5 {

namespace {

constexpr off_t kBufferBytes = 1 << 20;

}  // namespace

Image::Image() : fd_(memfd_create("tsnap-hdf5", MFD_CLOEXEC)), error_(fd_ < 0 ? errno : 0) {}

Image::~Image() {
  if (fd_ >= 0) close(fd_);
}

Status Image::status() const {
  return error_ == 0 ? Status::Ok() : Status::FromErrno(error_, "making a file in memory");
}

std::string Image::path() const { return fmt::format("/proc/self/fd/{}", fd_); }

// What is a hole and what is not goes by pages, which may be large ones.
Status Image::CopyTo(int fd, uint64_t kept_begin, uint64_t kept_end) const {
  struct stat info {};
  if (fstat(fd_, &info) != 0) return Status::FromErrno(errno, "asking for the image's length");
  if (ftruncate(fd, info.st_size) != 0) return Status::FromErrno(errno, "setting its length");
  if (kept_begin >= kept_end) return CopyRange(fd, 0, info.st_size);
  TSNAP_TRY(CopyRange(fd, 0, static_cast<int64_t>(kept_begin)));
  return CopyRange(fd, static_cast<int64_t>(kept_end), info.st_size);
}

Status Image::CopyRange(int fd, int64_t from, int64_t to) const {
  Bytes buffer(static_cast<size_t>(kBufferBytes));
  for (off_t at = from; at < to;) {
    const off_t begin = lseek(fd_, at, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) break;  // nothing but a hole is left
    const off_t hole = begin < 0 ? -1 : lseek(fd_, begin, SEEK_HOLE);
    if (hole < 0) return Status::FromErrno(errno, "reading the image");
    const off_t end = std::min<off_t>(hole, to);
    if (begin >= end) break;
    for (at = begin; at < end;) {
      const auto want = static_cast<size_t>(std::min(end - at, kBufferBytes));
      const ssize_t got = pread(fd_, buffer.data(), want, at);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return Status::FromErrno(got < 0 ? errno : EIO, "reading the image");
      const int error =
          WriteAt(fd, static_cast<uint64_t>(at), static_cast<size_t>(got), buffer.data());
      if (error != 0) return Status::FromErrno(error, "writing its structure");
      at += got;
    }
  }
  return Status::Ok();
}

}  // namespace tsnap::hdf5
