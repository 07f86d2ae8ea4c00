#include "core/convert_plan.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/knobs.h"
#include "core/deliver.h"
#include "format/one_file/box_runs.h"

namespace tsnap {

namespace {

Result<std::vector<const Extent*>> ExtentsOf(Snapshot& snapshot, const ObjectRecord& object) {
  std::vector<const Extent*> extents;
  for (uint64_t number = 0;; ++number) {
    const Result<const Extent*> extent = snapshot.ExtentAt(object, number);
    if (!extent.ok() && extent.status().code() == Code::kNotFound) return extents;
    if (!extent.ok()) return extent.status();
    extents.push_back(*extent);
  }
}

Status CheckListed(const ObjectRecord& object, const std::vector<const Extent*>& extents) {
  uint64_t bytes = 0;
  std::vector<Box> boxes;
  for (const Extent* extent : extents) {
    bytes += extent->raw_bytes;
    boxes.push_back(extent->box);
  }
  TSNAP_TRY(CheckComplete(object, bytes));
  return object.meta.kind == Kind::kSharded ? CheckDisjoint(object.meta, boxes) : Status::Ok();
}

class Planner {
 public:
  Planner(uint64_t max_bytes, ConvertPlan* plan) : max_bytes_(max_bytes), plan_(*plan) {}

  void Add(const ObjectRecord& object, const std::vector<const Extent*>& extents) {
    const ObjectMeta& meta = object.meta;
    plan_.objects.push_back(&object);
    plan_.first_extents.push_back(extents.empty() ? nullptr : extents.front());
    if (meta.kind == Kind::kSharded) {
      // The extent's own order: then each chunk is a run of it, and it is read once.
      for (const Extent* extent : extents) Cut(object, extent->box, extent->order, {extent});
    } else if (AreRuns(meta, extents)) {
      for (const Extent* extent : extents) Cut(object, extent->box, RowMajor(), {extent});
    } else {
      Cut(object, WholeBox(meta.ndim, meta.shape), RowMajor(), extents);
    }
  }

 private:
  // Private and replicated objects are listed in runs: a dataset of all ranks has no other boxes.
  static bool AreRuns(const ObjectMeta& meta, const std::vector<const Extent*>& extents) {
    const one_file::StoredArray array{meta.item_bytes, meta.ndim, meta.shape};
    return std::all_of(extents.begin(), extents.end(), [&](const Extent* extent) {
      uint64_t begin = 0;
      return one_file::IsOneRun(array, extent->box, &begin);
    });
  }

  void Cut(const ObjectRecord& object, const Box& box, const AxisOrder& order,
           const std::vector<const Extent*>& sources) {
    if (IsEmpty(box)) return;
    const ObjectMeta& meta = object.meta;
    // What restoring ranks read and broadcast at a time.
    const uint64_t most =
        meta.kind == Kind::kReplicated ? std::min(kTransferBytes, max_bytes_) : max_bytes_;
    for (const Box& part : CutIntoChunks(box, order, meta.item_bytes, most)) {
      ConvertChunk& chunk = plan_.chunks.emplace_back();
      chunk.object = static_cast<uint32_t>(plan_.objects.size() - 1);
      chunk.box = part;
      chunk.bytes = Volume(part) * static_cast<uint64_t>(meta.item_bytes);
      for (const Extent* source : sources)
        if (!IsEmpty(Intersect(source->box, part))) chunk.sources.push_back(source);
      plan_.bytes += chunk.bytes;
    }
  }

  const uint64_t max_bytes_;
  ConvertPlan& plan_;
};

// Of one object: its record, and its tiles when it is sharded.
void AddObject(const Placement& placement, const ObjectRecord& source, std::vector<Extent> extents,
               std::vector<IndexPart>* parts) {
  ObjectRecord record = source;
  record.extents.clear();
  record.raw_bytes = record.stored_bytes = 0;
  for (const Extent& extent : extents) {
    record.raw_bytes += extent.raw_bytes;
    record.stored_bytes += extent.stored_bytes;
  }
  SortExtents(&extents);
  if (record.meta.kind == Kind::kSharded) {
    std::map<uint64_t, std::vector<Extent>> tiles;
    for (const Extent& extent : extents)
      for (const uint64_t tile : TilesMeeting(record.meta, record.tiles, extent.box))
        tiles[tile].push_back(extent);
    for (auto& [tile, listed] : tiles) {
      IndexPart& part = (*parts)[PartOfTile(placement, record.meta.path, tile)];
      part.tiles.push_back({record.meta.path, tile, std::move(listed)});
    }
  } else {
    record.extents = std::move(extents);
  }
  IndexPart& part = (*parts)[PartOf(placement, record.meta)];
  part.objects.push_back(std::move(record));
}

}  // namespace

Status PlanConversion(Snapshot& snapshot, uint64_t max_bytes, ConvertPlan* plan) {
  TSNAP_ASSIGN(const std::vector<const ObjectRecord*>* objects, snapshot.Objects());
  Planner planner(max_bytes, plan);
  for (const ObjectRecord* object : *objects) {
    TSNAP_ASSIGN(const std::vector<const Extent*> extents, ExtentsOf(snapshot, *object));
    TSNAP_TRY(CheckListed(*object, extents));
    planner.Add(*object, extents);
  }
  return Status::Ok();
}

std::vector<IndexPart> IndexOf(const Placement& placement, const ConvertPlan& plan,
                               const std::vector<Extent>& extents) {
  std::vector<IndexPart> parts(placement.parts);
  size_t chunk = 0;
  for (uint32_t number = 0; number < plan.objects.size(); ++number) {
    std::vector<Extent> listed;
    for (; chunk < plan.chunks.size() && plan.chunks[chunk].object == number; ++chunk)
      listed.push_back(extents[chunk]);
    AddObject(placement, *plan.objects[number], std::move(listed), &parts);
  }
  for (IndexPart& part : parts) {
    std::sort(part.objects.begin(), part.objects.end(), ObjectLess);
    std::sort(part.tiles.begin(), part.tiles.end(), TileLess);
  }
  return parts;
}

}  // namespace tsnap
