// One writer at a time replaces files of a folder: an advisory lock on a file in it, given back by
// the owner's end and, when the process dies, by the system.
#pragma once

#include <string>

#include "base/status.h"
#include "store/posix/files.h"

namespace tsnap::posix {

class FolderLock {
 public:
  // Waits at most that long (kTimeout). Where the file system knows no locks it is had at once and
  // keeps nobody out.
  static Result<FolderLock> Acquire(const std::string& folder, double timeout_seconds);

 private:
  explicit FolderLock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;  // closing unlocks; empty without locks
};

}  // namespace tsnap::posix
