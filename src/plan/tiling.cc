// Tiling by counting: claims that do not overlap fill a tile when their volumes add up to the
// tile's. So the search is for overlaps only; a gap is looked for when it is known to be there.
// Knows nothing of who sent the claims.
#include "plan/tiling.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "plan/box_pairs.h"

namespace tsnap {
namespace {

// The claims that meet a tile, clipped to it, in order of (rank, box index).
struct Clipped {
  std::vector<uint32_t> claims;
  std::vector<Box> boxes;
};

Clipped Clip(const Box& tile, std::span<const Claim> claims) {
  Clipped clipped;
  clipped.claims.reserve(claims.size());
  for (size_t i = 0; i < claims.size(); ++i)
    if (!IsEmpty(Intersect(tile, claims[i].box)))
      clipped.claims.push_back(static_cast<uint32_t>(i));
  const auto less = [&](uint32_t i, uint32_t j) {
    const Claim &a = claims[i], &b = claims[j];
    return a.rank != b.rank             ? a.rank < b.rank
           : a.box_index != b.box_index ? a.box_index < b.box_index
                                        : i < j;
  };
  if (!std::is_sorted(clipped.claims.begin(), clipped.claims.end(), less))
    std::sort(clipped.claims.begin(), clipped.claims.end(), less);
  clipped.boxes.reserve(clipped.claims.size());
  for (const uint32_t i : clipped.claims) clipped.boxes.push_back(Intersect(tile, claims[i].box));
  return clipped;
}

Status OverlapError(const ObjectMeta& meta, const Claim& a, const Claim& b) {
  return Mismatch(fmt::format(
      "object \"{}\": boxes {} of rank {} and {} of rank {} overlap in {}: register each element "
      "once{}",
      meta.path, ToString(a.box), a.rank, ToString(b.box), b.rank,
      ToString(Intersect(a.box, b.box)),
      meta.coverage == Coverage::kExact ? ", or set its coverage to TSNAP_COVER_DUPLICATES" : ""));
}

Status GapError(const ObjectMeta& meta, const Box& gap) {
  return Mismatch(fmt::format(
      "object \"{}\": {} of its global shape {} is held by no rank: register it{}", meta.path,
      ToString(gap), ShapeToString(meta.ndim, meta.shape),
      meta.coverage == Coverage::kExact ? ", or set its coverage to TSNAP_COVER_SPARSE" : ""));
}

uint64_t VolumeOf(std::span<const Box> boxes) {
  return std::accumulate(boxes.begin(), boxes.end(), uint64_t{0},
                         [](uint64_t sum, const Box& box) { return sum + Volume(box); });
}

int CompareIndex(const Index& a, const Index& b, int ndim) {
  for (size_t axis = 0; axis < static_cast<size_t>(ndim); ++axis)
    if (a[axis] != b[axis]) return a[axis] < b[axis] ? -1 : 1;
  return 0;
}

// For each box the number of the first box that is equal to it. Where all ranks hold the same,
// pairs would be many.
std::vector<uint32_t> FirstEqual(std::span<const Box> boxes) {
  std::vector<uint32_t> order(boxes.size()), first(boxes.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto compare = [&](uint32_t i, uint32_t j) {
    const int by_offset = CompareIndex(boxes[i].offset, boxes[j].offset, boxes[i].ndim);
    return by_offset != 0 ? by_offset : CompareIndex(boxes[i].shape, boxes[j].shape, boxes[i].ndim);
  };
  std::sort(order.begin(), order.end(), [&](uint32_t i, uint32_t j) {
    const int by_box = compare(i, j);
    return by_box != 0 ? by_box < 0 : i < j;
  });
  for (size_t k = 0; k < order.size(); ++k)
    first[order[k]] =
        k > 0 && compare(order[k - 1], order[k]) == 0 ? first[order[k - 1]] : order[k];
  return first;
}

// Cuts `box` into what the others hold (omitted) and what is left of it.
struct Remains {
  std::vector<Box> kept, omitted;
};

Remains LeaveOut(const Box& box, std::vector<Box> held_by_others) {
  // Large parts first: fewer pieces, and often nothing is left early.
  std::stable_sort(held_by_others.begin(), held_by_others.end(),
                   [](const Box& a, const Box& b) { return Volume(a) > Volume(b); });
  Remains remains{{box}, {}};
  for (const Box& held : held_by_others) {
    std::vector<Box> kept;
    for (const Box& rest : remains.kept) {
      const Box common = Intersect(rest, held);
      if (!IsEmpty(common)) remains.omitted.push_back(common);
      for (const Box& piece : Subtract(rest, held)) kept.push_back(piece);
    }
    remains.kept = std::move(kept);
    if (remains.kept.empty()) break;
  }
  return remains;
}

// What each clipped claim keeps and omits when the first claim of each element stores it.
std::vector<Remains> Resolve(const Box& tile, const Clipped& clipped) {
  const std::vector<uint32_t> first_equal = FirstEqual(clipped.boxes);
  std::vector<uint32_t> distinct;
  std::vector<Box> boxes;
  for (uint32_t i = 0; i < clipped.boxes.size(); ++i) {
    if (first_equal[i] != i) continue;
    distinct.push_back(i);
    boxes.push_back(clipped.boxes[i]);
  }
  std::vector<std::vector<Box>> held_before(distinct.size());
  ForEachPair(tile, boxes, [&](uint32_t i, uint32_t j) {
    held_before[j].push_back(Intersect(boxes[i], boxes[j]));
    return true;
  });
  std::vector<Remains> resolved(clipped.boxes.size());
  for (uint32_t i = 0; i < clipped.boxes.size(); ++i)
    if (first_equal[i] != i) resolved[i].omitted = {clipped.boxes[i]};
  for (size_t k = 0; k < distinct.size(); ++k)
    resolved[distinct[k]] = LeaveOut(boxes[k], std::move(held_before[k]));
  return resolved;
}

Status CheckNoOverlap(const ObjectMeta& meta, const Box& tile, std::span<const Claim> claims,
                      const Clipped& clipped) {
  Status status;
  ForEachPair(tile, clipped.boxes, [&](uint32_t i, uint32_t j) {
    status = OverlapError(meta, claims[clipped.claims[i]], claims[clipped.claims[j]]);
    return false;
  });
  return status;
}

Status CheckNoGap(const ObjectMeta& meta, const Box& tile, std::span<const Box> disjoint) {
  if (VolumeOf(disjoint) == Volume(tile)) return Status::Ok();
  return GapError(meta, FindGap(tile, disjoint));
}

}  // namespace

Status CheckTiling(const ObjectMeta& meta, const Box& tile, std::span<const Claim> claims) {
  if (IsEmpty(tile)) return Status::Ok();
  const Clipped clipped = Clip(tile, claims);
  if (meta.coverage == Coverage::kDuplicates) {
    std::vector<Box> stored;
    for (const Remains& remains : Resolve(tile, clipped))
      stored.insert(stored.end(), remains.kept.begin(), remains.kept.end());
    return CheckNoGap(meta, tile, stored);
  }
  Status status = CheckNoOverlap(meta, tile, claims, clipped);
  if (status.ok() && meta.coverage == Coverage::kExact)
    status = CheckNoGap(meta, tile, clipped.boxes);
  return status;
}

std::vector<Omission> ResolveDuplicates(const Box& tile, std::span<const Claim> claims) {
  std::vector<Omission> omissions;
  if (IsEmpty(tile)) return omissions;
  const Clipped clipped = Clip(tile, claims);
  const std::vector<Remains> resolved = Resolve(tile, clipped);
  for (size_t i = 0; i < resolved.size(); ++i) {
    const Claim& claim = claims[clipped.claims[i]];
    for (const Box& part : resolved[i].omitted)
      omissions.push_back({claim.rank, claim.box_index, part});
  }
  return omissions;
}

}  // namespace tsnap
