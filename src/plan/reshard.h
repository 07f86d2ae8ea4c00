// Reshard: which stored bytes of an extent hold the wanted part of its box. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "catalog/extent.h"

namespace tsnap {

// A run of stored bytes; begin is a multiple of the block size, the end too or the extent's end.
struct ByteRun {
  uint64_t begin = 0;
  uint64_t bytes = 0;
};

// The blocks of an uncompressed extent that hold at least one byte of wanted and extent.box:
// ascending runs of whole blocks, merged where they touch, each cut to at most transfer_bytes (a
// multiple of the block size). A compressed extent: its whole.
std::vector<ByteRun> NeededRuns(const Extent& extent, const Box& wanted, int64_t item_bytes,
                                uint64_t transfer_bytes);

// True when every byte of the run belongs to the wanted box.
bool RunIsWanted(const Extent& extent, const Box& wanted, int64_t item_bytes, const ByteRun& run);

}  // namespace tsnap
