#include "core/snapshot.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/protect.h"
#include "core/agree.h"
#include "core/commit.h"
#include "core/index_io.h"
#include "core/open_committed.h"
#include "format/one_file/one_file_store.h"
#include "format/open_place.h"

namespace tsnap {

Snapshot::Snapshot(std::shared_ptr<Store> store, native::CommitRecord record, const Knobs& knobs,
                   Log log)
    : store_(std::move(store)),
      record_(std::move(record)),
      knobs_(WithMachineDefaults(knobs, 1)),
      log_(std::move(log)),
      engine_(knobs_, knobs_.memory_budget_bytes),
      parts_(record_.parts.size()) {}

Result<std::unique_ptr<Snapshot>> Snapshot::Open(const std::string& url, const Knobs& knobs,
                                                 Log log) {
  const auto session = std::make_shared<StoreSession>(knobs, log);
  TSNAP_ASSIGN(std::shared_ptr<Store> store, OpenPlace(url, session, /*create=*/false));
  TSNAP_ASSIGN(native::CommitRecord record, ReadRecord(*store, nullptr));
  return OverStore(std::move(store), std::move(record), knobs, std::move(log));
}

std::unique_ptr<Snapshot> Snapshot::OverStore(std::shared_ptr<Store> store,
                                              native::CommitRecord record, const Knobs& knobs,
                                              Log log) {
  return std::unique_ptr<Snapshot>(
      new Snapshot(std::move(store), std::move(record), knobs, std::move(log)));
}

Result<std::unique_ptr<Snapshot>> Snapshot::OpenAll(Context& context, const std::string& url,
                                                    const Status& argument) {
  context.FinishPending();
  uint64_t hash = 0;
  if (argument.ok()) hash = Hash64(url);
  TSNAP_TRY(AgreeOnCall(context, Call::kSnapshotOpen, hash, argument));
  std::shared_ptr<Store> store;
  native::CommitRecord record;
  Status opened = OpenCommitted(context, url, &store, &record);
  if (!opened.ok()) return SettleStall(context.comm(), context.engine(), std::move(opened));
  std::unique_ptr<Snapshot> snapshot;
  TSNAP_TRY(Agree(context.comm(), Protect([&] {
                    snapshot.reset(new Snapshot(std::move(store), std::move(record),
                                                context.knobs(), context.log()));
                    return Status::Ok();
                  })));
  return snapshot;
}

Result<const IndexPart*> Snapshot::Part(uint64_t number) {
  std::lock_guard lock(mutex_);
  if (!parts_[number]) {
    TSNAP_ASSIGN(IndexPart part, LoadPart(*store_, record_, number));
    parts_[number] = std::make_unique<IndexPart>(std::move(part));
  }
  return static_cast<const IndexPart*>(parts_[number].get());
}

Result<const std::vector<const ObjectRecord*>*> Snapshot::Objects() {
  std::vector<std::pair<std::string, const ObjectRecord*>> sorted;
  {
    std::lock_guard lock(mutex_);
    if (objects_ready_) return &objects_;
  }
  for (uint64_t number = 0; number < parts_.size(); ++number) {
    TSNAP_ASSIGN(const IndexPart* part, Part(number));
    for (const ObjectRecord& record : part->objects)
      sorted.emplace_back(QualifiedPath(record.meta), &record);
  }
  std::sort(sorted.begin(), sorted.end());
  std::lock_guard lock(mutex_);
  if (!objects_ready_) {
    std::vector<const ObjectRecord*> objects;
    objects.reserve(sorted.size());
    for (const auto& [path, record] : sorted) objects.push_back(record);
    objects_ = std::move(objects);
    objects_ready_ = true;
  }
  return &objects_;
}

Result<const ObjectRecord*> Snapshot::Find(std::string_view qualified_path) {
  int64_t rank = -1;
  std::string path;
  TSNAP_TRY(SplitQualifiedPath(qualified_path, &rank, &path));
  const uint64_t number = rank >= 0 ? PartOfPrivate(record_.placement, rank, path)
                                    : PartOfShared(record_.placement, path);
  TSNAP_ASSIGN(const IndexPart* part, Part(number));
  const ObjectRecord* record = FindObject(*part, std::string(qualified_path));
  if (record != nullptr) return record;
  return NotFound(
      fmt::format("object \"{}\" is not in the snapshot {}", qualified_path, store_->url()));
}

std::string Snapshot::FileOf(const Extent& extent) {
  if (record_.datasets) {
    if (one_file::OneFileStore* file = one_file::AsOneFile(*store_)) {
      Result<std::string> name = file->NameOf(extent.writer);
      if (name.ok()) return std::move(name).value();
    }
  }
  return record_.slab_names().Key(extent.writer, extent.slab);
}

void Snapshot::set_progress(ProgressCallback progress) {
  std::lock_guard lock(mutex_);
  progress_ = std::move(progress);
}

}  // namespace tsnap
