#include "core/deliver.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "format/native/names.h"
#include "plan/box_pairs.h"
#include "stage/stager.h"

namespace tsnap {

namespace {

bool IsText(Type type) { return type == Type::kString || type == Type::kBytes; }

Status FillBox(const ObjectMeta& meta, const LocalBox& local) {
  TSNAP_ASSIGN(Stager * stager, StagerFor(local.memory.data));
  const Bytes zeros(static_cast<size_t>(meta.item_bytes));
  return stager->Fill(local.memory,
                      meta.fill.empty() ? ConstByteSpan(zeros) : ConstByteSpan(meta.fill));
}

// For each box the numbers of the extents that it meets, ascending.
std::vector<std::vector<uint32_t>> ExtentsMeeting(const std::vector<Extent>& extents,
                                                  const std::vector<LocalBox>& boxes) {
  std::vector<Box> stored, wanted;
  stored.reserve(extents.size());
  wanted.reserve(boxes.size());
  for (const Extent& extent : extents) stored.push_back(extent.box);
  for (const LocalBox& local : boxes) wanted.push_back(local.box);
  std::vector<std::vector<uint32_t>> meeting(boxes.size());
  ForEachMeeting(wanted, stored, [&](uint32_t box, uint32_t extent) {
    meeting[box].push_back(extent);
    return true;
  });
  for (auto& numbers : meeting) std::sort(numbers.begin(), numbers.end());
  return meeting;
}

}  // namespace

std::string LocalName(const LocalObject& object, int rank) {
  return object.meta.kind == Kind::kPrivate ? fmt::format("{}/{}", rank, object.meta.path)
                                            : object.meta.path;
}

Status CheckDestination(const LocalObject& object) {
  for (const LocalBox& local : object.boxes) {
    if (Overlaps(local.memory)) {
      return Invalid(fmt::format(
          "restoring object \"{}\": elements of its array overlap in memory (check its strides)",
          object.meta.path));
    }
  }
  return Status::Ok();
}

std::string Unfit(const ObjectMeta& stored, const LocalObject& object) {
  if (!object.shape_known)
    return stored.kind == Kind::kSharded ? "" : "it is not stored as a sharded array";
  ObjectMeta here = object.meta;
  if (here.kind == Kind::kPrivate && stored.kind == Kind::kReplicated)
    here.kind = Kind::kReplicated;
  if (IsText(here.type) && stored.type == here.type) {
    const auto length = static_cast<uint64_t>(stored.shape[0]);
    const uint64_t needed = length + (here.type == Type::kString ? 1 : 0);
    if (needed > object.value.capacity) {
      if (here.type == Type::kBytes) *object.value.size = length;  // what is needed
      return fmt::format("it needs {} bytes and has a capacity of {}", needed,
                         object.value.capacity);
    }
    here.ndim = stored.ndim;
    here.shape = stored.shape;
  }
  return Difference(stored, here);
}

Status PrepareDestination(const ObjectRecord& record, LocalObject* object) {
  if (record.meta.path.empty() || !IsText(object->meta.type)) return Status::Ok();
  object->meta.ndim = record.meta.ndim;
  object->meta.shape = record.meta.shape;
  object->boxes = {
      {WholeBox(record.meta.ndim, record.meta.shape),
       ContiguousView(object->meta.dtype, object->meta.item_bytes, record.meta.ndim,
                      record.meta.shape, static_cast<std::byte*>(object->value.data))}};
  return Status::Ok();
}

Status CheckExtent(const ObjectMeta& meta, const Extent& extent) {
  if (extent.box.ndim == meta.ndim && Contains(WholeBox(meta.ndim, meta.shape), extent.box) &&
      extent.raw_bytes == Volume(extent.box) * static_cast<uint64_t>(meta.item_bytes)) {
    return Status::Ok();
  }
  return Corrupt(
      fmt::format("the index of object \"{}\" lists an extent {} that does not fit its shape {}: "
                  "the snapshot is damaged",
                  meta.path, ToString(extent.box), ShapeToString(meta.ndim, meta.shape)));
}

Status CheckExtents(const ObjectMeta& meta, const std::vector<Extent>& extents) {
  for (const Extent& extent : extents) TSNAP_TRY(CheckExtent(meta, extent));
  return Status::Ok();
}

Status CheckDisjoint(const ObjectMeta& meta, const std::vector<Box>& boxes) {
  Status overlap;
  ForEachPair(WholeBox(meta.ndim, meta.shape), boxes, [&](uint32_t a, uint32_t b) {
    overlap = Corrupt(fmt::format(
        "the index of object \"{}\" lists {} and {}, which overlap: the snapshot is damaged",
        meta.path, ToString(boxes[a]), ToString(boxes[b])));
    return false;
  });
  return overlap;
}

Status CheckComplete(const ObjectRecord& object, uint64_t found_bytes) {
  uint64_t all_bytes = object.raw_bytes;
  if (object.meta.coverage != Coverage::kSparse) {
    all_bytes = Volume(WholeBox(object.meta.ndim, object.meta.shape)) *
                static_cast<uint64_t>(object.meta.item_bytes);
  }
  if (found_bytes == all_bytes) return Status::Ok();
  return Corrupt(fmt::format("the index of object \"{}\" lists {} bytes of it, which is not all",
                             QualifiedPath(object.meta), found_bytes));
}

Extent Narrowed(const Extent& extent, const Box& part, int64_t item_bytes) {
  Extent narrowed = extent;
  narrowed.slab = native::SlabNames::kBox;
  narrowed.box = part;
  // Of its first element in the row-major array, as everywhere.
  uint64_t items = 0;
  for (int axis = 0; axis < part.ndim; ++axis) {
    const auto i = static_cast<size_t>(axis);
    items = items * static_cast<uint64_t>(extent.box.shape[i]) +
            static_cast<uint64_t>(part.offset[i] - extent.box.offset[i]);
  }
  narrowed.offset = extent.offset + items * static_cast<uint64_t>(item_bytes);
  narrowed.raw_bytes = narrowed.stored_bytes = Volume(part) * static_cast<uint64_t>(item_bytes);
  return narrowed;
}

Status AddObjectReads(const ObjectRecord& record, const std::vector<Extent>& extents,
                      const std::vector<LocalBox>& boxes, uint32_t object,
                      std::vector<ReadItem>* items) {
  TSNAP_TRY(CheckExtents(record.meta, extents));
  const std::vector<std::vector<uint32_t>> meeting = ExtentsMeeting(extents, boxes);
  for (size_t b = 0; b < boxes.size(); ++b) {
    const LocalBox& local = boxes[b];
    const size_t first = items->size();
    uint64_t covered = 0;
    std::vector<Box> parts;
    for (const uint32_t e : meeting[b]) {
      const Extent& extent = extents[e];
      const Box wanted = Intersect(extent.box, local.box);
      covered += Volume(wanted);
      parts.push_back(wanted);
      items->push_back({extent, wanted, local.memory, local.box, record.meta.item_bytes, object});
    }
    if (record.meta.kind == Kind::kSharded) TSNAP_TRY(CheckDisjoint(record.meta, parts));
    if (covered == Volume(local.box)) continue;
    if (record.meta.coverage != Coverage::kSparse || covered > Volume(local.box)) {
      items->resize(first);
      return Corrupt(
          fmt::format("the index of object \"{}\" lists {} of the {} elements of box {}: the "
                      "snapshot is damaged",
                      record.meta.path, covered, Volume(local.box), ToString(local.box)));
    }
    TSNAP_TRY(FillBox(record.meta, local).While("filling object", record.meta.path));
  }
  return Status::Ok();
}

Status DeliverValue(bool swap_byte_order, LocalObject* object) {
  if (swap_byte_order) {
    for (const LocalBox& local : object->boxes) {
      if (IsEmpty(local.box)) continue;
      TSNAP_ASSIGN(Stager * stager, StagerFor(local.memory.data));
      TSNAP_TRY(stager->SwapByteOrder(local.memory));
    }
  }
  const auto length = static_cast<size_t>(object->meta.shape[0]);
  switch (object->meta.type) {
    case Type::kBool:
      *static_cast<int32_t*>(object->value.data) = object->item[0] != std::byte{0};
      break;
    case Type::kString:
      static_cast<char*>(object->value.data)[length] = '\0';
      break;
    case Type::kBytes:
      *object->value.size = length;
      break;
    default:
      break;
  }
  return Status::Ok();
}

}  // namespace tsnap
