#include "engine/codec.h"

#include <fmt/format.h>

#ifdef TSNAP_HAS_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif
#ifdef TSNAP_HAS_LZ4
#include <lz4frame.h>
#endif

namespace tsnap {

namespace {

struct CodecEntry {
  Codec codec;
  const char* name;
  uint64_t (*bound)(uint64_t raw_bytes);
  Result<uint64_t> (*compress)(ConstByteSpan raw, ByteSpan out);
  Status (*decompress)(ConstByteSpan stored, ByteSpan raw);
};

Status BadFrame(const char* codec, const char* cause) {
  return Corrupt(fmt::format("decompressing a {} frame: {}", codec, cause));
}

#ifdef TSNAP_HAS_ZSTD
constexpr int kZstdLevel = 1;  // the fastest: a checkpoint waits for it

uint64_t ZstdBound(uint64_t raw_bytes) { return ZSTD_compressBound(raw_bytes); }

Result<uint64_t> ZstdCompress(ConstByteSpan raw, ByteSpan out) {
  const size_t size = ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), kZstdLevel);
  if (!ZSTD_isError(size)) return static_cast<uint64_t>(size);
  if (ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation) return Status::NoMemory();
  return Internal(fmt::format("compressing with zstd: {}", ZSTD_getErrorName(size)));
}

Status ZstdDecompress(ConstByteSpan stored, ByteSpan raw) {
  const size_t size = ZSTD_decompress(raw.data(), raw.size(), stored.data(), stored.size());
  if (ZSTD_isError(size)) {
    if (ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation) return Status::NoMemory();
    return BadFrame("zstd", ZSTD_getErrorName(size));
  }
  return size == raw.size() ? Status::Ok() : BadFrame("zstd", "it holds fewer bytes than recorded");
}
#endif

#ifdef TSNAP_HAS_LZ4
LZ4F_preferences_t Lz4Preferences(uint64_t raw_bytes) {
  LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
  preferences.frameInfo.blockSizeID = LZ4F_max4MB;
  preferences.frameInfo.contentSize = raw_bytes;
  return preferences;
}

uint64_t Lz4Bound(uint64_t raw_bytes) {
  const LZ4F_preferences_t preferences = Lz4Preferences(raw_bytes);
  return LZ4F_compressFrameBound(raw_bytes, &preferences);
}

Result<uint64_t> Lz4Compress(ConstByteSpan raw, ByteSpan out) {
  const LZ4F_preferences_t preferences = Lz4Preferences(raw.size());
  const size_t size =
      LZ4F_compressFrame(out.data(), out.size(), raw.data(), raw.size(), &preferences);
  if (LZ4F_isError(size))
    return Internal(fmt::format("compressing with lz4: {}", LZ4F_getErrorName(size)));
  return static_cast<uint64_t>(size);
}

Status Lz4Decompress(ConstByteSpan stored, ByteSpan raw) {
  LZ4F_dctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
    return Status::NoMemory();
  size_t in = 0, out = 0, hint = 1;
  while (hint != 0 && in < stored.size()) {
    size_t source_bytes = stored.size() - in, target_bytes = raw.size() - out;
    hint = LZ4F_decompress(context, raw.data() + out, &target_bytes, stored.data() + in,
                           &source_bytes, nullptr);
    if (LZ4F_isError(hint) || (source_bytes == 0 && target_bytes == 0)) break;
    in += source_bytes;
    out += target_bytes;
  }
  LZ4F_freeDecompressionContext(context);
  if (LZ4F_isError(hint)) return BadFrame("lz4", LZ4F_getErrorName(hint));
  if (hint != 0 || in != stored.size() || out != raw.size())
    return BadFrame("lz4", "it is cut short or too long");
  return Status::Ok();
}
#endif

const CodecEntry kCodecs[] = {
#ifdef TSNAP_HAS_ZSTD
    {Codec::kZstd, "zstd", ZstdBound, ZstdCompress, ZstdDecompress},
#endif
#ifdef TSNAP_HAS_LZ4
    {Codec::kLz4, "lz4", Lz4Bound, Lz4Compress, Lz4Decompress},
#endif
};

const CodecEntry* Find(Codec codec) {
  for (const CodecEntry& entry : kCodecs) {
    if (entry.codec == codec) return &entry;
  }
  return nullptr;
}

}  // namespace

const char* CodecName(Codec codec) noexcept {
  switch (codec) {
    case Codec::kNone:
      return "none";
    case Codec::kZstd:
      return "zstd";
    case Codec::kLz4:
      return "lz4";
    case Codec::kDeflate:
      return "deflate";
  }
  return "unknown";
}

Status CheckCodec(Codec codec) {
  if (codec == Codec::kNone || Find(codec) != nullptr) return Status::Ok();
  return Unsupported(fmt::format(
      "built without {}: install its development package and configure again", CodecName(codec)));
}

uint64_t CompressBound(Codec codec, uint64_t raw_bytes) {
  const CodecEntry* entry = Find(codec);
  return entry == nullptr ? raw_bytes : entry->bound(raw_bytes);
}

Result<uint64_t> Compress(Codec codec, ConstByteSpan raw, ByteSpan out) {
  TSNAP_TRY(CheckCodec(codec));
  return Find(codec)->compress(raw, out);
}

Status Decompress(Codec codec, ConstByteSpan stored, ByteSpan raw) {
  TSNAP_TRY(CheckCodec(codec));
  return Find(codec)->decompress(stored, raw);
}

}  // namespace tsnap
