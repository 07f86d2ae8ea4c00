#include "core/convert.h"

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/protect.h"
#include "core/commit.h"
#include "core/convert_layout.h"
#include "core/convert_plan.h"
#include "core/deliver.h"
#include "core/snapshot.h"
#include "engine/engine.h"
#include "engine/read.h"
#include "engine/write.h"
#include "format/native/index_part.h"
#include "format/native/marker.h"
#include "format/native/names.h"
#include "format/one_file/one_file_store.h"

namespace tsnap {

namespace {

constexpr uint64_t kMostBatchBytes = uint64_t{1} << 30;
constexpr uint64_t kChunkAlignment = 64;  // in memory

// Half of the budget holds a batch, the other is for what moves.
uint64_t BatchBytes(const Knobs& knobs) {
  return std::clamp(knobs.memory_budget_bytes / 2, kBlockBytes, kMostBatchBytes);
}

// One place has many URLs.
std::string PlaceOf(std::string_view url) {
  for (const std::string_view scheme : {"hdf5://", "fs://"})
    if (url.starts_with(scheme)) url.remove_prefix(scheme.size());
  while (url.size() > 1 && url.ends_with('/')) url.remove_suffix(1);
  return std::string(url);
}

// One conversion, step by step (convert.h). Whatever touches a store runs in calls that are
// watched, and owns what it touches.
class ConvertStory {
 public:
  ConvertStory(const CopyEnd& from, const CopyEnd& to, const Knobs& knobs, const Log& log,
               const CopyOptions& options)
      : from_end_(from),
        to_end_(to),
        knobs_(WithMachineDefaults(knobs, 1)),
        log_(log),
        options_(options),
        engine_(NewEngine()) {}

  Status Run(CopyResult* result) {
    TSNAP_TRY(CheckPlaces());
    TSNAP_TRY(ReadSource());
    Status made = Protect([&]() -> Status {
      TSNAP_TRY(OpenDestination());
      TSNAP_TRY(LayOut());
      TSNAP_TRY(CopyData());
      TSNAP_TRY(WriteIndexParts());
      TSNAP_TRY(MakeDurable());
      TSNAP_TRY(CheckSource());
      TSNAP_TRY(options_.verify ? Verify() : Status::Ok());
      return Commit();
    });
    if (!made.ok()) made = Protect([&] { return Explained(std::move(made)); });
    Clean(made.ok() ? &Committer::RemoveReplaced : &Committer::Abandon);
    if (made.ok()) *result = result_;
    return made;
  }

 private:
  std::unique_ptr<Engine> NewEngine() const {
    return std::make_unique<Engine>(
        knobs_, std::max(knobs_.memory_budget_bytes -
                             std::min(knobs_.memory_budget_bytes, BatchBytes(knobs_)),
                         kBlockBytes));
  }

  Status CheckPlaces() const {
    if (PlaceOf(from_end_.url) != PlaceOf(to_end_.url)) return Status::Ok();
    return Invalid(
        fmt::format("copying {} to {}: they are the same place", from_end_.url, to_end_.url));
  }

  Result<std::shared_ptr<Store>> Open(const CopyEnd& end) {
    const auto opened = std::make_shared<std::shared_ptr<Store>>();
    TSNAP_TRY(engine_->Watched([opened, end] {
      TSNAP_ASSIGN(*opened, end.open());
      return Status::Ok();
    }));
    return *opened;
  }

  // Step 1.
  Status ReadSource() {
    struct Source {
      std::unique_ptr<Snapshot> snapshot;
      Bytes text;
      ConvertPlan plan;
    };
    const auto source = std::make_shared<Source>();
    TSNAP_ASSIGN(from_, Open(from_end_));
    TSNAP_TRY(engine_->Watched(
        [source, from = from_, knobs = knobs_, bytes = BatchBytes(knobs_)] {
          TSNAP_ASSIGN(native::CommitRecord record, ReadRecord(*from, nullptr, &source->text));
          source->snapshot = Snapshot::OverStore(from, std::move(record), knobs);
          const uint64_t chunk_bytes =
              from->traits().datasets ? std::min(bytes, from->traits().chunk_bytes) : bytes;
          return PlanConversion(*source->snapshot, chunk_bytes, &source->plan)
              .While("reading the index of", from->url());
        },
        from_));
    source_ = std::shared_ptr<Snapshot>(source, source->snapshot.get());
    text_ = std::shared_ptr<const Bytes>(source, &source->text);
    plan_ = std::shared_ptr<const ConvertPlan>(source, &source->plan);
    return Status::Ok();
  }

  // Step 2.
  Status OpenDestination() {
    TSNAP_ASSIGN(to_, Open(to_end_));
    const native::CommitRecord& source = source_->record();
    if (to_->traits().datasets && source.byte_order != native::NativeByteOrder()) {
      return Unsupported(fmt::format(
          "copying {} to {}: the snapshot's bytes are in {}-endian order, which this machine would "
          "not write into an HDF5 file as they are: copy it on a machine of that order",
          from_->url(), to_->url(), source.byte_order));
    }
    const auto committer = std::make_shared<Committer>(
        to_, log_, /*durable=*/true, MarkerRefreshSeconds(knobs_), Committer::kCopy);
    committer_ = committer;
    TSNAP_TRY(engine_->Watched(
        [committer, overwrite = options_.overwrite] { return committer->Open(overwrite); }, to_));
    record_ = source;
    record_.id = committer_->id();
    if (source.foreign) record_.library_version = TSNAP_VERSION_TEXT;  // else whoever took it
    record_.hashed_slab_names = to_->traits().hashed_slab_names;
    record_.datasets = to_->traits().datasets;
    record_.foreign = false;
    return Status::Ok();
  }

  // Step 3.
  Status LayOut() {
    extents_.resize(plan_->chunks.size());
    if (!record_.datasets) return Status::Ok();
    TSNAP_TRY(layout_.Plan(*plan_));
    return layout_.MakeFile(*engine_, to_, *plan_, record_);
  }

  // Step 4.
  Status CopyData() {
    Tell(0);
    const uint64_t most = BatchBytes(knobs_);
    for (size_t first = 0, last = 0; first < plan_->chunks.size(); first = last) {
      uint64_t bytes = 0;
      do {
        bytes = AlignUp(bytes + plan_->chunks[last++].bytes, kChunkAlignment);
      } while (last < plan_->chunks.size() && bytes + plan_->chunks[last].bytes <= most);
      std::unique_ptr<std::byte[]> memory(new std::byte[bytes]);
      Status copied = CopyBatch(first, last, memory.get());
      // A thread that hangs may still use it.
      if (engine_->stuck()) static_cast<void>(memory.release());
      TSNAP_TRY(std::move(copied));
    }
    return Status::Ok();
  }

  Status CopyBatch(size_t first, size_t last, std::byte* memory) {
    ReadJob read{from_, source_->record().slab_names(), {}, {}, /*verify=*/true, {}};
    std::vector<WriteSource> sources;
    uint64_t at = 0, batch_bytes = 0;
    uint32_t object = UINT32_MAX;
    for (size_t number = first; number < last; ++number) {
      const ConvertChunk& chunk = plan_->chunks[number];
      const ObjectMeta& meta = plan_->objects[chunk.object]->meta;
      if (chunk.object != object) read.names.push_back(QualifiedPath(meta));
      object = chunk.object;
      const ArrayView view =
          ContiguousView(meta.dtype, meta.item_bytes, chunk.box.ndim, chunk.box.shape, memory + at);
      for (const Extent* extent : chunk.sources) {
        const Box part = Intersect(extent->box, chunk.box);
        read.items.push_back(
            {extent->unchecked ? Narrowed(*extent, part, meta.item_bytes) : *extent, part, view,
             chunk.box, meta.item_bytes, static_cast<uint32_t>(read.names.size() - 1)});
      }
      sources.push_back({view, chunk.box, read.names.back()});
      at = AlignUp(at + chunk.bytes, kChunkAlignment);
      batch_bytes += chunk.bytes;
    }
    std::vector<Status> outcomes;
    TSNAP_TRY(ReadExtents(
                  *engine_, std::move(read),
                  [this](uint64_t, uint64_t, uint64_t) { RefreshMarker(); }, &outcomes)
                  .While("copying", from_->url()));
    TSNAP_TRY(WriteBatch(first, last, std::move(sources)).While("copying to", to_->url()));
    done_bytes_ += batch_bytes;
    return Status::Ok();
  }

  Status WriteBatch(size_t first, size_t last, std::vector<WriteSource> sources) {
    std::vector<PlannedExtent> planned;
    for (size_t number = first; number < last; ++number) {
      PlannedExtent& extent = planned.emplace_back();
      extent.source = static_cast<uint32_t>(number - first);
      extent.box = plan_->chunks[number].box;
      extent.order = RowMajor();
      extent.raw_bytes = plan_->chunks[number].bytes;
    }
    const StoreTraits& traits = to_->traits();
    BatchSizes sizes;
    sizes.slab_bytes = std::max(traits.slab_bytes, kBlockBytes);
    if (traits.whole_objects())
      sizes.slab_bytes = std::min(sizes.slab_bytes, kMostParts * traits.least_part_bytes);
    sizes.transfer_bytes = engine_->write_transfer_bytes(*to_);
    sizes.least_part_bytes = traits.least_part_bytes;
    sizes.apart = traits.datasets;
    const auto plan = std::make_shared<const WritePlan>(Batch(std::move(planned), sizes));
    WriteJob job{to_,          record_.slab_names(), /*writer=*/0, plan,      std::move(sources),
                 Codec::kNone, /*durable=*/true,     {},           next_slab_};
    if (traits.datasets) {
      for (const PlannedExtent& extent : plan->extents)
        job.places.push_back(layout_.places()[first + extent.source]);
    } else {
      next_slab_ += static_cast<uint32_t>(plan->slab_bytes.size());
      result_.objects_copied += static_cast<int64_t>(plan->slab_bytes.size());
    }
    TSNAP_ASSIGN(std::vector<Extent> written,
                 WriteSlabs(*engine_, std::move(job), [this](uint64_t, uint64_t moved, uint64_t) {
                   RefreshMarker();
                   Tell(done_bytes_ + moved);
                 }));
    for (size_t i = 0; i < written.size(); ++i) {
      result_.bytes_copied += written[i].stored_bytes;
      extents_[first + plan->extents[i].source] = std::move(written[i]);
    }
    return Status::Ok();
  }

  // Step 5.
  Status WriteIndexParts() {
    record_.parts.clear();
    record_.object_count = static_cast<int64_t>(plan_->objects.size());
    record_.raw_bytes = record_.stored_bytes = 0;
    for (const IndexPart& part : IndexOf(record_.placement, *plan_, extents_)) {
      native::PartInfo& info = record_.parts.emplace_back();
      if (part.objects.empty() && part.tiles.empty()) continue;
      for (const ObjectRecord& object : part.objects) {
        record_.raw_bytes += object.raw_bytes;
        record_.stored_bytes += object.stored_bytes;
      }
      const auto encoded = std::make_shared<const Bytes>(native::EncodeIndexPart(part));
      info = {encoded->size(), Crc32c(*encoded)};
      const std::string key = native::IndexKey(record_.id, record_.parts.size() - 1);
      TSNAP_TRY(
          engine_->Watched([to = to_, key, encoded] { return to->Put(key, *encoded, true); }, to_)
              .While("writing the index"));
      result_.bytes_copied += encoded->size();
      if (!record_.datasets) ++result_.objects_copied;
    }
    if (record_.datasets) result_.objects_copied = 1;
    return Status::Ok();
  }

  Status MakeDurable() {
    return engine_->Watched(
        [to = to_, slabs = record_.slab_names()] {
          if (one_file::OneFileStore* const file = one_file::AsOneFile(*to))
            return file->SyncFile();
          const std::string& id = slabs.id;
          for (const std::string& folder :
               {slabs.Folder(0), id + "/data", id + "/index", id, std::string()}) {
            Status synced = to->SyncFolder(folder);
            // Without bytes there is no folder for them.
            if (!synced.ok() && synced.code() != Code::kNotFound) return synced;
          }
          return Status::Ok();
        },
        to_);
  }

  // What has checksums was what its index says. Without any, the file may have been written to.
  Status CheckSource() { return source_->record().foreign ? CheckSourceIsThere() : Status::Ok(); }

  Status CheckSourceIsThere() {
    return engine_->Watched(
        [from = from_, text = text_]() -> Status {
          const Result<Bytes> now = from->Get(native::kRecordKey, native::kMaxRecordBytes, nullptr);
          if (now.ok() && *now == *text) return Status::Ok();
          const Code code = now.status().code();
          if (!now.ok() && code != Code::kNotFound && code != Code::kCorrupt)
            return Status(now.status()).While("reading the commit record again of", from->url());
          return NotFound(fmt::format("copying {}: the snapshot there was {} while it was copied",
                                      from->url(),
                                      code == Code::kNotFound ? "removed" : "replaced"));
        },
        from_);
  }

  // A slab that is missing in the source: was it removed together with its snapshot?
  Status Explained(Status failure) {
    if (failure.code() != Code::kNotFound || engine_->stuck()) return failure;
    TSNAP_TRY(CheckSourceIsThere());
    return Corrupt(fmt::format("copying {}: a file of the snapshot is missing: {}", from_->url(),
                               failure.message()));
  }

  // Step 6. In memory of its own: what was used for copying goes first.
  Status Verify() {
    engine_ = NewEngine();
    TSNAP_ASSIGN(const std::shared_ptr<Store> written, Written());
    const std::unique_ptr<Snapshot> snapshot = Snapshot::OverStore(written, record_, knobs_);
    snapshot->set_progress([this](uint64_t, uint64_t verified, uint64_t) {
      RefreshMarker();
      Tell(plan_->bytes + std::min(verified, plan_->bytes));
    });
    std::vector<std::string> bad_paths;
    Status verified = snapshot->Verify(&bad_paths);
    if (verified.ok()) Tell(2 * plan_->bytes);
    if (verified.code() != Code::kCorrupt) return verified;
    return Corrupt(
        fmt::format("copying {}: nothing is committed, since the copy is damaged (copy again): {}",
                    from_->url(), verified.message()));
  }

  // Where the copy can be read before it is committed.
  Result<std::shared_ptr<Store>> Written() {
    if (!record_.datasets) return to_;
    const std::string path = one_file::AsOneFile(*to_)->PathOfTake(record_.id);
    const CopyEnd end{path, "", [path, session = std::make_shared<StoreSession>(knobs_, log_)] {
                        return one_file::OpenOneFile(path, session);
                      }};
    return Open(end);
  }

  // Step 7.
  Status Commit() {
    Status committed = engine_->Watched(
        [committer = committer_, record = record_] { return committer->Commit(record); }, to_);
    if (committed.code() != Code::kTimeout) return committed;
    return Timeout(fmt::format("committing at {}: the copy may or may not be there: {}", to_->url(),
                               committed.message()));
  }

  // A failure is only logged: gc does it later.
  void Clean(void (Committer::*removal)()) {
    if (!committer_ || committer_->id().empty() || engine_->stuck()) return;
    Status cleaned = Protect([&] {
      return engine_->Watched(
          [committer = committer_, removal] {
            ((*committer).*removal)();
            return Status::Ok();
          },
          to_);
    });
    if (cleaned.ok() || !log_.wants(LogLevel::kWarning)) return;
    static_cast<void>(Protect([&] {
      log_.Write(LogLevel::kWarning,
                 fmt::format("cleaning up after a copy: {}", cleaned.message()));
      return Status::Ok();
    }));
  }

  void RefreshMarker() {
    if (!committer_->wants_refresh()) return;
    static_cast<void>(Protect([&] {
      return engine_->Watched(
          [committer = committer_] {
            committer->Refresh();
            return Status::Ok();
          },
          to_);
    }));
  }

  void Tell(uint64_t done_bytes) const {
    if (options_.progress) options_.progress(done_bytes, plan_->bytes * (options_.verify ? 2 : 1));
  }

  const CopyEnd from_end_, to_end_;
  const Knobs knobs_;
  const Log log_;
  const CopyOptions options_;
  std::shared_ptr<Store> from_, to_;
  std::shared_ptr<Snapshot> source_;
  std::shared_ptr<const Bytes> text_;  // of its commit record
  std::shared_ptr<const ConvertPlan> plan_;
  std::shared_ptr<Committer> committer_;
  native::CommitRecord record_;  // of the copy
  ConvertLayout layout_;         // of a file of datasets
  std::vector<Extent> extents_;  // parallel to the plan's chunks
  uint64_t done_bytes_ = 0;
  uint32_t next_slab_ = 0;
  CopyResult result_;
  std::unique_ptr<Engine> engine_;  // its threads are joined before the rest goes
};

}  // namespace

Status ConvertSnapshot(const CopyEnd& from, const CopyEnd& to, const Knobs& knobs, const Log& log,
                       const CopyOptions& options, CopyResult* result) {
  return Protect([&] { return ConvertStory(from, to, knobs, log, options).Run(result); });
}

}  // namespace tsnap
