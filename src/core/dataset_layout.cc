#include "core/dataset_layout.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/protect.h"
#include "core/agree.h"
#include "core/dataset_group.h"
#include "core/dataset_naming.h"
#include "core/index_exchange.h"
#include "core/mailbox.h"
#include "format/one_file/one_file_store.h"

namespace tsnap {

namespace {

class Layout {
 public:
  Layout(Comm& comm, const LayoutJob& job, std::vector<ExtentPlace>* places)
      : comm_(comm), job_(job), places_(*places) {}

  Status Run(Status local) {
    TSNAP_TRY(Announce(std::move(local)));
    TSNAP_TRY(AnswerRanks());
    TSNAP_TRY(Number());
    TSNAP_TRY(Agree(comm_, Protect([&] { return Place(); })));
    IndexSummary index;
    TSNAP_TRY(MeasureIndex(&index));
    TSNAP_TRY(MakeFile(index));
    return Agree(comm_, Protect([&]() -> Status {
                   TSNAP_TRY(WriteTables());
                   return WriteFills();
                 }));
  }

 private:
  int OwnerOf(const std::string& path) const {
    return static_cast<int>(Hash64(path) % static_cast<uint64_t>(comm_.size()));
  }

  // Step 1: one record for each object that this rank can speak of.
  Status Announce(Status local) {
    Mailbox out;
    if (local.ok()) {
      local = Protect([&] {
        for (const LocalObject& object : job_.objects) {
          const bool speaks = object.meta.kind != Kind::kReplicated || comm_.rank() == 0;
          if (!object.shape_known || !speaks) continue;
          ObjectRecord& record = out.For(OwnerOf(object.meta.path)).objects.emplace_back();
          record.meta = object.meta;
          if (object.meta.kind == Kind::kPrivate) record.meta.rank = comm_.rank();
          if (!object.boxes.empty() && object.meta.ndim > 1)
            record.extents.push_back(OrderOf(object));
        }
        return Status::Ok();
      });
    }
    return out.Exchange(comm_, std::move(local), [&](int, IndexPart part) {
      for (ObjectRecord& record : part.objects) AddToGroup(std::move(record), &groups_);
      return Status::Ok();
    });
  }

  static Extent OrderOf(const LocalObject& object) {
    Extent extent;
    extent.box = object.boxes[0].box;
    extent.order = StorageOrder(object.boxes[0].memory);
    return extent;
  }

  // Step 2: where each rank's own begins, in elements.
  Status AnswerRanks() {
    Mailbox out;
    Status local = Protect([&] {
      for (auto& [id, group] : groups_) {
        if (group.ranks.empty()) continue;
        TSNAP_TRY(PackRanks(&group));
        for (const one_file::RankRow& row : group.rows) {
          ObjectRecord& answer = out.For(static_cast<int>(row.rank)).objects.emplace_back();
          answer.meta.path = group.record.meta.path;
          answer.raw_bytes = static_cast<uint64_t>(row.begin);
        }
        group.ranks.clear();
      }
      return Status::Ok();
    });
    return out.Exchange(comm_, std::move(local), [&](int, IndexPart part) {
      for (const ObjectRecord& answer : part.objects) begins_[answer.meta.path] = answer.raw_bytes;
      return Status::Ok();
    });
  }

  // Step 3: the datasets' records, sorted, on all ranks; a place in the list is the number.
  Status Number() {
    Mailbox out;
    Status local = Protect([&] {
      for (const auto& [id, group] : groups_) out.For(0).objects.push_back(group.record);
      return Status::Ok();
    });
    std::vector<DatasetRecord> records;
    TSNAP_TRY(out.Exchange(comm_, std::move(local), [&](int, IndexPart part) {
      std::move(part.objects.begin(), part.objects.end(), std::back_inserter(records));
      return Status::Ok();
    }));
    Bytes wire;
    local = Protect([&] {
      if (comm_.rank() != 0) return Status::Ok();
      std::sort(records.begin(), records.end(), [](const DatasetRecord& a, const DatasetRecord& b) {
        return DatasetId(a.meta) < DatasetId(b.meta);
      });
      std::vector<uint32_t> table_numbers;  // all ranks count them below
      specs_ = SpecsOf(records, &table_numbers);
      IndexPart part;
      part.objects = std::move(records);
      for (DatasetRecord& record : part.objects) {
        record.meta.attributes.clear();  // they are in the specs
        record.extents.clear();
      }
      wire = native::EncodeMessage(part);
      return Status::Ok();
    });
    TSNAP_TRY(BroadcastBytes(comm_, local, &wire));
    return Agree(comm_, Protect([&] {
                   TSNAP_ASSIGN(const IndexPart part, native::DecodeMessage(wire));
                   uint32_t tables = 0;
                   const auto count = static_cast<uint32_t>(part.objects.size());
                   for (uint32_t i = 0; i < count; ++i) {
                     const ObjectMeta& meta = part.objects[i].meta;
                     Numbers& numbers = numbers_[DatasetId(meta)];
                     numbers.dataset = i;
                     if (meta.kind == Kind::kPrivate) numbers.table = count + tables++;
                     if (!meta.fill.empty()) filled_.push_back({i, meta.fill, ItemsOf(meta)});
                   }
                   return Status::Ok();
                 }));
  }

  // Where each extent of the plan lies, now that the numbers are known.
  Status Place() {
    const WritePlan& plan = job_.plan.plan;
    places_.clear();
    places_.reserve(plan.extents.size());
    for (const PlannedExtent& extent : plan.extents) {
      const ObjectMeta& meta = job_.objects[job_.plan.refs[extent.source].object].meta;
      const auto found = numbers_.find(DatasetId(meta));
      if (found == numbers_.end())
        return Internal(fmt::format("object \"{}\" has no dataset", meta.path));
      const uint64_t begin = meta.kind == Kind::kPrivate ? begins_[meta.path] : 0;
      TSNAP_ASSIGN(const ExtentPlace place,
                   PlaceInDataset(meta, extent.box, found->second.dataset, begin));
      places_.push_back(place);
    }
    return Status::Ok();
  }

  // Step 4.
  Status MeasureIndex(IndexSummary* summary) {
    std::vector<Extent> extents;
    const Status local = Protect([&] {
      const std::vector<PlannedExtent>& planned = job_.plan.plan.extents;
      extents.reserve(planned.size());
      for (size_t i = 0; i < planned.size(); ++i)
        extents.push_back(
            UnwrittenExtent(places_[i], planned[i].box, planned[i].order, planned[i].raw_bytes));
      return Status::Ok();
    });
    IndexJob index{job_.engine,       job_.store,    job_.id,    job_.placement,
                   /*durable=*/false, &job_.objects, &job_.plan, &extents};
    index.only_measure = true;
    return WriteIndex(comm_, index, local, summary);
  }

  // Step 5.
  Status MakeFile(const IndexSummary& index) {
    Bytes wire;
    const Status local = Protect([&] {
      if (comm_.rank() != 0) return Status::Ok();
      std::vector<uint64_t> index_bytes;
      for (const native::PartInfo& part : index.parts) index_bytes.push_back(part.bytes);
      const auto plan = std::make_shared<one_file::FilePlan>(
          FilePlanOf(std::move(specs_), job_.notes, std::move(index_bytes), job_.metadata_bytes,
                     job_.engine.knobs()));
      const auto map = std::make_shared<one_file::FileMap>();
      TSNAP_TRY(job_.engine.Watched(
          [store = job_.store, id = job_.id, plan, map] {
            return one_file::AsOneFile(*store)->MakeFile(id, *plan, map.get());
          },
          job_.store));
      wire = one_file::EncodeMap(*map);
      return Status::Ok();
    });
    TSNAP_TRY(BroadcastBytes(comm_, local, &wire));
    return Agree(comm_, Protect([&] {
                   TSNAP_ASSIGN(one_file::FileMap map, one_file::DecodeMap(wire));
                   return job_.engine.Watched(
                       [store = job_.store, id = job_.id,
                        shared = std::make_shared<one_file::FileMap>(std::move(map))] {
                         return one_file::AsOneFile(*store)->UseFile(id, std::move(*shared));
                       },
                       job_.store);
                 }));
  }

  // Step 6.
  Status WriteTables() {
    for (const auto& [id, group] : groups_) {
      if (group.rows.empty()) continue;
      TSNAP_TRY(WriteRankTable(job_.engine, job_.store, job_.id, numbers_[id].table, group.rows));
    }
    return Status::Ok();
  }

  // Each rank has its share of every dataset that is filled.
  Status WriteFills() {
    const auto size = static_cast<uint64_t>(comm_.size()),
               rank = static_cast<uint64_t>(comm_.rank());
    for (const FilledDataset& filled : filled_) {
      const uint64_t begin = filled.items / size * rank + std::min(filled.items % size, rank);
      const uint64_t count = filled.items / size + (rank < filled.items % size ? 1 : 0);
      if (count == 0) continue;
      TSNAP_TRY(WriteFill(job_.engine, job_.store, job_.id, filled, begin, count));
    }
    return Status::Ok();
  }

  struct Numbers {
    uint32_t dataset = 0, table = 0;
  };

  Comm& comm_;
  const LayoutJob& job_;
  std::vector<ExtentPlace>& places_;
  DatasetGroups groups_;                              // of the paths that this rank owns
  std::unordered_map<std::string, uint64_t> begins_;  // of this rank's private objects, by path
  std::unordered_map<std::string, Numbers> numbers_;  // by DatasetId
  std::vector<FilledDataset> filled_;                 // datasets with a fill value
  std::vector<one_file::DatasetSpec> specs_;          // on rank 0
};

}  // namespace

Status LayOutDatasets(Comm& comm, const LayoutJob& job, Status local,
                      std::vector<ExtentPlace>* places) {
  return Layout(comm, job, places).Run(std::move(local));
}

}  // namespace tsnap
