// Snapshot: one committed snapshot, opened for reading by anyone; index parts are loaded as they
// are asked for. Any number of threads may use it at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/knobs.h"
#include "base/log.h"
#include "base/status.h"
#include "catalog/index.h"
#include "core/context.h"
#include "engine/engine.h"
#include "format/native/commit_record.h"
#include "store/store.h"

namespace tsnap {

struct ReadOptions {
  uint64_t memory_budget_bytes = 0;  // 0 = the snapshot's
  bool verify = true;
  void* cuda_stream = nullptr;  // nullptr: everything that the memory's device was given
};

// Where tsnap_read puts a box of an object: the memory and the box's place in the whole array.
struct ReadTarget {
  ArrayView memory;
  Index offset{};
};

class Snapshot {
 public:
  // Not collective. kNotFound when the place holds no commit record.
  static Result<std::unique_ptr<Snapshot>> Open(const std::string& url, const Knobs& knobs,
                                                Log log);
  // Of a record that need not be committed, over the data that it names.
  static std::unique_ptr<Snapshot> OverStore(std::shared_ptr<Store> store,
                                             native::CommitRecord record, const Knobs& knobs,
                                             Log log = {});
  // Collective: one rank reads the record and broadcasts it. `argument` as in Take.
  static Result<std::unique_ptr<Snapshot>> OpenAll(Context& context, const std::string& url,
                                                   const Status& argument);

  const native::CommitRecord& record() const { return record_; }
  const std::string& url() const { return store_->url(); }
  Store& store() { return *store_; }

  // So that what asks for it later need not read it.
  Status LoadIndexPart(uint64_t number) { return Part(number).status(); }
  // All objects, sorted by qualified path; loads the whole index at the first call. The reference
  // lives as long as the snapshot.
  Result<const std::vector<const ObjectRecord*>*> Objects();
  // By qualified path ("3/rng", "fluid/density"); loads one part. kNotFound when it does not exist.
  Result<const ObjectRecord*> Find(std::string_view qualified_path);
  // Where the bytes of an object rest: extent number `index`, in an order that stays. kNotFound
  // past the last one. The reference lives as long as the snapshot.
  Result<const Extent*> ExtentAt(const ObjectRecord& object, uint64_t index);
  // What holds the bytes of an extent: the key of a slab, or a dataset's name.
  std::string FileOf(const Extent& extent);
  // dtype, item size and number of dimensions must be the object's; the box must lie inside its
  // shape.
  Status Read(const ObjectRecord& object, const ReadTarget& target, const ReadOptions& options);
  // Reads and checks every stored byte; kCorrupt when any object is bad, with their qualified
  // paths, sorted.
  Status Verify(std::vector<std::string>* bad_paths);
  void set_progress(ProgressCallback progress);

 private:
  Snapshot(std::shared_ptr<Store> store, native::CommitRecord record, const Knobs& knobs, Log log);
  Result<const IndexPart*> Part(uint64_t number);
  // The extents that may hold something of a box, each once.
  Result<std::vector<Extent>> ExtentsMeeting(const ObjectRecord& object, const Box& box);
  // Every extent of a sharded object once, from all of its tiles.
  using ExtentList = std::vector<const Extent*>;
  Result<std::shared_ptr<const ExtentList>> ShardedExtents(const ObjectRecord& object);

  std::shared_ptr<Store> store_;
  native::CommitRecord record_;
  Knobs knobs_;
  Log log_;
  Engine engine_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<IndexPart>> parts_;  // guarded by mutex_ until set, then constant
  std::vector<const ObjectRecord*> objects_;       // guarded by mutex_ until objects_ready_
  bool objects_ready_ = false;                     // guarded by mutex_
  // Of the sharded objects that ExtentAt was asked for; guarded by mutex_.
  std::unordered_map<const ObjectRecord*, std::shared_ptr<const ExtentList>> sharded_extents_;
  ProgressCallback progress_;  // guarded by mutex_
};

// Commit record first, then the data. kNotFound when there is no snapshot.
Status RemoveSnapshot(const std::string& url, const Knobs& knobs, Log log);

struct GcOptions {
  double min_age_seconds = 0;  // 0 = the knob
  bool dry_run = false;
  std::function<void(const std::string& key, uint64_t bytes)> removed;
};
struct GcResult {
  int64_t takes_removed = 0, takes_kept = 0;
  uint64_t bytes_removed = 0;
};
// Removes what no commit record names and whose marker has not been refreshed for min_age_seconds:
// at this place, and one folder below it (a folder of snapshots).
Status CollectGarbage(Store& store, double min_age_seconds, const GcOptions& options,
                      GcResult* result);
Status CollectGarbage(const std::string& url, const Knobs& knobs, Log log, const GcOptions& options,
                      GcResult* result);

}  // namespace tsnap
