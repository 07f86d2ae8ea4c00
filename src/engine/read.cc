#include "engine/read.h"

#include <algorithm>
#include <mutex>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/knobs.h"
#include "base/protect.h"
#include "base/timeline.h"
#include "engine/codec.h"
#include "engine/direct_files.h"
#include "engine/direct_transfers.h"
#include "engine/scattering.h"
#include "plan/reshard.h"
#include "stage/stager.h"

namespace tsnap {

namespace {

// What is copied to a device at a time at least: the wait for it costs more than bytes that have
// left the cache.
constexpr uint64_t kLeastDeviceStepBytes = 1 << 20;

// A run of blocks of one item's extent.
struct BlockRun {
  uint32_t item = 0;
  ByteRun run;
  uint64_t file_begin = 0;  // in the slab
};

// One read of a slab: parts that are neighbours there.
struct Fetch {
  const Extent* extent = nullptr;  // of the first part
  uint64_t begin = 0, bytes = 0;
  size_t first_part = 0, part_count = 0;
  uint64_t scratch_bytes = 0;  // for decompression of the largest part
};

std::vector<BlockRun> FindParts(const std::vector<ReadItem>& items, const native::SlabNames& slabs,
                                uint64_t transfer_bytes) {
  std::vector<BlockRun> parts;
  parts.reserve(items.size());
  for (uint32_t i = 0; i < items.size(); ++i) {
    const ReadItem& item = items[i];
    for (const ByteRun& run :
         NeededRuns(item.extent, item.wanted, item.item_bytes, transfer_bytes)) {
      parts.push_back({i, run, slabs.Begin(item.extent) + run.begin});
    }
  }
  const auto place = [&](const BlockRun& part) {
    const Extent& extent = items[part.item].extent;
    return std::tuple(extent.writer, extent.slab, extent.offset + part.run.begin);
  };
  std::sort(parts.begin(), parts.end(),
            [&](const BlockRun& a, const BlockRun& b) { return place(a) < place(b); });
  return parts;
}

// Cuts what is not compressed into pieces of at most step_bytes, in the order in which they lie in
// the slab.
std::vector<BlockRun> CutParts(const std::vector<ReadItem>& items, std::span<const BlockRun> parts,
                               uint64_t step_bytes) {
  std::vector<BlockRun> pieces;
  for (const BlockRun& part : parts) {
    const bool whole = items[part.item].extent.codec != Codec::kNone;
    const uint64_t step = whole ? part.run.bytes : step_bytes;
    for (uint64_t done = 0; done < part.run.bytes; done += step) {
      const uint64_t bytes = std::min(step, part.run.bytes - done);
      pieces.push_back({part.item, {part.run.begin + done, bytes}, part.file_begin + done});
    }
  }
  std::sort(pieces.begin(), pieces.end(),
            [](const BlockRun& a, const BlockRun& b) { return a.file_begin < b.file_begin; });
  return pieces;
}

// Joins parts that lie closer than `gap` in a slab, as long as one buffer holds them.
std::vector<Fetch> JoinParts(const std::vector<ReadItem>& items, const native::SlabNames& slabs,
                             const std::vector<BlockRun>& parts, uint64_t gap,
                             uint64_t transfer_bytes) {
  std::vector<Fetch> fetches;
  for (size_t i = 0; i < parts.size(); ++i) {
    const BlockRun& part = parts[i];
    const Extent& extent = items[part.item].extent;
    const uint64_t scratch = extent.codec == Codec::kNone ? 0 : extent.raw_bytes;
    const uint64_t end = part.file_begin + part.run.bytes;
    Fetch* last = fetches.empty() ? nullptr : &fetches.back();
    if (last != nullptr && slabs.Together(*last->extent, extent) &&
        part.file_begin <= last->begin + last->bytes + gap && end - last->begin <= transfer_bytes) {
      last->bytes = std::max(last->bytes, end - last->begin);
      last->scratch_bytes = std::max(last->scratch_bytes, scratch);
      ++last->part_count;
    } else {
      fetches.push_back({&extent, part.file_begin, part.run.bytes, i, 1, scratch});
    }
  }
  return fetches;
}

class Reading {
 public:
  Reading(ReadJob job, const Engine& engine)
      : job_(std::move(job)),
        buffers_(engine.buffers()),
        staging_(engine.staging()),
        timeline_(engine.timeline()),
        direct_(engine.knobs().gpu_direct_storage),
        transfer_bytes_(engine.read_transfer_bytes(*job_.store)),
        step_bytes_(StepBytes(job_.store->traits(), transfer_bytes_)),
        ahead_bytes_(engine.knobs().read_ahead_bytes),
        parts_(FindParts(job_.items, job_.slabs, transfer_bytes_)),
        fetches_(JoinParts(job_.items, job_.slabs, parts_, job_.store->traits().read_gap_bytes,
                           transfer_bytes_)),
        failures_(job_.names.size()) {
    for (const BlockRun& part : parts_) meter_.total_bytes += part.run.bytes;
    read_count_ = fetches_.size();
    const std::vector<Fetch> soon =
        JoinParts(job_.soon, job_.slabs, FindParts(job_.soon, job_.slabs, transfer_bytes_),
                  job_.store->traits().read_gap_bytes, transfer_bytes_);
    fetches_.insert(fetches_.end(), soon.begin(), soon.end());
  }

  // Before the first fetch: how the items' memory is reached.
  Status Prepare() {
    stagers_.reserve(job_.items.size());
    bool pins = false;
    for (const ReadItem& item : job_.items) {
      TSNAP_ASSIGN(Stager * stager, StagerFor(item.memory.data));
      stagers_.push_back(stager);
      if (!stager->is_device() || pins) continue;
      pins = true;
      TSNAP_ASSIGN(std::shared_ptr<Pinner> pinner, stager->MakePinner(item.memory.data));
      pinning_ = BufferPool::Pinning(buffers_, std::move(pinner));
      step_bytes_ = std::max(step_bytes_, std::min(transfer_bytes_, kLeastDeviceStepBytes));
      TSNAP_TRY(direct_.Prepare(stager, item.memory.data, *job_.store, job_.verify));
    }
    return Status::Ok();
  }
  // The memory may go with its devices.
  void LetMemoryGo() {
    queues_.Clear();
    pinning_ = {};
    files_.Clear();
  }

  size_t fetch_count() const { return read_count_; }
  const Meter& meter() const { return meter_; }
  std::vector<Status> TakeFailures() {
    std::lock_guard lock(mutex_);
    return std::move(failures_);
  }

  // Failures are booked on their objects, so that one damaged object does not keep the others from
  // being read.
  Status Run(size_t number) {
    const Fetch& fetch = fetches_[number];
    // A hint that fails is no hint; what is wrong shows when the bytes are read.
    static_cast<void>(Protect([&] { return Announce(number); }));
    const std::span<const BlockRun> parts(parts_.data() + fetch.first_part, fetch.part_count);
    if (Status status = Protect([&] { return ReadOne(fetch, parts); }); !status.ok()) {
      for (const BlockRun& part : parts) Book(part, status);
    }
    for (const BlockRun& part : parts) meter_.moved_bytes += part.run.bytes;
    return Status::Ok();
  }

 private:
  static uint64_t StepBytes(const StoreTraits& traits, uint64_t transfer_bytes) {
    return traits.read_step_bytes == 0 ? transfer_bytes
                                       : std::min(traits.read_step_bytes, transfer_bytes);
  }

  // Tells the store what is read next: the fetch that begins, where it takes several calls, and
  // those behind it that the window holds. Each fetch is announced once.
  Status Announce(size_t number) {
    if (ahead_bytes_ == 0) return Status::Ok();
    size_t end = number + 1;
    for (uint64_t room = ahead_bytes_;
         end < fetches_.size() && end - number <= kMostReadsAhead && fetches_[end].bytes <= room;
         ++end)
      room -= fetches_[end].bytes;
    size_t first = number;
    {
      std::lock_guard lock(mutex_);
      first = std::max(announced_, number);
      announced_ = std::max(announced_, end);
    }
    for (; first < end; ++first) {
      const Fetch& fetch = fetches_[first];
      if (first < read_count_ && DirectMemory(parts_[fetch.first_part]) != nullptr) continue;
      if (first > number || fetch.bytes > step_bytes_)
        job_.store->WillRead(KeyOf(fetch), fetch.begin, fetch.bytes);
    }
    return Status::Ok();
  }

  void Book(const BlockRun& part, const Status& status) {
    std::lock_guard lock(mutex_);
    Status& first = failures_[job_.items[part.item].object];
    if (first.ok())
      first = Status(status).While("reading object", job_.names[job_.items[part.item].object]);
  }

  std::string KeyOf(const Fetch& fetch) const { return job_.slabs.Key(*fetch.extent); }

  static Mapping MappingOf(const ReadItem& item) {
    return {item.memory, item.memory_box, item.extent.box, item.extent.order};
  }

  // Where a fetch of one part can go straight into the user's memory.
  std::byte* InPlace(const Fetch& fetch, const BlockRun& part) {
    const ReadItem& item = job_.items[part.item];
    if (fetch.part_count != 1 || item.memory.data == nullptr || item.extent.codec != Codec::kNone)
      return nullptr;
    if (!RunIsWanted(item.extent, item.wanted, item.item_bytes, part.run)) return nullptr;
    return stagers_[part.item]->Direct(MappingOf(item), part.run.begin, part.run.bytes);
  }

  Status ReadOne(const Fetch& fetch, std::span<const BlockRun> parts) {
    const std::string key = KeyOf(fetch);
    std::vector<BlockRun> others;
    if (ReadDirect(key, parts, &others))
      return others.empty() ? Status::Ok() : ReadInSteps(key, others);
    const bool one_step = fetch.bytes <= step_bytes_;
    if (std::byte* memory = InPlace(fetch, parts[0]))
      return ReadInPlace(key, fetch, parts[0], memory);
    if (one_step) {
      TSNAP_ASSIGN(const BufferPool::Lease lease, buffers_->Acquire(Room(fetch)));
      return ReadStep(key, fetch, parts, lease.bytes());
    }
    return ReadInSteps(key, parts);
  }

  // Through a small buffer, step by step: what was just read is verified and copied while it is in
  // the cache, which costs less than memory read twice.
  Status ReadInSteps(const std::string& key, std::span<const BlockRun> parts) {
    const std::vector<BlockRun> pieces = CutParts(job_.items, parts, step_bytes_);
    const std::vector<Fetch> steps =
        JoinParts(job_.items, job_.slabs, pieces, job_.store->traits().read_gap_bytes, step_bytes_);
    uint64_t room = 0;
    for (const Fetch& step : steps) room = std::max(room, Room(step));
    TSNAP_ASSIGN(const BufferPool::Lease lease, buffers_->Acquire(room));
    for (const Fetch& step : steps) {
      const std::span<const BlockRun> own(pieces.data() + step.first_part, step.part_count);
      TSNAP_TRY(ReadStep(key, step, own, lease.bytes()));
    }
    return Status::Ok();
  }

  // Whole blocks that a device reads from the file itself, or nullptr.
  std::byte* DirectMemory(const BlockRun& part) const {
    const ReadItem& item = job_.items[part.item];
    if (!direct_.is_on() || item.memory.data == nullptr || item.extent.codec != Codec::kNone ||
        !stagers_[part.item]->is_device() || part.run.bytes < kBlockBytes ||
        part.file_begin % kDeviceFileAlignment != 0 ||
        !RunIsWanted(item.extent, item.wanted, item.item_bytes, part.run))
      return nullptr;
    return stagers_[part.item]->InDevice(MappingOf(item), part.run.begin, WholeBlocks(part));
  }
  static uint64_t WholeBlocks(const BlockRun& part) {
    return part.run.bytes / kBlockBytes * kBlockBytes;
  }

  // False: there is none for a device. *others are left to the host: parts, and what is behind the
  // last whole block of one.
  bool ReadDirect(const std::string& key, std::span<const BlockRun> parts,
                  std::vector<BlockRun>* others) {
    bool some = false;
    for (const BlockRun& part : parts) {
      std::byte* memory = DirectMemory(part);
      if (memory == nullptr) {
        others->push_back(part);
        continue;
      }
      some = true;
      const uint64_t bytes = WholeBlocks(part);
      if (Status moved = MoveDirect(key, part, memory); !moved.ok()) {
        files_.Clear();
        if (Status told = direct_.Fail(std::move(moved)); !told.ok()) {
          Book(part, told);
        } else {
          others->push_back(part);
        }
      } else if (bytes < part.run.bytes) {
        others->push_back(
            {part.item, {part.run.begin + bytes, part.run.bytes - bytes}, part.file_begin + bytes});
      }
    }
    return some;
  }

  // What is wrong with the bytes is booked; a failure is one to move or checksum them.
  Status MoveDirect(const std::string& key, const BlockRun& part, std::byte* memory) {
    const uint64_t bytes = WholeBlocks(part);
    TSNAP_ASSIGN(const std::shared_ptr<DirectFile> file,
                 files_.Open(*job_.store, key, direct_, stagers_[part.item]));
    {
      const Timeline::Scope span(timeline_.get(), Activity::kRead, bytes);
      TSNAP_TRY(file->device_file->Read(memory, bytes, part.file_begin));
    }
    DirectTransfers::CountRead(job_.store.get(), bytes);
    if (!job_.verify || job_.items[part.item].extent.unchecked) return Status::Ok();
    const Timeline::Scope span(timeline_.get(), Activity::kVerify, bytes);
    std::vector<uint32_t> found(bytes / kBlockBytes);
    TSNAP_ASSIGN(CopyQueues::Lease queue,
                 queues_.Take([&] { return stagers_[part.item]->MakeQueue(); }));
    if (Status made = queue->Checksum(memory, bytes, found); !made.ok()) {
      queue.Drop();
      return made;
    }
    for (uint64_t i = 0; i < found.size(); ++i) {
      Status same = Compare(key, part, i * kBlockBytes, found[i]);
      if (same.ok()) continue;
      Book(part, same);
      break;
    }
    return Status::Ok();
  }

  // Step by step as well: each is verified while it is in the cache.
  Status ReadInPlace(const std::string& key, const Fetch& fetch, const BlockRun& part,
                     std::byte* memory) {
    const uint64_t step = job_.verify ? std::min(step_bytes_, fetch.bytes) : fetch.bytes;
    for (uint64_t done = 0; done < fetch.bytes; done += step) {
      const uint64_t size = std::min(step, fetch.bytes - done);
      const ByteSpan bytes(memory + done, size);
      Fetch one = fetch;
      one.begin += done;
      one.bytes = size;
      const BlockRun run{part.item, {part.run.begin + done, size}, part.file_begin + done};
      TSNAP_TRY(Read(key, one, bytes));
      Status verified = VerifyInPlace(key, run, bytes);
      if (MayBeWholeNextTime(verified)) {
        TSNAP_TRY(Read(key, one, bytes));
        verified = VerifyInPlace(key, run, bytes);
      }
      TSNAP_TRY(std::move(verified));
    }
    return Status::Ok();
  }

  Status VerifyInPlace(const std::string& key, const BlockRun& run, ConstByteSpan bytes) {
    const StagingSlots::Hold hold(*staging_);
    const Timeline::Scope span(timeline_.get(), Activity::kVerify, bytes.size());
    return Verify(key, run, bytes);
  }

  // What comes through a network may have been damaged on its way.
  bool MayBeWholeNextTime(const Status& status) const {
    return status.code() == Code::kCorrupt && job_.store->traits().whole_objects();
  }

  static uint64_t Room(const Fetch& fetch) {
    return AlignUp(fetch.bytes, kExtentAlignment) + fetch.scratch_bytes;
  }

  // One call to the store, or two; what is wrong with a part is booked on its object.
  Status ReadStep(const std::string& key, const Fetch& step, std::span<const BlockRun> parts,
                  ByteSpan buffer) {
    TSNAP_TRY(Read(key, step, buffer.first(step.bytes)));
    std::vector<BlockRun> damaged;
    TSNAP_TRY(TakeParts(key, step, parts, buffer, &damaged));
    if (damaged.empty()) return Status::Ok();
    // The others are delivered: what goes wrong now concerns these.
    Status again = Read(key, step, buffer.first(step.bytes));
    if (again.ok()) again = TakeParts(key, step, damaged, buffer, nullptr);
    if (!again.ok()) {
      for (const BlockRun& part : damaged) Book(part, again);
    }
    return Status::Ok();
  }

  // damaged: where to note the parts that another read may make whole; null: this is that read.
  Status TakeParts(const std::string& key, const Fetch& step, std::span<const BlockRun> parts,
                   ByteSpan buffer, std::vector<BlockRun>* damaged) {
    Scattering scattering(&queues_);
    std::vector<const BlockRun*> under_way;
    TSNAP_TRY(BeginParts(key, step, parts, buffer, damaged, &scattering, &under_way));
    if (Status arrived = scattering.AwaitAll(); !arrived.ok()) {
      for (const BlockRun* part : under_way) Book(*part, arrived);
    }
    return Status::Ok();
  }

  Status BeginParts(const std::string& key, const Fetch& step, std::span<const BlockRun> parts,
                    ByteSpan buffer, std::vector<BlockRun>* damaged, Scattering* scattering,
                    std::vector<const BlockRun*>* under_way) {
    const ByteSpan bytes = buffer.first(step.bytes);
    const ByteSpan scratch = buffer.subspan(AlignUp(step.bytes, kExtentAlignment));
    const StagingSlots::Hold hold(*staging_);
    const Timeline::Scope span(timeline_.get(), Activity::kVerify, step.bytes);
    for (const BlockRun& part : parts) {
      const ConstByteSpan stored = bytes.subspan(part.file_begin - step.begin, part.run.bytes);
      Status status = Verify(key, part, stored);
      if (status.ok()) status = Deliver(part, stored, scratch, scattering, under_way);
      if (damaged != nullptr && MayBeWholeNextTime(status)) {
        damaged->push_back(part);
      } else if (!status.ok()) {
        Book(part, status);
      }
    }
    return Status::Ok();
  }

  Status Read(const std::string& key, const Fetch& fetch, ByteSpan bytes) {
    const Timeline::Scope span(timeline_.get(), Activity::kRead, fetch.bytes);
    return job_.store->ReadAt(key, fetch.begin, bytes);
  }

  Status Verify(const std::string& key, const BlockRun& part, ConstByteSpan stored) {
    const Extent& extent = job_.items[part.item].extent;
    if (!job_.verify || extent.unchecked) return Status::Ok();
    for (uint64_t begin = 0; begin < stored.size(); begin += kBlockBytes)
      TSNAP_TRY(
          Compare(key, part, begin,
                  Crc32c(stored.subspan(begin, std::min(kBlockBytes, stored.size() - begin)))));
    return Status::Ok();
  }

  // The checksum of the block at `begin` in the part against the one that is recorded.
  Status Compare(const std::string& key, const BlockRun& part, uint64_t begin, uint32_t found) {
    const Extent& extent = job_.items[part.item].extent;
    const uint32_t recorded = extent.block_crcs[(part.run.begin + begin) / kBlockBytes];
    if (found == recorded) return Status::Ok();
    return Corrupt(fmt::format(
        "{} of {}: the block at byte {} has CRC32C {:08x}, recorded was {:08x}: the file is "
        "damaged; restore from another snapshot",
        key, job_.store->url(), part.file_begin + begin, found, recorded));
  }

  Status Deliver(const BlockRun& part, ConstByteSpan stored, ByteSpan scratch,
                 Scattering* scattering, std::vector<const BlockRun*>* under_way) {
    const ReadItem& item = job_.items[part.item];
    const bool decodes = item.extent.codec != Codec::kNone;
    ConstByteSpan raw = stored;
    if (decodes) {
      const ByteSpan decoded = scratch.first(item.extent.raw_bytes);
      TSNAP_TRY(Decompress(item.extent.codec, stored, decoded));
      raw = decoded;
    }
    if (item.memory.data == nullptr) return Status::Ok();
    // The memory is narrowed to what is wanted, so that a block's other bytes touch nothing.
    const Mapping mapping{Part(item.memory, item.memory_box, item.wanted), item.wanted,
                          item.extent.box, item.extent.order};
    Stager* stager = stagers_[part.item];
    if (!stager->is_device()) return stager->Scatter(mapping, part.run.begin, raw);
    TSNAP_TRY(scattering->Begin(stager, mapping, part.run.begin, raw));
    if (decodes) return scattering->AwaitAll();  // the next part is decoded to the same place
    under_way->push_back(&part);
    return Status::Ok();
  }

  ReadJob job_;
  std::shared_ptr<BufferPool> buffers_;
  std::shared_ptr<StagingSlots> staging_;
  std::shared_ptr<Timeline> timeline_;
  DirectTransfers direct_;
  const uint64_t transfer_bytes_;
  uint64_t step_bytes_;           // one call to the store
  const uint64_t ahead_bytes_;    // announced beyond the fetch that begins
  std::vector<Stager*> stagers_;  // of the items
  BufferPool::Pinning pinning_;   // while something of them lies on a device
  CopyQueues queues_;
  DirectFiles files_;
  std::vector<BlockRun> parts_;
  std::vector<Fetch> fetches_;
  size_t read_count_ = 0;  // of fetches_; those behind are only announced
  Meter meter_;
  std::mutex mutex_;
  size_t announced_ = 0;          // fetches before this one; guarded by mutex_
  std::vector<Status> failures_;  // per object; guarded by mutex_
};

}  // namespace

Status ReadExtents(Engine& engine, ReadJob job, const ProgressCallback& progress,
                   std::vector<Status>* objects) {
  const std::shared_ptr<Store> store = job.store;
  const int concurrency = engine.ConcurrencyFor(*store);
  const size_t object_count = job.names.size();
  for (const ReadItem& item : job.items) TSNAP_TRY(CheckCodec(item.extent.codec));
  auto reading = std::make_shared<Reading>(std::move(job), engine);
  TSNAP_TRY(reading->Prepare());
  WorkerPool::Watch watch = engine.WatchOf(store);
  watch.tick = [&] {
    const Meter& meter = reading->meter();
    if (progress) progress(meter.moved_bytes, meter.moved_bytes, meter.total_bytes);
  };
  Status run = engine.workers().Run(
      reading->fetch_count(), concurrency,
      [reading](size_t number) { return reading->Run(number); }, watch);
  reading->LetMemoryGo();
  if (progress && run.ok()) watch.tick();
  *objects = run.ok() ? reading->TakeFailures() : std::vector<Status>(object_count, run);
  TSNAP_TRY(std::move(run));
  for (const Status& status : *objects) TSNAP_TRY(status);
  return Status::Ok();
}

}  // namespace tsnap
