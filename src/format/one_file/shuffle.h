// Shuffle: what HDF5's filter of that name makes of a chunk: the first bytes of all its elements,
// then their second bytes, and so on; what is left behind the last whole element stays as it is.
// Alike bytes come to lie beside each other, and compress better. Any thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace tsnap::one_file {

// `out` has as many bytes as `in`, and is other memory.
void Shuffle(uint64_t item_bytes, ConstByteSpan in, ByteSpan out) noexcept;
void Unshuffle(uint64_t item_bytes, ConstByteSpan in, ByteSpan out) noexcept;

}  // namespace tsnap::one_file
