// Broadcasts of long messages by way of nodes: each byte reaches a node once, and the ranks of a
// node take it from memory that they share.
//
//   1. One rank of each node is its relay: the root of its own node, the lowest rank elsewhere.
//   2. The root puts the message into its node's ring, piece by piece. Relays receive the pieces
//      into theirs and send them on, along a binomial tree of nodes that begins at the root's.
//   3. The other ranks take the pieces from the ring. A slot is used again when all ranks of the
//      node have taken what lies there, the relay when its sends are complete.
//
// The pieces are numbered over all broadcasts of the communicator: a relay may begin the next one
// while slower ranks still take pieces of the last, also where another rank was the relay. MPI
// keeps the order of the messages between two relays.

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "comm/mpi/mpi_comm_impl.h"

namespace tsnap {
namespace {

constexpr std::string_view kOperation = "a broadcast";
constexpr size_t kMostChildren = 32;  // of a node in the tree: of 2^32 nodes

size_t PieceCount(ByteSpan bytes) { return CeilDiv(bytes.size(), NodeRing::kPieceBytes); }

ByteSpan PieceOf(ByteSpan bytes, uint64_t piece) {
  const uint64_t begin = piece * NodeRing::kPieceBytes;
  return bytes.subspan(begin, std::min(NodeRing::kPieceBytes, bytes.size() - begin));
}

}  // namespace

// Where a node stands in the tree of one broadcast.
struct MpiComm::NodeTree {
  int parent = -1;  // a rank; -1: the root
  std::array<int, kMostChildren> children{};
  int child_count = 0;

  NodeTree(const std::vector<int>& relays, uint32_t node, uint32_t root_node) {
    const auto count = static_cast<uint64_t>(relays.size());
    const uint64_t place = (node + count - root_node) % count;
    const auto relay_at = [&](uint64_t other) { return relays[(other + root_node) % count]; };
    const uint64_t low = place == 0 ? std::bit_ceil(count) : place & (~place + 1);
    if (place != 0) parent = relay_at(place - low);
    for (uint64_t step = low >> 1; step > 0; step >>= 1) {
      if (place + step < count)
        children[static_cast<size_t>(child_count++)] = relay_at(place + step);
    }
  }
};

Status MpiComm::BcastByNode(ByteSpan bytes, int root) {
  const uint32_t node = node_of_[static_cast<size_t>(rank_)];
  const uint32_t root_node = node_of_[static_cast<size_t>(root)];
  const uint64_t first = ring_pieces_;
  ring_pieces_ += PieceCount(bytes);
  if (rank_ != (node == root_node ? root : relays_[node])) return TakeFromRing(bytes, first);
  NodeTree tree(relays_, node, root_node);
  if (tree.parent == relays_[root_node]) tree.parent = root;
  return Relay(bytes, first, tree);
}

Status MpiComm::TakeFromRing(ByteSpan bytes, uint64_t first) {
  Backoff backoff(&manner_);
  for (uint64_t piece = 0; piece < PieceCount(bytes); ++piece) {
    while (!ring_->IsThere(first + piece)) TSNAP_TRY(PauseAtRing(&backoff));
    backoff.Restart();
    const ByteSpan out = PieceOf(bytes, piece);
    std::memcpy(out.data(), ring_->At(first + piece), out.size());
    ring_->Take(first + piece);
  }
  return Status::Ok();
}

Status MpiComm::Relay(ByteSpan bytes, uint64_t first, const NodeTree& tree) {
  std::array<MPI_Request, NodeRing::kSlots> receives;
  std::array<std::array<MPI_Request, kMostChildren>, NodeRing::kSlots> sends;
  receives.fill(MPI_REQUEST_NULL);
  for (auto& slot : sends) slot.fill(MPI_REQUEST_NULL);
  const uint64_t count = PieceCount(bytes);
  const bool is_root = tree.parent < 0;
  // How many pieces have a slot, are there for the node, are sent on.
  uint64_t placed = 0, put = 0, sent = 0;
  Backoff backoff(&manner_);
  while (sent < count) {
    bool moved = false;
    if (placed < count && ring_->IsFree(first + placed)) {
      const ByteSpan piece = PieceOf(bytes, placed);
      std::byte* const at = ring_->At(first + placed);
      if (is_root) {
        std::memcpy(at, piece.data(), piece.size());
      } else {
        TSNAP_TRY(Do(kOperation, [&] {
          return MPI_Irecv(at, static_cast<int>(piece.size()), MPI_BYTE, tree.parent, kRelayTag,
                           *comm_, &receives[placed % NodeRing::kSlots]);
        }));
      }
      ++placed;
      moved = true;
    }
    if (put < placed) {
      int arrived = 1;
      if (!is_root)
        TSNAP_TRY(Do(kOperation, [&] {
          return MPI_Test(&receives[put % NodeRing::kSlots], &arrived, MPI_STATUS_IGNORE);
        }));
      if (arrived) {
        const ByteSpan piece = PieceOf(bytes, put);
        std::byte* const at = ring_->At(first + put);
        ring_->Put(first + put);
        for (int i = 0; i < tree.child_count; ++i)
          TSNAP_TRY(Do(kOperation, [&] {
            return MPI_Isend(at, static_cast<int>(piece.size()), MPI_BYTE,
                             tree.children[static_cast<size_t>(i)], kRelayTag, *comm_,
                             &sends[put % NodeRing::kSlots][static_cast<size_t>(i)]);
          }));
        if (!is_root) std::memcpy(piece.data(), at, piece.size());
        ++put;
        moved = true;
      }
    }
    if (sent < put) {
      int complete = 1;
      if (tree.child_count > 0)
        TSNAP_TRY(Do(kOperation, [&] {
          return MPI_Testall(tree.child_count, sends[sent % NodeRing::kSlots].data(), &complete,
                             MPI_STATUSES_IGNORE);
        }));
      if (complete) {
        ring_->Take(first + sent++);
        moved = true;
      }
    }
    if (moved) {
      backoff.Restart();
    } else {
      TSNAP_TRY(PauseAtRing(&backoff));
    }
  }
  return Status::Ok();
}

// Who waits for the ring asks MPI nothing otherwise, and other ranks may wait for what MPI has yet
// to send from here.
Status MpiComm::PauseAtRing(Backoff* backoff) {
  int found = 0;
  TSNAP_TRY(Do(kOperation, [&] {
    return MPI_Iprobe(MPI_ANY_SOURCE, kRelayTag, *comm_, &found, MPI_STATUS_IGNORE);
  }));
  if (broken_) return Usable(kOperation);
  return backoff->Pause() ? Status::Ok() : TimedOut(*backoff, kOperation);
}

}  // namespace tsnap
