#include "strict_objects.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "store/memory/memory_store.h"

namespace tsnap::test {

namespace {

class ObjectWriter final : public StoreWriter {
 public:
  ObjectWriter(std::shared_ptr<Store> objects, std::string key, const WriteLayout& layout, const ObjectRules& rules, StoreCounters* counters)
      : objects_(std::move(objects)), key_(std::move(key)), layout_(layout), rules_(rules), counters_(counters) {
    if (layout_.offsets.empty()) layout_.offsets = {0};
  }

  Status WriteAt(uint64_t offset, ConstByteSpan bytes, std::optional<uint32_t> crc32c) override {
    if (rules_.must_checksum && !crc32c) return Broken("a part came without a checksum");
    if (crc32c && *crc32c != Crc32c(bytes)) return Broken("a part's checksum is another");
    const auto place = std::lower_bound(layout_.offsets.begin(), layout_.offsets.end(), offset);
    if (place == layout_.offsets.end() || *place != offset) return Broken(fmt::format("no part begins at {}", offset));
    const bool is_last = place + 1 == layout_.offsets.end();
    if (!is_last && offset + bytes.size() != place[1])
      return Broken(fmt::format("the part at {} has {} bytes, the next begins at {}", offset, bytes.size(), place[1]));
    if (!is_last && bytes.size() < rules_.least_part_bytes)
      return Broken(fmt::format("the part at {} has {} bytes, which is too small", offset, bytes.size()));
    if (is_last && layout_.bytes > 0 && offset + bytes.size() != layout_.bytes)
      return Broken(fmt::format("the last part ends at {}, the object at {}", offset + bytes.size(), layout_.bytes));
    if (bytes.empty()) return Broken("a part has no bytes");
    if (rules_.while_writing) rules_.while_writing(*counters_);
    const std::lock_guard lock(mutex_);
    if (finished_) return Broken("a part comes behind the end");
    if (parts_.contains(offset)) return Broken(fmt::format("the part at {} comes twice", offset));
    if (layout_.offsets.size() > 1 && parts_.empty()) ++counters_->requests;   // the upload begins
    ++counters_->requests, ++counters_->write_calls;
    counters_->written_bytes += bytes.size(), counters_->moved_bytes += bytes.size();
    parts_[offset] = Bytes(bytes.begin(), bytes.end());
    return Status::Ok();
  }

  Status Finish(uint64_t size_bytes, bool durable) override {
    const std::lock_guard lock(mutex_);
    Bytes whole;
    for (const auto& [offset, bytes] : parts_) whole.insert(whole.end(), bytes.begin(), bytes.end());
    if (whole.size() != size_bytes) return Broken(fmt::format("it has {} bytes and ends at {}", whole.size(), size_bytes));
    if (size_bytes > 0 && parts_.size() != layout_.offsets.size()) return Broken("parts are missing");
    if (layout_.offsets.size() > 1 || size_bytes == 0) ++counters_->requests;
    finished_ = true;
    return objects_->Put(key_, whole, durable);
  }

 private:
  Status Broken(const std::string& rule) const { return Internal(fmt::format("writing the object {}: {}", key_, rule)); }

  const std::shared_ptr<Store> objects_;
  const std::string key_;
  WriteLayout layout_;
  const ObjectRules rules_;
  StoreCounters* const counters_;
  std::mutex mutex_;
  std::map<uint64_t, Bytes> parts_;   // guarded by mutex_
  bool finished_ = false;             // guarded by mutex_
};

class StrictObjects final : public Store {
 public:
  StrictObjects(std::unique_ptr<Store> inner, const ObjectRules& rules) : rules_(rules), objects_(std::move(inner)) {
    traits_.read_gap_bytes = 256 << 10;
    traits_.slab_bytes = rules.slab_bytes;
    traits_.chunk_bytes = std::min<uint64_t>(64 << 20, rules.slab_bytes);
    traits_.io_concurrency = rules.io_concurrency;
    traits_.shared_by_ranks = objects_->traits().shared_by_ranks;
    traits_.write_transfer_bytes = traits_.read_transfer_bytes = rules.transfer_bytes;
    traits_.least_part_bytes = rules.least_part_bytes;
    traits_.wants_checksums = traits_.hashed_slab_names = true;
  }

  const StoreTraits& traits() const override { return traits_; }
  const std::string& url() const override { return objects_->url(); }

  Result<std::unique_ptr<StoreWriter>> Create(const std::string& key, const WriteLayout& layout) override {
    for (size_t i = 0; i < layout.offsets.size(); ++i) {
      if (i == 0 ? layout.offsets[i] != 0 : layout.offsets[i] < layout.offsets[i - 1] + rules_.least_part_bytes)
        return Internal(fmt::format("writing the object {}: its layout has a part that is too small", key));
    }
    return std::unique_ptr<StoreWriter>(std::make_unique<ObjectWriter>(objects_, key, layout, rules_, &counters()));
  }
  Status ReadAt(const std::string& key, uint64_t offset, ByteSpan out) override {
    return Read(objects_->ReadAt(key, offset, out), out.size());
  }
  Result<Bytes> Get(const std::string& key, uint64_t max_bytes, Version* version) override {
    Result<Bytes> bytes = objects_->Get(key, max_bytes, version);
    static_cast<void>(Read(bytes.ok() ? Status::Ok() : Internal("not read"), bytes.ok() ? bytes->size() : 0));
    return bytes;
  }
  Status Put(const std::string& key, ConstByteSpan bytes, bool durable) override {
    return Written(objects_->Put(key, bytes, durable), bytes.size());
  }
  Status PutIf(const std::string& key, ConstByteSpan bytes, const Version& expected, bool durable) override {
    return Written(objects_->PutIf(key, bytes, expected, durable), bytes.size());
  }
  Result<Entry> Stat(const std::string& key) override { return Asked().Stat(key); }
  Status Remove(const std::string& key) override { return Asked().Remove(key); }
  Status RemoveIf(const std::string& key, const Version& expected) override { return Asked().RemoveIf(key, expected); }
  Status List(const std::string& prefix, const std::function<Status(const Entry&)>& visit) override { return Asked().List(prefix, visit); }
  Status ListParts(const std::string& prefix, const std::function<Status(const std::string&)>& visit) override {
    return Asked().ListParts(prefix, visit);
  }
  bool HasPlace() override { return Asked().HasPlace(); }
  void RemovePlace() override { objects_->RemovePlace(); }
  Status RemoveAll(const std::string& prefix) override { return Asked().RemoveAll(prefix); }
  Status SyncFolder(const std::string&) override { return Status::Ok(); }

 private:
  Store& Asked() {
    ++counters().requests;
    return *objects_;
  }
  Status Read(Status status, uint64_t bytes) {
    ++counters().requests;
    if (!status.ok()) return status;
    ++counters().read_calls;
    counters().read_bytes += bytes, counters().moved_bytes += bytes;
    return status;
  }
  Status Written(Status status, uint64_t bytes) {
    ++counters().requests;
    if (!status.ok()) return status;
    ++counters().write_calls;
    counters().written_bytes += bytes, counters().moved_bytes += bytes;
    return status;
  }

  const ObjectRules rules_;
  StoreTraits traits_;
  const std::shared_ptr<Store> objects_;
};

}  // namespace

std::unique_ptr<Store> MakeStrictObjects(std::unique_ptr<Store> inner, const ObjectRules& rules) {
  return std::make_unique<StrictObjects>(std::move(inner), rules);
}

std::unique_ptr<Store> OpenObjectMemory(const std::string& name, const ObjectRules& rules) {
  return MakeStrictObjects(OpenMemoryStore(name), rules);
}

}  // namespace tsnap::test
