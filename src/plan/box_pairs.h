// Pairs of boxes that meet, found by cutting space until few boxes are left in each cell. Pure
// geometry: knows nothing of ranks or objects.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "catalog/box.h"

namespace tsnap {

// Calls visit(i, j), i < j, once for each pair of boxes that have a part in common, until it
// returns false. The boxes are not empty and lie within `cell`. Near-linear in boxes and pairs for
// boxes that planes separate well, as grids, pencils and recursive cuts do.
void ForEachPair(const Box& cell, std::span<const Box> boxes,
                 const std::function<bool(uint32_t, uint32_t)>& visit);

// The same for pairs of one box of each list: calls visit(i, j) once for each left[i] and right[j]
// that have a part in common. All boxes have the same ndim; empty ones meet nothing.
void ForEachMeeting(std::span<const Box> left, std::span<const Box> right,
                    const std::function<bool(uint32_t, uint32_t)>& visit);

// A box within `cell` that no one of the disjoint boxes touches, as large as it can be grown, or an
// empty one when they fill the cell. The boxes are not empty and lie within `cell`.
Box FindGap(const Box& cell, std::span<const Box> boxes);

}  // namespace tsnap
