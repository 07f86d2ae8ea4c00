// The commit record's frame. It is one line of JSON that ends with its own checksum:
//   <body>,"crc32c":"<8 hex digits>"}<newline>
// where the digits are the CRC32C of <body>, byte for byte. So it is verified before a single
// member is looked at.
#include "format/native/commit_record.h"

#include <fmt/format.h>

#include <bit>
#include <nlohmann/json.hpp>

#include "base/checksum.h"
#include "format/native/names.h"
#include "format/native/record_reader.h"

namespace tsnap::native {
namespace {

constexpr std::string_view kTrailerStart = ",\"crc32c\":\"";
constexpr std::string_view kTrailerEnd = "\"}\n";
constexpr size_t kTrailerBytes = kTrailerStart.size() + 8 + kTrailerEnd.size();

Result<std::string> Quoted(const std::string& text, const char* what) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    return Invalid(fmt::format("cannot write the commit record: {} is not valid UTF-8", what));
  }
}

}  // namespace

std::string NativeByteOrder() {
  return std::endian::native == std::endian::little ? "little" : "big";
}

Result<std::string> EncodeRecord(const CommitRecord& record) {
  if (record.parts.size() != record.placement.parts || !IsId(record.id)) {
    return Internal(
        "the commit record is inconsistent: its id or the number of its index parts is wrong");
  }
  TSNAP_ASSIGN(const std::string library, Quoted(record.library_version, "the library version"));
  std::string text;
  text.reserve(512 + record.parts.size() * 40 + record.metadata.size());
  const auto out = std::back_inserter(text);
  fmt::format_to(
      out,
      R"({{"format":"tsnap","format_version":{},"id":"{}","library_version":{},"byte_order":"{}",)",
      record.datasets            ? 3
      : record.hashed_slab_names ? 2
                                 : 1,
      record.id, library, record.byte_order);
  fmt::format_to(
      out,
      R"("world_size":{},"created_unix_seconds":{},"object_count":{},"raw_bytes":{},"stored_bytes":{},)",
      record.world_size, record.created_unix_seconds, record.object_count, record.raw_bytes,
      record.stored_bytes);
  if (record.hashed_slab_names) text += R"("slab_names":"hashed",)";
  if (record.datasets)
    text += record.foreign ? R"("slab_names":"foreign",)" : R"("slab_names":"datasets",)";
  if (record.has_metadata) {
    TSNAP_ASSIGN(const std::string metadata, Quoted(record.metadata, "the metadata text"));
    fmt::format_to(out, R"("metadata":{},)", metadata);
  }
  fmt::format_to(
      out, R"("placement":{{"parts":{},"private_buckets":{},"tile_bytes":{}}},"parts":[)",
      record.placement.parts, record.placement.private_buckets, record.placement.tile_bytes);
  const char* separator = "";
  for (const PartInfo& part : record.parts) {
    fmt::format_to(out, R"({}{{"bytes":{},"crc32c":"{:08x}"}})", separator, part.bytes,
                   part.crc32c);
    separator = ",";
  }
  text += ']';
  fmt::format_to(out, "{}{:08x}{}", kTrailerStart, Crc32c(AsBytes(text)), kTrailerEnd);
  if (text.size() > kMaxRecordBytes) {
    return Invalid(
        fmt::format("cannot write the commit record: it would be {} bytes long, the limit is {}; "
                    "use a shorter metadata text",
                    text.size(), kMaxRecordBytes));
  }
  return text;
}

Result<CommitRecord> DecodeRecord(ConstByteSpan bytes) {
  const std::string_view text = AsText(bytes);
  if (text.size() > kMaxRecordBytes) return Corrupt("the commit record is damaged: it is too long");
  if (text.size() < kTrailerBytes) return Corrupt("the commit record is damaged: it is too short");
  const std::string_view body = text.substr(0, text.size() - kTrailerBytes);
  const std::string_view trailer = text.substr(body.size());
  uint32_t stored = 0;
  if (!trailer.starts_with(kTrailerStart) || !trailer.ends_with(kTrailerEnd) ||
      !ParseCrc(trailer.substr(kTrailerStart.size(), 8), &stored)) {
    return Corrupt("the commit record is damaged: it does not end with its checksum");
  }
  if (const uint32_t actual = Crc32c(AsBytes(body)); actual != stored) {
    return Corrupt(fmt::format("the commit record is damaged: its CRC32C is {:08x}, it says {:08x}",
                               actual, stored));
  }
  return ReadRecordText(text);
}

}  // namespace tsnap::native
