// Index parts as bytes: FlatBuffers (index_part.fbs), verified and range-checked before use. Also
// what ranks send each other (see catalog/index.h).
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "catalog/index.h"

namespace tsnap::native {

Bytes EncodeIndexPart(const IndexPart& part);
// kCorrupt on anything that a writer could not have written: structure, enum values, shapes that
// overflow, axis orders, extents whose raw_bytes do not fit their box, block counts, paths,
// unsorted records.
Result<IndexPart> DecodeIndexPart(ConstByteSpan bytes);

// What the ranks say to each other: the same encoding, without the demands that hold for complete
// parts (order, extents that carry only a box).
Bytes EncodeMessage(const IndexPart& part);
Result<IndexPart> DecodeMessage(ConstByteSpan bytes);

}  // namespace tsnap::native
