// The files that were read last, kept open: a restore reads the same few slabs thousands of times,
// and opening a file on a parallel file system is dear. Slabs never change under their name; what
// this process replaces or removes is forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/status.h"
#include "store/posix/files.h"

namespace tsnap::posix {

class OpenFiles {
 public:
  explicit OpenFiles(bool announced) : announced_(announced) {}  // read_ahead.h
  // Stays open while the caller holds it, also when it is forgotten meanwhile.
  Result<std::shared_ptr<Descriptor>> Get(const std::string& path);
  void Forget();

 private:
  const bool announced_;
  std::mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<Descriptor>>>
      recent_;               // guarded by mutex_; the latest first
  uint64_t generation_ = 0;  // guarded by mutex_; counts Forget
};

}  // namespace tsnap::posix
