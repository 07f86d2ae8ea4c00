// The simple collectives, and the life of the communicator. Every operation: start it on memory of
// InFlight, wait for it, copy the result out. A failure at any point leaves the operation to MPI
// and the communicator broken.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <new>
#include <numeric>

#include "comm/mpi/mpi_comm_impl.h"

namespace tsnap {
namespace {

template <class T>
std::unique_ptr<T[]> Uninitialised(size_t count) {
  return std::make_unique_for_overwrite<T[]>(count);
}

MPI_Op MpiOp(Comm::Op op) {
  switch (op) {
    case Comm::Op::kMin:
      return MPI_MIN;
    case Comm::Op::kMax:
      return MPI_MAX;
    case Comm::Op::kSum:
      return MPI_SUM;
  }
  return MPI_SUM;
}

// The same on ranks that share a node, another elsewhere. The kernel's boot id says it even of
// containers with host names of their own; where it cannot be read the host name must do.
uint64_t NodeId(std::string_view name) {
  char text[256] = {};
  size_t length = std::min(name.size(), sizeof text);
  std::copy_n(name.data(), length, text);
  if (length > 0) {
    // Named by the user.
  } else if (std::FILE* file = std::fopen("/proc/sys/kernel/random/boot_id", "re");
             file != nullptr) {
    length = std::fread(text, 1, sizeof text, file);
    std::fclose(file);
  }
  if (length == 0 && gethostname(text, sizeof text - 1) == 0) length = std::strlen(text);
  uint64_t hash =
      14695981039346656037u;  // FNV-1a: the same in every process, and nobody attacks it
  for (size_t i = 0; i < length; ++i)
    hash = (hash ^ static_cast<unsigned char>(text[i])) * 1099511628211u;
  return hash;
}

}  // namespace

InFlight::InFlight(int size)
    : reduce_in(Uninitialised<uint64_t>(kReduceValues)),
      reduce_out(Uninitialised<uint64_t>(kReduceValues)),
      gather_out(Uninitialised<uint64_t>(static_cast<size_t>(size))),
      first_out(Uninitialised<std::byte>(kSendSlots * kFirstBytes)),
      scratch(Uninitialised<std::byte>(kPieceBytes)),
      inbound(std::make_unique<Inbound[]>(static_cast<size_t>(size))) {
  for (auto& slot : bcast) slot = Uninitialised<std::byte>(kBcastPieceBytes);
  sends.fill(MPI_REQUEST_NULL);
}

namespace {

// A background wait must not take a core from the application.
constexpr int kBackgroundSleepMicroseconds = 1000;

Status WaitWithoutComm(MPI_Request* request, double timeout_seconds) {
  Backoff::Manner manner;
  manner.timeout_seconds = timeout_seconds;
  Backoff backoff(&manner);
  for (int done = 0; !done;) {
    if (MPI_Test(request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS || (!done && !backoff.Pause()))
      return Status::NoMemory();
  }
  return Status::Ok();
}

// A rank without memory for a communicator of its own takes part in the opening all the same, and
// votes against it: the others would wait for it. What MPI writes to lies in memory of the program,
// for one opening at a time; it is not used again when MPI may still write to it.
Status RefuseWithoutMemory(MPI_Comm user, double timeout_seconds) {
  static std::atomic_flag in_use;
  static MPI_Comm duplicate;
  static uint64_t vote[2];
  if (in_use.test_and_set()) return Status::NoMemory();
  MPI_Request request = MPI_REQUEST_NULL;
  if (MPI_Comm_idup(user, &duplicate, &request) != MPI_SUCCESS) return Status::NoMemory();
  TSNAP_TRY(WaitWithoutComm(&request, timeout_seconds));
  MPI_Comm_set_errhandler(duplicate, MPI_ERRORS_RETURN);
  vote[0] = 0;
  if (MPI_Iallreduce(&vote[0], &vote[1], 1, MPI_UINT64_T, MPI_MIN, duplicate, &request) !=
      MPI_SUCCESS)
    return Status::NoMemory();
  TSNAP_TRY(WaitWithoutComm(&request, timeout_seconds));
  MPI_Comm_free(&duplicate);
  in_use.clear();
  return Status::NoMemory();
}

Result<std::unique_ptr<MpiComm>> OpenComm(MPI_Comm user, double timeout_seconds,
                                          std::string_view node_name) {
  std::unique_ptr<MpiComm> comm;
  try {
    comm = std::make_unique<MpiComm>(timeout_seconds, node_name);
    TSNAP_TRY(comm->Prepare(user));
  } catch (const std::bad_alloc&) {
    return RefuseWithoutMemory(user, timeout_seconds);
  }
  TSNAP_TRY(comm->Open(user));
  return comm;
}

// Null where it cannot be had.
template <class Make>
std::shared_ptr<NodeMemory> NodeMemoryFrom(Make&& make) {
  try {
    Result<std::shared_ptr<NodeMemory>> made = make();
    return made.ok() ? std::move(made).value() : nullptr;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace

Result<std::unique_ptr<Comm>> MakeMpiComm(MPI_Comm user, double timeout_seconds,
                                          std::string_view node_name) {
  TSNAP_ASSIGN(std::unique_ptr<MpiComm> comm, OpenComm(user, timeout_seconds, node_name));
  TSNAP_TRY(comm->ShareNodeMemory());
  return std::unique_ptr<Comm>(std::move(comm));
}

MpiComm::~MpiComm() {
  if (broken_) {
    // Left to MPI for good: see InFlight.
    static_cast<void>(in_flight_.release());
    static_cast<void>(ring_.release());
    static_cast<void>(comm_.release());
    return;
  }
  int initialized = 0;
  int finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (initialized && !finalized && comm_ && *comm_ != MPI_COMM_NULL) MPI_Comm_free(comm_.get());
}

Result<std::unique_ptr<Comm>> MpiComm::MakeTwin() {
  TSNAP_TRY(Usable("preparing the background"));
  Result<std::unique_ptr<MpiComm>> twin = OpenComm(*comm_, manner_.timeout_seconds, {});
  if (!twin.ok()) {
    if (twin.status().code() != Code::kNoMemory) broken_ = true;  // MPI may still work on it
    return std::move(twin).status();
  }
  (*twin)->GoToBackground();
  return std::unique_ptr<Comm>(std::move(twin).value());
}

void MpiComm::GoToBackground() {
  manner_.longest_sleep_microseconds = kBackgroundSleepMicroseconds;
  int level = MPI_THREAD_SINGLE;
  if (MPI_Query_thread(&level) != MPI_SUCCESS || level < MPI_THREAD_MULTIPLE)
    manner_.gate.set_driven();
}

void MpiComm::Break() {
  broken_ = true;
  manner_.gate.Abandon();
}

Status MpiComm::Prepare(MPI_Comm user) {
  TSNAP_TRY(Check(MPI_Comm_rank(user, &rank_), "opening the context"));
  TSNAP_TRY(Check(MPI_Comm_size(user, &size_), "opening the context"));
  comm_ = std::make_unique<MPI_Comm>(MPI_COMM_NULL);
  in_flight_ = std::make_unique<InFlight>(size_);
  node_of_.resize(static_cast<size_t>(size_));
  relays_.resize(static_cast<size_t>(size_));
  return Status::Ok();
}

Status MpiComm::Open(MPI_Comm user) {
  TSNAP_TRY(Duplicate(user));
  // A rank without memory votes against it, in RefuseWithoutMemory.
  uint64_t* const vote = in_flight_->reduce_in.get();
  uint64_t* const all = in_flight_->reduce_out.get();
  *vote = 1;
  MPI_Request request = MPI_REQUEST_NULL;
  TSNAP_TRY(Check(MPI_Iallreduce(vote, all, 1, MPI_UINT64_T, MPI_MIN, *comm_, &request),
                  "opening the context"));
  TSNAP_TRY(Wait(&request, "opening the context"));
  if (*all == 0) {
    return Status(Code::kNoMemory,
                  fmt::format("rank {} cannot open the context: another rank has too little memory "
                              "for its message buffers",
                              rank_));
  }
  return FindNodes();
}

Status MpiComm::Duplicate(MPI_Comm user) {
  MPI_Request request = MPI_REQUEST_NULL;
  TSNAP_TRY(Check(MPI_Comm_idup(user, comm_.get(), &request), "duplicating the communicator"));
  TSNAP_TRY(Wait(&request, "duplicating the communicator"));
  return Check(MPI_Comm_set_errhandler(*comm_, MPI_ERRORS_RETURN), "duplicating the communicator");
}

// The nodes, in an order that is the same everywhere. No memory is needed any more.
Status MpiComm::FindNodes() {
  const uint64_t mine = NodeId(node_name_);
  TSNAP_TRY(Gather(mine));
  const uint64_t* const ids = in_flight_->gather_out.get();
  local_ranks_ = static_cast<int>(std::count(ids, ids + size_, mine));
  std::iota(relays_.begin(), relays_.end(), 0);
  std::sort(relays_.begin(), relays_.end(),
            [ids](int a, int b) { return ids[a] != ids[b] ? ids[a] < ids[b] : a < b; });
  size_t count = 0;
  for (const int rank : relays_) {
    if (count == 0 || ids[rank] != ids[relays_[count - 1]]) relays_[count++] = rank;
    node_of_[static_cast<size_t>(rank)] = static_cast<uint32_t>(count - 1);
  }
  relays_.resize(count);
  return Status::Ok();
}

// The lowest rank of each node makes it and tells the others where it is, by messages: a
// communicator of the node would be a blocking call. Only MPI's own failures are failures.
Status MpiComm::ShareNodeMemory() {
  constexpr std::string_view kOperation = "opening the context";
  constexpr int kTag = 0;
  const uint32_t node = node_of_[static_cast<size_t>(rank_)];
  const int lowest = relays_[node];
  auto& addresses = in_flight_->node_addresses;
  std::shared_ptr<NodeMemory> ring;
  MPI_Request request = MPI_REQUEST_NULL;
  if (rank_ != lowest) {
    TSNAP_TRY(Do(kOperation, [&] {
      return MPI_Irecv(addresses.data(), sizeof addresses, MPI_BYTE, lowest, kTag, *comm_,
                       &request);
    }));
    TSNAP_TRY(Wait(&request, kOperation));
    node_memory_ = NodeMemoryFrom([&] { return NodeMemory::Open(addresses[0]); });
    if (node_memory_ == nullptr) node_memory_ = NodeMemoryFrom([] { return NodeMemory::Create(); });
    ring = NodeMemoryFrom([&] { return NodeMemory::Open(addresses[1], NodeRing::kBytes); });
    return OpenRing(std::move(ring));
  }
  node_memory_ = NodeMemoryFrom([] { return NodeMemory::Create(); });
  if (node_memory_ != nullptr) addresses[0] = node_memory_->address();
  ring = NodeMemoryFrom([] { return NodeMemory::Create(NodeRing::kBytes); });
  if (ring != nullptr) addresses[1] = ring->address();
  for (int rank = rank_ + 1; rank < size_; ++rank) {
    if (node_of_[static_cast<size_t>(rank)] != node) continue;
    TSNAP_TRY(Do(kOperation, [&] {
      return MPI_Isend(addresses.data(), sizeof addresses, MPI_BYTE, rank, kTag, *comm_, &request);
    }));
    TSNAP_TRY(Wait(&request, kOperation));
  }
  return OpenRing(std::move(ring));
}

// All ranks broadcast in the same way.
Status MpiComm::OpenRing(std::shared_ptr<NodeMemory> memory) {
  if (memory != nullptr) ring_.reset(new (std::nothrow) NodeRing(std::move(memory), local_ranks_));
  std::array<uint64_t, 2> least = {ring_ != nullptr,
                                   UINT64_MAX - static_cast<uint64_t>(local_ranks_)};
  TSNAP_TRY(Allreduce(least, Op::kMin));
  if (least[0] != 0 && UINT64_MAX - least[1] > 1) return Status::Ok();
  ring_ = nullptr;
  node_of_ = {};
  relays_ = {};
  return Status::Ok();
}

Status MpiComm::Usable(std::string_view operation) const {
  if (!broken_) return Status::Ok();
  return Timeout(fmt::format(
      "rank {} cannot take part in {}: an earlier operation with the other ranks failed and the "
      "context is broken: close it and restart the job",
      rank_, operation));
}

Status MpiComm::MpiFailure(int mpi_code, std::string_view operation) {
  broken_ = true;
  char text[MPI_MAX_ERROR_STRING + 1] = {};
  int length = 0;
  const bool made = manner_.gate.Call([&] {
    if (MPI_Error_string(mpi_code, text, &length) != MPI_SUCCESS) length = 0;
  });
  if (!made) length = 0;
  return Status(
      Code::kMpi,
      fmt::format(
          "rank {}: MPI failed in {}: {} (MPI error {}); the context is broken: close it and "
          "restart the job",
          rank_, operation, std::string_view(text, static_cast<size_t>(length)), mpi_code));
}

Status MpiComm::TimedOut(const Backoff& backoff, std::string_view operation) {
  broken_ = true;
  return Timeout(
      fmt::format("rank {} waited {:g} s for the other ranks in {}: a rank is dead, stopped, or "
                  "did not make this "
                  "call; the context is broken: close it and restart the job",
                  rank_, std::round(backoff.waited_seconds() * 10) / 10, operation));
}

Status MpiComm::Wait(MPI_Request* request, std::string_view operation) {
  Backoff backoff(&manner_);
  while (true) {
    int done = 0;
    TSNAP_TRY(Do(operation, [&] { return MPI_Test(request, &done, MPI_STATUS_IGNORE); }));
    if (done) return Status::Ok();
    if (broken_) return Usable(operation);
    if (!backoff.Pause()) return TimedOut(backoff, operation);
  }
}

Status MpiComm::Allreduce(std::span<uint64_t> values, Op op) {
  TSNAP_TRY(Usable("a reduction"));
  const Operation operation(*this);
  // MPICH 4.0 compares MPI_UINT64_T as signed: so signed numbers in the same order are compared.
  const MPI_Datatype type = op == Op::kSum ? MPI_UINT64_T : MPI_INT64_T;
  const uint64_t flipped = op == Op::kSum ? 0 : uint64_t{1} << 63;
  const auto flip = [flipped](uint64_t value) { return value ^ flipped; };
  for (size_t done = 0; done < values.size();) {
    const size_t count = std::min(values.size() - done, InFlight::kReduceValues);
    std::transform(values.data() + done, values.data() + done + count, in_flight_->reduce_in.get(),
                   flip);
    MPI_Request request = MPI_REQUEST_NULL;
    TSNAP_TRY(Do("a reduction", [&] {
      return MPI_Iallreduce(in_flight_->reduce_in.get(), in_flight_->reduce_out.get(),
                            static_cast<int>(count), type, MpiOp(op), *comm_, &request);
    }));
    TSNAP_TRY(Wait(&request, "a reduction"));
    std::transform(in_flight_->reduce_out.get(), in_flight_->reduce_out.get() + count,
                   values.data() + done, flip);
    done += count;
  }
  return Status::Ok();
}

Status MpiComm::Gather(uint64_t mine) {
  TSNAP_TRY(Usable("a gather"));
  const Operation operation(*this);
  in_flight_->gather_in = mine;
  MPI_Request request = MPI_REQUEST_NULL;
  TSNAP_TRY(Do("a gather", [&] {
    return MPI_Iallgather(&in_flight_->gather_in, 1, MPI_UINT64_T, in_flight_->gather_out.get(), 1,
                          MPI_UINT64_T, *comm_, &request);
  }));
  return Wait(&request, "a gather");
}

Status MpiComm::Allgather(uint64_t mine, std::vector<uint64_t>* all) {
  TSNAP_TRY(Gather(mine));
  try {
    all->assign(in_flight_->gather_out.get(), in_flight_->gather_out.get() + size_);
  } catch (const std::bad_alloc&) {
    return Status::NoMemory();
  }
  return Status::Ok();
}

Status MpiComm::Bcast(ByteSpan bytes, int root) {
  TSNAP_TRY(Usable("a broadcast"));
  const Operation operation(*this);
  const bool by_node = ring_ != nullptr && bytes.size() >= NodeRing::kPieceBytes;
  return by_node ? BcastByNode(bytes, root) : BcastFlat(bytes, root);
}

// Several pieces are in flight, so that one is copied while others travel.
Status MpiComm::BcastFlat(ByteSpan bytes, int root) {
  const size_t count = CeilDiv(bytes.size(), InFlight::kBcastPieceBytes);
  const auto piece_of = [&](size_t index) {
    const size_t begin = index * InFlight::kBcastPieceBytes;
    return bytes.subspan(begin, std::min(InFlight::kBcastPieceBytes, bytes.size() - begin));
  };
  std::array<MPI_Request, InFlight::kBcastSlots> requests;
  for (size_t i = 0; i < count + InFlight::kBcastSlots; ++i) {
    const size_t slot = i % InFlight::kBcastSlots;
    std::byte* const staged = in_flight_->bcast[slot].get();
    if (i >= InFlight::kBcastSlots && i - InFlight::kBcastSlots < count) {
      TSNAP_TRY(Wait(&requests[slot], "a broadcast"));
      const ByteSpan arrived = piece_of(i - InFlight::kBcastSlots);
      if (rank_ != root) std::memcpy(arrived.data(), staged, arrived.size());
    }
    if (i < count) {
      const ByteSpan next = piece_of(i);
      if (rank_ == root) std::memcpy(staged, next.data(), next.size());
      TSNAP_TRY(Do("a broadcast", [&] {
        return MPI_Ibcast(staged, static_cast<int>(next.size()), MPI_BYTE, root, *comm_,
                          &requests[slot]);
      }));
    }
  }
  return Status::Ok();
}

Status MpiComm::Barrier() {
  TSNAP_TRY(Usable("a barrier"));
  const Operation operation(*this);
  MPI_Request request = MPI_REQUEST_NULL;
  TSNAP_TRY(Do("a barrier", [&] { return MPI_Ibarrier(*comm_, &request); }));
  return Wait(&request, "a barrier");
}

}  // namespace tsnap
