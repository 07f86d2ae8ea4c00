// Comm: how ranks talk. Every function is collective: all ranks call it in the same order. Each
// wait is bounded: a rank that does not arrive within the timeout makes it kTimeout, and from then
// on the communicator is broken: every later call fails at once with kTimeout and closing it is
// local. No third-party name appears here; src/comm/mpi knows MPI.
//
// The application's thread uses one communicator, the library's background thread another one of
// the same ranks, its twin: what the two say never meets. Each is used by one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/node_memory.h"
#include "base/status.h"
#include "base/timeline.h"

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
  // What the ranks of this node share; memory of this process where that cannot be had, null where
  // there is none at all. Not of a twin.
  virtual std::shared_ptr<NodeMemory> node_memory() { return nullptr; }
  virtual bool broken() const = 0;
  // From now on broken, without waiting for anyone. Any thread: an operation that waits ends.
  virtual void Break() = 0;
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

  // Collective: a communicator of the same ranks for the background thread, with the same timeout.
  virtual Result<std::unique_ptr<Comm>> MakeTwin() = 0;
  // Of a twin: its thread may not talk by itself (MPI allows one thread only) and goes on in
  // visits.
  virtual bool needs_visits() const { return false; }
  // By the application's thread: lets the background thread talk until it has to wait.
  virtual void Visit() {}

  // How long operations have waited for other ranks so far.
  double waited_seconds() const { return static_cast<double>(waited_ns_.load()) * 1e-9; }
  void set_timeline(Timeline* timeline) { timeline_ = timeline; }  // may be null

 protected:
  void NoteWait(int64_t begin_ns, int64_t end_ns) noexcept {
    waited_ns_ += end_ns - begin_ns;
    if (timeline_ == nullptr) return;
    Span span;
    span.activity = Activity::kWaitRanks;
    span.begin_ns = begin_ns;
    span.end_ns = end_ns;
    timeline_->Add(span);
  }

 private:
  std::atomic<int64_t> waited_ns_{0};
  Timeline* timeline_ = nullptr;
};

// One process, no MPI.
std::unique_ptr<Comm> MakeSelfComm();

}  // namespace tsnap
