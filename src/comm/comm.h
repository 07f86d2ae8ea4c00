// Comm: how ranks talk. Every function is collective: all ranks call it in the same order. Each
// wait is bounded: a rank that does not arrive within the timeout makes it kTimeout, and from then
// on the communicator is broken: every later call fails at once with kTimeout and closing it is
// local. No third-party name appears here; src/comm/mpi knows MPI.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace tsnap {

struct Message {
  int peer = 0;  // destination when sent, source when received
  Bytes bytes;
};

class Comm {
 public:
  virtual ~Comm() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int local_ranks() const = 0;  // ranks on this node
  virtual bool broken() const = 0;
  virtual void Break() = 0;  // from now on broken, without waiting for anyone
  virtual void set_timeout_seconds(double seconds) = 0;
  // Called now and then while waiting (at most about once a second), for example to keep a marker
  // fresh.
  virtual void set_idle(std::function<void()> idle) = 0;

  enum class Op { kMin, kMax, kSum };
  virtual Status Allreduce(std::span<uint64_t> values, Op op) = 0;  // in place
  virtual Status Allgather(uint64_t mine, std::vector<uint64_t>* all) = 0;
  virtual Status Bcast(ByteSpan bytes, int root) = 0;  // any length, same on all ranks
  virtual Status Barrier() = 0;
  // Sends each message to its peer (itself included) and returns what others sent here, ordered by
  // source; cost grows with the number of messages, not of ranks. When memory for a received
  // message runs out the exchange is completed all the same and kNoMemory is returned here only:
  // agree after it.
  virtual Result<std::vector<Message>> Exchange(std::vector<Message> outgoing) = 0;
};

// One process, no MPI.
std::unique_ptr<Comm> MakeSelfComm();

}  // namespace tsnap
