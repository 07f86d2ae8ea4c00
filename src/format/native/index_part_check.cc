// How the checks are made: object by object, in one pass; what two records of a part say about each
// other is found by binary search, so that a part of n bytes costs O(n log n) whatever it claims.
#include "format/native/index_part_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include "base/bytes.h"
#include "base/knobs.h"
#include "catalog/placement.h"

namespace tsnap::native {
namespace {

constexpr uint64_t kMaxTiles = 1u << 20;
constexpr size_t kMaxOddExtents = 64;  // how many boxes that are no runs are compared pair by pair
constexpr size_t kMaxShownBytes = 120;

// A name for an error text: one short line, whatever bytes the path has.
std::string Shown(std::string_view path) {
  std::string shown(path.substr(0, kMaxShownBytes));
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return path.size() > kMaxShownBytes ? shown + "..." : shown;
}

Status Damaged(std::string_view path, std::string_view what) {
  return Corrupt(fmt::format("the index part is damaged: \"{}\": {}", Shown(path), what));
}

template <class Enum>
bool InRange(Enum value, Enum first, Enum last) {
  return value >= first && value <= last;
}

Status CheckExtentShape(std::string_view path, const Extent& extent) {
  if (!CheckBox(extent.box, 1).ok()) return Damaged(path, "the box of an extent overflows");
  if (!IsAxisOrder(extent.order, extent.box.ndim))
    return Damaged(path, "an axis order is no permutation");
  if (!InRange(extent.codec, Codec::kNone, Codec::kLz4))
    return Damaged(path, "an extent has an unknown codec");
  return Status::Ok();
}

// Type, dtype and shape belong together.
Status CheckType(const ObjectMeta& meta) {
  Dtype expected = meta.dtype;
  int dims = meta.ndim;
  switch (meta.type) {
    case Type::kArray:
      break;
    case Type::kInt64:
      expected = Dtype::kInt64, dims = 0;
      break;
    case Type::kFloat64:
      expected = Dtype::kFloat64, dims = 0;
      break;
    case Type::kBool:
      expected = Dtype::kBool, dims = 0;
      break;
    case Type::kString:
    case Type::kBytes:
      expected = Dtype::kUint8, dims = 1;
      break;
  }
  if (meta.dtype != expected || meta.ndim != dims)
    return Damaged(meta.path, "its dtype or shape does not fit its type");
  if (meta.type != Type::kArray && meta.kind == Kind::kSharded)
    return Damaged(meta.path, "only arrays can be sharded");
  const bool opaque = meta.dtype == Dtype::kOpaque;
  if (opaque ? meta.item_bytes <= 0 : meta.item_bytes != DtypeBytes(meta.dtype)) {
    return Damaged(meta.path, "its item size does not fit its dtype");
  }
  return Status::Ok();
}

Status CheckMeta(const ObjectMeta& meta) {
  if (!CheckPath(meta.path, false).ok()) return Damaged(meta.path, "its path is not valid");
  const bool is_private = meta.kind == Kind::kPrivate;
  if (is_private ? meta.rank < 0 || meta.rank >= std::numeric_limits<int32_t>::max()
                 : meta.rank != -1) {
    return Damaged(meta.path, "its rank does not fit its kind");
  }
  TSNAP_TRY(CheckType(meta));
  if (!CheckBox(WholeBox(meta.ndim, meta.shape), meta.item_bytes).ok())
    return Damaged(meta.path, "its shape overflows");
  if (meta.coverage != Coverage::kExact && meta.kind != Kind::kSharded) {
    return Damaged(meta.path, "only sharded arrays have a coverage");
  }
  if (!meta.fill.empty() &&
      (meta.coverage != Coverage::kSparse || meta.fill.size() != uint64_t(meta.item_bytes))) {
    return Damaged(meta.path, "its fill value is not one item of a sparse array");
  }
  const auto unordered = [](const Attribute& a, const Attribute& b) { return a.first >= b.first; };
  if (std::adjacent_find(meta.attributes.begin(), meta.attributes.end(), unordered) !=
      meta.attributes.end()) {
    return Damaged(meta.path, "its attributes are not sorted");
  }
  return Status::Ok();
}

// `item_bytes` 0: not known here; then what the extent itself says, which the caller compares.
Status CheckExtent(std::string_view path, const Extent& extent, int64_t item_bytes) {
  const uint64_t volume = Volume(extent.box);
  uint64_t raw = 0, end = 0;
  if (item_bytes > 0
          ? !CheckedMul(volume, static_cast<uint64_t>(item_bytes), &raw) || raw != extent.raw_bytes
          : volume == 0 || extent.raw_bytes == 0 || extent.raw_bytes % volume != 0) {
    return Damaged(path, "an extent's size does not fit its box");
  }
  if (extent.codec == Codec::kNone && extent.stored_bytes != extent.raw_bytes) {
    return Damaged(path, "an extent that is not compressed has two sizes");
  }
  if (extent.raw_bytes > 0 && extent.stored_bytes == 0)
    return Damaged(path, "an extent has no stored bytes");
  if (!CheckedAdd(extent.offset, extent.stored_bytes, &end) ||
      end > uint64_t(std::numeric_limits<int64_t>::max())) {
    return Damaged(path, "the position of an extent overflows");
  }
  if (extent.block_crcs.size() !=
      (extent.unchecked ? 0 : CeilDiv(extent.stored_bytes, kBlockBytes))) {
    return Damaged(path, "the number of checksums does not fit an extent's size");
  }
  return Status::Ok();
}

bool Inside(const Box& whole, const Box& box) {
  if (box.ndim != whole.ndim) return false;
  for (size_t axis = 0; axis < static_cast<size_t>(box.ndim); ++axis) {
    if (box.offset[axis] < 0 || box.offset[axis] + box.shape[axis] > whole.shape[axis])
      return false;
  }
  return true;
}

// True when the box is a run of `whole` in the axis order: one index along the slow axes, any range
// along one, and all of the fast ones. *first is then the number of its first element in that
// order.
bool IsRun(const Box& whole, const Box& box, const AxisOrder& order, uint64_t* first) {
  uint64_t at = 0;
  bool cut = false;
  for (int i = 0; i < box.ndim; ++i) {
    const size_t axis = order[static_cast<size_t>(i)];
    at = at * static_cast<uint64_t>(whole.shape[axis]) + static_cast<uint64_t>(box.offset[axis]);
    if (cut && box.shape[axis] != whole.shape[axis]) return false;
    cut = cut || box.shape[axis] != 1;
  }
  *first = at;
  return true;
}

// The extents of an object that is not sharded hold each of its elements exactly once. Boxes lie
// inside the shape and their volumes add up to it, so it is enough that no two of them meet.
bool AreDisjoint(const ObjectRecord& object) {
  const Box whole = WholeBox(object.meta.ndim, object.meta.shape);
  std::vector<std::pair<uint64_t, uint64_t>> runs;  // first element, number of them
  runs.reserve(object.extents.size());
  for (const Extent& extent : object.extents) {
    uint64_t first = 0;
    if (extent.order != object.extents.front().order ||
        !IsRun(whole, extent.box, extent.order, &first))
      break;
    if (const uint64_t volume = Volume(extent.box); volume > 0)
      runs.emplace_back(first, volume);
    else
      runs.emplace_back(0, 0);
  }
  if (runs.size() == object.extents.size()) {
    std::sort(runs.begin(), runs.end());
    return std::adjacent_find(runs.begin(), runs.end(), [](const auto& a, const auto& b) {
             return a.first + a.second > b.first;
           }) == runs.end();
  }
  if (object.extents.size() > kMaxOddExtents) return false;
  for (size_t i = 0; i < object.extents.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!IsEmpty(Intersect(object.extents[i].box, object.extents[j].box))) return false;
    }
  }
  return true;
}

Status CheckWholeObject(const ObjectRecord& object) {
  const ObjectMeta& meta = object.meta;
  const Box whole = WholeBox(meta.ndim, meta.shape);
  uint64_t volume = 0, stored = 0;
  for (const Extent& extent : object.extents) {
    TSNAP_TRY(CheckExtent(meta.path, extent, meta.item_bytes));
    if (!Inside(whole, extent.box)) return Damaged(meta.path, "an extent lies outside its shape");
    if (!CheckedAdd(volume, Volume(extent.box), &volume) ||
        !CheckedAdd(stored, extent.stored_bytes, &stored)) {
      return Damaged(meta.path, "the sizes of its extents overflow");
    }
  }
  if (volume != Volume(whole))
    return Damaged(meta.path, "its extents hold more or fewer elements than its shape");
  if (object.extents.size() > 1 && !AreDisjoint(object))
    return Damaged(meta.path, "its extents overlap");
  if (object.raw_bytes != volume * static_cast<uint64_t>(meta.item_bytes) ||
      object.stored_bytes != stored) {
    return Damaged(meta.path, "its total sizes are not those of its extents");
  }
  if (object.box_count != 1) return Damaged(meta.path, "it has a box count, but is not sharded");
  return Status::Ok();
}

Status CheckShardedObject(const ObjectRecord& object) {
  const ObjectMeta& meta = object.meta;
  if (!object.extents.empty())
    return Damaged(meta.path, "it is sharded, but has extents outside its tiles");
  if (object.box_count < 0) return Damaged(meta.path, "its box count is negative");
  uint64_t tiles = 1;
  for (size_t axis = 0; axis < static_cast<size_t>(meta.ndim); ++axis) {
    const int64_t count = object.tiles[axis];
    if (count < 1 || count > std::max<int64_t>(1, meta.shape[axis]) ||
        !CheckedMul(tiles, static_cast<uint64_t>(count), &tiles) || tiles > kMaxTiles) {
      return Damaged(meta.path, "its tile grid is not valid");
    }
  }
  return Status::Ok();
}

// The sharded object that a tile belongs to, when its own record is in this part; objects are
// sorted by then.
const ObjectRecord* FindSharded(const IndexPart& part, const std::string& path) {
  const auto found = std::partition_point(
      part.objects.begin(), part.objects.end(),
      [&](const ObjectRecord& object) { return QualifiedPath(object.meta) < path; });
  const bool same =
      found != part.objects.end() && found->meta.kind == Kind::kSharded && found->meta.path == path;
  return same ? &*found : nullptr;
}

Status CheckTile(const IndexPart& part, const TileRecord& tile) {
  if (!CheckPath(tile.path, false).ok()) return Damaged(tile.path, "its path is not valid");
  if (tile.tile >= kMaxTiles) return Damaged(tile.path, "its tile number is too large");
  const ObjectRecord* object = FindSharded(part, tile.path);
  if (object == nullptr) {
    for (const Extent& extent : tile.extents) {
      TSNAP_TRY(CheckExtent(tile.path, extent, 0));
      const Extent& front = tile.extents.front();
      if (extent.box.ndim != front.box.ndim ||
          extent.raw_bytes / Volume(extent.box) != front.raw_bytes / Volume(front.box)) {
        return Damaged(tile.path, "the extents of a tile differ in dimensions or item size");
      }
    }
    return Status::Ok();
  }
  if (tile.tile >= TileCount(object->meta, object->tiles))
    return Damaged(tile.path, "its tile number is too large");
  const Box box = TileBox(object->meta, object->tiles, tile.tile);
  const Box whole = WholeBox(object->meta.ndim, object->meta.shape);
  for (const Extent& extent : tile.extents) {
    TSNAP_TRY(CheckExtent(tile.path, extent, object->meta.item_bytes));
    if (!Inside(whole, extent.box)) return Damaged(tile.path, "an extent lies outside its shape");
    if (IsEmpty(Intersect(box, extent.box)))
      return Damaged(tile.path, "an extent lies outside its tile");
  }
  return Status::Ok();
}

}  // namespace

Status CheckEnums(const ObjectMeta& meta) {
  if (!InRange(meta.kind, Kind::kPrivate, Kind::kSharded))
    return Damaged(meta.path, "its kind is unknown");
  if (!InRange(meta.type, Type::kArray, Type::kBytes))
    return Damaged(meta.path, "its type is unknown");
  if (!IsDtype(static_cast<int32_t>(meta.dtype))) return Damaged(meta.path, "its dtype is unknown");
  if (!InRange(meta.coverage, Coverage::kExact, Coverage::kDuplicates)) {
    return Damaged(meta.path, "its coverage is unknown");
  }
  return Status::Ok();
}

Status CheckBoxes(const IndexPart& part) {
  for (const ObjectRecord& object : part.objects) {
    const ObjectMeta& meta = object.meta;
    if (meta.item_bytes < 0 ||
        !CheckBox(WholeBox(meta.ndim, meta.shape), std::max<int64_t>(1, meta.item_bytes)).ok()) {
      return Damaged(meta.path, "its shape overflows");
    }
    for (const Extent& extent : object.extents) TSNAP_TRY(CheckExtentShape(meta.path, extent));
  }
  for (const TileRecord& tile : part.tiles) {
    for (const Extent& extent : tile.extents) TSNAP_TRY(CheckExtentShape(tile.path, extent));
  }
  return Status::Ok();
}

Status CheckIndexPart(const IndexPart& part) {
  std::string previous, current;
  for (const ObjectRecord& object : part.objects) {
    TSNAP_TRY(CheckMeta(object.meta));
    current = QualifiedPath(object.meta);
    if (!previous.empty() && current <= previous)
      return Damaged(current, "the objects are not sorted by path");
    previous.swap(current);
    TSNAP_TRY(object.meta.kind == Kind::kSharded ? CheckShardedObject(object)
                                                 : CheckWholeObject(object));
  }
  for (size_t i = 0; i < part.tiles.size(); ++i) {
    if (i > 0 && !TileLess(part.tiles[i - 1], part.tiles[i])) {
      return Damaged(part.tiles[i].path, "the tiles are not sorted");
    }
    TSNAP_TRY(CheckTile(part, part.tiles[i]));
  }
  return Status::Ok();
}

}  // namespace tsnap::native
