// Publishing: small files that appear whole or not at all.
//
// Put, over whatever is there:
//   1. write a temporary file in the same folder, sync it    2. rename it over the name    3. sync
//   the folder
// PutIf, nothing there before:
//   1. as above    2. link it to the name, which fails when the name exists (where links are
//   unknown: rename that does not replace)    3. whatever the failure, look at what is there and
//   compare its bytes with ours: on a network file system the answer to our own link may have been
//   lost    4. remove the temporary name, sync the folder
// PutIf, over a version that was seen:
//   1. as above    2. lock the lock file of the folder    3. read what is there and compare it with
//   what was seen
//   4. rename over it; when that fails, look as above    5. sync the folder    6. unlock
// RemoveIf, a version that was seen:
//   1. lock    2. read what is there and compare    3. remove it    4. remove the lock file, unlock
// Syncs are left out when the file need not be durable. The lock file stays until
// what it guards is removed; List does not show it. Where the file system knows no locks, two
// writers that overwrite the same place within the same instant are not told apart: the later one
// stands, whole. When a folder cannot be synced after step 2 or 4, the file is there and may not
// survive a crash: the status says so.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "store/store.h"

namespace tsnap::posix {

Version VersionOf(ConstByteSpan bytes);
Status Put(const std::string& path, ConstByteSpan bytes, bool durable);
// kTimeout when another holds the lock for longer than lock_timeout_seconds.
Status PutIf(const std::string& path, ConstByteSpan bytes, const Version& expected, bool durable,
             double lock_timeout_seconds);
// kNotFound when nothing is there, kExists when it is not what was seen; kTimeout as above.
Status RemoveIf(const std::string& path, const Version& expected, double lock_timeout_seconds);
// A whole file; kCorrupt when it is larger than max_bytes.
Result<Bytes> ReadWhole(const std::string& path, uint64_t max_bytes);

}  // namespace tsnap::posix
