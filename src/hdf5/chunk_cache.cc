#include "hdf5/chunk_cache.h"

namespace tsnap::hdf5 {

const Bytes* ChunkCache::Find(const Key& key) {
  const auto found = places_.find(key);
  if (found == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->chunk;
}

const Bytes* ChunkCache::Keep(Key key, Bytes chunk) {
  while (!entries_.empty() && bytes_ + chunk.size() > most_bytes_) {
    bytes_ -= entries_.back().chunk.size();
    places_.erase(entries_.back().key);
    entries_.pop_back();
  }
  bytes_ += chunk.size();
  entries_.push_front({std::move(key), std::move(chunk)});
  places_[entries_.front().key] = entries_.begin();
  return &entries_.front().chunk;
}

}  // namespace tsnap::hdf5
