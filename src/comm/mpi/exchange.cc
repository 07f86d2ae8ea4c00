// Exchange: sparse messages whose receivers do not know who sends, in a time that grows with the
// messages and log(ranks): the nonblocking consensus of Hoefler, Siebert and Lumsdaine, "Scalable
// Communication Protocols for Dynamic Sparse Data Exchange" (PPoPP 2010).
//
//   1. Messages are sent synchronously (MPI_Issend): such a send is complete only when its receiver
//   has taken it.
//   2. Meanwhile each rank probes for messages to itself and receives them.
//   3. When all its sends are complete a rank enters a nonblocking barrier, and goes on receiving.
//   4. The barrier is complete: every rank's sends are, so nothing is under way any more.
//
// A rank may begin the next exchange while another has not noticed the end of this one: they differ
// in the tag.
//
// On the wire a message is a first piece, its length (8 bytes) and as many of its bytes as fit in
// kFirstBytes, then raw pieces of kPieceBytes. MPI keeps the order of the pieces of one sender, and
// so of its messages. A receiver without memory for a message drops its pieces and goes on: the
// protocol never stops for that.

#include <algorithm>
#include <cstring>
#include <new>

#include "comm/mpi/mpi_comm_impl.h"

namespace tsnap {
namespace {

constexpr std::string_view kOperation = "an exchange of messages";
constexpr int kTags = 32767;  // every MPI has one more; two exchanges at most are under way
constexpr size_t kLengthBytes = sizeof(uint64_t);
constexpr size_t kInlineBytes = InFlight::kFirstBytes - kLengthBytes;

}  // namespace

struct MpiComm::ExchangeRun {
  int tag = 0;
  size_t next_message = 0;  // the next piece to send: message, and how much of it is on its way
  bool begun = false;
  size_t sent_bytes = 0;
  size_t sends_active = 0;
  bool out_of_memory = false;
  bool bad_peer = false;
};

Result<std::vector<Message>> MpiComm::Exchange(std::vector<Message> outgoing) {
  TSNAP_TRY(Usable(kOperation));
  const Operation operation(*this);
  InFlight& memory = *in_flight_;
  memory.outgoing = std::move(outgoing);
  memory.incoming.clear();
  ExchangeRun run;
  run.tag = static_cast<int>(exchange_count_++ % kTags);
  MPI_Request barrier = MPI_REQUEST_NULL;
  bool in_barrier = false;
  Backoff backoff(&manner_);
  while (true) {
    bool moved = false;
    TSNAP_TRY(StartSends(&run, &moved));
    TSNAP_TRY(FinishSends(&run, &moved));
    TSNAP_TRY(ReceiveOne(&run, &moved));
    if (in_barrier) {
      int done = 0;
      TSNAP_TRY(Do(kOperation, [&] { return MPI_Test(&barrier, &done, MPI_STATUS_IGNORE); }));
      if (done) break;
    } else if (run.sends_active == 0 && run.next_message == memory.outgoing.size()) {
      TSNAP_TRY(Do(kOperation, [&] { return MPI_Ibarrier(*comm_, &barrier); }));
      in_barrier = moved = true;
    }
    if (moved) {
      backoff.Restart();
    } else if (broken_) {
      return Usable(kOperation);
    } else if (!backoff.Pause()) {
      return TimedOut(backoff, kOperation);
    }
  }
  std::vector<Message> received = std::move(memory.incoming);
  memory.incoming.clear();
  memory.outgoing = {};
  if (run.bad_peer) return Internal("exchange: message to a rank that does not exist");
  if (run.out_of_memory) return Status::NoMemory();
  std::stable_sort(received.begin(), received.end(),
                   [](const Message& a, const Message& b) { return a.peer < b.peer; });
  return received;
}

Status MpiComm::StartSends(ExchangeRun* run, bool* moved) {
  InFlight& memory = *in_flight_;
  size_t slot = 0;
  while (run->next_message < memory.outgoing.size() && run->sends_active < InFlight::kSendSlots) {
    Message& message = memory.outgoing[run->next_message];
    *moved = true;
    if (message.peer == rank_) {
      try {
        memory.incoming.push_back(std::move(message));
      } catch (const std::bad_alloc&) {
        run->out_of_memory = true;
      }
      ++run->next_message;
    } else if (message.peer < 0 || message.peer >= size_) {
      run->bad_peer = true;  // ours alone: the others must not wait for us
      ++run->next_message;
    } else {
      while (memory.sends[slot] != MPI_REQUEST_NULL) ++slot;
      TSNAP_TRY(StartSend(run, slot));
    }
  }
  return Status::Ok();
}

Status MpiComm::StartSend(ExchangeRun* run, size_t slot) {
  InFlight& memory = *in_flight_;
  const Message& message = memory.outgoing[run->next_message];
  const std::byte* piece = nullptr;
  size_t piece_bytes = 0;
  if (!run->begun) {
    const uint64_t total = message.bytes.size();
    const size_t with_it = std::min(message.bytes.size(), kInlineBytes);
    std::byte* const first = memory.first_out.get() + slot * InFlight::kFirstBytes;
    std::memcpy(first, &total, kLengthBytes);
    if (with_it != 0) std::memcpy(first + kLengthBytes, message.bytes.data(), with_it);
    piece = first;
    piece_bytes = kLengthBytes + with_it;
    run->begun = true;
    run->sent_bytes = with_it;
  } else {
    piece = message.bytes.data() + run->sent_bytes;
    piece_bytes = std::min(message.bytes.size() - run->sent_bytes, InFlight::kPieceBytes);
    run->sent_bytes += piece_bytes;
  }
  TSNAP_TRY(Do(kOperation, [&] {
    return MPI_Issend(piece, static_cast<int>(piece_bytes), MPI_BYTE, message.peer, run->tag,
                      *comm_, &memory.sends[slot]);
  }));
  ++run->sends_active;
  if (run->sent_bytes == message.bytes.size()) {
    ++run->next_message;
    run->begun = false;
    run->sent_bytes = 0;
  }
  return Status::Ok();
}

Status MpiComm::FinishSends(ExchangeRun* run, bool* moved) {
  if (run->sends_active == 0) return Status::Ok();
  InFlight& memory = *in_flight_;
  int count = 0;
  TSNAP_TRY(Do(kOperation, [&] {
    return MPI_Testsome(static_cast<int>(InFlight::kSendSlots), memory.sends.data(), &count,
                        memory.completed.data(), MPI_STATUSES_IGNORE);
  }));
  if (count > 0) {  // MPI_UNDEFINED, a negative number, cannot be: a send is active
    run->sends_active -= static_cast<size_t>(count);
    *moved = true;
  }
  return Status::Ok();
}

Status MpiComm::ReceiveOne(ExchangeRun* run, bool* moved) {
  InFlight& memory = *in_flight_;
  int found = 0;
  MPI_Message handle = MPI_MESSAGE_NULL;
  MPI_Status status;
  int count = 0;
  TSNAP_TRY(Do(kOperation, [&] {
    const int code = MPI_Improbe(MPI_ANY_SOURCE, run->tag, *comm_, &found, &handle, &status);
    return code == MPI_SUCCESS && found ? MPI_Get_count(&status, MPI_BYTE, &count) : code;
  }));
  if (!found) return Status::Ok();
  *moved = true;
  const int source = status.MPI_SOURCE;
  const size_t bytes = static_cast<size_t>(count);
  InFlight::Inbound& inbound = memory.inbound[static_cast<size_t>(source)];
  const bool first = inbound.remaining == 0;
  if (first ? bytes < kLengthBytes || bytes > InFlight::kFirstBytes
            : bytes > InFlight::kPieceBytes || bytes > inbound.remaining) {
    broken_ = true;
    return Internal("exchange: a piece of a message has a length that no sender gives it");
  }
  std::byte* into = memory.scratch.get();
  if (!first && inbound.message != InFlight::kDropped) {
    into = memory.incoming[inbound.message].bytes.data() + (inbound.total - inbound.remaining);
  }
  MPI_Request request = MPI_REQUEST_NULL;
  TSNAP_TRY(Do(kOperation, [&] { return MPI_Imrecv(into, count, MPI_BYTE, &handle, &request); }));
  TSNAP_TRY(Wait(&request, kOperation));
  if (first) {
    BeginMessage(run, source, into, bytes);
  } else {
    inbound.remaining -= bytes;
  }
  return Status::Ok();
}

void MpiComm::BeginMessage(ExchangeRun* run, int source, const std::byte* first,
                           size_t first_bytes) {
  InFlight& memory = *in_flight_;
  InFlight::Inbound& inbound = memory.inbound[static_cast<size_t>(source)];
  std::memcpy(&inbound.total, first, kLengthBytes);
  const size_t with_it = first_bytes - kLengthBytes;
  inbound.remaining = inbound.total - with_it;
  inbound.message = InFlight::kDropped;
  try {
    Message message;
    message.peer = source;
    message.bytes.resize(inbound.total);
    if (with_it != 0) std::memcpy(message.bytes.data(), first + kLengthBytes, with_it);
    memory.incoming.push_back(std::move(message));
    inbound.message = memory.incoming.size() - 1;
  } catch (...) {  // no memory, or a length beyond any
    run->out_of_memory = true;
  }
}

}  // namespace tsnap
