// Store: where bytes rest. It knows keys ("a/b/c") and bytes, nothing of snapshots. Every store
// passes tests/contract. All functions may be called from any thread. Keys never begin with "/",
// never hold empty, "." or ".." parts.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/knobs.h"
#include "base/status.h"
#include "store/session.h"

namespace tsnap {

inline constexpr uint64_t kMostParts = 10000;  // of one object, in any object store

// What a store is good at; the engine and the plan ask.
struct StoreTraits {
  uint64_t write_alignment =
      1;  // WriteAt wants memory, offset and length in multiples of this (4096 with direct I/O)
  uint64_t read_gap_bytes = 4096;  // neighbouring reads closer than this are joined
  // What one ReadAt should ask for where a call costs next to nothing: a block is then verified
  // while it is in the processor's cache. 0: whole transfers.
  uint64_t read_step_bytes = 0;
  uint64_t slab_bytes = 0;      // default size of a slab
  uint64_t chunk_bytes = 0;     // default size of a chunk
  int io_concurrency = 4;       // default number of transfers in flight
  bool shared_by_ranks = true;  // false: only this process sees it (memory)
  // What one transfer should carry where the byte budget allows it, for stores whose calls cost a
  // round trip; 0: kTransferBytes.
  uint64_t write_transfer_bytes = 0, read_transfer_bytes = 0;
  // Not 0: an object store. An object is written in the parts of the layout that Create was given,
  // each by one WriteAt, whose lengths tile it; all but the last have at least so many bytes, or
  // there is only one. Whoever finishes an object last wins: Create asks for nothing.
  uint64_t least_part_bytes = 0;
  bool wants_checksums = false;    // of what WriteAt is given: they are verified on arrival
  bool hashed_slab_names = false;  // spread the load over partitions by the beginning of names
  // What it stores are files of the machine: its writers have descriptors, OpenFile gives others.
  bool has_files = false;
  bool datasets = false;  // one file whose datasets are the slabs: laid out before they are written
  bool whole_objects() const { return least_part_bytes > 0; }
};

// Counted for tests and statistics.
struct StoreCounters {
  std::atomic<uint64_t> read_calls{0}, read_bytes{0}, write_calls{0}, written_bytes{0};
  std::atomic<uint64_t> requests{0};       // to a server
  std::atomic<uint64_t> moved_bytes{0};    // within calls that take long: that they get on
  std::atomic<uint64_t> removed_names{0};  // by RemoveAll, which may have many to remove
};

// Which version of a small object was seen; empty = none was there. Only the store understands the
// text.
struct Version {
  std::string tag;
  bool operator==(const Version&) const = default;
};

struct Entry {
  std::string key;
  uint64_t bytes = 0;
  int64_t modified_unix_seconds = 0;
};

// How an object is going to be written.
struct WriteLayout {
  uint64_t bytes = 0;  // of the whole object, a hint for preallocation; 0: not known
  // Where each write begins, in rising order from 0; each ends where the next begins, or less than
  // 4 KiB before that: what is between reads as zeros. Empty: nothing is known, or there is one
  // write only; object stores need to know.
  std::vector<uint64_t> offsets;
};

// One new object that is written at any offsets, by any threads, and then finished. Destroying an
// unfinished writer abandons it (what is left of it belongs to a take that never committed).
class StoreWriter {
 public:
  virtual ~StoreWriter() = default;
  // crc32c: of the bytes, where it is known already; never computed for a store that does not want
  // it.
  virtual Status WriteAt(uint64_t offset, ConstByteSpan bytes, std::optional<uint32_t> crc32c) = 0;
  Status WriteAt(uint64_t offset, ConstByteSpan bytes) {
    return WriteAt(offset, bytes, std::nullopt);
  }
  // The file that is written, for those who write whole pages of it in another way, where nobody
  // else writes; they count it (StoreCounters). -1: there is none.
  virtual int descriptor() const { return -1; }
  // Pushes what was written there towards the device, so that Finish waits for less at a time. Only
  // a hint: what goes wrong shows in Finish.
  virtual void Push(uint64_t offset, uint64_t bytes) {
    static_cast<void>(offset), static_cast<void>(bytes);
  }
  // The object has exactly size_bytes; with durable it survives a crash of the machine once its
  // folder is synced.
  virtual Status Finish(uint64_t size_bytes, bool durable) = 0;
};

// An object that is open to be read in another way than by ReadAt, past the page cache where that
// can be.
class StoreFile {
 public:
  virtual ~StoreFile() = default;
  virtual int descriptor() const = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual const StoreTraits& traits() const = 0;
  // How users call this place, for messages: "/scratch/run/step-10", "mem://x".
  virtual const std::string& url() const = 0;
  StoreCounters& counters() { return counters_; }
  const StoreCounters& counters() const { return counters_; }

  // kExists when the key is there; an object store replaces what is there when the writer
  // finishes.
  virtual Result<std::unique_ptr<StoreWriter>> Create(const std::string& key,
                                                      const WriteLayout& layout) = 0;
  // One write, of so many bytes where that is known.
  Result<std::unique_ptr<StoreWriter>> Create(const std::string& key, uint64_t expected_bytes) {
    return Create(key, WriteLayout{expected_bytes, {}});
  }
  // Exactly out.size() bytes at offset; kCorrupt ("truncated") when the object ends before,
  // kNotFound when it is missing.
  virtual Status ReadAt(const std::string& key, uint64_t offset, ByteSpan out) = 0;
  // Where traits().has_files.
  virtual Result<std::shared_ptr<StoreFile>> OpenFile(const std::string& key) {
    return Unsupported("opening " + key + " of " + url() + ": it is no file");
  }
  // These bytes will be asked for soon. A store may fetch them ahead, exactly them, or do nothing;
  // what goes wrong shows in ReadAt, if there. Neither counted nor waited for.
  virtual void WillRead(const std::string& key, uint64_t offset, uint64_t bytes) {
    static_cast<void>(key), static_cast<void>(offset), static_cast<void>(bytes);
  }
  // A whole small object; kCorrupt when it is larger than max_bytes.
  virtual Result<Bytes> Get(const std::string& key, uint64_t max_bytes, Version* version) = 0;
  // Writes a small object whole, atomically, over whatever is there.
  virtual Status Put(const std::string& key, ConstByteSpan bytes, bool durable) = 0;
  // Writes it only if nothing is there (expected empty) or exactly the version that was seen;
  // kExists otherwise. A lost answer is settled by reading back, so no two writers' bytes may be
  // equal; what cannot be settled is a failure whose text says so. kNetwork: a request had no
  // answer, and may be carried out even after this returns.
  virtual Status PutIf(const std::string& key, ConstByteSpan bytes, const Version& expected,
                       bool durable) = 0;
  virtual Result<Entry> Stat(const std::string& key) = 0;  // kNotFound when missing
  virtual Status Remove(const std::string& key) = 0;       // OK when it is not there
  // Removes it only if it is exactly the version that was seen; kExists when another one is there,
  // kNotFound when none is.
  virtual Status RemoveIf(const std::string& key, const Version& expected) = 0;
  // False when there is no such place: nothing was ever stored there, or it was removed whole.
  virtual bool HasPlace() { return true; }
  // Every object below a prefix that ends in "/" (or "" for all), in any order; stops at the first
  // status that is not OK.
  virtual Status List(const std::string& prefix,
                      const std::function<Status(const Entry&)>& visit) = 0;
  // First parts below a prefix ("" or ends in "/"), folders and objects, without descending.
  virtual Status ListParts(const std::string& prefix,
                           const std::function<Status(const std::string&)>& visit) = 0;
  // Removes everything below a prefix, and what folders are left empty.
  virtual Status RemoveAll(const std::string& prefix) = 0;
  // Removes the place itself where nothing is in it, as far as that is allowed: who begins to write
  // there meanwhile loses nothing. A store without folders does nothing.
  virtual void RemovePlace() {}
  // Removes what writers that were killed left below a prefix and that no list shows, when it was
  // last changed before then: temporary names directly there, and unfinished uploads at any depth
  // of which dead(key less the prefix) says that they are nobody's. A store that leaves no such
  // things does nothing.
  virtual Status RemoveLeftovers(const std::string& prefix, int64_t before_unix_seconds,
                                 const std::function<bool(std::string_view key)>& dead) {
    static_cast<void>(prefix), static_cast<void>(before_unix_seconds), static_cast<void>(dead);
    return Status::Ok();
  }
  // Removes the folders below a prefix that hold nothing but such leftovers, its own as well, when
  // they were last changed before then. A store without folders does nothing.
  virtual Status RemoveEmptyFolders(const std::string& prefix, int64_t before_unix_seconds) {
    static_cast<void>(prefix), static_cast<void>(before_unix_seconds);
    return Status::Ok();
  }
  // Copies an object of another store to the same key here, within the service: its bytes do not
  // pass through this process. kUnsupported where that cannot be: the caller reads and writes.
  virtual Status CopyFrom(Store& source, const std::string& key, uint64_t bytes) {
    static_cast<void>(source), static_cast<void>(bytes);
    return Unsupported("copying " + key + " to " + url() + ": not within one service");
  }
  // Grows while calls that take long get on; for those who watch.
  virtual uint64_t moved_bytes() const { return counters_.moved_bytes; }
  // Makes the names below a folder key ("" = the root, and then also the root's own name in its
  // parent) survive a crash.
  virtual Status SyncFolder(const std::string& folder) = 0;

 private:
  StoreCounters counters_;
};

// Where a URL leads: the table of stores. kInvalid for a malformed URL or an unknown scheme,
// kUnsupported for one that is not built in. create: the place may be made (take); else nothing is
// written.
Result<std::unique_ptr<Store>> OpenStore(std::string_view url,
                                         const std::shared_ptr<StoreSession>& session, bool create);
// With a session of its own.
inline Result<std::unique_ptr<Store>> OpenStore(std::string_view url, const Knobs& knobs,
                                                bool create) {
  return OpenStore(url, std::make_shared<StoreSession>(knobs), create);
}

}  // namespace tsnap
