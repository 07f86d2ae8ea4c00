// Partition: which rank writes which replicated piece. Longest piece first, each to the rank with
// the least to write so far. Pure: every rank computes the same answer from the same numbers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tsnap {

// loads: bytes that each rank writes of its own; sizes: bytes of each piece. Returns the rank of
// each piece. Ties go to the lower piece number and the lower rank.
std::vector<int> Partition(std::span<const uint64_t> loads, std::span<const uint64_t> sizes);

// Chunk size for replicated arrays so that `size` ranks can share the work evenly: total / (16 *
// size), at least 1 MiB (a multiple of 256 KiB), at most chunk_bytes.
uint64_t ReplicatedChunkBytes(uint64_t total_bytes, int size, uint64_t chunk_bytes);

}  // namespace tsnap
