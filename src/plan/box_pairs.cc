// A cell is cut at the middle one of the box faces inside it, along the axis that leaves the least
// work, until it holds few boxes or no cut helps; then pairs are compared along one axis. A pair is
// visited in the one cell that holds the lowest corner of its common part.
#include "plan/box_pairs.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace tsnap {
namespace {

constexpr size_t kFewBoxes = 16;

using Numbers = std::vector<uint32_t>;

int64_t End(const Box& box, size_t axis) { return box.offset[axis] + box.shape[axis]; }

struct Cut {
  int axis = -1;  // none helps
  int64_t at = 0;
  size_t below = 0, above = 0;  // boxes on each side; those that cross count twice
};

// Comparing all pairs on both sides is what a cut is weighed by.
double Work(const Cut& cut) {
  const auto below = static_cast<double>(cut.below), above = static_cast<double>(cut.above);
  return below * below + above * above;
}

// The middle one of the lower faces inside the cell, or of the upper faces where there are none.
// False without faces.
bool MiddleFace(const Box& cell, std::span<const Box> boxes, const Numbers& numbers, size_t axis,
                std::vector<int64_t>* faces, int64_t* middle) {
  faces->clear();
  for (const uint32_t i : numbers)
    if (boxes[i].offset[axis] > cell.offset[axis]) faces->push_back(boxes[i].offset[axis]);
  if (faces->empty())
    for (const uint32_t i : numbers)
      if (End(boxes[i], axis) < End(cell, axis)) faces->push_back(End(boxes[i], axis));
  if (faces->empty()) return false;
  const auto half = faces->begin() + static_cast<std::ptrdiff_t>(faces->size() / 2);
  std::nth_element(faces->begin(), half, faces->end());
  *middle = *half;
  return true;
}

Cut BestCut(const Box& cell, std::span<const Box> boxes, const Numbers& numbers) {
  Cut best;
  std::vector<int64_t> faces;
  for (size_t axis = 0; axis < static_cast<size_t>(cell.ndim); ++axis) {
    Cut cut{static_cast<int>(axis)};
    if (!MiddleFace(cell, boxes, numbers, axis, &faces, &cut.at)) continue;
    for (const uint32_t i : numbers) {
      cut.below += boxes[i].offset[axis] < cut.at;
      cut.above += End(boxes[i], axis) > cut.at;
    }
    if (best.axis < 0 || Work(cut) < Work(best)) best = cut;
  }
  return best;
}

Box Below(Box cell, const Cut& cut) {
  const auto axis = static_cast<size_t>(cut.axis);
  cell.shape[axis] = cut.at - cell.offset[axis];
  return cell;
}

Box Above(Box cell, const Cut& cut) {
  const auto axis = static_cast<size_t>(cut.axis);
  cell.shape[axis] = End(cell, axis) - cut.at;
  cell.offset[axis] = cut.at;
  return cell;
}

bool Meet(const Box& a, const Box& b) {
  for (size_t axis = 0; axis < static_cast<size_t>(a.ndim); ++axis)
    if (a.offset[axis] >= End(b, axis) || b.offset[axis] >= End(a, axis)) return false;
  return true;
}

Numbers Meeting(const Box& cell, std::span<const Box> boxes, const Numbers& numbers) {
  Numbers meeting;
  for (const uint32_t i : numbers)
    if (Meet(cell, boxes[i])) meeting.push_back(i);
  return meeting;
}

class PairFinder {
 public:
  // With a split only pairs of a box before it and one from it on are looked for.
  PairFinder(std::span<const Box> boxes, const std::function<bool(uint32_t, uint32_t)>& visit,
             uint32_t split = 0)
      : boxes_(boxes), visit_(visit), split_(split) {}

  // False when the visitor has seen enough. Owns the numbers, and drops them before it goes deeper.
  bool Search(const Box& cell, Numbers numbers) {
    if (numbers.size() < 2 || OneSided(numbers)) return true;
    if (numbers.size() > kFewBoxes) {
      const Cut cut = BestCut(cell, boxes_, numbers);
      const auto all = static_cast<double>(numbers.size());
      if (cut.axis >= 0 && Work(cut) < 0.85 * all * all) {
        Numbers below = Meeting(Below(cell, cut), boxes_, numbers),
                above = Meeting(Above(cell, cut), boxes_, numbers);
        Numbers().swap(numbers);
        return Search(Below(cell, cut), std::move(below)) &&
               Search(Above(cell, cut), std::move(above));
      }
    }
    return Compare(cell, std::move(numbers));
  }

 private:
  // Along the axis on which the boxes are shortest only those that follow soon are compared.
  bool Compare(const Box& cell, Numbers numbers) {
    if (numbers.size() > kFewBoxes || cell.ndim == 0)
      return CompareSorted(cell, std::move(numbers));
    for (size_t i = 0; i < numbers.size(); ++i)
      for (size_t j = i + 1; j < numbers.size(); ++j)
        if (!VisitIfMeeting(cell, numbers[i], numbers[j])) return false;
    return true;
  }

  bool CompareSorted(const Box& cell, Numbers numbers) {
    const size_t axis = ShortestAxis(cell, numbers);
    std::sort(numbers.begin(), numbers.end(), [&](uint32_t a, uint32_t b) {
      return boxes_[a].offset[axis] != boxes_[b].offset[axis]
                 ? boxes_[a].offset[axis] < boxes_[b].offset[axis]
                 : a < b;
    });
    for (size_t i = 0; i < numbers.size(); ++i)
      for (size_t j = i + 1; j < numbers.size(); ++j) {
        if (cell.ndim > 0 && boxes_[numbers[j]].offset[axis] >= End(boxes_[numbers[i]], axis))
          break;
        if (!VisitIfMeeting(cell, numbers[i], numbers[j])) return false;
      }
    return true;
  }

  size_t ShortestAxis(const Box& cell, const Numbers& numbers) const {
    size_t best = 0;
    double least = 0;
    for (size_t axis = 0; axis < static_cast<size_t>(cell.ndim); ++axis) {
      double filled = 0;
      for (const uint32_t i : numbers) {
        const int64_t end = std::min(End(boxes_[i], axis), End(cell, axis));
        filled += static_cast<double>(end - std::max(boxes_[i].offset[axis], cell.offset[axis]));
      }
      filled /= static_cast<double>(cell.shape[axis]);
      if (axis == 0 || filled < least) best = axis, least = filled;
    }
    return best;
  }

  bool IsPair(uint32_t i, uint32_t j) const { return split_ == 0 || (i < split_) != (j < split_); }

  bool OneSided(const Numbers& numbers) const {
    return std::none_of(numbers.begin(), numbers.end(),
                        [&](uint32_t i) { return IsPair(numbers.front(), i); });
  }

  bool VisitIfMeeting(const Box& cell, uint32_t i, uint32_t j) {
    if (!IsPair(i, j)) return true;
    const Box &a = boxes_[i], &b = boxes_[j];
    if (!Meet(a, b)) return true;
    for (size_t axis = 0; axis < static_cast<size_t>(cell.ndim); ++axis) {
      const int64_t corner = std::max(a.offset[axis], b.offset[axis]);
      if (corner < cell.offset[axis] || corner >= End(cell, axis)) return true;
    }
    return visit_(std::min(i, j), std::max(i, j));
  }

  std::span<const Box> boxes_;
  const std::function<bool(uint32_t, uint32_t)>& visit_;
  const uint32_t split_;  // 0: any two boxes are a pair
};

Numbers AllNumbers(std::span<const Box> boxes) {
  Numbers numbers(boxes.size());
  std::iota(numbers.begin(), numbers.end(), 0u);
  return numbers;
}

// The least box that holds them all.
Box Around(std::span<const Box> boxes) {
  Box around = boxes.front();
  for (const Box& box : boxes) {
    for (size_t axis = 0; axis < static_cast<size_t>(around.ndim); ++axis) {
      const int64_t end = std::max(End(around, axis), End(box, axis));
      around.offset[axis] = std::min(around.offset[axis], box.offset[axis]);
      around.shape[axis] = end - around.offset[axis];
    }
  }
  return around;
}

// Volume of the cell that none of the disjoint boxes holds.
uint64_t Uncovered(const Box& cell, std::span<const Box> boxes, const Numbers& numbers) {
  uint64_t rest = Volume(cell);
  for (const uint32_t i : numbers) rest -= Volume(Intersect(cell, boxes[i]));
  return rest;
}

// Moves each face of the gap outwards until a box or the cell stops it.
Box Grow(const Box& cell, std::span<const Box> boxes, Box gap) {
  for (size_t axis = 0; axis < static_cast<size_t>(cell.ndim); ++axis) {
    Box column = gap;  // all that the gap can sweep along the axis
    column.offset[axis] = cell.offset[axis];
    column.shape[axis] = cell.shape[axis];
    int64_t low = cell.offset[axis], high = End(cell, axis);
    for (const Box& box : boxes) {
      if (!Meet(column, box)) continue;
      if (End(box, axis) <= gap.offset[axis]) low = std::max(low, End(box, axis));
      if (box.offset[axis] >= End(gap, axis)) high = std::min(high, box.offset[axis]);
    }
    gap.offset[axis] = low;
    gap.shape[axis] = high - low;
  }
  return gap;
}

}  // namespace

void ForEachPair(const Box& cell, std::span<const Box> boxes,
                 const std::function<bool(uint32_t, uint32_t)>& visit) {
  PairFinder(boxes, visit).Search(cell, AllNumbers(boxes));
}

void ForEachMeeting(std::span<const Box> left, std::span<const Box> right,
                    const std::function<bool(uint32_t, uint32_t)>& visit) {
  std::vector<Box> boxes;
  Numbers origin;  // of each of them, in its list
  boxes.reserve(left.size() + right.size());
  origin.reserve(left.size() + right.size());
  const auto add = [&](std::span<const Box> list) {
    for (uint32_t i = 0; i < list.size(); ++i) {
      if (IsEmpty(list[i])) continue;
      boxes.push_back(list[i]);
      origin.push_back(i);
    }
  };
  add(left);
  const auto split = static_cast<uint32_t>(boxes.size());
  add(right);
  if (split == 0 || split == boxes.size()) return;
  const std::function<bool(uint32_t, uint32_t)> cross = [&](uint32_t i, uint32_t j) {
    return visit(origin[i], origin[j]);
  };
  PairFinder(boxes, cross, split).Search(Around(boxes), AllNumbers(boxes));
}

Box FindGap(const Box& cell, std::span<const Box> boxes) {
  Box gap = cell;
  Numbers numbers = AllNumbers(boxes);
  if (Uncovered(cell, boxes, numbers) == 0) {
    gap.shape.fill(0);
    if (gap.ndim == 0) gap.ndim = 1;  // 0 dims would be one element
    return gap;
  }
  // The half that is not full holds a gap; a cell that is not full and not empty has a face inside.
  while (!numbers.empty()) {
    const Cut cut = BestCut(gap, boxes, numbers);
    Numbers below = Meeting(Below(gap, cut), boxes, numbers);
    const bool gap_below = Uncovered(Below(gap, cut), boxes, below) > 0;
    gap = gap_below ? Below(gap, cut) : Above(gap, cut);
    numbers = gap_below ? std::move(below) : Meeting(gap, boxes, numbers);
  }
  return Grow(cell, boxes, gap);
}

}  // namespace tsnap
