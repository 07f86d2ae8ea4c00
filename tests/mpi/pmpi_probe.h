// Stands between the code under test and MPI (the profiling interface of the MPI standard): counts
// what this process sends, and makes a chosen call fail. Link pmpi_probe.cc into the test program.
#pragma once

#include <cstdint>

namespace tsnap::test {

struct MpiTraffic {
  uint64_t messages = 0;  // point-to-point messages started here
  uint64_t message_bytes = 0;
  uint64_t collectives = 0;       // collective operations started here
  uint64_t collective_bytes = 0;  // what this rank puts into them
};

// Of the calling thread.
MpiTraffic& Traffic();

// From here on calls of MPI by any other thread than this one are counted.
void WatchThreads();
uint64_t CallsByOtherThreads();

// The nth call of a kind from here on, by any thread of this process, returns MPI_ERR_OTHER and is
// not done.
enum class MpiCall { kNone, kIbarrier, kIallreduce, kIssend, kIallgather, kIdup };
void FailNth(MpiCall call, int64_t n);
inline void FailNext(MpiCall call) { FailNth(call, 1); }
// Ends that; returns how many calls of the kind there were.
int64_t CallsSeen();

}  // namespace tsnap::test
