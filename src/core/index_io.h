// Loading index parts: from the store, checked against the commit record.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "catalog/index.h"
#include "format/native/commit_record.h"
#include "store/store.h"

namespace tsnap {

Result<IndexPart> LoadPart(Store& store, const native::CommitRecord& record, uint64_t number);

// Finding a record in a part (binary search); nullptr when it is not there.
const ObjectRecord* FindObject(const IndexPart& part, const std::string& qualified_path);
const TileRecord* FindTile(const IndexPart& part, const std::string& path, uint64_t tile);

}  // namespace tsnap
