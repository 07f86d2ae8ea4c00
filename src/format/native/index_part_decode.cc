// Bytes to index parts and messages. Two lines of defence: the FlatBuffers verifier (offsets,
// alignment, depth), then a payload budget, because offsets may alias: a writer never shares a
// string or vector, so what is copied out in total cannot be more than the input has bytes. What
// the values mean is index_part_check's business.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "format/index_part_generated.h"
#include "format/native/index_part.h"
#include "format/native/index_part_check.h"

namespace tsnap::native {
namespace {

constexpr flatbuffers::uoffset_t kMaxDepth = 8;  // root, record, extent, and room for evolution
constexpr uint64_t kLeastTableBytes = 8;         // a table and the offset that leads to it
constexpr uint64_t kLeastRecordBytes = 20;       // with an offset to a path of up to three bytes
constexpr uint64_t kLeastPathBytes = 3;
constexpr uint64_t kLeastPayloadBytes = 4;  // the length before a string or vector
constexpr size_t kMaxTextBytes = 4096;      // of a path, in messages too
constexpr uintptr_t kAlignment = 8;

Status Malformed(std::string_view what) {
  return Corrupt(fmt::format("the index part is damaged: {}", what));
}

class Decoder {
 public:
  explicit Decoder(uint64_t input_bytes) : budget_(input_bytes) {}

  Status Decode(const wire::IndexPart& in, IndexPart* out) {
    if (const auto* objects = in.objects()) {
      TSNAP_TRY(Spend(kLeastRecordBytes * uint64_t{objects->size()}));
      out->objects.reserve(objects->size());
      for (const wire::ObjectRecord* object : *objects)
        TSNAP_TRY(Object(*object, &out->objects.emplace_back()));
    }
    if (const auto* tiles = in.tiles()) {
      TSNAP_TRY(Spend(kLeastRecordBytes * uint64_t{tiles->size()}));
      out->tiles.reserve(tiles->size());
      for (const wire::TileRecord* tile : *tiles)
        TSNAP_TRY(Tile(*tile, &out->tiles.emplace_back()));
    }
    return Status::Ok();
  }

 private:
  Status Spend(uint64_t bytes) {
    if (bytes > budget_)
      return Malformed("strings or vectors are listed more often than they are stored");
    budget_ -= bytes;
    return Status::Ok();
  }

  Status Text(const flatbuffers::String& in, std::string* out) {
    TSNAP_TRY(Spend(kLeastPayloadBytes + in.size()));
    out->assign(in.c_str(), in.size());
    return Status::Ok();
  }

  Status Path(const flatbuffers::String& in, std::string* out) {
    if (in.size() > kMaxTextBytes) return Malformed("a path is longer than 4096 bytes");
    // The least record was spent for with a path of up to three bytes: only what is longer costs
    // more.
    TSNAP_TRY(Spend(in.size() > kLeastPathBytes ? in.size() - kLeastPathBytes : 0));
    out->assign(in.c_str(), in.size());
    return Status::Ok();
  }

  // Copies a vector of one entry a dimension into the front of an array; the caller knows what
  // absence means.
  template <class T, size_t N>
  Status Axes(const flatbuffers::Vector<T>& in, std::array<T, N>* out) {
    if (in.size() > N) return Malformed("an array has more than 8 dimensions");
    TSNAP_TRY(Spend(kLeastPayloadBytes + in.size() * sizeof(T)));
    for (size_t axis = 0; axis < in.size(); ++axis) {
      // The verifier aligns a vector's length, not its items.
      T item;
      std::memcpy(&item, in.Data() + axis * sizeof(T), sizeof(T));
      (*out)[axis] = flatbuffers::EndianScalar(item);
    }
    return Status::Ok();
  }

  Status Checksums(const wire::Extent& in, std::vector<uint32_t>* out) {
    if (const auto single = in.crc32c()) {
      if (in.block_crcs() != nullptr)
        return Malformed("an extent has both one checksum and a list of them");
      out->assign(1, *single);
    } else if (const auto* crcs = in.block_crcs()) {
      TSNAP_TRY(Spend(kLeastPayloadBytes + crcs->size() * sizeof(uint32_t)));
      out->reserve(crcs->size());
      for (const uint32_t crc : *crcs) out->push_back(crc);
    }
    return Status::Ok();
  }

  // `object` is null for the extents of a tile.
  Status Extent(const wire::Extent& in, const ObjectMeta* object, tsnap::Extent* out) {
    out->writer = in.writer();
    out->slab = in.slab();
    out->offset = in.offset();
    out->stored_bytes = in.stored_bytes();
    out->raw_bytes = in.raw_bytes().value_or(in.stored_bytes());
    out->codec = static_cast<Codec>(in.codec());
    out->unchecked = in.unchecked();
    TSNAP_TRY(Checksums(in, &out->block_crcs));
    if (in.box_shape() != nullptr) {
      TSNAP_TRY(Axes(*in.box_shape(), &out->box.shape));
      out->box.ndim = static_cast<int>(in.box_shape()->size());
    } else if (object != nullptr) {
      out->box.shape = object->shape;
      out->box.ndim = object->ndim;
    }
    const auto ndim = static_cast<flatbuffers::uoffset_t>(out->box.ndim);
    if (in.box_offset() != nullptr) {
      if (in.box_offset()->size() != ndim)
        return Malformed("a box has an offset of other dimensions than its shape");
      TSNAP_TRY(Axes(*in.box_offset(), &out->box.offset));
    }
    if (in.axis_order() != nullptr) {
      if (in.axis_order()->size() != ndim)
        return Malformed("an axis order has other dimensions than its box");
      TSNAP_TRY(Axes(*in.axis_order(), &out->order));
    }
    return Status::Ok();
  }

  template <class List>
  Status Extents(const List* in, const ObjectMeta* object, std::vector<tsnap::Extent>* out) {
    if (in == nullptr) return Status::Ok();
    TSNAP_TRY(Spend(kLeastTableBytes * uint64_t{in->size()}));
    out->reserve(in->size());
    for (const wire::Extent* extent : *in) TSNAP_TRY(Extent(*extent, object, &out->emplace_back()));
    return Status::Ok();
  }

  Status Meta(const wire::ObjectRecord& in, ObjectMeta* out) {
    TSNAP_TRY(Path(*in.path(), &out->path));
    out->rank = in.rank();
    out->kind = static_cast<Kind>(in.kind());
    out->type = static_cast<Type>(in.type());
    out->dtype = static_cast<Dtype>(in.dtype());
    out->coverage = static_cast<Coverage>(in.coverage());
    TSNAP_TRY(CheckEnums(*out));
    out->item_bytes = in.item_bytes() == 0 ? DtypeBytes(out->dtype) : in.item_bytes();
    if (in.shape() != nullptr) {
      TSNAP_TRY(Axes(*in.shape(), &out->shape));
      out->ndim = static_cast<int>(in.shape()->size());
    }
    if (const auto* fill = in.fill()) {
      TSNAP_TRY(Spend(kLeastPayloadBytes + fill->size()));
      const auto* begin = reinterpret_cast<const std::byte*>(fill->data());
      out->fill.assign(begin, begin + fill->size());
    }
    if (const auto* attributes = in.attributes()) {
      TSNAP_TRY(Spend(kLeastTableBytes * uint64_t{attributes->size()}));
      out->attributes.reserve(attributes->size());
      for (const wire::Attribute* attribute : *attributes) {
        auto& [name, value] = out->attributes.emplace_back();
        TSNAP_TRY(Text(*attribute->name(), &name));
        TSNAP_TRY(Text(*attribute->value(), &value));
      }
    }
    return Status::Ok();
  }

  Status Object(const wire::ObjectRecord& in, ObjectRecord* out) {
    TSNAP_TRY(Meta(in, &out->meta));
    if (out->meta.kind == Kind::kSharded) {
      out->tiles.fill(1);
      if (in.tiles() != nullptr) {
        if (in.tiles()->size() != static_cast<flatbuffers::uoffset_t>(out->meta.ndim)) {
          return Malformed("a tile grid has other dimensions than its array");
        }
        TSNAP_TRY(Axes(*in.tiles(), &out->tiles));
      }
    }
    out->box_count = in.box_count();
    TSNAP_TRY(Extents(in.extents(), &out->meta, &out->extents));
    uint64_t raw = 0, stored = 0;
    for (const tsnap::Extent& extent : out->extents) {
      if (!CheckedAdd(raw, extent.raw_bytes, &raw) ||
          !CheckedAdd(stored, extent.stored_bytes, &stored)) {
        return Malformed("the sizes of an object's extents overflow");
      }
    }
    out->raw_bytes = in.raw_bytes().value_or(raw);
    out->stored_bytes = in.stored_bytes().value_or(stored);
    return Status::Ok();
  }

  Status Tile(const wire::TileRecord& in, TileRecord* out) {
    TSNAP_TRY(Path(*in.path(), &out->path));
    out->tile = in.tile();
    return Extents(in.extents(), nullptr, &out->extents);
  }

  uint64_t budget_;
};

Result<IndexPart> DecodeAligned(ConstByteSpan bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  flatbuffers::Verifier verifier(
      data, bytes.size(), kMaxDepth,
      static_cast<flatbuffers::uoffset_t>(bytes.size() / kLeastTableBytes + 1));
  if (!wire::VerifyIndexPartBuffer(verifier))
    return Malformed("its structure is not that of an index part");
  IndexPart part;
  TSNAP_TRY(Decoder(bytes.size()).Decode(*wire::GetIndexPart(data), &part));
  TSNAP_TRY(CheckBoxes(part));
  return part;
}

Result<IndexPart> Decode(ConstByteSpan bytes) {
  // Below the least size the verifier would read past the end to see the identifier.
  if (bytes.size() < 8 + kLeastTableBytes || bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) {
    return Malformed(fmt::format("{} bytes cannot be one", bytes.size()));
  }
  if (reinterpret_cast<uintptr_t>(bytes.data()) % kAlignment == 0) return DecodeAligned(bytes);
  const Bytes copy(bytes.begin(), bytes.end());
  return DecodeAligned(copy);
}

}  // namespace

Result<IndexPart> DecodeMessage(ConstByteSpan bytes) { return Decode(bytes); }

Result<IndexPart> DecodeIndexPart(ConstByteSpan bytes) {
  TSNAP_ASSIGN(IndexPart part, Decode(bytes));
  TSNAP_TRY(CheckIndexPart(part));
  return part;
}

}  // namespace tsnap::native
