// Index parts that no writer wrote: each broken promise is kCorrupt, no input crashes or takes memory out of proportion.
#include <criterion/criterion.h>

#include <functional>

#include "format/index_part_generated.h"
#include "format/native/index_part.h"
#include "format_samples.h"

using namespace tsnap;
using namespace tsnap::native;

namespace {

Extent MakeExtent(const Box& box, uint64_t item_bytes) {
  Extent extent;
  extent.box = box;
  extent.raw_bytes = extent.stored_bytes = Volume(box) * item_bytes;
  extent.block_crcs.resize(CeilDiv(extent.stored_bytes, kBlockBytes), 1);
  return extent;
}

// objects[0]: private "0/p" of 4x6 float64 in two chunks; [1]: replicated "r", a string of 300,000 bytes; [2]: sharded "s"
// of 10x10 int32 in 2x1 tiles, tiles[0..1] are its tiles; tiles[2] belongs to an object of another part.
IndexPart Base() {
  IndexPart part;
  ObjectRecord& p = part.objects.emplace_back();
  p.meta = {"p", Kind::kPrivate, Type::kArray, Dtype::kFloat64, 8, 2, {4, 6}, 0, Coverage::kExact, {}, {{"a", "1"}, {"b", "2"}}};
  p.box_count = 1;
  p.extents = {MakeExtent({2, {0, 0}, {2, 6}}, 8), MakeExtent({2, {2, 0}, {2, 6}}, 8)};
  p.raw_bytes = p.stored_bytes = 4 * 6 * 8;
  ObjectRecord& r = part.objects.emplace_back();
  r.meta = {"r", Kind::kReplicated, Type::kString, Dtype::kUint8, 1, 1, {300'000}, -1, Coverage::kExact, {}, {}};
  r.box_count = 1;
  r.extents = {MakeExtent(WholeBox(1, r.meta.shape), 1)};
  r.raw_bytes = r.stored_bytes = 300'000;
  ObjectRecord& s = part.objects.emplace_back();
  s.meta = {"s", Kind::kSharded, Type::kArray, Dtype::kInt32, 4, 2, {10, 10}, -1, Coverage::kSparse, Bytes(4), {}};
  s.tiles = {2, 1, 1, 1, 1, 1, 1, 1};
  s.box_count = 2;
  s.raw_bytes = s.stored_bytes = 400;
  part.tiles.push_back({"s", 0, {MakeExtent({2, {0, 0}, {5, 10}}, 4)}});
  part.tiles.push_back({"s", 1, {MakeExtent({2, {5, 0}, {5, 10}}, 4)}});
  part.tiles.push_back({"t", 0, {MakeExtent({1, {0}, {5}}, 4), MakeExtent({1, {7}, {2}}, 4)}});
  return part;
}

using Change = std::function<void(IndexPart*)>;
ObjectRecord& P(IndexPart* part) { return part->objects[0]; }
ObjectRecord& R(IndexPart* part) { return part->objects[1]; }
ObjectRecord& S(IndexPart* part) { return part->objects[2]; }

void ExpectCorrupt(const std::vector<std::pair<const char*, Change>>& cases) {
  cr_assert(DecodeIndexPart(EncodeIndexPart(Base())).ok());
  for (const auto& [name, change] : cases) {
    IndexPart part = Base();
    change(&part);
    const auto read = DecodeIndexPart(EncodeIndexPart(part));
    cr_assert(!read.ok(), "%s", name);
    cr_assert_eq(read.status().code(), Code::kCorrupt, "%s: %s", name, read.status().ToString().c_str());
    cr_assert_eq(read.status().message().find('\n'), std::string::npos);
  }
}

Bytes Finish(flatbuffers::FlatBufferBuilder* builder, flatbuffers::Offset<wire::IndexPart> root) {
  builder->Finish(root, wire::IndexPartIdentifier());
  const auto* begin = reinterpret_cast<const std::byte*>(builder->GetBufferPointer());
  return Bytes(begin, begin + builder->GetSize());
}

}  // namespace

Test(format_index_hostile, objects_that_no_writer_writes_are_corrupt) {
  ExpectCorrupt({
      {"empty path", [](IndexPart* p) { P(p).meta.path = ""; }},
      {"path that climbs out", [](IndexPart* p) { P(p).meta.path = "../p"; }},
      {"absolute path", [](IndexPart* p) { P(p).meta.path = "/p"; }},
      {"path not UTF-8", [](IndexPart* p) { P(p).meta.path = "p\n\xff"; }},
      {"path too long", [](IndexPart* p) { P(p).meta.path.assign(4097, 'p'); }},
      {"kind", [](IndexPart* p) { P(p).meta.kind = static_cast<Kind>(0); }},
      {"kind of the future", [](IndexPart* p) { P(p).meta.kind = static_cast<Kind>(4); }},
      {"type", [](IndexPart* p) { P(p).meta.type = static_cast<Type>(7); }},
      {"dtype", [](IndexPart* p) { P(p).meta.dtype = static_cast<Dtype>(19); }},
      {"coverage", [](IndexPart* p) { S(p).meta.coverage = static_cast<Coverage>(4); }},
      {"private without a rank", [](IndexPart* p) { P(p).meta.rank = -1; }},
      {"private of rank 2^31-1", [](IndexPart* p) { P(p).meta.rank = 2147483647; }},
      {"replicated with a rank", [](IndexPart* p) { R(p).meta.rank = 1; }},
      {"item size of a dtype", [](IndexPart* p) { P(p).meta.item_bytes = 4; }},
      {"item size negative", [](IndexPart* p) { P(p).meta.item_bytes = -8; }},
      {"opaque without size", [](IndexPart* p) { P(p).meta.dtype = Dtype::kOpaque, P(p).meta.item_bytes = 0; }},
      {"string of floats", [](IndexPart* p) { P(p).meta.type = Type::kString; }},
      {"scalar with dims", [](IndexPart* p) { P(p).meta.type = Type::kFloat64; }},
      {"sharded string", [](IndexPart* p) { R(p).meta.kind = Kind::kSharded; }},
      {"shape negative", [](IndexPart* p) { P(p).meta.shape[0] = -4; }},
      {"shape overflows", [](IndexPart* p) { S(p).meta.shape = {int64_t{1} << 40, int64_t{1} << 40}; }},
      {"shape times item overflows", [](IndexPart* p) { S(p).meta.shape = {int64_t{1} << 31, int64_t{1} << 31}; }},
      {"coverage of a private", [](IndexPart* p) { P(p).meta.coverage = Coverage::kSparse; }},
      {"fill of another size", [](IndexPart* p) { S(p).meta.fill.resize(5); }},
      {"fill without sparse", [](IndexPart* p) { S(p).meta.coverage = Coverage::kExact; }},
      {"attributes unsorted", [](IndexPart* p) { P(p).meta.attributes = {{"b", ""}, {"a", ""}}; }},
      {"attribute twice", [](IndexPart* p) { P(p).meta.attributes = {{"a", ""}, {"a", ""}}; }},
      {"objects unsorted", [](IndexPart* p) { std::swap(P(p), R(p)); }},
      {"object twice", [](IndexPart* p) { p->objects.insert(p->objects.begin(), P(p)); }},
      {"raw total", [](IndexPart* p) { ++P(p).raw_bytes; }},
      {"stored total", [](IndexPart* p) { --P(p).stored_bytes; }},
      {"box count of a private", [](IndexPart* p) { P(p).box_count = 2; }},
      {"box count negative", [](IndexPart* p) { S(p).box_count = -1; }},
      {"extents of a sharded", [](IndexPart* p) { S(p).extents = p->tiles[0].extents; }},
      {"no tiles", [](IndexPart* p) { S(p).tiles[1] = 0; }},
      {"more tiles than elements", [](IndexPart* p) { S(p).tiles[1] = 11; }},
      {"more than 2^20 tiles", [](IndexPart* p) { S(p).meta.shape = {1 << 20, 10}, S(p).tiles = {1 << 20, 2}; }},
  });
}

Test(format_index_hostile, extents_that_no_writer_writes_are_corrupt) {
  const auto first = [](IndexPart* part) -> Extent& { return P(part).extents[0]; };
  ExpectCorrupt({
      {"codec", [=](IndexPart* p) { first(p).codec = static_cast<Codec>(3); }},
      {"raw size", [=](IndexPart* p) { first(p).raw_bytes += 8; }},
      {"both sizes", [=](IndexPart* p) { first(p).raw_bytes += 8, first(p).stored_bytes += 8; }},
      {"stored size without codec", [=](IndexPart* p) { first(p).stored_bytes -= 8; }},
      {"nothing stored", [=](IndexPart* p) { first(p).codec = Codec::kZstd, first(p).stored_bytes = 0, first(p).block_crcs.clear(); }},
      {"position overflows", [=](IndexPart* p) { first(p).offset = ~uint64_t{0} - 5; }},
      {"position beyond int64", [=](IndexPart* p) { first(p).offset = uint64_t{1} << 63; }},
      {"no checksum", [=](IndexPart* p) { first(p).block_crcs.clear(); }},
      {"a checksum too many", [=](IndexPart* p) { first(p).block_crcs.push_back(1); }},
      {"a checksum too few", [](IndexPart* p) { R(p).extents[0].block_crcs.resize(1); }},
      {"axis order", [=](IndexPart* p) { first(p).order = {1, 1}; }},
      {"axis out of range", [=](IndexPart* p) { first(p).order = {1, 2}; }},
      {"other dims", [=](IndexPart* p) { first(p).box = {1, {0}, {12}}; }},
      {"box outside", [=](IndexPart* p) { first(p).box.offset[1] = 1; }},
      {"box negative offset", [=](IndexPart* p) { first(p).box.offset[1] = -1; }},
      {"box overflows", [=](IndexPart* p) { first(p).box.offset[1] = std::numeric_limits<int64_t>::max(); }},
      {"box shape negative", [=](IndexPart* p) { first(p).box.shape = {-2, -6}; }},
      {"overlap", [](IndexPart* p) { P(p).extents[1].box.offset[0] = 1; }},
      {"overlap of odd boxes", [](IndexPart* p) {
         P(p).extents = {MakeExtent({2, {0, 0}, {4, 3}}, 8), MakeExtent({2, {0, 2}, {4, 3}}, 8)};
       }},
      {"overlap in another order", [](IndexPart* p) { P(p).extents[1].box.offset[0] = 0, P(p).extents[1].order = {1, 0}; }},
      {"a part missing", [](IndexPart* p) { P(p).extents.pop_back(); }},
      {"all missing", [](IndexPart* p) { P(p).extents.clear(); }},
      {"sizes overflow", [](IndexPart* p) {
         P(p).extents.resize(3, P(p).extents[0]);
         for (Extent& extent : P(p).extents) extent.codec = Codec::kZstd, extent.stored_bytes = uint64_t{1} << 63;
       }},
  });
}

Test(format_index_hostile, tiles_that_no_writer_writes_are_corrupt) {
  ExpectCorrupt({
      {"path", [](IndexPart* p) { p->tiles[0].path = "s//x"; }},
      {"tiles unsorted", [](IndexPart* p) { std::swap(p->tiles[0], p->tiles[1]); }},
      {"tile twice", [](IndexPart* p) { p->tiles[1] = p->tiles[0]; }},
      {"tile number", [](IndexPart* p) { p->tiles[1].tile = 2; }},
      {"tile number of an unknown object", [](IndexPart* p) { p->tiles[2].tile = uint64_t{1} << 20; }},
      {"extent of another tile", [](IndexPart* p) { p->tiles[1].extents = p->tiles[0].extents; }},
      {"extent outside", [](IndexPart* p) { p->tiles[1].extents[0].box.offset[0] = 6; }},
      {"extent of other dims", [](IndexPart* p) { p->tiles[0].extents = {MakeExtent({1, {0}, {5}}, 4)}; }},
      {"extent size", [](IndexPart* p) { p->tiles[0].extents = {MakeExtent({2, {0, 0}, {5, 10}}, 8)}; }},
      {"empty extent", [](IndexPart* p) { p->tiles[2].extents[0] = MakeExtent({1, {0}, {0}}, 4); }},
      {"sizes that differ", [](IndexPart* p) { p->tiles[2].extents[1] = MakeExtent({1, {7}, {2}}, 8); }},
      {"dims that differ", [](IndexPart* p) { p->tiles[2].extents[1] = MakeExtent({2, {7, 0}, {2, 1}}, 4); }},
  });
}

Test(format_index_hostile, many_chunks_in_any_listing_order_are_fine_when_they_tile_the_object) {
  IndexPart part;
  ObjectRecord& object = part.objects.emplace_back();
  object.meta = {"p", Kind::kPrivate, Type::kArray, Dtype::kInt8, 1, 3, {40, 50, 60}, 0, Coverage::kExact, {}, {}};
  object.box_count = 1;
  object.raw_bytes = object.stored_bytes = 40 * 50 * 60;
  for (const Box& box : CutIntoChunks(WholeBox(3, object.meta.shape), {2, 0, 1}, 1, 100)) {
    object.extents.push_back(MakeExtent(box, 1));
    object.extents.back().order = {2, 0, 1, 3, 4, 5, 6, 7};
  }
  cr_assert_gt(object.extents.size(), 1000u);
  std::shuffle(object.extents.begin(), object.extents.end(), std::mt19937(1));
  cr_assert(DecodeIndexPart(EncodeIndexPart(part)).ok());
  for (size_t i = 1; i < object.extents.size(); ++i) {
    if (object.extents[i].box.shape != object.extents[0].box.shape) continue;
    object.extents[i].box = object.extents[0].box;  // one twice, another not at all
    break;
  }
  cr_assert_eq(DecodeIndexPart(EncodeIndexPart(part)).status().code(), Code::kCorrupt);
}

Test(format_index_hostile, every_truncation_is_noticed_and_no_flipped_bit_crashes) {
  const Bytes good = EncodeIndexPart(Base());
  for (size_t size = 0; size < good.size(); ++size) {
    // Of exactly this size on the heap, so that a sanitizer sees a read past the end.
    const Bytes cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
    const auto read = DecodeIndexPart(cut);
    // The last bytes may be padding: without them nothing is lost.
    if (read.ok()) cr_assert(good.size() - size < 8 && samples::Same(*read, Base()), "%zu bytes", size);
    else cr_assert_eq(read.status().code(), Code::kCorrupt);
  }
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    const auto read = DecodeIndexPart(bad);
    cr_assert(read.ok() || read.status().code() == Code::kCorrupt);
    const auto message = DecodeMessage(bad);
    cr_assert(message.ok() || message.status().code() == Code::kCorrupt);
  }
}

Test(format_index_hostile, a_vector_that_is_shared_a_thousand_times_is_refused) {
  flatbuffers::FlatBufferBuilder builder;
  const auto crcs = builder.CreateVector(std::vector<uint32_t>(100'000, 1));
  std::vector<flatbuffers::Offset<wire::Extent>> extents;
  for (int i = 0; i < 1000; ++i) {
    wire::ExtentBuilder extent(builder);
    extent.add_block_crcs(crcs);
    extents.push_back(extent.Finish());
  }
  const auto list = builder.CreateVector(extents);
  const auto path = builder.CreateString("a");
  const auto tile = wire::CreateTileRecord(builder, path, 0, list);
  const auto tiles = builder.CreateVector(&tile, 1);
  const auto read = DecodeMessage(Finish(&builder, wire::CreateIndexPart(builder, 0, tiles)));
  cr_assert_eq(read.status().code(), Code::kCorrupt);
  cr_assert_neq(read.status().message().find("more often than they are stored"), std::string::npos);
}

Test(format_index_hostile, a_record_that_is_listed_a_hundred_thousand_times_is_refused) {
  flatbuffers::FlatBufferBuilder builder;
  const auto path = builder.CreateString(std::string(4000, 'a'));
  const auto tile = wire::CreateTileRecord(builder, path, 0);
  const auto tiles = builder.CreateVector(std::vector<flatbuffers::Offset<wire::TileRecord>>(100'000, tile));
  const auto read = DecodeMessage(Finish(&builder, wire::CreateIndexPart(builder, 0, tiles)));
  cr_assert_eq(read.status().code(), Code::kCorrupt);
}

Test(format_index_hostile, foreign_bytes_are_corrupt) {
  for (const char* text : {"", "TSIX", "{\"format\":\"tsnap\"}", "\x08\x00\x00\x00TSIX\x00\x00\x00\x00\x00\x00\x00\x00"}) {
    cr_assert_eq(DecodeIndexPart(AsBytes(text)).status().code(), Code::kCorrupt);
  }
  cr_assert_eq(DecodeIndexPart(Bytes(4096)).status().code(), Code::kCorrupt);
  Bytes other = EncodeIndexPart(Base());
  other[4] = std::byte{'X'};  // another file identifier
  cr_assert_eq(DecodeIndexPart(other).status().code(), Code::kCorrupt);
}
