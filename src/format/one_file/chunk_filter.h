// Chunk filter: what each of the compressing filters of HDF5 makes of bytes, and back, as it lies
// in the file: deflate (a zlib stream, RFC 1950); 32015, one Zstandard frame (RFC 8878); 32004,
// LZ4:
//
//   8 bytes  how many bytes they were    (big-endian, as both below)
//   4 bytes  how many of them a block has; the last one has what is left
//   blocks   4 bytes: its size here; then an LZ4 block (no frame), or, where that would not be
//            smaller, the bytes as they are
//
// Any thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"
#include "catalog/extent.h"

namespace tsnap::one_file {

// False when this build lacks the library. Deflate is always there.
bool HasFilter(Codec codec) noexcept;
// Room that the worst result for so many bytes takes.
uint64_t FilterBound(Codec codec, uint64_t raw_bytes);
// raw: less than 4 GiB, which is more than a chunk can have; out: FilterBound bytes. Returns the
// stored size.
Result<uint64_t> ApplyFilter(Codec codec, ConstByteSpan raw, ByteSpan out);
// How many bytes it claims to become; kUnsupported when it does not say so.
Result<uint64_t> BytesBeforeFilter(Codec codec, ConstByteSpan stored);
// It must become exactly raw.size() bytes, else kCorrupt.
Status UndoFilter(Codec codec, ConstByteSpan stored, ByteSpan raw);

}  // namespace tsnap::one_file
