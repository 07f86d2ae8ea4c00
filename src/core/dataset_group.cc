#include "core/dataset_group.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/knobs.h"
#include "format/native/names.h"
#include "format/one_file/box_runs.h"

namespace tsnap {

namespace {

using one_file::RankRow;

// The commit record besides its list of parts and the user's text, and what a part adds; in JSON.
constexpr uint64_t kRecordBytes = 2048, kRecordBytesOfPart = 64;

Status TooLarge(const ObjectMeta& meta) {
  return Invalid(
      fmt::format("private object \"{}\" of all ranks together is too large for one "
                  "dataset",
                  meta.path));
}

// Of the box whose memory is described: the more axes are longer than 1, the more its order tells.
int LongAxes(const ObjectRecord& record) {
  if (record.extents.empty() || Volume(record.extents[0].box) == 0) return 0;
  const Box& box = record.extents[0].box;
  return static_cast<int>(std::count_if(box.shape.begin(), box.shape.begin() + box.ndim,
                                        [](int64_t extent) { return extent > 1; }));
}

Status Repeat(Store& store, const std::string& key, const Bytes& item, uint64_t begin,
              uint64_t count) {
  const uint64_t at_once =
      std::clamp<uint64_t>(kLargeExtentBytes / item.size(), 1, std::max<uint64_t>(count, 1));
  Bytes many;
  many.reserve(at_once * item.size());
  for (uint64_t i = 0; i < at_once; ++i) many.insert(many.end(), item.begin(), item.end());
  TSNAP_ASSIGN(const std::unique_ptr<StoreWriter> writer, store.Create(key, 0));
  for (uint64_t done = 0; done < count; done += at_once) {
    const uint64_t bytes = std::min(at_once, count - done) * item.size();
    TSNAP_TRY(writer->WriteAt((begin + done) * item.size(), ConstByteSpan(many).first(bytes)));
    store.counters().moved_bytes += bytes;
  }
  return Status::Ok();
}

}  // namespace

uint64_t ItemsOf(const ObjectMeta& meta) { return Volume(WholeBox(meta.ndim, meta.shape)); }

void AddToGroup(ObjectRecord record, DatasetGroups* groups) {
  DatasetGroup& group = (*groups)[DatasetId(record.meta)];
  if (record.meta.kind == Kind::kPrivate) {
    const int64_t rank = record.meta.rank;
    if (group.ranks.empty()) group.record = record;
    group.ranks.emplace(rank, std::move(record.meta));
  } else if (group.record.meta.path.empty()) {
    group.record = std::move(record);
  } else if (LongAxes(record) > LongAxes(group.record)) {
    group.record.extents = std::move(record.extents);
  }
}

Status PackRanks(DatasetGroup* group) {
  int64_t total = 0;
  for (const auto& [rank, meta] : group->ranks) {
    const auto count = static_cast<int64_t>(ItemsOf(meta));
    group->rows.push_back({rank, total, count, meta.ndim, meta.shape});
    if (!CheckedAdd(total, count, &total)) return TooLarge(meta);
  }
  ObjectMeta& meta = group->record.meta;
  meta.rank = 0;
  meta.ndim = 1;
  meta.shape = {total};
  // One rank's, as the box that tells how the dataset may be cut.
  const auto most =
      std::max_element(group->rows.begin(), group->rows.end(),
                       [](const RankRow& a, const RankRow& b) { return a.count < b.count; });
  group->record.extents.assign(1, {});
  group->record.extents[0].box = WholeBox(1, {most->count});
  group->record.box_count = static_cast<int64_t>(group->rows.size());
  return CheckBox(WholeBox(1, meta.shape), meta.item_bytes).ok() ? Status::Ok() : TooLarge(meta);
}

Result<ExtentPlace> PlaceInDataset(const ObjectMeta& meta, const Box& box, uint32_t dataset,
                                   uint64_t begin) {
  const one_file::StoredArray array{meta.item_bytes, meta.ndim, meta.shape};
  ExtentPlace place;
  place.writer = dataset;
  if (one_file::IsOneRun(array, box, &place.offset)) {
    place.slab = native::SlabNames::kRun;
  } else {
    place.slab = native::SlabNames::kBox;
    TSNAP_TRY(one_file::ForEachRun(array, box, 0, 1, [&](uint64_t, uint64_t stored, uint64_t) {
      place.offset = stored;
      return Status::Ok();
    }));
  }
  if (meta.kind != Kind::kPrivate) return place;
  if (place.slab != native::SlabNames::kRun)
    return Internal(fmt::format("private object \"{}\" is cut into boxes", meta.path));
  place.offset += begin * static_cast<uint64_t>(meta.item_bytes);
  return place;
}

std::vector<one_file::Note> NotesOfFile(const native::CommitRecord& record) {
  std::vector<one_file::Note> notes = {
      {"tsnap_format_version", int64_t{native::kFormatVersion}},
      {"tsnap_library_version", std::string(TSNAP_VERSION_TEXT)},
      {"tsnap_id", record.id},
      {"tsnap_world_size", record.world_size},
      {"tsnap_created_unix_seconds", record.created_unix_seconds},
  };
  if (record.has_metadata) notes.push_back({"tsnap_metadata", record.metadata});
  return notes;
}

one_file::FilePlan FilePlanOf(std::vector<one_file::DatasetSpec> specs,
                              std::vector<one_file::Note> notes, std::vector<uint64_t> index_bytes,
                              uint64_t metadata_bytes, const Knobs& knobs) {
  one_file::FilePlan plan;
  plan.datasets = std::move(specs);
  plan.notes = std::move(notes);
  plan.index_bytes = std::move(index_bytes);
  // JSON writes one byte as six at worst.
  plan.record_bytes =
      kRecordBytes + kRecordBytesOfPart * plan.index_bytes.size() + 6 * metadata_bytes;
  plan.alignment = knobs.hdf5_alignment_bytes;
  return plan;
}

Status WriteRankTable(Engine& engine, const std::shared_ptr<Store>& store, const std::string& id,
                      uint32_t table, const std::vector<RankRow>& rows) {
  const std::string key = native::DatasetKeyText(id, {table, /*is_box=*/false, {}});
  return engine.Watched(
      [store, key, rows = std::make_shared<std::vector<RankRow>>(rows)] {
        const ConstByteSpan bytes = std::as_bytes(std::span(*rows));
        TSNAP_ASSIGN(const std::unique_ptr<StoreWriter> writer, store->Create(key, 0));
        TSNAP_TRY(writer->WriteAt(0, bytes));
        return writer->Finish(bytes.size(), /*durable=*/false);
      },
      store);
}

Status WriteFill(Engine& engine, const std::shared_ptr<Store>& store, const std::string& id,
                 const FilledDataset& filled, uint64_t begin, uint64_t count) {
  const std::string key = native::DatasetKeyText(id, {filled.dataset, /*is_box=*/false, {}});
  return engine.Watched([store, key, item = std::make_shared<Bytes>(filled.item), begin,
                         count] { return Repeat(*store, key, *item, begin, count); },
                        store);
}

}  // namespace tsnap
