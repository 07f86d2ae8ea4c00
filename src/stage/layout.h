// Layout: how the serialisation of an extent lies over strided memory, as few axes as possible, and
// its decomposition into boxes. The bytes of an item are one more axis, the innermost, so a range
// may begin and end inside items.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "stage/stager.h"

namespace tsnap {

struct LayoutAxis {
  int64_t length = 0;         // indices in the extent
  int64_t memory_stride = 0;  // bytes between neighbours in memory
  int64_t slice_bytes = 0;    // bytes between neighbours in the serialisation
  int64_t low = 0, high = 0;  // the indices [low, high) that memory has
};

class Layout {
 public:
  // kInternal when boxes, view and order do not belong together.
  static Result<Layout> Make(const Mapping& mapping);

  uint64_t total_bytes() const { return total_bytes_; }
  bool meets_memory() const {
    return meets_memory_;
  }                            // false: the memory has nothing of the extent
  bool inside_memory() const;  // the memory has all of the extent
  // Axes from the slowest to the fastest; the last one's memory_stride and slice_bytes are 1. Those
  // of one index are left out, and neighbours are merged where memory continues.
  std::span<const LayoutAxis> axes() const { return {axes_.data(), count_}; }
  // The address of the byte whose index is `low` on every axis.
  std::byte* origin() const { return origin_; }

 private:
  void Append(const LayoutAxis& axis);

  std::array<LayoutAxis, kMaxDims + 1> axes_{};
  size_t count_ = 0;
  uint64_t total_bytes_ = 0;
  bool meets_memory_ = false;
  std::byte* origin_ = nullptr;
};

// A box of the decomposition: fixed indices before `axis`, [index[axis], index[axis] + count) on
// it, everything behind it.
struct LayoutPiece {
  size_t axis = 0;
  int64_t count = 0;
  std::array<int64_t, kMaxDims + 1> index{};
  uint64_t begin = 0;  // where it starts in the serialisation
  uint64_t bytes = 0;
};

// Calls visit(piece) for the boxes that make up [begin, end) of the serialisation, in order: at
// most two for each axis.
template <class Visit>
void ForEachPiece(std::span<const LayoutAxis> axes, uint64_t begin, uint64_t end, Visit&& visit) {
  LayoutPiece piece;
  while (begin < end) {
    uint64_t rest = begin;
    size_t axis = axes.size() - 1;
    for (size_t i = 0; i < axes.size(); ++i) {
      const auto slice_bytes = static_cast<uint64_t>(axes[i].slice_bytes);
      piece.index[i] = static_cast<int64_t>(rest / slice_bytes);
      rest %= slice_bytes;
      if (rest == 0 &&
          end - begin >= slice_bytes) {  // the slowest axis of which whole slices come next
        axis = i;
        break;
      }
    }
    const auto slice_bytes = static_cast<uint64_t>(axes[axis].slice_bytes);
    piece.axis = axis;
    piece.count = axes[axis].length - piece.index[axis];
    if (const uint64_t whole = (end - begin) / slice_bytes;
        whole < static_cast<uint64_t>(piece.count))
      piece.count = static_cast<int64_t>(whole);
    piece.begin = begin;
    piece.bytes = static_cast<uint64_t>(piece.count) * slice_bytes;
    visit(piece);
    begin += piece.bytes;
  }
}

}  // namespace tsnap
