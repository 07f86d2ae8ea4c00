// From stored objects to the memory of one rank: is the destination fit, which parts of which
// extents go where, and the last touches on values that are not arrays. Local.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/index.h"
#include "core/describe.h"
#include "engine/read.h"

namespace tsnap {

// "<rank>/<path>" for an object that is private here, else the path.
std::string LocalName(const LocalObject& object, int rank);

// kInvalid when elements of a destination overlap in memory.
Status CheckDestination(const LocalObject& object);

// Why a stored object cannot go into a registered one ("" when it can): type, dtype, shape,
// capacity.
std::string Unfit(const ObjectMeta& stored, const LocalObject& object);

// Gives strings and byte blocks the shape that is stored. `record` has an empty path for what does
// not exist.
Status PrepareDestination(const ObjectRecord& record, LocalObject* object);

// A tile may be listed in another part than its object, so only here can it be seen whether the
// extents fit it: kCorrupt when not.
Status CheckExtent(const ObjectMeta& meta, const Extent& extent);
Status CheckExtents(const ObjectMeta& meta, const std::vector<Extent>& extents);

// Equal sums say that nothing is missing only where no element is listed twice: kCorrupt when one
// is. The boxes are not empty.
Status CheckDisjoint(const ObjectMeta& meta, const std::vector<Box>& boxes);

// What the extents of an object must add up to: kCorrupt when it is something else.
Status CheckComplete(const ObjectRecord& object, uint64_t found_bytes);
// An extent without checksums, which need whole blocks: just the part that is wanted.
Extent Narrowed(const Extent& extent, const Box& part, int64_t item_bytes);
// Reads for all boxes of an object from the extents that meet them. Sparse objects are filled first
// where nothing is stored; for others a gap is kCorrupt.
Status AddObjectReads(const ObjectRecord& record, const std::vector<Extent>& extents,
                      const std::vector<LocalBox>& boxes, uint32_t object,
                      std::vector<ReadItem>* items);

// After the bytes came: byte order, a string's NUL, a byte block's size, a bool's int32.
Status DeliverValue(bool swap_byte_order, LocalObject* object);

}  // namespace tsnap
