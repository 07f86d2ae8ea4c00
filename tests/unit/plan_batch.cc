// Batch: every byte of every extent lies in one piece, every piece in one segment, nothing on top
// of anything else.
#include <criterion/criterion.h>

#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "base/knobs.h"
#include "plan/batch.h"
#include "seeded.h"

using namespace tsnap;

namespace {

PlannedExtent ExtentOf(uint32_t source, uint64_t bytes) {
  PlannedExtent extent;
  extent.source = source;
  extent.raw_bytes = bytes;
  return extent;
}

void CheckOrder(const std::vector<PlannedExtent>& before, const std::vector<PlannedExtent>& after) {
  std::vector<uint32_t> expected;
  for (const bool large : {true, false})
    for (const auto& extent : before)
      if ((extent.raw_bytes >= kLargeExtentBytes) == large) expected.push_back(extent.source);
  cr_assert_eq(after.size(), expected.size());
  for (size_t i = 0; i < after.size(); ++i) {
    cr_assert_eq(after[i].source, expected[i]);
    cr_assert_eq(after[i].raw_bytes, before[expected[i]].raw_bytes);
  }
}

void CheckExtents(const WritePlan& plan, const BatchSizes& limits) {
  uint32_t slab = 0;
  uint64_t end = 0;
  for (const auto& extent : plan.extents) {
    const uint64_t alignment =
        extent.raw_bytes >= kLargeExtentBytes ? kExtentAlignment : kSmallExtentAlignment;
    cr_assert_eq(extent.offset % alignment, 0u);
    if (extent.slab != slab) {
      cr_assert_eq(extent.slab, slab + 1);
      cr_assert_eq(plan.slab_bytes[slab], end);
      cr_assert_eq(extent.offset, 0u);
      cr_assert_gt(AlignUp(end, kExtentAlignment) + extent.raw_bytes, limits.slab_bytes,
                   "a slab ended early");
      slab = extent.slab;
      end = 0;
    }
    cr_assert_geq(extent.offset, end);
    cr_assert(extent.offset == 0 || extent.offset + extent.raw_bytes <= limits.slab_bytes);
    end = extent.offset + extent.raw_bytes;
  }
  cr_assert_eq(plan.slab_bytes.size(), plan.extents.empty() ? 0u : slab + 1u);
  if (!plan.extents.empty()) cr_assert_eq(plan.slab_bytes[slab], end);
}

void CheckSegment(const WritePlan& plan, const Segment& segment, const BatchSizes& limits) {
  cr_assert_eq(segment.offset % kExtentAlignment, 0u);
  cr_assert_gt(segment.piece_count, 0u);
  uint64_t raw = 0, end = 0;
  for (uint32_t i = segment.first_piece; i < segment.first_piece + segment.piece_count; ++i) {
    const Piece& piece = plan.pieces[i];
    const PlannedExtent& extent = plan.extents[piece.extent];
    cr_assert_eq(piece.begin % kBlockBytes, 0u);
    cr_assert_eq(extent.slab, segment.slab);
    cr_assert_eq(segment.offset + piece.buffer_offset, extent.offset + piece.begin);
    cr_assert_geq(piece.buffer_offset, end);
    end = piece.buffer_offset + piece.bytes;
    raw += piece.bytes;
    if (limits.with_codec) cr_assert(piece.begin == 0 && piece.bytes == extent.raw_bytes);
  }
  cr_assert_eq(segment.bytes, end);
  cr_assert(raw <= limits.transfer_bytes || (limits.with_codec && segment.piece_count == 1));
  cr_assert(segment.bytes <= limits.transfer_bytes ||
            (limits.with_codec && segment.piece_count == 1));
  cr_assert_leq(segment.offset + segment.bytes, plan.slab_bytes[segment.slab]);
}

void CheckPlan(const std::vector<PlannedExtent>& before, const WritePlan& plan,
               const BatchSizes& limits) {
  CheckOrder(before, plan.extents);
  CheckExtents(plan, limits);
  uint32_t next_piece = 0;
  const Segment* last = nullptr;
  for (const auto& segment : plan.segments) {
    cr_assert_eq(segment.first_piece, next_piece);
    next_piece += segment.piece_count;
    CheckSegment(plan, segment, limits);
    if (last != nullptr && last->slab == segment.slab)
      cr_assert_geq(segment.offset, AlignUp(last->offset + last->bytes, kExtentAlignment));
    last = &segment;
  }
  cr_assert_eq(next_piece, plan.pieces.size());
  size_t extent = 0;
  uint64_t done = 0;
  for (const auto& piece : plan.pieces) {
    cr_assert_eq(piece.extent, extent);
    cr_assert_eq(piece.begin, done);
    cr_assert_gt(piece.bytes, 0u);
    done += piece.bytes;
    if (done < plan.extents[extent].raw_bytes) continue;
    cr_assert_eq(done, plan.extents[extent++].raw_bytes);
    done = 0;
  }
  cr_assert_eq(extent, plan.extents.size());
}

}  // namespace

Test(plan_batch, every_byte_lies_in_one_piece_on_random_cases) {
  test::Seeded random;
  for (int round = 0; round < 400; ++round) {
    std::vector<PlannedExtent> extents;
    const int64_t count = random.Int(0, 200);
    const int64_t most = std::vector<int64_t>{100, 5000, 1 << 20, 3 << 20,
                                              40 << 20}[static_cast<size_t>(random.Int(0, 4))];
    for (uint32_t i = 0; i < count; ++i)
      extents.push_back(ExtentOf(i, static_cast<uint64_t>(random.Int(1, most))));
    const BatchSizes limits = {
        static_cast<uint64_t>(random.Int(1 << 16, 64 << 20)),
        kBlockBytes * static_cast<uint64_t>(random.Int(1, 16)),
        random.Chance(0.3),
        0,
    };
    CheckPlan(extents, Batch(extents, limits), limits);
  }
}

// What an object store asks of the segments of a slab: as parts they tile it, none but the last is
// too small, and they are as few as that allows.
Test(plan_batch, parts_tile_their_slabs_and_are_large_enough_on_random_cases) {
  test::Seeded random;
  for (int round = 0; round < 400; ++round) {
    std::vector<PlannedExtent> extents;
    const int64_t count = random.Int(0, 300);
    const std::vector<int64_t> most = {100, 5000, 1 << 20, 3 << 20, 40 << 20, 300 << 20};
    for (uint32_t i = 0; i < count; ++i) {
      const int64_t bytes = random.Int(1, most[static_cast<size_t>(random.Int(0, 5))]);
      extents.push_back(ExtentOf(i, static_cast<uint64_t>(bytes)));
    }
    const uint64_t least = kBlockBytes * static_cast<uint64_t>(random.Int(1, 40));
    const BatchSizes sizes = {
        static_cast<uint64_t>(random.Int(1 << 16, 256 << 20)),
        AlignUp(least + kLargeExtentBytes, kBlockBytes) +
            kBlockBytes * static_cast<uint64_t>(random.Int(0, 64)),
        random.Chance(0.3),
        least,
    };
    const WritePlan plan = Batch(extents, sizes);
    BatchSizes limits = sizes;
    if (sizes.with_codec) limits.slab_bytes = std::min(limits.slab_bytes, limits.transfer_bytes);
    CheckPlan(extents, plan, limits);
    for (size_t i = 0; i < plan.segments.size(); ++i) {
      const Segment& segment = plan.segments[i];
      if (i == 0 || plan.segments[i - 1].slab != segment.slab) cr_assert_eq(segment.offset, 0u);
      if (i + 1 == plan.segments.size() || plan.segments[i + 1].slab != segment.slab) continue;
      cr_assert(!sizes.with_codec, "a slab has several segments");
      const uint64_t next = plan.segments[i + 1].offset;
      cr_assert_eq(next, AlignUp(segment.offset + segment.bytes, kExtentAlignment));
      cr_assert_geq(next - segment.offset, sizes.least_part_bytes);
      cr_assert_leq(next - segment.offset, sizes.transfer_bytes);
      cr_assert_gt(next - segment.offset, sizes.transfer_bytes - kLargeExtentBytes);
    }
  }
}

Test(plan_batch, large_extents_that_fill_parts_have_them_for_themselves) {
  const std::vector<PlannedExtent> extents = {ExtentOf(0, 64 << 20), ExtentOf(1, 32 << 20),
                                              ExtentOf(2, 100)};
  const WritePlan plan = Batch(extents, {1 << 30, 16 << 20, false, 5 << 20});
  cr_assert_eq(plan.segments.size(), 7u);
  for (const Segment& segment : plan.segments) cr_assert_eq(segment.piece_count, 1u);
}

Test(plan_batch, extents_smaller_than_a_part_share_one) {
  std::vector<PlannedExtent> extents;
  for (uint32_t i = 0; i < 16; ++i) extents.push_back(ExtentOf(i, 3 << 20));
  const WritePlan plan = Batch(extents, {1 << 30, 16 << 20, false, 5 << 20});
  cr_assert_eq(plan.segments.size(), 3u);
  cr_assert_eq(plan.segments[0].piece_count, 6u);  // the last of them is cut
  cr_assert_eq(plan.pieces.size(), 18u);
}

Test(plan_batch, nothing_gives_an_empty_plan) {
  const WritePlan plan = Batch({}, {1 << 30, kTransferBytes, false, 0});
  cr_assert(plan.extents.empty() && plan.pieces.empty() && plan.segments.empty() &&
            plan.slab_bytes.empty());
}

Test(plan_batch, small_extents_share_a_segment) {
  std::vector<PlannedExtent> extents;
  for (uint32_t i = 0; i < 4096; ++i) extents.push_back(ExtentOf(i, 1024));
  const WritePlan plan = Batch(extents, {1 << 30, kTransferBytes, false, 0});
  cr_assert_eq(plan.segments.size(), 1u);
  cr_assert_eq(plan.slab_bytes.size(), 1u);
  cr_assert_eq(plan.slab_bytes[0], 4096u * 1024u);
}

Test(plan_batch, a_large_extent_has_its_segments_for_itself) {
  const std::vector<PlannedExtent> extents = {ExtentOf(0, 100), ExtentOf(1, 9 << 20),
                                              ExtentOf(2, 100)};
  const WritePlan plan = Batch(extents, {1 << 30, 4 << 20, false, 0});
  cr_assert_eq(plan.segments.size(), 4u);
  for (int i = 0; i < 3; ++i) cr_assert_eq(plan.segments[static_cast<size_t>(i)].piece_count, 1u);
  cr_assert_eq(plan.segments[3].piece_count, 2u);
}
