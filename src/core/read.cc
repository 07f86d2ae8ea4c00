// Reading one object, or any box of it, without MPI.
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "core/deliver.h"
#include "core/index_io.h"
#include "core/snapshot.h"
#include "core/user_memory.h"
#include "engine/read.h"
#include "stage/device_order.h"
#include "stage/reach.h"
#include "stage/stager.h"

namespace tsnap {

namespace {

Status CheckTarget(const ObjectMeta& meta, const ReadTarget& target, Box* box) {
  const ArrayView& memory = target.memory;
  const std::string name = QualifiedPath(meta);
  if (memory.dtype != meta.dtype || memory.item_bytes != meta.item_bytes) {
    return Mismatch(fmt::format(
        "reading object \"{}\": it holds {} items of {} bytes, the array is {} of {} bytes", name,
        DtypeName(meta.dtype), meta.item_bytes, DtypeName(memory.dtype), memory.item_bytes));
  }
  if (memory.ndim != meta.ndim) {
    return Mismatch(fmt::format("reading object \"{}\": it has {} dimensions, the array has {}",
                                name, meta.ndim, memory.ndim));
  }
  *box = {memory.ndim, target.offset, memory.shape};
  TSNAP_TRY(CheckBox(*box, meta.item_bytes).While("reading object", name));
  if (!Contains(WholeBox(meta.ndim, meta.shape), *box)) {
    return Invalid(fmt::format("reading object \"{}\": box {} is not inside its shape {}", name,
                               ToString(*box), ShapeToString(meta.ndim, meta.shape)));
  }
  if (memory.data == nullptr && !IsEmpty(*box))
    return Invalid(fmt::format("reading object \"{}\": data is NULL", name));
  if (Overlaps(memory)) {
    return Invalid(fmt::format(
        "reading object \"{}\": elements of the array overlap in memory (check its strides)",
        name));
  }
  return Status::Ok();
}

// The memory is there, and its device has done with it what it was given.
Status AwaitTarget(const void* memory, void* stream) {
  LookForDevices();
  size_t only = 0;
  TSNAP_TRY(CheckReach({&memory, 1}, &only));
  DeviceOrder order;
  if (stream != nullptr) TSNAP_TRY(order.NameStream(stream));
  TSNAP_TRY(order.Add(memory));
  return order.Wait();
}

}  // namespace

Result<std::vector<Extent>> Snapshot::ExtentsMeeting(const ObjectRecord& object, const Box& box) {
  std::vector<Extent> extents;
  if (IsEmpty(box)) return extents;
  const auto add = [&](const std::vector<Extent>& candidates, auto&& is_new) {
    for (const Extent& extent : candidates) {
      const Box part = Intersect(extent.box, box);
      if (IsEmpty(part) || !is_new(extent)) continue;
      extents.push_back(extent.unchecked ? Narrowed(extent, part, object.meta.item_bytes) : extent);
    }
  };
  if (object.meta.kind != Kind::kSharded) {
    add(object.extents, [](const Extent&) { return true; });
    return extents;
  }
  std::set<std::tuple<uint32_t, uint32_t, uint64_t>>
      seen;  // an extent that meets several tiles is listed in each
  for (const uint64_t tile : TilesMeeting(object.meta, object.tiles, box)) {
    TSNAP_ASSIGN(const IndexPart* part,
                 Part(PartOfTile(record_.placement, object.meta.path, tile)));
    const TileRecord* record = FindTile(*part, object.meta.path, tile);
    if (record == nullptr) continue;
    TSNAP_TRY(CheckExtents(object.meta, record->extents));
    add(record->extents, [&](const Extent& extent) {
      return seen.insert({extent.writer, extent.slab, extent.offset}).second;
    });
  }
  return extents;
}

Status Snapshot::Read(const ObjectRecord& object, const ReadTarget& target,
                      const ReadOptions& options) {
  if (options.memory_budget_bytes > 0 && options.memory_budget_bytes < kBlockBytes) {
    return {Code::kNoMemory,
            fmt::format("reading object \"{}\": the memory budget of {} bytes is smaller than one "
                        "block of {}; raise "
                        "memory_budget_bytes",
                        QualifiedPath(object.meta), options.memory_budget_bytes, kBlockBytes)};
  }
  Box box;
  TSNAP_TRY(CheckTarget(object.meta, target, &box));
  if (!IsEmpty(box))
    TSNAP_TRY(AwaitTarget(target.memory.data, options.cuda_stream)
                  .While("reading object", QualifiedPath(object.meta)));
  TSNAP_ASSIGN(const std::vector<Extent> extents, ExtentsMeeting(object, box));
  ReadJob job{store_, record_.slab_names(), {}, {QualifiedPath(object.meta)}, options.verify, {}};
  TSNAP_TRY(AddObjectReads(object, extents, {{box, target.memory}}, 0, &job.items));

  // A budget of its own wants buffers of its own.
  std::unique_ptr<Engine> own_engine;
  if (options.memory_budget_bytes > 0)
    own_engine = std::make_unique<Engine>(knobs_, options.memory_budget_bytes);
  ProgressCallback progress;
  {
    std::lock_guard lock(mutex_);
    progress = progress_;
  }
  std::vector<Status> objects;
  Status read = ReadExtents(own_engine ? *own_engine : engine_, std::move(job), progress, &objects);
  TellDeviceNotes(log_);
  TSNAP_TRY(std::move(read));
  if (record_.byte_order == native::NativeByteOrder() || IsEmpty(box)) return Status::Ok();
  TSNAP_ASSIGN(Stager * stager, StagerFor(target.memory.data));
  return stager->SwapByteOrder(target.memory);
}

}  // namespace tsnap
