// Image: a file in memory in which HDF5 lays a new file out. HDF5 does not survive a device that is
// full when it closes a file (1.10.8 then ends the process at its exit); and small writes here and
// there are slow on parallel file systems. Datasets whose bytes nobody has written take no memory.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace tsnap::hdf5 {

class Image {
 public:
  Image();
  ~Image();
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  Status status() const;     // of making it
  std::string path() const;  // for HDF5 to open
  // What it has, into a file that has nothing but what lies in [kept_begin, kept_end), and keeps
  // that; it gets the image's length, and holes stay holes.
  Status CopyTo(int fd, uint64_t kept_begin, uint64_t kept_end) const;

 private:
  Status CopyRange(int fd, int64_t from, int64_t to) const;

  int fd_ = -1;
  int error_ = 0;
};

}  // namespace tsnap::hdf5
