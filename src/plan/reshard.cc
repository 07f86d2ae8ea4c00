// The wanted part of a box is a regular pattern of runs in the extent: what is contiguous is one
// run, what repeats with gaps shorter than a block is one run of blocks, and only what is farther
// apart is counted out. So the work is bounded by the number of blocks, never by the number of
// elements. Knows nothing of files or memory.
#include "plan/reshard.h"

#include <algorithm>

#include "base/knobs.h"
#include "plan/reshard_detail.h"

namespace tsnap {
namespace {

// Joins [begin, end), rounded out to blocks, to the last run when they touch. Runs come in
// ascending order.
void AppendBlocks(uint64_t begin, uint64_t end, uint64_t stored_bytes, uint64_t block_bytes,
                  std::vector<ByteRun>* runs) {
  begin = begin / block_bytes * block_bytes;
  const uint64_t last_block = (end - 1) / block_bytes * block_bytes;
  end = stored_bytes - last_block > block_bytes ? last_block + block_bytes : stored_bytes;
  if (!runs->empty() && begin <= runs->back().begin + runs->back().bytes) {
    runs->back().bytes = std::max(runs->back().bytes, end - runs->back().begin);
  } else {
    runs->push_back({begin, end - begin});
  }
}

std::vector<ByteRun> CutRuns(const std::vector<ByteRun>& runs, uint64_t step) {
  std::vector<ByteRun> cut;
  for (const ByteRun& run : runs)
    for (uint64_t done = 0; done < run.bytes; done += step)
      cut.push_back({run.begin + done, std::min(step, run.bytes - done)});
  return cut;
}

// One axis along which runs repeat with whole blocks between them.
struct Repeat {
  uint64_t count = 0;
  uint64_t stride_bytes = 0;
};

// Number of the element that holds byte `at`, as an index of the box, in the extent's order.
Index IndexAt(const Extent& extent, int64_t item_bytes, uint64_t at) {
  Index index{};
  uint64_t element = at / static_cast<uint64_t>(item_bytes);
  for (int i = extent.box.ndim; i-- > 0;) {
    const size_t axis = extent.order[static_cast<size_t>(i)];
    const auto length = static_cast<uint64_t>(extent.box.shape[axis]);
    index[axis] = extent.box.offset[axis] + static_cast<int64_t>(element % length);
    element /= length;
  }
  return index;
}

bool Holds(const Box& box, size_t axis, int64_t first, int64_t last) {
  return first >= box.offset[axis] && last - box.offset[axis] < box.shape[axis];
}

}  // namespace

namespace detail {

std::vector<ByteRun> NeededRuns(const Extent& extent, const Box& wanted, int64_t item_bytes,
                                uint64_t transfer_bytes, uint64_t block_bytes) {
  const Box part = Intersect(extent.box, wanted);
  if (IsEmpty(part)) return {};
  if (extent.codec != Codec::kNone) return {{0, extent.stored_bytes}};

  // From the fastest axis outwards: `first` is the first wanted byte, `length` reaches to the end
  // of the last one.
  uint64_t first = 0, length = static_cast<uint64_t>(item_bytes), stride = length;
  std::vector<Repeat> repeats;  // fastest first
  for (int i = extent.box.ndim; i-- > 0;) {
    const size_t axis = extent.order[static_cast<size_t>(i)];
    const auto count = static_cast<uint64_t>(part.shape[axis]);
    first += static_cast<uint64_t>(part.offset[axis] - extent.box.offset[axis]) * stride;
    // A gap shorter than a block holds no whole block that could be left out. Once a repeat is
    // open, the axes outside it repeat too.
    if (repeats.empty() && (count == 1 || stride - length < block_bytes)) {
      length += (count - 1) * stride;
    } else if (count > 1) {
      repeats.push_back({count, stride});
    }
    stride *= static_cast<uint64_t>(extent.box.shape[axis]);
  }

  std::vector<ByteRun> runs;
  std::array<uint64_t, kMaxDims> at{};
  for (uint64_t begin = first;;) {
    AppendBlocks(begin, begin + length, extent.stored_bytes, block_bytes, &runs);
    size_t axis = 0;
    while (axis < repeats.size() && at[axis] + 1 == repeats[axis].count) {
      begin -= at[axis] * repeats[axis].stride_bytes;
      at[axis++] = 0;
    }
    if (axis == repeats.size()) break;
    begin += repeats[axis].stride_bytes;
    ++at[axis];
  }
  return CutRuns(runs, std::max(transfer_bytes / block_bytes * block_bytes, block_bytes));
}

}  // namespace detail

std::vector<ByteRun> NeededRuns(const Extent& extent, const Box& wanted, int64_t item_bytes,
                                uint64_t transfer_bytes) {
  return detail::NeededRuns(extent, wanted, item_bytes, transfer_bytes, kBlockBytes);
}

bool RunIsWanted(const Extent& extent, const Box& wanted, int64_t item_bytes, const ByteRun& run) {
  if (run.bytes == 0) return true;
  if (extent.codec != Codec::kNone) return Contains(wanted, extent.box);
  const Index first = IndexAt(extent, item_bytes, run.begin);
  const Index last = IndexAt(extent, item_bytes, run.begin + run.bytes - 1);
  // Up to the first axis along which the run moves on, its indices must lie in the box. Along the
  // axes inside that one it meets the end and the start, so the box must hold all of them.
  bool moved = false;
  for (int i = 0; i < extent.box.ndim; ++i) {
    const size_t axis = extent.order[static_cast<size_t>(i)];
    const int64_t begin = moved ? extent.box.offset[axis] : first[axis];
    const int64_t end = moved ? extent.box.offset[axis] + extent.box.shape[axis] - 1 : last[axis];
    if (!Holds(wanted, axis, begin, end)) return false;
    moved = moved || first[axis] != last[axis];
  }
  return true;
}

}  // namespace tsnap
