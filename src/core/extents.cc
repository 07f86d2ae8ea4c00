// Where the bytes of an object rest, extent by extent; nothing of them is read.
#include <fmt/format.h>

#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "core/deliver.h"
#include "core/index_io.h"
#include "core/snapshot.h"

namespace tsnap {

Result<std::shared_ptr<const Snapshot::ExtentList>> Snapshot::ShardedExtents(
    const ObjectRecord& object) {
  {
    std::lock_guard lock(mutex_);
    const auto found = sharded_extents_.find(&object);
    if (found != sharded_extents_.end()) return found->second;
  }
  ExtentList extents;
  std::set<std::tuple<uint32_t, uint32_t, uint64_t>> seen;
  for (uint64_t tile = 0; tile < TileCount(object.meta, object.tiles); ++tile) {
    TSNAP_ASSIGN(const IndexPart* part,
                 Part(PartOfTile(record_.placement, object.meta.path, tile)));
    const TileRecord* record = FindTile(*part, object.meta.path, tile);
    if (record == nullptr) continue;
    TSNAP_TRY(CheckExtents(object.meta, record->extents));
    // One that meets several tiles is listed in each.
    for (const Extent& extent : record->extents)
      if (seen.insert({extent.writer, extent.slab, extent.offset}).second)
        extents.push_back(&extent);
  }
  std::lock_guard lock(mutex_);
  const auto [place, is_new] = sharded_extents_.try_emplace(&object);
  if (is_new) {
    try {
      place->second = std::make_shared<const ExtentList>(std::move(extents));
    } catch (...) {
      sharded_extents_.erase(place);
      throw;
    }
  }
  return place->second;
}

Result<const Extent*> Snapshot::ExtentAt(const ObjectRecord& object, uint64_t index) {
  const Extent* extent = nullptr;
  uint64_t count = object.extents.size();
  if (object.meta.kind == Kind::kSharded) {
    TSNAP_ASSIGN(const std::shared_ptr<const ExtentList> extents, ShardedExtents(object));
    count = extents->size();
    if (index < count) extent = (*extents)[index];
  } else if (index < count) {
    extent = &object.extents[index];
    TSNAP_TRY(CheckExtent(object.meta, *extent));
  }
  if (extent != nullptr) return extent;
  return NotFound(fmt::format("looking up extent number {} of \"{}\": it has {}", index,
                              QualifiedPath(object.meta), count));
}

}  // namespace tsnap
