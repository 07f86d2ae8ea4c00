// The commit record: what goes in comes out, every damage is noticed, newer writers are told apart from damage.
#include <criterion/criterion.h>
#include <fmt/format.h>

#include <functional>
#include <string>

#include "base/bytes.h"
#include "format/native/commit_record.h"
#include "format/native/names.h"
#include "format_samples.h"

using namespace tsnap;
using namespace tsnap::native;

namespace {

// Bit by bit from the definition, so that the record does not depend on the library's own checksum for its proof.
uint32_t SlowCrc32c(const std::string& text) {
  uint32_t crc = 0xffffffff;
  for (const unsigned char c : text) {
    crc ^= c;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

std::string Seal(const std::string& body) { return body + fmt::format(",\"crc32c\":\"{:08x}\"}}\n", SlowCrc32c(body)); }

// The members of a small valid record; a test replaces, adds or drops what it is about.
struct Members {
  std::string format = R"("format":"tsnap")";
  std::string version = R"("format_version":1)";
  std::string id = R"("id":"0123456789abcdef0123456789abcdef")";
  std::string library = R"("library_version":"0.1.0")";
  std::string order = R"("byte_order":"little")";
  std::string world = R"("world_size":4)";
  std::string created = R"("created_unix_seconds":1700000000)";
  std::string objects = R"("object_count":3)";
  std::string sizes = R"("raw_bytes":100,"stored_bytes":100)";
  std::string placement = R"("placement":{"parts":2,"private_buckets":1,"tile_bytes":0})";
  std::string parts = R"("parts":[{"bytes":7,"crc32c":"00000001"},{"bytes":0,"crc32c":"00000000"}])";
  std::string more;

  std::string Body() const {
    std::string body = "{";
    for (const std::string* member : {&format, &version, &id, &library, &order, &world, &created, &objects, &sizes, &more, &placement, &parts}) {
      if (!member->empty()) body += (body.size() > 1 ? "," : "") + *member;
    }
    return body;
  }
};

Result<CommitRecord> Decode(const std::string& text) { return DecodeRecord(AsBytes(text)); }

Code CodeOf(const std::function<void(Members*)>& change) {
  Members members;
  change(&members);
  const auto decoded = Decode(Seal(members.Body()));
  return decoded.ok() ? Code::kOk : decoded.status().code();
}

}  // namespace

Test(format_record, what_is_written_is_read_back) {
  samples::Random random = samples::Random::Printed("format_record");
  for (int round = 0; round < 200; ++round) {
    CommitRecord record = samples::RandomRecord(&random, static_cast<size_t>(random.Between(1, 40)));
    record.hashed_slab_names = random.OneIn(2);
    const auto text = EncodeRecord(record);
    cr_assert(text.ok(), "%s", text.status().message().c_str());
    const auto read = Decode(*text);
    cr_assert(read.ok(), "%s", read.status().message().c_str());
    cr_assert_eq(read->format_version, record.hashed_slab_names ? 2 : 1);
    cr_assert_eq(read->hashed_slab_names, record.hashed_slab_names);
    cr_assert(read->slab_names().id == record.id && read->slab_names().hashed == record.hashed_slab_names);
    cr_assert(read->id == record.id && read->library_version == record.library_version);
    cr_assert(read->byte_order == record.byte_order && read->metadata == record.metadata);
    cr_assert(read->world_size == record.world_size && read->created_unix_seconds == record.created_unix_seconds);
    cr_assert(read->object_count == record.object_count && read->has_metadata == record.has_metadata);
    cr_assert(read->raw_bytes == record.raw_bytes && read->stored_bytes == record.stored_bytes);
    cr_assert(read->placement.parts == record.placement.parts && read->placement.tile_bytes == record.placement.tile_bytes);
    cr_assert_eq(read->placement.private_buckets, record.placement.private_buckets);
    cr_assert_eq(read->parts.size(), record.parts.size());
    for (size_t part = 0; part < record.parts.size(); ++part) {
      cr_assert(read->parts[part].bytes == record.parts[part].bytes && read->parts[part].crc32c == record.parts[part].crc32c);
    }
  }
}

Test(format_record, ends_with_the_crc32c_of_all_before_its_last_member) {
  samples::Random random(1);
  const auto text = EncodeRecord(samples::RandomRecord(&random, 3));
  cr_assert(text.ok());
  const size_t at = text->rfind(",\"crc32c\":\"");
  cr_assert_eq(text->substr(at), Seal(text->substr(0, at)).substr(at));
  cr_assert_eq(text->find('\n'), text->size() - 1);
}

Test(format_record, every_flipped_bit_is_noticed) {
  samples::Random random(2);
  std::string text = *EncodeRecord(samples::RandomRecord(&random, 2));
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
    const auto read = Decode(text);
    cr_assert(!read.ok(), "bit %zu", bit);
    cr_assert_eq(read.status().code(), Code::kCorrupt);
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
  }
  cr_assert(Decode(text).ok());
}

Test(format_record, every_truncation_is_noticed) {
  samples::Random random(3);
  const std::string text = *EncodeRecord(samples::RandomRecord(&random, 2));
  for (size_t size = 0; size < text.size(); ++size) {
    const auto read = Decode(text.substr(0, size));
    cr_assert(!read.ok() && read.status().code() == Code::kCorrupt, "%zu bytes", size);
  }
  cr_assert(!Decode(text + "\n").ok());
}

Test(format_record, unknown_members_are_ignored_wherever_they_stand) {
  cr_assert_eq(CodeOf([](Members*) {}), Code::kOk);
  cr_assert_eq(CodeOf([&](Members* m) { m->more = R"("later":{"id":[1,-2,{"parts":3.5,"x":null}]},"also":"text","and":[[],{}])"; }), Code::kOk);
  cr_assert_eq(CodeOf([](Members* m) {
                 m->placement = R"("placement":{"parts":2,"scheme":{"a":[1]},"private_buckets":1,"tile_bytes":0})";
                 m->parts = R"("parts":[{"bytes":7,"codec":"x","crc32c":"00000001"},{"bytes":0,"crc32c":"00000000","z":[{}]}])";
               }),
               Code::kOk);
}

// An old reader must refuse what it would look for under other names, and nothing else.
Test(format_record, only_what_an_old_reader_must_not_overlook_is_version_2) {
  samples::Random random(6);
  CommitRecord record = samples::RandomRecord(&random, 1);
  cr_assert_eq(EncodeRecord(record)->find("\"format_version\":1,"), 18u);
  cr_assert_eq(EncodeRecord(record)->find("slab_names"), std::string::npos);
  record.format_version = 2;   // as it may have been read
  cr_assert_eq(EncodeRecord(record)->find("\"format_version\":1,"), 18u);
  record.hashed_slab_names = true;
  cr_assert_eq(EncodeRecord(record)->find("\"format_version\":2,"), 18u);
  cr_assert_neq(EncodeRecord(record)->find("\"slab_names\":\"hashed\""), std::string::npos);
}

Test(format_record, version_2_without_hashed_names_is_fine) {
  Members members;
  members.version = R"("format_version":2)";
  const auto read = Decode(Seal(members.Body()));
  cr_assert(read.ok() && !read->hashed_slab_names && read->format_version == 2);
}

Test(format_record, a_newer_format_is_unsupported_and_says_which) {
  Members members;
  members.version = R"("format_version":7)";
  members.parts = R"("parts":"elsewhere")";  // whatever a newer one may say
  const auto read = Decode(Seal(members.Body()));
  cr_assert(!read.ok());
  cr_assert_eq(read.status().code(), Code::kUnsupported);
  cr_assert_neq(read.status().message().find("newer tsnap (format 7)"), std::string::npos);
}

Test(format_record, hostile_members_are_refused) {
  const std::string deep(100, '[');
  const std::vector<std::pair<const char*, std::function<void(Members*)>>> cases = {
      {"no format", [](Members* m) { m->format.clear(); }},
      {"another format", [](Members* m) { m->format = R"("format":"zarr")"; }},
      {"version 0", [](Members* m) { m->version = R"("format_version":0)"; }},
      {"version text", [](Members* m) { m->version = R"("format_version":"1")"; }},
      {"slab names in version 1", [](Members* m) { m->more = R"("slab_names":"hashed")"; }},
      {"slab names of another kind", [](Members* m) { m->version = R"("format_version":2)", m->more = R"("slab_names":"sorted")"; }},
      {"slab names empty", [](Members* m) { m->version = R"("format_version":2)", m->more = R"("slab_names":"")"; }},
      {"slab names a number", [](Members* m) { m->version = R"("format_version":2)", m->more = R"("slab_names":1)"; }},
      {"slab names twice", [](Members* m) { m->version = R"("format_version":2)", m->more = R"("slab_names":"hashed","slab_names":"hashed")"; }},
      {"id that climbs out", [](Members* m) { m->id = R"("id":"../../../../../../../../../../..")"; }},
      {"upper-case id", [](Members* m) { m->id = R"("id":"0123456789ABCDEF0123456789abcdef")"; }},
      {"short id", [](Members* m) { m->id = R"("id":"0123")"; }},
      {"byte order", [](Members* m) { m->order = R"("byte_order":"middle")"; }},
      {"world 0", [](Members* m) { m->world = R"("world_size":0)"; }},
      {"world negative", [](Members* m) { m->world = R"("world_size":-4)"; }},
      {"world 2^31", [](Members* m) { m->world = R"("world_size":2147483648)"; }},
      {"world fraction", [](Members* m) { m->world = R"("world_size":4.0)"; }},
      {"world twice", [](Members* m) { m->more = m->world; }},
      {"created beyond int64", [](Members* m) { m->created = R"("created_unix_seconds":9223372036854775808)"; }},
      {"objects beyond uint64", [](Members* m) { m->objects = R"("object_count":99999999999999999999)"; }},
      {"objects null", [](Members* m) { m->objects = R"("object_count":null)"; }},
      {"sizes missing", [](Members* m) { m->sizes = R"("raw_bytes":100)"; }},
      {"metadata a number", [](Members* m) { m->more = R"("metadata":1)"; }},
      {"metadata not UTF-8", [](Members* m) { m->more = "\"metadata\":\"\xff\""; }},
      {"placement missing", [](Members* m) { m->placement.clear(); }},
      {"placement an array", [](Members* m) { m->placement = R"("placement":[])"; }},
      {"no parts", [](Members* m) { m->placement = R"("placement":{"parts":0,"private_buckets":1,"tile_bytes":0})", m->parts = R"("parts":[])"; }},
      {"fewer parts", [](Members* m) { m->parts = R"("parts":[{"bytes":7,"crc32c":"00000001"}])"; }},
      {"more parts", [](Members* m) { m->placement = R"("placement":{"parts":1,"private_buckets":1,"tile_bytes":0})"; }},
      {"parts beyond 2^24", [](Members* m) { m->placement = R"("placement":{"parts":16777217,"private_buckets":1,"tile_bytes":0})"; }},
      {"buckets 0", [](Members* m) { m->placement = R"("placement":{"parts":2,"private_buckets":0,"tile_bytes":0})"; }},
      {"buckets huge", [](Members* m) { m->placement = R"("placement":{"parts":2,"private_buckets":999999999999,"tile_bytes":0})"; }},
      {"parts an object", [](Members* m) { m->parts = R"("parts":{})"; }},
      {"parts of numbers", [](Members* m) { m->parts = R"("parts":[1,2])"; }},
      {"parts of arrays", [](Members* m) { m->parts = R"("parts":[[],[]])"; }},
      {"part without checksum", [](Members* m) { m->parts = R"("parts":[{"bytes":7},{"bytes":0,"crc32c":"00000000"}])"; }},
      {"part checksum text", [](Members* m) { m->parts = R"("parts":[{"bytes":7,"crc32c":"0000000g"},{"bytes":0,"crc32c":"00000000"}])"; }},
      {"part of 2^31 bytes", [](Members* m) { m->parts = R"("parts":[{"bytes":2147483648,"crc32c":"00000001"},{"bytes":0,"crc32c":"00000000"}])"; }},
      {"an empty index", [](Members* m) { m->parts = R"("parts":[{"bytes":0,"crc32c":"00000000"},{"bytes":0,"crc32c":"00000000"}])"; }},
      {"deep nesting", [&](Members* m) { m->more = "\"x\":" + deep + std::string(100, ']'); }},
      {"unclosed", [&](Members* m) { m->more = "\"x\":" + deep; }},
      {"not an object", [](Members* m) { m->format = R"(["format":"tsnap")"; }},
  };
  for (const auto& [name, change] : cases) cr_assert_eq(CodeOf(change), Code::kCorrupt, "%s", name);
  for (const std::string body : {"", "[", "1", "{}", "{\"a\":1}", "null"}) {
    cr_assert_eq(Decode(Seal(body)).status().code(), Code::kCorrupt, "%s", body.c_str());
  }
}

Test(format_record, a_hundred_thousand_parts_are_fine) {
  samples::Random random(4);
  const auto text = EncodeRecord(samples::RandomRecord(&random, 100'000));
  cr_assert(text.ok());
  const auto read = Decode(*text);
  cr_assert(read.ok());
  cr_assert_eq(read->parts.size(), 100'000u);
}

Test(format_record, metadata_that_cannot_be_kept_is_invalid) {
  samples::Random random(5);
  CommitRecord record = samples::RandomRecord(&random, 1);
  record.has_metadata = true;
  record.metadata = "caf\xe9";
  cr_assert_eq(EncodeRecord(record).status().code(), Code::kInvalid);
  record.metadata.assign(kMaxRecordBytes, 'x');
  cr_assert_eq(EncodeRecord(record).status().code(), Code::kInvalid);
  record.metadata = "caf\xc3\xa9";
  cr_assert(EncodeRecord(record).ok());
}
