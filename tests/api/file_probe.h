// Stands between the library and the operating system: counts the bytes that this process really reads from a snapshot's files,
// and makes writes wait or fail. The functions of the C library are defined anew in the program, which the library then calls.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tsnap::test {

struct FileReads {
  uint64_t data_bytes = 0, data_reads = 0;    // of slabs
  uint64_t index_bytes = 0, index_reads = 0;  // of index parts
  uint64_t record_bytes = 0;
  uint64_t in_place_bytes = 0;   // of slabs, straight into the memory that is watched
};

// Since the last call.
FileReads TakeFileReads();

// The memory of the user that reads are looked for in.
void WatchMemory(const void* begin, size_t bytes);

// From now on writes to slabs fail with this errno; 0 = they work.
void FailWrites(int error);
// From now on writes to slabs wait; false lets them go on. Failing comes after waiting.
void HoldWrites(bool held);

}  // namespace tsnap::test
