#include "contract.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <latch>
#include <thread>

namespace tsnap::contract {

namespace {
constexpr uint64_t kAlignment = 4096;
}

Bytes Pattern(uint64_t size, uint64_t seed) {
  Bytes bytes(size);
  uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
  for (std::byte& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<std::byte>(state >> 32);
  }
  return bytes;
}

void AlignedBytes::Free::operator()(std::byte* data) const { std::free(data); }

AlignedBytes::AlignedBytes(ConstByteSpan content)
    : size_(AlignUp(content.size(), kAlignment)),
      data_(static_cast<std::byte*>(std::aligned_alloc(kAlignment, std::max(size_, kAlignment)))) {
  std::memset(data_.get(), 0, size_);
  if (!content.empty()) std::memcpy(data_.get(), content.data(), content.size());
}

void InThreads(int count, const std::function<void(int)>& function) {
  std::latch start(count);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      function(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::unique_ptr<StoreWriter> MustCreate(Store& store, const std::string& key, uint64_t expected_bytes) {
  return MustCreate(store, key, WriteLayout{expected_bytes, {}});
}

std::unique_ptr<StoreWriter> MustCreate(Store& store, const std::string& key, const WriteLayout& layout) {
  Result<std::unique_ptr<StoreWriter>> writer = store.Create(key, layout);
  EXPECT_OK(writer);
  return std::move(writer).value();
}

Status WriteWhole(Store& store, StoreWriter& writer, ConstByteSpan content) {
  if (!store.traits().whole_objects()) return writer.WriteAt(0, AlignedBytes(content).span());
  return content.empty() ? Status::Ok() : writer.WriteAt(0, content);
}

void WriteObject(Store& store, const std::string& key, ConstByteSpan content, bool durable) {
  const std::unique_ptr<StoreWriter> writer = MustCreate(store, key, content.size());
  EXPECT_OK(WriteWhole(store, *writer, content));
  EXPECT_OK(writer->Finish(content.size(), durable));
}

void PutText(Store& store, const std::string& key, const std::string& text) { EXPECT_OK(store.Put(key, AsBytes(text), false)); }

std::string GetText(Store& store, const std::string& key, Version* version) {
  Result<Bytes> bytes = store.Get(key, 1 << 20, version);
  EXPECT_OK(bytes);
  return std::string(AsText(*bytes));
}

Bytes ReadRange(Store& store, const std::string& key, uint64_t offset, uint64_t size) {
  Bytes bytes(size);
  EXPECT_OK(store.ReadAt(key, offset, bytes));
  return bytes;
}

std::vector<std::string> Keys(Store& store, const std::string& prefix) {
  std::vector<std::string> keys;
  EXPECT_OK(store.List(prefix, [&](const Entry& entry) {
    keys.push_back(entry.key);
    return Status::Ok();
  }));
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<std::string> Parts(Store& store, const std::string& prefix) {
  std::vector<std::string> parts;
  EXPECT_OK(store.ListParts(prefix, [&](const std::string& part) {
    parts.push_back(part);
    return Status::Ok();
  }));
  std::sort(parts.begin(), parts.end());
  return parts;
}

}  // namespace tsnap::contract
