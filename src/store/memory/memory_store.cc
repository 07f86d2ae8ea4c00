#include "store/memory/memory_store.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"

namespace tsnap {

namespace {

constexpr uint64_t kMostReservedBytes =
    uint64_t{64} << 20;  // an expectation is a hint: memory is taken as bytes arrive

struct Object {
  Bytes bytes;
  uint64_t version = 0;
  int64_t modified_unix_seconds = 0;
  bool finished = true;
};

// All objects of one name.
struct Space {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Object>> objects;  // guarded by mutex, as are the objects
  uint64_t versions = 0;                                   // guarded by mutex
};

std::shared_ptr<Space> SpaceOf(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<Space>> spaces;  // guarded by mutex
  std::lock_guard lock(mutex);
  std::shared_ptr<Space>& space = spaces[name];
  if (!space) space = std::make_shared<Space>();
  return space;
}

// It keeps its object, so that what is removed meanwhile, or made anew under the same key, is not
// written.
class MemoryWriter final : public StoreWriter {
 public:
  MemoryWriter(std::shared_ptr<Space> space, std::string key, std::shared_ptr<Object> object,
               StoreCounters* counters)
      : space_(std::move(space)),
        key_(std::move(key)),
        object_(std::move(object)),
        counters_(counters) {}
  ~MemoryWriter() override {
    if (finished_) return;
    std::lock_guard lock(space_->mutex);
    const auto found = space_->objects.find(key_);
    if (found != space_->objects.end() && found->second == object_) space_->objects.erase(found);
  }

  Status WriteAt(uint64_t offset, ConstByteSpan bytes, std::optional<uint32_t>) override {
    std::lock_guard lock(space_->mutex);
    Bytes& all = object_->bytes;
    uint64_t end = 0;
    if (!CheckedAdd(offset, uint64_t{bytes.size()}, &end) || end > all.max_size())
      return Status::NoMemory();
    if (all.size() < end) all.resize(end);
    std::copy(bytes.begin(), bytes.end(), all.begin() + static_cast<ptrdiff_t>(offset));
    ++counters_->write_calls;
    counters_->written_bytes += bytes.size();
    return Status::Ok();
  }

  Status Finish(uint64_t size_bytes, bool) override {
    std::lock_guard lock(space_->mutex);
    if (size_bytes > object_->bytes.max_size()) return Status::NoMemory();
    object_->bytes.resize(size_bytes);
    object_->finished = true;
    object_->modified_unix_seconds = UnixSeconds();
    finished_ = true;
    return Status::Ok();
  }

 private:
  std::shared_ptr<Space> space_;
  const std::string key_;
  const std::shared_ptr<Object> object_;
  StoreCounters* counters_;
  bool finished_ = false;
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(const std::string& name) : url_("mem://" + name), space_(SpaceOf(name)) {
    traits_.slab_bytes = uint64_t{1} << 30;
    traits_.chunk_bytes = uint64_t{64} << 20;
    traits_.read_step_bytes = kBlockBytes;
    traits_.shared_by_ranks = false;
  }

  const StoreTraits& traits() const override { return traits_; }
  const std::string& url() const override { return url_; }

  Result<std::unique_ptr<StoreWriter>> Create(const std::string& key,
                                              const WriteLayout& layout) override {
    const auto object = std::make_shared<Object>();
    object->bytes.reserve(std::min(layout.bytes, kMostReservedBytes));
    object->finished = false;
    auto writer =
        std::make_unique<MemoryWriter>(space_, key, object, &counters());  // its end takes the lock
    std::lock_guard lock(space_->mutex);
    if (!space_->objects.emplace(key, object).second)
      return Exists(fmt::format("creating {}/{}: it exists", url_, key));
    object->version = ++space_->versions;
    return std::unique_ptr<StoreWriter>(std::move(writer));
  }

  Status ReadAt(const std::string& key, uint64_t offset, ByteSpan out) override {
    std::lock_guard lock(space_->mutex);
    const Object* object = Find(key);
    if (object == nullptr) return Missing(key);
    if (offset > object->bytes.size() || object->bytes.size() - offset < out.size()) {
      return Corrupt(
          fmt::format("reading {}/{}: it is truncated: it ends at byte {}, {} were recorded", url_,
                      key, object->bytes.size(), offset + out.size()));
    }
    std::copy_n(object->bytes.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
    ++counters().read_calls;
    counters().read_bytes += out.size();
    return Status::Ok();
  }

  Result<Bytes> Get(const std::string& key, uint64_t max_bytes, Version* version) override {
    std::lock_guard lock(space_->mutex);
    const Object* object = Find(key);
    if (object == nullptr) return Missing(key);
    if (object->bytes.size() > max_bytes) {
      return Corrupt(fmt::format("reading {}/{}: it has {} bytes, at most {} were expected", url_,
                                 key, object->bytes.size(), max_bytes));
    }
    if (version != nullptr) version->tag = std::to_string(object->version);
    ++counters().read_calls;
    counters().read_bytes += object->bytes.size();
    return object->bytes;
  }

  Status Put(const std::string& key, ConstByteSpan bytes, bool) override {
    std::lock_guard lock(space_->mutex);
    Set(key, bytes);
    return Status::Ok();
  }

  Status PutIf(const std::string& key, ConstByteSpan bytes, const Version& expected,
               bool) override {
    std::lock_guard lock(space_->mutex);
    const Object* object = Find(key);
    const std::string tag = object == nullptr ? std::string() : std::to_string(object->version);
    if (tag != expected.tag)
      return Exists(fmt::format("writing {}/{}: another one is there", url_, key));
    Set(key, bytes);
    return Status::Ok();
  }

  Result<Entry> Stat(const std::string& key) override {
    std::lock_guard lock(space_->mutex);
    const Object* object = Find(key);
    if (object == nullptr) return Missing(key);
    return Entry{key, object->bytes.size(), object->modified_unix_seconds};
  }

  Status Remove(const std::string& key) override {
    std::lock_guard lock(space_->mutex);
    space_->objects.erase(key);
    return Status::Ok();
  }

  Status RemoveIf(const std::string& key, const Version& expected) override {
    std::lock_guard lock(space_->mutex);
    const Object* object = Find(key);
    if (object == nullptr) return Missing(key);
    if (std::to_string(object->version) != expected.tag)
      return Exists(fmt::format("removing {}/{}: another one is there", url_, key));
    space_->objects.erase(key);
    return Status::Ok();
  }

  Status List(const std::string& prefix,
              const std::function<Status(const Entry&)>& visit) override {
    std::vector<Entry> entries;
    {
      std::lock_guard lock(space_->mutex);
      for (const auto& [key, object] : space_->objects) {
        if (!object->finished || !key.starts_with(prefix)) continue;
        entries.push_back({key, object->bytes.size(), object->modified_unix_seconds});
      }
    }
    for (const Entry& entry : entries) TSNAP_TRY(visit(entry));  // the visitor may call the store
    return Status::Ok();
  }

  Status ListParts(const std::string& prefix,
                   const std::function<Status(const std::string&)>& visit) override {
    std::set<std::string> parts;
    TSNAP_TRY(List(prefix, [&](const Entry& entry) {
      parts.insert(
          entry.key.substr(prefix.size(), entry.key.find('/', prefix.size()) - prefix.size()));
      return Status::Ok();
    }));
    for (const std::string& part : parts) TSNAP_TRY(visit(part));
    return Status::Ok();
  }

  Status RemoveAll(const std::string& prefix) override {
    std::lock_guard lock(space_->mutex);
    std::erase_if(space_->objects,
                  [&](const auto& entry) { return entry.first.starts_with(prefix); });
    return Status::Ok();
  }

  Status SyncFolder(const std::string&) override { return Status::Ok(); }

 private:
  const Object* Find(const std::string& key) const {
    const auto found = space_->objects.find(key);
    return found == space_->objects.end() || !found->second->finished ? nullptr
                                                                      : found->second.get();
  }

  Status Missing(const std::string& key) const {
    return NotFound(fmt::format("reading {}/{}: it does not exist", url_, key));
  }

  void Set(const std::string& key, ConstByteSpan bytes) {
    space_->objects[key] = std::make_shared<Object>(
        Object{Bytes(bytes.begin(), bytes.end()), ++space_->versions, UnixSeconds(), true});
    ++counters().write_calls;
    counters().written_bytes += bytes.size();
  }

  const std::string url_;
  StoreTraits traits_;
  std::shared_ptr<Space> space_;
};

}  // namespace

std::unique_ptr<Store> OpenMemoryStore(const std::string& name) {
  return std::make_unique<MemoryStore>(name);
}

}  // namespace tsnap
