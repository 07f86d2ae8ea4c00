// Index parts and messages to bytes. What a reader can infer is left out (index_part.fbs says what
// an absent field means), so that an object of one small extent costs about a hundred bytes beside
// its path.
#include <algorithm>
#include <limits>
#include <new>
#include <span>
#include <vector>

#include "format/index_part_generated.h"
#include "format/native/index_part.h"

namespace tsnap::native {
namespace {

// FlatBuffers cannot be larger; ranks that have more to say split it.
constexpr uint64_t kMaxBufferBytes = FLATBUFFERS_MAX_BUFFER_SIZE;

using flatbuffers::Offset;
template <class T>
using VectorOffset = Offset<flatbuffers::Vector<T>>;

class Encoder {
 public:
  explicit Encoder(uint64_t expected_bytes) : builder_(static_cast<size_t>(expected_bytes)) {}

  Bytes Encode(const IndexPart& part) {
    std::vector<Offset<wire::ObjectRecord>> objects;
    objects.reserve(part.objects.size());
    for (const ObjectRecord& object : part.objects) objects.push_back(Object(object));
    std::vector<Offset<wire::TileRecord>> tiles;
    tiles.reserve(part.tiles.size());
    for (const TileRecord& tile : part.tiles) tiles.push_back(Tile(tile));
    const auto objects_at = VectorOf(objects);
    const auto tiles_at = VectorOf(tiles);
    builder_.Finish(wire::CreateIndexPart(builder_, objects_at, tiles_at),
                    wire::IndexPartIdentifier());
    const auto* begin = reinterpret_cast<const std::byte*>(builder_.GetBufferPointer());
    return Bytes(begin, begin + builder_.GetSize());
  }

 private:
  template <class T>
  VectorOffset<Offset<T>> VectorOf(const std::vector<Offset<T>>& items) {
    return items.empty() ? VectorOffset<Offset<T>>() : builder_.CreateVector(items);
  }
  template <class T>
  VectorOffset<T> VectorOf(std::span<const T> items) {
    return builder_.CreateVector(items.data(), items.size());
  }
  static bool AllAre(int64_t value, std::span<const int64_t> items) {
    return std::all_of(items.begin(), items.end(), [=](int64_t item) { return item == value; });
  }

  // `object` is null for the extents of a tile.
  Offset<wire::Extent> Extent(const tsnap::Extent& extent, const ObjectMeta* object) {
    const auto ndim = static_cast<size_t>(extent.box.ndim);
    const std::span<const int64_t> offset(extent.box.offset.data(), ndim),
        shape(extent.box.shape.data(), ndim);
    const std::span<const uint8_t> order(extent.order.data(), ndim);
    bool whole = ndim == 0, row_major = true;
    if (object != nullptr) {
      whole = object->ndim == extent.box.ndim &&
              std::equal(shape.begin(), shape.end(), object->shape.begin());
    }
    for (size_t axis = 0; axis < ndim; ++axis) row_major = row_major && order[axis] == axis;

    VectorOffset<uint32_t> crcs;
    if (extent.block_crcs.size() > 1) crcs = VectorOf(std::span<const uint32_t>(extent.block_crcs));
    const VectorOffset<int64_t> offset_at =
        AllAre(0, offset) ? VectorOffset<int64_t>() : VectorOf(offset);
    const VectorOffset<int64_t> shape_at = whole ? VectorOffset<int64_t>() : VectorOf(shape);
    const VectorOffset<uint8_t> order_at = row_major ? VectorOffset<uint8_t>() : VectorOf(order);

    wire::ExtentBuilder out(builder_);
    out.add_offset(extent.offset);
    out.add_stored_bytes(extent.stored_bytes);
    if (extent.raw_bytes != extent.stored_bytes) out.add_raw_bytes(extent.raw_bytes);
    out.add_axis_order(order_at);
    out.add_box_shape(shape_at);
    out.add_box_offset(offset_at);
    out.add_block_crcs(crcs);
    if (extent.block_crcs.size() == 1) out.add_crc32c(extent.block_crcs.front());
    out.add_slab(extent.slab);
    out.add_writer(extent.writer);
    out.add_codec(static_cast<wire::Codec>(extent.codec));
    out.add_unchecked(extent.unchecked);
    return out.Finish();
  }

  VectorOffset<Offset<wire::Extent>> Extents(const std::vector<tsnap::Extent>& extents,
                                             const ObjectMeta* object) {
    std::vector<Offset<wire::Extent>>& at = extent_offsets_;
    at.clear();
    for (const tsnap::Extent& extent : extents) at.push_back(Extent(extent, object));
    return VectorOf(at);
  }

  VectorOffset<Offset<wire::Attribute>> Attributes(const std::vector<Attribute>& attributes) {
    std::vector<Offset<wire::Attribute>> at;
    for (const auto& [name, value] : attributes) {
      const auto name_at = builder_.CreateString(name);
      at.push_back(wire::CreateAttribute(builder_, name_at, builder_.CreateString(value)));
    }
    return VectorOf(at);
  }

  VectorOffset<int32_t> Tiles(const ObjectRecord& object) {
    const std::span<const int32_t> tiles(object.tiles.data(),
                                         static_cast<size_t>(object.meta.ndim));
    const bool all_one =
        std::all_of(tiles.begin(), tiles.end(), [](int32_t count) { return count == 1; });
    return object.meta.kind != Kind::kSharded || all_one ? VectorOffset<int32_t>()
                                                         : VectorOf(tiles);
  }

  Offset<wire::ObjectRecord> Object(const ObjectRecord& object) {
    const ObjectMeta& meta = object.meta;
    uint64_t raw = 0, stored = 0;
    for (const tsnap::Extent& extent : object.extents)
      raw += extent.raw_bytes, stored += extent.stored_bytes;
    const auto path = builder_.CreateString(meta.path);
    VectorOffset<int64_t> shape;
    if (meta.ndim > 0)
      shape = VectorOf(std::span<const int64_t>(meta.shape.data(), static_cast<size_t>(meta.ndim)));
    VectorOffset<uint8_t> fill;
    if (!meta.fill.empty()) {
      fill = VectorOf(std::span<const uint8_t>(reinterpret_cast<const uint8_t*>(meta.fill.data()),
                                               meta.fill.size()));
    }
    const auto attributes = Attributes(meta.attributes);
    const auto tiles = Tiles(object);
    const auto extents = Extents(object.extents, &meta);

    wire::ObjectRecordBuilder out(builder_);
    if (object.raw_bytes != raw) out.add_raw_bytes(object.raw_bytes);
    if (object.stored_bytes != stored) out.add_stored_bytes(object.stored_bytes);
    out.add_box_count(object.box_count);
    if (meta.item_bytes != DtypeBytes(meta.dtype)) out.add_item_bytes(meta.item_bytes);
    out.add_extents(extents);
    out.add_tiles(tiles);
    out.add_attributes(attributes);
    out.add_fill(fill);
    out.add_shape(shape);
    out.add_path(path);
    out.add_rank(static_cast<int32_t>(meta.rank));
    out.add_kind(static_cast<wire::Kind>(meta.kind));
    out.add_type(static_cast<wire::Type>(meta.type));
    out.add_dtype(static_cast<wire::Dtype>(meta.dtype));
    out.add_coverage(static_cast<wire::Coverage>(meta.coverage));
    return out.Finish();
  }

  Offset<wire::TileRecord> Tile(const TileRecord& tile) {
    const auto path = builder_.CreateString(tile.path);
    const auto extents = Extents(tile.extents, nullptr);
    return wire::CreateTileRecord(builder_, path, tile.tile, extents);
  }

  flatbuffers::FlatBufferBuilder builder_;
  std::vector<Offset<wire::Extent>> extent_offsets_;  // kept between objects: most have one extent
};

// Not less than what Encode produces.
uint64_t UpperBoundBytes(const IndexPart& part) {
  constexpr uint64_t kExtentBytes = 220, kObjectBytes = 240, kAttributeBytes = 40, kRootBytes = 512;
  uint64_t sum = kRootBytes;
  const auto add_extents = [&sum](const std::vector<Extent>& extents) {
    for (const Extent& extent : extents) sum += kExtentBytes + 4 * extent.block_crcs.size();
  };
  for (const ObjectRecord& object : part.objects) {
    sum += kObjectBytes + object.meta.path.size() + object.meta.fill.size();
    for (const auto& [name, value] : object.meta.attributes)
      sum += kAttributeBytes + name.size() + value.size();
    add_extents(object.extents);
  }
  for (const TileRecord& tile : part.tiles) {
    sum += kObjectBytes + tile.path.size();
    add_extents(tile.extents);
  }
  return sum;
}

Bytes Encode(const IndexPart& part) {
  const uint64_t bound = UpperBoundBytes(part);
  // Like any other allocation that is too large; the caller's phase turns it into a status.
  if (bound >= kMaxBufferBytes) throw std::bad_alloc();
  return Encoder(bound / 2).Encode(part);
}

}  // namespace

Bytes EncodeIndexPart(const IndexPart& part) { return Encode(part); }
Bytes EncodeMessage(const IndexPart& part) { return Encode(part); }

}  // namespace tsnap::native
