// Longest-first partition over a heap of loads. Knows numbers only: not what the pieces are, nor
// who asks.
#include "plan/partition.h"

#include <algorithm>
#include <numeric>

#include "base/bytes.h"
#include "base/knobs.h"

namespace tsnap {
namespace {

constexpr uint64_t kLeastChunkBytes = 1 << 20;
constexpr uint64_t kChunksPerRank = 16;

struct Load {
  uint64_t bytes = 0;
  int rank = 0;
};

bool Less(const Load& a, const Load& b) {
  return a.bytes != b.bytes ? a.bytes < b.bytes : a.rank < b.rank;
}

// Restores the heap after its root has grown: one way down, half the work of a pop and a push.
void SinkRoot(std::vector<Load>* heap) {
  const Load root = heap->front();
  size_t hole = 0;
  for (size_t child = 1; child < heap->size(); child = 2 * hole + 1) {
    if (child + 1 < heap->size() && Less((*heap)[child + 1], (*heap)[child])) ++child;
    if (!Less((*heap)[child], root)) break;
    (*heap)[hole] = (*heap)[child];
    hole = child;
  }
  (*heap)[hole] = root;
}

uint64_t SaturatingAdd(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  return CheckedAdd(a, b, &sum) ? sum : UINT64_MAX;
}

}  // namespace

std::vector<int> Partition(std::span<const uint64_t> loads, std::span<const uint64_t> sizes) {
  std::vector<int> ranks(sizes.size(), 0);
  if (loads.size() < 2 || sizes.empty()) return ranks;

  std::vector<Load> heap(loads.size());
  for (size_t rank = 0; rank < loads.size(); ++rank)
    heap[rank] = {loads[rank], static_cast<int>(rank)};
  std::sort(heap.begin(), heap.end(), Less);  // a sorted array is a heap

  std::vector<uint32_t> longest_first(sizes.size());
  std::iota(longest_first.begin(), longest_first.end(), 0u);
  std::sort(longest_first.begin(), longest_first.end(), [&](uint32_t a, uint32_t b) {
    return sizes[a] != sizes[b] ? sizes[a] > sizes[b] : a < b;
  });

  for (const uint32_t piece : longest_first) {
    ranks[piece] = heap.front().rank;
    heap.front().bytes = SaturatingAdd(heap.front().bytes, sizes[piece]);
    SinkRoot(&heap);
  }
  return ranks;
}

uint64_t ReplicatedChunkBytes(uint64_t total_bytes, int size, uint64_t chunk_bytes) {
  const uint64_t shares = kChunksPerRank * static_cast<uint64_t>(std::max(size, 1));
  const uint64_t even =
      std::min(total_bytes / shares, chunk_bytes);  // the bound keeps the rounding from overflowing
  return std::min(std::max(AlignUp(even, kBlockBytes), kLeastChunkBytes),
                  std::max<uint64_t>(chunk_bytes, 1));
}

}  // namespace tsnap
