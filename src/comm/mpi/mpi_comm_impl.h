// The class behind MakeMpiComm, shared by mpi_comm.cc (simple collectives) and exchange.cc (sparse
// messages).
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string_view>
#include <vector>

#include "comm/mpi/gate.h"
#include "comm/mpi/mpi_comm.h"
#include "comm/mpi/node_ring.h"
#include "comm/mpi/wait.h"

namespace tsnap {

// Everything that MPI may read or write while an operation is in flight: no user memory is ever
// given to MPI, and this is never freed once the communicator is broken, for nothing in MPI takes
// an operation back for certain. All of it is allocated before the first collective, so that none
// can fail half way for want of memory. Pages that are not used are not touched.
struct InFlight {
  static constexpr size_t kPieceBytes = size_t{1} << 20;  // of a long message
  // Of a broadcast: small enough to stay in the cache while copied and sent on, several under way.
  static constexpr size_t kBcastPieceBytes = size_t{256} << 10;
  static constexpr size_t kBcastSlots = 8;
  static constexpr size_t kReduceValues = 8192;
  static constexpr size_t kFirstBytes = 4096;  // of a message: its length, then as much as fits
  static constexpr size_t kSendSlots = 64;

  explicit InFlight(int size);

  std::unique_ptr<uint64_t[]> reduce_in, reduce_out;  // kReduceValues each
  uint64_t gather_in = 0;
  std::unique_ptr<uint64_t[]> gather_out;  // one per rank
  std::array<std::unique_ptr<std::byte[]>, kBcastSlots> bcast;
  std::array<NodeMemory::Address, 2> node_addresses;  // of the node's memory and of its ring

  std::vector<Message> outgoing;           // pieces after the first are sent from here
  std::vector<Message> incoming;           // and received into here
  std::unique_ptr<std::byte[]> first_out;  // kSendSlots times kFirstBytes
  std::unique_ptr<std::byte[]> scratch;    // first pieces, and pieces that are dropped
  std::array<MPI_Request, kSendSlots> sends;
  std::array<int, kSendSlots> completed;

  // The message of each source of which some pieces are still to come.
  static constexpr size_t kDropped = SIZE_MAX;
  struct Inbound {
    uint64_t remaining;
    uint64_t total;
    size_t message;  // index in incoming, or kDropped
  };
  std::unique_ptr<Inbound[]> inbound;  // one per rank
};

class MpiComm final : public Comm {
 public:
  MpiComm(double timeout_seconds, std::string_view node_name) : node_name_(node_name) {
    manner_.timeout_seconds = timeout_seconds;
  }
  ~MpiComm() override;
  MpiComm(const MpiComm&) = delete;
  MpiComm& operator=(const MpiComm&) = delete;

  // Once, before anything else. Prepare is local and may throw std::bad_alloc, then Open,
  // collective.
  Status Prepare(MPI_Comm user);
  Status Open(MPI_Comm user);
  // Behind it, collective; not for a twin.
  Status ShareNodeMemory();
  // From here on another thread uses it, in the background: it sleeps longer, and goes on in visits
  // where MPI allows one thread only.
  void GoToBackground();

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_ranks() const override { return local_ranks_; }
  std::shared_ptr<NodeMemory> node_memory() override { return node_memory_; }
  bool broken() const override { return broken_; }
  void Break() override;
  void set_timeout_seconds(double seconds) override { manner_.timeout_seconds = seconds; }
  void set_idle(std::function<void()> idle) override { manner_.idle.call = std::move(idle); }

  Status Allreduce(std::span<uint64_t> values, Op op) override;
  Status Allgather(uint64_t mine, std::vector<uint64_t>* all) override;
  Status Bcast(ByteSpan bytes, int root) override;
  Status Barrier() override;
  Result<std::vector<Message>> Exchange(std::vector<Message> outgoing) override;

  Result<std::unique_ptr<Comm>> MakeTwin() override;
  bool needs_visits() const override { return manner_.gate.driven(); }
  void Visit() override { manner_.gate.Visit(); }

 private:
  struct ExchangeRun;  // the state of one Exchange; exchange.cc
  struct NodeTree;     // of one broadcast; node_bcast.cc

  // Messages between relays; exchanges have the tags below.
  static constexpr int kRelayTag = 32767;

  // One operation: visitors wait for its pauses, and its time counts as waiting.
  class Operation {
   public:
    explicit Operation(MpiComm& comm) : comm_(comm), begin_ns_(UnixNanoseconds()) {
      comm_.manner_.gate.Enter();
    }
    ~Operation() {
      comm_.manner_.gate.Leave();
      comm_.NoteWait(begin_ns_, UnixNanoseconds());
    }
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

   private:
    MpiComm& comm_;
    const int64_t begin_ns_;
  };

  Status Duplicate(MPI_Comm user);
  Status FindNodes();
  Status OpenRing(std::shared_ptr<NodeMemory> memory);
  Status Gather(uint64_t mine);  // into in_flight_->gather_out

  // kTimeout when the communicator is broken.
  Status Usable(std::string_view operation) const;
  // Each breaks the communicator.
  Status MpiFailure(int mpi_code, std::string_view operation);
  Status TimedOut(const Backoff& backoff, std::string_view operation);
  Status Check(int mpi_code, std::string_view operation) {
    return mpi_code == MPI_SUCCESS ? Status::Ok() : MpiFailure(mpi_code, operation);
  }
  // Makes an MPI call, on the thread that may make it.
  template <class Call>
  Status Do(std::string_view operation, Call&& call) {
    int code = MPI_SUCCESS;
    if (!manner_.gate.Call([&] { code = call(); })) return Usable(operation);
    return Check(code, operation);
  }
  Status Wait(MPI_Request* request, std::string_view operation);

  // The two ways to broadcast.
  Status BcastFlat(ByteSpan bytes, int root);
  Status BcastByNode(ByteSpan bytes, int root);
  Status TakeFromRing(ByteSpan bytes, uint64_t first);
  Status Relay(ByteSpan bytes, uint64_t first, const NodeTree& tree);
  Status PauseAtRing(Backoff* backoff);

  // Part of Exchange; each says in *moved whether there was something to do.
  Status StartSends(ExchangeRun* run, bool* moved);
  Status StartSend(ExchangeRun* run, size_t slot);
  Status FinishSends(ExchangeRun* run, bool* moved);
  Status ReceiveOne(ExchangeRun* run, bool* moved);
  void BeginMessage(ExchangeRun* run, int source, const std::byte* first, size_t first_bytes);

  std::unique_ptr<MPI_Comm> comm_;  // MPI writes to it when the duplication is done
  int rank_ = 0;
  int size_ = 1;
  const std::string_view node_name_;  // only until Open has ended
  int local_ranks_ = 1;
  std::vector<uint32_t> node_of_;  // of each rank
  std::vector<int> relays_;        // of each node: its lowest rank
  std::shared_ptr<NodeMemory> node_memory_;
  std::unique_ptr<NodeRing> ring_;  // where some node has several ranks and all nodes have a ring
  uint64_t ring_pieces_ = 0;        // that went through it so far
  std::atomic<bool> broken_{false};
  Backoff::Manner manner_;
  uint32_t exchange_count_ = 0;
  std::unique_ptr<InFlight> in_flight_;
};

}  // namespace tsnap
