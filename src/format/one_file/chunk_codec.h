// Chunk codec: a chunk of a dataset as HDF5's filters leave it in the file, and back: its elements
// shuffled (all first bytes, all second bytes, ...) where they have more than one byte, then
// compressed: HDF5's own deflate (a zlib stream, RFC 1950), or the registered filters 32015
// (a Zstandard frame, RFC 8878) and 32004 (LZ4 blocks behind a header). Any thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"
#include "catalog/extent.h"

namespace tsnap::one_file {

// kUnsupported when this build lacks the library.
Status CheckChunkCodec(Codec codec);
// Room that the worst chunk of so many bytes takes.
uint64_t ChunkBound(Codec codec, uint64_t raw_bytes);
// Compresses into out, which has ChunkBound bytes, by way of scratch, which has as many bytes as
// raw. Returns the stored size, 0 when that would not be less than raw's.
Result<uint64_t> EncodeChunk(Codec codec, uint64_t item_bytes, ConstByteSpan raw, ByteSpan scratch,
                             ByteSpan out);
// The chunk must have exactly raw.size() bytes, else kCorrupt.
Status DecodeChunk(Codec codec, uint64_t item_bytes, ConstByteSpan stored, ByteSpan scratch,
                   ByteSpan raw);

}  // namespace tsnap::one_file
