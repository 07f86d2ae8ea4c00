// NeededRuns with a free block size, so that tests can compare small cases byte by byte. Nobody
// else includes this.
#pragma once

#include "plan/reshard.h"

namespace tsnap::detail {

std::vector<ByteRun> NeededRuns(const Extent& extent, const Box& wanted, int64_t item_bytes,
                                uint64_t transfer_bytes, uint64_t block_bytes);

}  // namespace tsnap::detail
