// Index parts: what goes in comes out, small objects cost little, and fields of a newer writer do no harm.
#include <criterion/criterion.h>

#include "format/index_part_generated.h"
#include "format/native/index_part.h"
#include "format_samples.h"

using namespace tsnap;
using namespace tsnap::native;

namespace {

IndexPart SmallPrivateArrays(int count) {
  IndexPart part;
  for (int i = 0; i < count; ++i) {
    ObjectRecord object;
    object.meta.path = "mesh/patch" + std::to_string(1000000 + i);
    object.meta.rank = 7;
    object.meta.dtype = Dtype::kFloat64;
    object.meta.item_bytes = 8;
    object.meta.ndim = 1;
    object.meta.shape[0] = 128;
    object.box_count = 1;
    Extent& extent = object.extents.emplace_back();
    extent.writer = 7;
    extent.offset = uint64_t{1024} * static_cast<uint64_t>(i);
    extent.box = WholeBox(1, object.meta.shape);
    extent.raw_bytes = extent.stored_bytes = object.raw_bytes = object.stored_bytes = 1024;
    extent.block_crcs = {static_cast<uint32_t>(i) * 2654435761u};
    part.objects.push_back(object);
  }
  return part;
}

}  // namespace

Test(format_index, what_is_written_is_read_back) {
  samples::Random random = samples::Random::Printed("format_index");
  for (int round = 0; round < 300; ++round) {
    const IndexPart part = samples::RandomPart(&random, static_cast<int>(random.Between(0, 30)));
    const auto read = DecodeIndexPart(EncodeIndexPart(part));
    cr_assert(read.ok(), "round %d: %s", round, read.status().message().c_str());
    cr_assert(samples::Same(part, *read), "round %d", round);
  }
}

Test(format_index, a_part_need_not_be_aligned_in_memory) {
  samples::Random random(1);
  const IndexPart part = samples::RandomPart(&random, 10);
  const Bytes bytes = EncodeIndexPart(part);
  for (size_t shift = 1; shift < 8; ++shift) {
    Bytes shifted(shift);
    shifted.insert(shifted.end(), bytes.begin(), bytes.end());
    const auto read = DecodeIndexPart(ConstByteSpan(shifted).subspan(shift));
    cr_assert(read.ok() && samples::Same(part, *read));
  }
}

Test(format_index, a_small_private_array_costs_at_most_128_bytes) {
  const IndexPart part = SmallPrivateArrays(1000);
  const Bytes bytes = EncodeIndexPart(part);
  cr_assert_leq(bytes.size(), 128'000u, "%zu", bytes.size());
  const auto read = DecodeIndexPart(bytes);
  cr_assert(read.ok() && samples::Same(part, *read));
}

Test(format_index, messages_may_be_incomplete) {
  IndexPart message;
  ObjectRecord& question = message.objects.emplace_back();  // no extents though its shape has elements
  question.meta.path = "z";
  question.meta.rank = 3;
  question.meta.ndim = 2;
  question.meta.shape = {4, 5};
  question.box_count = 0;
  question.raw_bytes = 11;
  ObjectRecord& sharded = message.objects.emplace_back();  // not sorted; an extent with nothing but a box
  sharded.meta.path = "a";
  sharded.meta.kind = Kind::kSharded;
  sharded.meta.ndim = 1;
  sharded.meta.shape = {100};
  sharded.tiles.fill(1);
  sharded.tiles[0] = 4;
  Extent& claim = sharded.extents.emplace_back();
  claim.box.ndim = 1;
  claim.box.offset[0] = 40;
  claim.box.shape[0] = 20;
  claim.writer = 9;
  TileRecord& tile = message.tiles.emplace_back();
  tile.path = "b";
  tile.tile = 5;
  tile.extents = {claim, claim};
  tile.extents[1].box.shape[0] = 0;
  message.tiles.push_back({"a", 1, {}});
  const auto read = DecodeMessage(EncodeMessage(message));
  cr_assert(read.ok(), "%s", read.status().message().c_str());
  cr_assert(samples::Same(message, *read));
  cr_assert_eq(DecodeIndexPart(EncodeMessage(message)).status().code(), Code::kCorrupt);
}

// The smallest records there are: what the decoder counts for each must not be more than it takes.
Test(format_index, many_short_reports_are_read_back) {
  for (size_t length = 1; length <= 16; ++length) {
    IndexPart message;
    for (int i = 0; i < 500; ++i) message.tiles.push_back({std::string(length, 'p'), 0, {}});
    const auto read = DecodeMessage(EncodeMessage(message));
    cr_assert(read.ok(), "paths of %zu bytes: %s", length, read.status().message().c_str());
    cr_assert(samples::Same(message, *read));
  }
}

Test(format_index, an_empty_part_is_a_part) {
  const auto read = DecodeIndexPart(EncodeIndexPart({}));
  cr_assert(read.ok() && read->objects.empty() && read->tiles.empty());
}

// What a newer writer may do without raising format_version: append fields to tables.
Test(format_index, fields_of_a_newer_writer_are_ignored) {
  flatbuffers::FlatBufferBuilder builder;
  const auto later_text = builder.CreateString("of a later version");
  const auto path = builder.CreateString("a");
  const flatbuffers::uoffset_t record = builder.StartTable();
  constexpr flatbuffers::voffset_t kLaterField = 4 + 2 * 40, kLaterScalar = 4 + 2 * 41;
  builder.AddOffset(wire::ObjectRecord::VT_PATH, path);
  builder.AddElement<int32_t>(wire::ObjectRecord::VT_RANK, 0, -1);
  builder.AddOffset(kLaterField, later_text);
  builder.AddElement<uint64_t>(kLaterScalar, 77, 0);
  builder.AddElement<uint8_t>(wire::ObjectRecord::VT_DTYPE, 6, 6);
  const auto shape_free = flatbuffers::Offset<wire::ObjectRecord>(builder.EndTable(record));
  const auto objects = builder.CreateVector(&shape_free, 1);
  const flatbuffers::uoffset_t root = builder.StartTable();
  builder.AddOffset(wire::IndexPart::VT_OBJECTS, objects);
  builder.AddOffset(kLaterField, later_text);
  builder.Finish(flatbuffers::Offset<wire::IndexPart>(builder.EndTable(root)), wire::IndexPartIdentifier());
  const auto* begin = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  const auto read = DecodeMessage({begin, builder.GetSize()});
  cr_assert(read.ok(), "%s", read.status().message().c_str());
  cr_assert_eq(read->objects.size(), 1u);
  cr_assert_eq(read->objects[0].meta.path, "a");
  cr_assert_eq(read->objects[0].meta.rank, 0);
}
