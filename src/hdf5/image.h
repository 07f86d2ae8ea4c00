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
  // What it has, into an empty file, which gets its length; holes stay holes.
  Status CopyTo(int fd) const;

 private:
  int fd_ = -1;
  int error_ = 0;
};

}  // namespace tsnap::hdf5
