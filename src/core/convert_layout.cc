#include "core/convert_layout.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/dataset_naming.h"
#include "format/native/index_part.h"
#include "format/one_file/one_file_store.h"

namespace tsnap {

namespace {

// So that a store that hangs within a long fill is told from one that gets on.
constexpr uint64_t kFillBytes = uint64_t{1} << 30;

// An object as DatasetRecords describe it: with the order in which it was stored.
ObjectRecord Announced(const ObjectRecord& object, const Extent* first) {
  ObjectRecord record;
  record.meta = object.meta;
  if (object.meta.ndim > 1 && first != nullptr) {
    Extent& extent = record.extents.emplace_back();
    extent.box = first->box;
    extent.order = first->order;
  }
  return record;
}

}  // namespace

Status ConvertLayout::Plan(const ConvertPlan& plan) {
  for (size_t i = 0; i < plan.objects.size(); ++i)
    AddToGroup(Announced(*plan.objects[i], plan.first_extents[i]), &groups_);
  std::vector<DatasetRecord> records;
  std::unordered_map<std::string, uint32_t> numbers;          // by DatasetId
  std::vector<std::unordered_map<int64_t, uint64_t>> begins;  // of each rank's, by number
  for (auto& [id, group] : groups_) {
    const auto number = static_cast<uint32_t>(records.size());
    numbers.emplace(id, number);
    auto& begin = begins.emplace_back();
    if (!group.ranks.empty()) TSNAP_TRY(PackRanks(&group));
    for (const one_file::RankRow& row : group.rows)
      begin[row.rank] = static_cast<uint64_t>(row.begin);
    const ObjectMeta& meta = group.record.meta;
    if (!meta.fill.empty()) filled_.push_back({number, meta.fill, ItemsOf(meta)});
    records.push_back(group.record);
  }
  specs_ = SpecsOf(records, &table_numbers_);
  places_.reserve(plan.chunks.size());
  for (const ConvertChunk& chunk : plan.chunks) {
    const ObjectMeta& meta = plan.objects[chunk.object]->meta;
    const uint32_t number = numbers.at(DatasetId(meta));
    const uint64_t begin = meta.kind == Kind::kPrivate ? begins[number].at(meta.rank) : 0;
    TSNAP_ASSIGN(const ExtentPlace place, PlaceInDataset(meta, chunk.box, number, begin));
    places_.push_back(place);
  }
  return Status::Ok();
}

// Checksums are as long before they are known as after.
std::vector<uint64_t> ConvertLayout::MeasureIndex(const ConvertPlan& plan,
                                                  const Placement& placement) const {
  std::vector<Extent> extents;
  extents.reserve(plan.chunks.size());
  for (size_t i = 0; i < plan.chunks.size(); ++i)
    extents.push_back(
        UnwrittenExtent(places_[i], plan.chunks[i].box, RowMajor(), plan.chunks[i].bytes));
  std::vector<uint64_t> bytes;
  for (const IndexPart& part : IndexOf(placement, plan, extents)) {
    const bool is_empty = part.objects.empty() && part.tiles.empty();
    bytes.push_back(is_empty ? 0 : native::EncodeIndexPart(part).size());
  }
  return bytes;
}

Status ConvertLayout::MakeFile(Engine& engine, const std::shared_ptr<Store>& store,
                               const ConvertPlan& plan, const native::CommitRecord& record) const {
  const auto file = std::make_shared<one_file::FilePlan>(
      FilePlanOf(specs_, NotesOfFile(record), MeasureIndex(plan, record.placement),
                 record.metadata.size(), engine.knobs()));
  TSNAP_TRY(engine.Watched(
      [store, id = record.id, file] {
        one_file::FileMap map;
        one_file::OneFileStore* const to = one_file::AsOneFile(*store);
        TSNAP_TRY(to->MakeFile(id, *file, &map));
        return to->UseFile(id, std::move(map));
      },
      store));
  size_t number = 0;
  for (const auto& [id, group] : groups_) {
    const uint32_t table = table_numbers_[number++];
    if (!group.rows.empty()) TSNAP_TRY(WriteRankTable(engine, store, record.id, table, group.rows));
  }
  for (const FilledDataset& filled : filled_) {
    const uint64_t step = std::max<uint64_t>(1, kFillBytes / filled.item.size());
    for (uint64_t begin = 0; begin < filled.items; begin += step)
      TSNAP_TRY(
          WriteFill(engine, store, record.id, filled, begin, std::min(step, filled.items - begin)));
  }
  return Status::Ok();
}

}  // namespace tsnap
