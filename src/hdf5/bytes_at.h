// Bytes at an address of an open file, whole: what the drivers that HDF5 calls, and the copy of an
// image, have in common.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tsnap::hdf5 {

// Both return 0, or the errno of what failed. What lies behind the end reads as zeros, as with
// HDF5's own drivers.
int ReadAt(int fd, uint64_t address, size_t bytes, void* out) noexcept;
int WriteAt(int fd, uint64_t address, size_t bytes, const void* in) noexcept;

}  // namespace tsnap::hdf5
