#include "format/one_file/chunk_codec.h"

#include <fmt/format.h>

#include <algorithm>

#include "format/one_file/chunk_filter.h"
#include "format/one_file/shuffle.h"

namespace tsnap::one_file {

namespace {

const char* NameOf(Codec codec) {
  return codec == Codec::kZstd ? "zstd" : codec == Codec::kLz4 ? "lz4" : "this codec";
}

}  // namespace

Status CheckChunkCodec(Codec codec) {
  if (codec == Codec::kNone || HasFilter(codec)) return Status::Ok();
  return Unsupported(fmt::format(
      "built without {}: install its development package and configure again", NameOf(codec)));
}

uint64_t ChunkBound(Codec codec, uint64_t raw_bytes) { return FilterBound(codec, raw_bytes); }

Result<uint64_t> EncodeChunk(Codec codec, uint64_t item_bytes, ConstByteSpan raw, ByteSpan scratch,
                             ByteSpan out) {
  TSNAP_TRY(CheckChunkCodec(codec));
  if (codec == Codec::kNone) return uint64_t{0};
  if (item_bytes > 1) {
    if (scratch.size() < raw.size()) return Internal("too little room to shuffle a chunk");
    Shuffle(item_bytes, raw, scratch.first(raw.size()));
    raw = scratch.first(raw.size());
  }
  TSNAP_ASSIGN(const uint64_t stored, ApplyFilter(codec, raw, out));
  return stored < raw.size() ? stored : uint64_t{0};
}

Status DecodeChunk(Codec codec, uint64_t item_bytes, ConstByteSpan stored, ByteSpan scratch,
                   ByteSpan raw) {
  TSNAP_TRY(CheckChunkCodec(codec));
  if (codec == Codec::kNone) {
    if (stored.size() != raw.size()) return Corrupt("a chunk has another size than its elements");
    std::copy(stored.begin(), stored.end(), raw.begin());
    return Status::Ok();
  }
  if (item_bytes <= 1) return UndoFilter(codec, stored, raw);
  if (scratch.size() < raw.size()) return Internal("too little room to shuffle a chunk");
  const ByteSpan shuffled = scratch.first(raw.size());
  TSNAP_TRY(UndoFilter(codec, stored, shuffled));
  Unshuffle(item_bytes, shuffled, raw);
  return Status::Ok();
}

}  // namespace tsnap::one_file
