// DirectFiles: the objects of a store that devices read from, open for several transfers. A
// snapshot has as many slabs as it had writers: only some stay open at a time.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/status.h"
#include "engine/direct_transfers.h"
#include "stage/device_file.h"
#include "stage/stager.h"
#include "store/store.h"

namespace tsnap {

struct DirectFile {
  std::shared_ptr<StoreFile> file;
  std::unique_ptr<DeviceFile> device_file;  // gone before it
};

class DirectFiles {
 public:
  Result<std::shared_ptr<DirectFile>> Open(Store& store, const std::string& key,
                                           const DirectTransfers& direct, Stager* stager) {
    const std::lock_guard lock(mutex_);
    if (const auto it = files_.find(key); it != files_.end()) return it->second;
    if (files_.size() >= kMostFiles)  // those that nobody reads at the moment go
      std::erase_if(files_, [](const auto& entry) { return entry.second.use_count() == 1; });
    auto opened = std::make_shared<DirectFile>();
    TSNAP_ASSIGN(opened->file, store.OpenFile(key));
    TSNAP_ASSIGN(opened->device_file, direct.Open(stager, opened->file->descriptor()));
    return files_[key] = std::move(opened);
  }
  void Clear() {
    const std::lock_guard lock(mutex_);
    files_.clear();
  }

 private:
  static constexpr size_t kMostFiles = 64;

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<DirectFile>> files_;  // guarded by mutex_
};

}  // namespace tsnap
