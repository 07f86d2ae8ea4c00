#include "store/posix/open_files.h"

#include "store/posix/read_ahead.h"

namespace tsnap::posix {

namespace {
constexpr size_t kMostOpenFiles = 64;
}

Result<std::shared_ptr<Descriptor>> OpenFiles::Get(const std::string& path) {
  uint64_t generation = 0;
  {
    std::lock_guard lock(mutex_);
    for (auto entry = recent_.begin(); entry != recent_.end(); ++entry) {
      if (entry->first != path) continue;
      recent_.splice(recent_.begin(), recent_, entry);
      return entry->second;
    }
    generation = generation_;
  }
  // Without the lock: opening may take long, and others read other files meanwhile.
  TSNAP_ASSIGN(Descriptor opened, OpenToRead(path));
  ExpectReads(opened.get(), announced_);
  auto file = std::make_shared<Descriptor>(std::move(opened));
  std::lock_guard lock(mutex_);
  if (generation != generation_)
    return file;  // it may be one that was replaced since: good for this read only
  recent_.emplace_front(path, file);
  if (recent_.size() > kMostOpenFiles) recent_.pop_back();
  return file;
}

void OpenFiles::Forget() {
  std::lock_guard lock(mutex_);
  ++generation_;
  recent_.clear();
}

}  // namespace tsnap::posix
