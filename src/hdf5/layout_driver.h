// The driver through which HDF5 lays a file out whose chunks are written already, by others: HDF5
// only learns where they are, and makes the structure around them.
//
//   [0, kChunksBegin)           the superblock, which has to be here
//   [kChunksBegin, chunks_end)  the chunks: nothing is allocated, and nothing is written
//   [chunks_end, ...)           everything else
//
// A chunk that is inserted asks for room and is written like any other raw data. It gets the room
// that it has, and its bytes are dropped. For this to be certain HDF5 must come here for each piece
// of raw data: the driver offers no aggregation, and aligns by itself, since fragments of HDF5's
// own alignment would be given to later chunks.
#pragma once

#include <hdf5.h>

#include <cstdint>

#include "base/status.h"

namespace tsnap::hdf5 {

// What the driver is to do, and has done; outlives the file.
class Layout {
 public:
  // alignment: of what has 1 MiB and more.
  Layout(uint64_t chunks_end, uint64_t alignment)
      : chunks_end_(chunks_end), alignment_(alignment) {}
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;

  // Sets it in a list of file access properties; negative when that failed.
  herr_t Use(hid_t file_access);
  // The next raw data that HDF5 asks room for is this chunk.
  void Expect(haddr_t address, hsize_t bytes);
  // Whether it has come.
  bool HasCome() const { return expected_ == HADDR_UNDEF; }
  // HDF5 does not survive a write that fails when it closes a file: such are told here.
  Status status() const;

 private:
  friend struct LayoutFile;

  haddr_t Allocate(H5FD_mem_t type, hsize_t bytes);
  haddr_t Append(hsize_t bytes, uint64_t alignment);
  void SetEnd(haddr_t address);
  // Of what is written at [address, address + bytes).
  bool IsOfChunks(haddr_t address, hsize_t bytes) const;
  void Failed(int error);

  const uint64_t chunks_end_, alignment_;
  haddr_t expected_ = HADDR_UNDEF;
  hsize_t expected_bytes_ = 0;
  haddr_t end_ = 0;                            // of all that is allocated
  haddr_t structure_ = 0, structure_end_ = 0;  // room for more of it
  int error_ = 0;
};

}  // namespace tsnap::hdf5
