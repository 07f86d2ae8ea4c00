// Publishing: small files that appear whole or not at all.
//
// Put, over whatever is there:
//   1. write a temporary file in the same folder, sync it    2. rename it over the name    3. sync
//   the folder
// PutIf, nothing there before:
//   1. as above    2. link it to the name, which fails when the name exists (where links are
//   unknown: rename that does not replace)    3. when that fails, compare what is there with ours:
//   on a network file system the answer to our own link may have been lost    4. remove the
//   temporary name, sync the folder
// PutIf, over a version that was seen:
//   1. as above    2. lock the lock file beside the name    3. read what is there and compare it
//   with what was seen
//   4. rename over it, sync the folder    5. unlock. Where the file system knows no locks, two
//   writers that overwrite the same place within the same instant are not told apart.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "store/store.h"

namespace tsnap::posix {

Version VersionOf(ConstByteSpan bytes);
Status Put(const std::string& path, ConstByteSpan bytes, bool durable);
Status PutIf(const std::string& path, ConstByteSpan bytes, const Version& expected, bool durable);
// A whole file; kCorrupt when it is larger than max_bytes.
Result<Bytes> ReadWhole(const std::string& path, uint64_t max_bytes);

}  // namespace tsnap::posix
