// Codec: one extent as one self-contained frame (a Zstandard frame, RFC 8878; an LZ4 frame), and
// back.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"
#include "catalog/extent.h"

namespace tsnap {

const char* CodecName(Codec codec) noexcept;
// kUnsupported when this build lacks the library.
Status CheckCodec(Codec codec);
// Room that the worst frame for so many bytes takes.
uint64_t CompressBound(Codec codec, uint64_t raw_bytes);
// Compresses into out, which has at least CompressBound bytes; returns the frame's size.
Result<uint64_t> Compress(Codec codec, ConstByteSpan raw, ByteSpan out);
// The frame must hold exactly raw.size() bytes, else kCorrupt.
Status Decompress(Codec codec, ConstByteSpan stored, ByteSpan raw);

}  // namespace tsnap
