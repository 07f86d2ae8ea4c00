// What must hold for the values of an index part, after they were decoded and before anyone trusts
// them. Works on plain values; knows nothing of their encoding. All failures are kCorrupt.
#pragma once

#include "base/status.h"
#include "catalog/index.h"

namespace tsnap::native {

// Kind, type, dtype and coverage are values that this version knows.
Status CheckEnums(const ObjectMeta& meta);
// What arithmetic on shapes and boxes relies on, in messages too: shapes and boxes that overflow
// nowhere, axis orders that are permutations, codecs that this version knows.
Status CheckBoxes(const IndexPart& part);
// Everything that holds for a complete part (docs/format.md, "What a reader checks").
Status CheckIndexPart(const IndexPart& part);

}  // namespace tsnap::native
