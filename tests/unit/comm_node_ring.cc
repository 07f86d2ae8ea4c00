// NodeRing: pieces between processes, in order, each until all have taken it.
#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "comm/mpi/node_ring.h"

using namespace tsnap;

namespace {

constexpr uint64_t kPieces = 1000;
constexpr int kRanks = 3;

// A piece begins with its number, and ends with it.
void Write(std::byte* at, uint64_t piece) {
  std::memcpy(at, &piece, sizeof piece);
  std::memcpy(at + NodeRing::kPieceBytes - sizeof piece, &piece, sizeof piece);
}
bool Holds(const std::byte* at, uint64_t piece) {
  return std::memcmp(at, &piece, sizeof piece) == 0 &&
         std::memcmp(at + NodeRing::kPieceBytes - sizeof piece, &piece, sizeof piece) == 0;
}

// Every rank puts a part of the pieces, in turns that follow no pattern of the slots.
int Run(const std::shared_ptr<NodeMemory>& memory, int rank) {
  NodeRing ring(memory, kRanks);
  for (uint64_t piece = 0; piece < kPieces; ++piece) {
    if (static_cast<int>(piece / 5 % kRanks) == rank) {
      while (!ring.IsFree(piece)) usleep(1);
      Write(ring.At(piece), piece);
      ring.Put(piece);
    } else {
      while (!ring.IsThere(piece)) usleep(1);
    }
    if (!Holds(ring.At(piece), piece)) return 1;
    ring.Take(piece);
  }
  return 0;
}

}  // namespace

Test(node_ring, all_ranks_take_every_piece_whoever_puts_it) {
  auto made = NodeMemory::Create(NodeRing::kBytes);
  cr_assert(made.ok());
  std::vector<pid_t> children;
  for (int rank = 1; rank < kRanks; ++rank) {
    const pid_t child = fork();
    if (child == 0) {
      auto opened = NodeMemory::Open((*made)->address(), NodeRing::kBytes);
      _exit(opened.ok() ? Run(*opened, rank) : 2);
    }
    children.push_back(child);
  }
  cr_assert_eq(Run(*made, 0), 0);
  for (const pid_t child : children) {
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
  }
}

Test(node_ring, a_slot_is_free_when_all_have_taken_what_lies_there) {
  auto made = NodeMemory::Create(NodeRing::kBytes);
  cr_assert(made.ok());
  NodeRing ring(*made, 2);
  cr_assert(ring.IsFree(0) && !ring.IsThere(0) && !ring.IsFree(NodeRing::kSlots));
  ring.Put(0);
  cr_assert(ring.IsThere(0) && !ring.IsThere(NodeRing::kSlots));
  ring.Take(0);
  cr_assert(!ring.IsFree(NodeRing::kSlots));
  ring.Take(0);
  cr_assert(ring.IsFree(NodeRing::kSlots));
  cr_assert_eq(ring.At(0), ring.At(NodeRing::kSlots));
  cr_assert_neq(ring.At(0), ring.At(1));
}

Test(node_ring, memory_of_another_size_is_not_opened) {
  auto made = NodeMemory::Create(NodeRing::kBytes);
  cr_assert(made.ok());
  auto opened = NodeMemory::Open((*made)->address());
  cr_assert(!opened.ok() && opened.status().code() == Code::kUnsupported);
}
