// NodeRing: a ring of pieces in memory that the ranks of a node share. One rank puts a piece into
// it, all of them take it from there. Pieces are numbered from 0, in the same order on all ranks;
// who puts the next one may change from piece to piece. Knows no MPI: whoever waits does so by
// himself.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/node_memory.h"

namespace tsnap {

class NodeRing {
 public:
  static constexpr size_t kSlots = 8;
  static constexpr size_t kPieceBytes = size_t{256} << 10;  // stays in the cache until it is taken

  // ranks: of this node. The memory has kBytes, all 0 when the first ring is made over it.
  NodeRing(std::shared_ptr<NodeMemory> memory, int ranks)
      : memory_(std::move(memory)), ranks_(static_cast<uint64_t>(ranks)) {}

  // Where the piece lies: written between IsFree and Put, read between IsThere and Take.
  std::byte* At(uint64_t piece) const {
    return memory_->bytes().data() + sizeof(Marks) + piece % kSlots * kPieceBytes;
  }

  // Whether the one that lay there before has been taken by all.
  bool IsFree(uint64_t piece) const {
    return MarkOf(piece).taken.load(std::memory_order_acquire) == piece / kSlots * ranks_;
  }
  void Put(uint64_t piece) { MarkOf(piece).there.store(piece + 1, std::memory_order_release); }
  bool IsThere(uint64_t piece) const {
    return MarkOf(piece).there.load(std::memory_order_acquire) == piece + 1;
  }
  // Once by each rank; by the one that put it as well, when it does not need it any more.
  void Take(uint64_t piece) { MarkOf(piece).taken.fetch_add(1, std::memory_order_release); }

 private:
  struct Mark {
    alignas(64) std::atomic<uint64_t> there;  // the number of the piece, plus 1
    alignas(64) std::atomic<uint64_t> taken;  // how often, of all pieces so far
  };
  using Marks = std::array<Mark, kSlots>;
  static_assert(std::atomic<uint64_t>::is_always_lock_free);

  Mark& MarkOf(uint64_t piece) const {
    return (*reinterpret_cast<Marks*>(memory_->bytes().data()))[piece % kSlots];
  }

  const std::shared_ptr<NodeMemory> memory_;
  const uint64_t ranks_;

 public:
  static constexpr size_t kBytes = sizeof(Marks) + kSlots * kPieceBytes;
};

}  // namespace tsnap
