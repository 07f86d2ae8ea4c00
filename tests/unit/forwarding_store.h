// A store that hands every call on to another one: what a test wants otherwise it overrides.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "store/store.h"

namespace tsnap::test {

class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}
  const StoreTraits& traits() const override { return store_->traits(); }
  const std::string& url() const override { return store_->url(); }
  Result<std::unique_ptr<StoreWriter>> Create(const std::string& key, const WriteLayout& layout) override {
    return store_->Create(key, layout);
  }
  Status ReadAt(const std::string& key, uint64_t offset, ByteSpan out) override { return store_->ReadAt(key, offset, out); }
  Result<Bytes> Get(const std::string& key, uint64_t most, Version* version) override { return store_->Get(key, most, version); }
  Status Put(const std::string& key, ConstByteSpan bytes, bool durable) override { return store_->Put(key, bytes, durable); }
  Status PutIf(const std::string& key, ConstByteSpan bytes, const Version& expected, bool durable) override {
    return store_->PutIf(key, bytes, expected, durable);
  }
  Result<Entry> Stat(const std::string& key) override { return store_->Stat(key); }
  Status Remove(const std::string& key) override { return store_->Remove(key); }
  Status RemoveIf(const std::string& key, const Version& expected) override { return store_->RemoveIf(key, expected); }
  bool HasPlace() override { return store_->HasPlace(); }
  Status List(const std::string& prefix, const std::function<Status(const Entry&)>& visit) override { return store_->List(prefix, visit); }
  Status ListParts(const std::string& prefix, const std::function<Status(const std::string&)>& visit) override {
    return store_->ListParts(prefix, visit);
  }
  Status RemoveAll(const std::string& prefix) override { return store_->RemoveAll(prefix); }
  Status SyncFolder(const std::string& folder) override { return store_->SyncFolder(folder); }

 protected:
  Store& store() { return *store_; }

 private:
  const std::unique_ptr<Store> store_;
};

}  // namespace tsnap::test
