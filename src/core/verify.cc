// Verifying a whole snapshot: every index part, every block, every frame.
#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/deliver.h"
#include "core/index_io.h"
#include "core/snapshot.h"
#include "engine/read.h"

namespace tsnap {

namespace {

// Reads that deliver nowhere.
void AddChecks(const std::vector<Extent>& extents, int64_t item_bytes, ReadJob* job) {
  for (const Extent& extent : extents) {
    job->items.push_back({extent, extent.box, ArrayView(), extent.box, item_bytes,
                          static_cast<uint32_t>(job->names.size() - 1)});
  }
}

// The extents that this tile is the first to list, so that each is checked once.
std::vector<Extent> AtHome(const ObjectRecord& object, const TileRecord& tile) {
  std::vector<Extent> home;
  for (const Extent& extent : tile.extents) {
    const std::vector<uint64_t> tiles = TilesMeeting(object.meta, object.tiles, extent.box);
    if (!tiles.empty() && tiles.front() == tile.tile) home.push_back(extent);
  }
  return home;
}

}  // namespace

Status Snapshot::Verify(std::vector<std::string>* bad_paths) {
  std::set<std::string> bad;
  Status first;
  ProgressCallback progress;
  {
    std::lock_guard lock(mutex_);
    progress = progress_;
  }
  uint64_t done_bytes = 0;
  TSNAP_ASSIGN(const std::vector<const ObjectRecord*>* objects, Objects());
  for (const ObjectRecord* object : *objects) {
    ReadJob job{store_, record_.slab_names(), {}, {QualifiedPath(object->meta)}, true, {}};
    uint64_t found_bytes = 0;
    std::vector<Box> boxes;
    AddChecks(object->extents, object->meta.item_bytes, &job);
    for (const Extent& extent : object->extents) found_bytes += extent.raw_bytes;
    if (object->meta.kind == Kind::kSharded) {
      for (uint64_t tile = 0; tile < TileCount(object->meta, object->tiles); ++tile) {
        TSNAP_ASSIGN(const IndexPart* part,
                     Part(PartOfTile(record_.placement, object->meta.path, tile)));
        const TileRecord* record = FindTile(*part, object->meta.path, tile);
        if (record == nullptr) continue;
        TSNAP_TRY(CheckExtents(object->meta, record->extents));
        const std::vector<Extent> home = AtHome(*object, *record);
        AddChecks(home, object->meta.item_bytes, &job);
        for (const Extent& extent : home) {
          found_bytes += extent.raw_bytes;
          boxes.push_back(extent.box);
        }
      }
    }
    const ProgressCallback within = [&](uint64_t, uint64_t moved, uint64_t) {
      if (progress) progress(done_bytes + moved, done_bytes + moved, record_.stored_bytes);
    };
    std::vector<Status> outcomes;
    Status status = ReadExtents(engine_, std::move(job), within, &outcomes);
    if (status.ok()) status = CheckDisjoint(object->meta, boxes);
    if (status.ok()) status = CheckComplete(*object, found_bytes);
    done_bytes += object->stored_bytes;
    if (status.ok()) continue;
    if (status.code() == Code::kTimeout || status.code() == Code::kNoMemory) return status;
    bad.insert(QualifiedPath(object->meta));
    if (first.ok()) first = std::move(status);
  }
  bad_paths->assign(bad.begin(), bad.end());
  if (first.ok()) return first;
  return Corrupt(fmt::format("verifying {}: {} of {} objects are damaged; the first: {}",
                             store_->url(), bad.size(), objects->size(), first.message()));
}

}  // namespace tsnap
