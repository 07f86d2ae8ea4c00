#include "core/dataset_layout.h"

#include <algorithm>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/protect.h"
#include "core/agree.h"
#include "core/dataset_naming.h"
#include "core/index_exchange.h"
#include "core/mailbox.h"
#include "format/one_file/box_runs.h"
#include "format/one_file/one_file_store.h"

namespace tsnap {

namespace {

using one_file::RankRow;

// The commit record besides its list of parts and the user's text, and what a part adds; in JSON.
constexpr uint64_t kRecordBytes = 2048, kRecordBytesOfPart = 64;

uint64_t Items(const ObjectMeta& meta) { return Volume(WholeBox(meta.ndim, meta.shape)); }

// What an owner knows of one dataset.
struct Group {
  DatasetRecord record;
  std::map<int64_t, ObjectMeta> ranks;  // of a private one: who has what
  std::vector<RankRow> rows;
};

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
      for (ObjectRecord& record : part.objects) Collect(std::move(record));
      return Status::Ok();
    });
  }

  static Extent OrderOf(const LocalObject& object) {
    Extent extent;
    extent.box = object.boxes[0].box;
    extent.order = StorageOrder(object.boxes[0].memory);
    return extent;
  }

  void Collect(ObjectRecord record) {
    Group& group = groups_[DatasetId(record.meta)];
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

  // Of the box whose memory is described: the more axes are longer than 1, the more its order tells.
  static int LongAxes(const ObjectRecord& record) {
    if (record.extents.empty() || Volume(record.extents[0].box) == 0) return 0;
    const Box& box = record.extents[0].box;
    return static_cast<int>(std::count_if(box.shape.begin(), box.shape.begin() + box.ndim,
                                          [](int64_t extent) { return extent > 1; }));
  }

  // Step 2: where each rank's own begins, in elements.
  Status AnswerRanks() {
    Mailbox out;
    Status local = Protect([&] {
      for (auto& [id, group] : groups_) {
        if (group.ranks.empty()) continue;
        TSNAP_TRY(Pack(&group));
        for (const RankRow& row : group.rows) {
          ObjectRecord& answer = out.For(static_cast<int>(row.rank)).objects.emplace_back();
          answer.meta.path = group.record.meta.path;
          answer.raw_bytes = static_cast<uint64_t>(row.begin);
        }
        group.ranks.clear();
      }
      return Status::Ok();
    });
    return out.Exchange(comm_, std::move(local), [&](int, IndexPart part) {
      for (const ObjectRecord& answer : part.objects)
        begins_[answer.meta.path] = answer.raw_bytes;
      return Status::Ok();
    });
  }

  static Status Pack(Group* group) {
    int64_t total = 0;
    for (const auto& [rank, meta] : group->ranks) {
      const auto count = static_cast<int64_t>(Items(meta));
      group->rows.push_back({rank, total, count, meta.ndim, meta.shape});
      if (!CheckedAdd(total, count, &total)) return TooLarge(meta);
    }
    ObjectMeta& meta = group->record.meta;
    meta.rank = 0;
    meta.ndim = 1;
    meta.shape = {total};
    group->record.extents.clear();
    group->record.box_count = static_cast<int64_t>(group->rows.size());
    return CheckBox(WholeBox(1, meta.shape), meta.item_bytes).ok() ? Status::Ok() : TooLarge(meta);
  }

  static Status TooLarge(const ObjectMeta& meta) {
    return Invalid(fmt::format("private object \"{}\" of all ranks together is too large for one "
                               "dataset",
                               meta.path));
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
      specs_ = SpecsOf(records, &table_numbers_);
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
                     if (!meta.fill.empty()) filled_.push_back({i, meta.fill, Items(meta)});
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
      const one_file::StoredArray array{meta.item_bytes, meta.ndim, meta.shape};
      ExtentPlace& place = places_.emplace_back();
      place.dataset = found->second.dataset;
      if (one_file::IsOneRun(array, extent.box, &place.offset)) {
        place.slab = native::SlabNames::kRun;
      } else {
        place.slab = native::SlabNames::kBox;
        TSNAP_TRY(one_file::ForEachRun(array, extent.box, 0, 1,
                                       [&](uint64_t, uint64_t stored, uint64_t) {
                                         place.offset = stored;
                                         return Status::Ok();
                                       }));
      }
      if (meta.kind != Kind::kPrivate) continue;
      if (place.slab != native::SlabNames::kRun)
        return Internal(fmt::format("private object \"{}\" is cut into boxes", meta.path));
      place.offset += begins_[meta.path] * static_cast<uint64_t>(meta.item_bytes);
    }
    return Status::Ok();
  }

  // Step 4.
  Status MeasureIndex(IndexSummary* summary) {
    std::vector<Extent> extents;
    const Status local = Protect([&] {
      extents = ExtentsAt(job_.plan.plan, places_);
      return Status::Ok();
    });
    IndexJob index{job_.engine,    job_.store, job_.id,  job_.placement, /*durable=*/false,
                   &job_.objects, &job_.plan, &extents};
    index.only_measure = true;
    return WriteIndex(comm_, index, local, summary);
  }

  // Step 5.
  Status MakeFile(const IndexSummary& index) {
    Bytes wire;
    const Status local = Protect([&] {
      if (comm_.rank() != 0) return Status::Ok();
      const auto plan = std::make_shared<one_file::FilePlan>();
      plan->datasets = std::move(specs_);
      plan->notes = job_.notes;
      for (const native::PartInfo& part : index.parts) plan->index_bytes.push_back(part.bytes);
      // JSON writes one byte as six at worst.
      plan->record_bytes =
          kRecordBytes + kRecordBytesOfPart * index.parts.size() + 6 * job_.metadata_bytes;
      plan->alignment = job_.engine.knobs().hdf5_alignment_bytes;
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
      const std::string key =
          native::DatasetKeyText(job_.id, {numbers_[id].table, /*is_box=*/false, {}});
      TSNAP_TRY(job_.engine.Watched(
          [store = job_.store, key, rows = std::make_shared<std::vector<RankRow>>(group.rows)] {
            const ConstByteSpan bytes = std::as_bytes(std::span(*rows));
            TSNAP_ASSIGN(const std::unique_ptr<StoreWriter> writer, store->Create(key, 0));
            TSNAP_TRY(writer->WriteAt(0, bytes));
            return writer->Finish(bytes.size(), /*durable=*/false);
          },
          job_.store));
    }
    return Status::Ok();
  }

  // Each rank has its share of every dataset that is filled.
  Status WriteFills() {
    const auto size = static_cast<uint64_t>(comm_.size()), rank = static_cast<uint64_t>(comm_.rank());
    for (const Filled& filled : filled_) {
      const uint64_t begin = filled.items / size * rank + std::min(filled.items % size, rank);
      const uint64_t count = filled.items / size + (rank < filled.items % size ? 1 : 0);
      if (count == 0) continue;
      const std::string key = native::DatasetKeyText(job_.id, {filled.dataset, false, {}});
      TSNAP_TRY(job_.engine.Watched(
          [store = job_.store, key, item = std::make_shared<Bytes>(filled.item), begin, count] {
            return Repeat(*store, key, *item, begin, count);
          },
          job_.store));
    }
    return Status::Ok();
  }

  static Status Repeat(Store& store, const std::string& key, const Bytes& item, uint64_t begin,
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

  struct Filled {
    uint32_t dataset = 0;
    Bytes item;
    uint64_t items = 0;  // in the dataset
  };
  struct Numbers {
    uint32_t dataset = 0, table = 0;
  };

  Comm& comm_;
  const LayoutJob& job_;
  std::vector<ExtentPlace>& places_;
  std::map<std::string, Group> groups_;  // of the paths that this rank owns, by DatasetId
  std::unordered_map<std::string, uint64_t> begins_;  // of this rank's private objects, by path
  std::unordered_map<std::string, Numbers> numbers_;  // by DatasetId
  std::vector<Filled> filled_;                        // datasets with a fill value
  std::vector<one_file::DatasetSpec> specs_;          // on rank 0
  std::vector<uint32_t> table_numbers_;               // on rank 0
};

}  // namespace

Status LayOutDatasets(Comm& comm, const LayoutJob& job, Status local,
                      std::vector<ExtentPlace>* places) {
  return Layout(comm, job, places).Run(std::move(local));
}

std::vector<Extent> ExtentsAt(const WritePlan& plan, const std::vector<ExtentPlace>& places) {
  std::vector<Extent> extents;
  extents.reserve(plan.extents.size());
  for (size_t i = 0; i < plan.extents.size(); ++i) {
    const PlannedExtent& planned = plan.extents[i];
    Extent& extent = extents.emplace_back();
    extent.writer = places[i].dataset;
    extent.slab = places[i].slab;
    extent.offset = places[i].offset;
    extent.raw_bytes = extent.stored_bytes = planned.raw_bytes;
    extent.box = planned.box;
    extent.order = planned.order;
    extent.block_crcs.resize(CeilDiv(planned.raw_bytes, kBlockBytes));
  }
  return extents;
}

}  // namespace tsnap
