// ChunkCache: the decoded chunks that were read last, of all datasets of a file: a box rarely ends
// where a chunk does, and the next one begins in the same chunk.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <utility>

#include "base/bytes.h"

namespace tsnap::hdf5 {

class ChunkCache {
 public:
  using Key = std::pair<std::string, uint64_t>;  // a dataset's name, and which of its chunks

  explicit ChunkCache(uint64_t most_bytes) : most_bytes_(most_bytes) {}
  ChunkCache(const ChunkCache&) = delete;
  ChunkCache& operator=(const ChunkCache&) = delete;

  // nullptr: it is not there. What both return stays until the next Keep.
  const Bytes* Find(const Key& key);
  // The last one stays whatever its size, alone where it is larger than all may be.
  const Bytes* Keep(Key key, Bytes chunk);

 private:
  struct Entry {
    Key key;
    Bytes chunk;
  };

  uint64_t most_bytes_;
  uint64_t bytes_ = 0;
  std::list<Entry> entries_;  // the last read in front
  std::map<Key, std::list<Entry>::iterator> places_;
};

}  // namespace tsnap::hdf5
