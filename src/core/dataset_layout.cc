#include "core/dataset_layout.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/protect.h"
#include "core/agree.h"
#include "core/dataset_chunks.h"
#include "core/dataset_group.h"
#include "core/dataset_naming.h"
#include "core/dataset_rows.h"
#include "core/index_exchange.h"
#include "core/mailbox.h"
#include "format/one_file/one_file_store.h"

namespace tsnap {

namespace {

class Layout {
 public:
  Layout(Comm& comm, const LayoutJob& job, DatasetLayout* layout)
      : comm_(comm), job_(job), layout_(*layout), places_(layout->places) {}

  Status Run(Status local) {
    TSNAP_TRY(Announce(std::move(local)));
    TSNAP_TRY(AnswerRanks());
    TSNAP_TRY(Number());
    TSNAP_TRY(Agree(comm_, Protect([&] { return Place(); })));
    TSNAP_TRY(WriteChunksOf());
    IndexSummary index;
    TSNAP_TRY(MeasureIndex(&index));
    TSNAP_TRY(MakeFile(index));
    TSNAP_TRY(Agree(comm_, Protect([&]() -> Status {
                      TSNAP_TRY(WriteTables());
                      return WriteFills();
                    })));
    return job_.gathers_rows ? WriteShortRows() : Status::Ok();
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
          if (!object.boxes.empty()) record.extents.push_back(OrderOf(object));
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
      if (job_.codec != Codec::kNone)
        ChooseChunks(records, job_.codec, job_.engine.knobs().hdf5_chunk_bytes, &specs_);
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
    TSNAP_TRY(BroadcastChunkShapes());
    return Agree(comm_, Protect([&] {
                   TSNAP_ASSIGN(const IndexPart part, native::DecodeMessage(wire));
                   uint32_t tables = 0;
                   const auto count = static_cast<uint32_t>(part.objects.size());
                   for (uint32_t i = 0; i < count; ++i) {
                     const ObjectMeta& meta = part.objects[i].meta;
                     Numbers& numbers = numbers_[DatasetId(meta)];
                     numbers.dataset = i;
                     if (meta.kind == Kind::kPrivate) numbers.table = count + tables++;
                     arrays_.push_back({{meta.ndim, meta.shape, {}}, meta.item_bytes, meta.fill});
                     if (!meta.fill.empty() && !IsChunked(i))
                       filled_.push_back({i, meta.fill, ItemsOf(meta)});
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
    layout_.written.assign(places_.size(), 0);
    return Status::Ok();
  }

  // Which datasets are compressed, in which chunks; nothing is said where there is no codec.
  Status BroadcastChunkShapes() {
    if (job_.codec == Codec::kNone) return Status::Ok();
    Bytes wire;
    const Status local = Protect([&] {
      wire.resize(specs_.size() * sizeof(Index));
      for (size_t i = 0; i < specs_.size(); ++i)
        std::memcpy(wire.data() + i * sizeof(Index), &specs_[i].chunk_shape, sizeof(Index));
      return Status::Ok();
    });
    TSNAP_TRY(BroadcastBytes(comm_, local, &wire));
    return Agree(comm_, Protect([&] {
                   chunk_shapes_.resize(wire.size() / sizeof(Index));
                   if (!wire.empty()) std::memcpy(chunk_shapes_.data(), wire.data(), wire.size());
                   return Status::Ok();
                 }));
  }

  // Step 4.
  Status WriteChunksOf() {
    const auto is_chunked = [](const Index& shape) { return shape[0] > 0; };
    if (std::none_of(chunk_shapes_.begin(), chunk_shapes_.end(), is_chunked)) return Status::Ok();
    one_file::OneFileStore* const file = one_file::AsOneFile(*job_.store);
    TSNAP_TRY(Agree(comm_, Protect([&] {
                      if (comm_.rank() != 0) return Status::Ok();
                      return job_.engine.Watched(
                          [store = job_.store, file, id = job_.id] { return file->BeginFile(id); },
                          job_.store);
                    })));
    ChunkWriting chunks;
    const Status local = Protect([&] {
      chunks.codec = job_.codec;
      chunks.regroup = MakeRegroup();
      Collect([&](uint32_t dataset) { return IsChunked(dataset); },
              [&](uint32_t dataset) { return chunk_shapes_[dataset]; }, [](size_t) { return true; },
              DatasetLayout::kInChunks, &chunks.regroup, &chunks.datasets);
      return job_.engine.Watched(
          [store = job_.store, file, id = job_.id] { return file->OpenBegun(id); }, job_.store);
    });
    WrittenChunks written;
    TSNAP_TRY(WriteChunks(comm_, job_.engine, std::move(chunks), local, &written));
    chunks_end_ = written.end;
    layout_.chunk_bytes = written.own_bytes;
    for (size_t i = 0; i < written.chunks.size(); ++i)  // on rank 0
      specs_[i].chunks = std::move(written.chunks[i]);
    return Status::Ok();
  }

  // Step 5.
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

  // Step 6.
  Status MakeFile(const IndexSummary& index) {
    Bytes wire;
    const Status local = Protect([&] {
      if (comm_.rank() != 0) return Status::Ok();
      std::vector<uint64_t> index_bytes;
      for (const native::PartInfo& part : index.parts) index_bytes.push_back(part.bytes);
      const auto plan = std::make_shared<one_file::FilePlan>(
          FilePlanOf(std::move(specs_), job_.notes, std::move(index_bytes), job_.metadata_bytes,
                     job_.engine.knobs()));
      plan->chunks_end = chunks_end_;
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

  // Step 7.
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

  // Step 8.
  Status WriteShortRows() {
    RowWriting rows;
    const Status local = Protect([&] {
      rows.id = job_.id;
      rows.regroup = MakeRegroup();
      const uint64_t gather_bytes = job_.engine.knobs().hdf5_gather_bytes;
      Collect(
          [&](uint32_t dataset) { return !IsChunked(dataset) && arrays_[dataset].grid.ndim > 1; },
          [&](uint32_t dataset) { return ShapeOfRuns(arrays_[dataset]); },
          [&](size_t i) {
            return places_[i].slab == native::SlabNames::kBox &&
                   HasShortRows(arrays_[places_[i].writer], job_.plan.plan.extents[i].box,
                                gather_bytes);
          },
          DatasetLayout::kInRows, &rows.regroup, &rows.datasets);
      // Of what nobody holds nothing is written.
      for (RegroupArray& array : rows.regroup.arrays) array.fill.clear();
      return Status::Ok();
    });
    return WriteRows(comm_, job_.engine, std::move(rows), local);
  }

  // What is regrouped: the datasets that are cut, each into chunks of a shape, and those extents of
  // them that are wanted, which are noted as written that way.
  template <class IsCut, class ShapeOf, class IsWanted>
  void Collect(const IsCut& is_cut, const ShapeOf& shape_of, const IsWanted& is_wanted, char how,
               RegroupJob* regroup, std::vector<uint32_t>* datasets) {
    constexpr uint32_t kNone = UINT32_MAX;
    std::vector<uint32_t> array_of(arrays_.size(), kNone);
    for (uint32_t i = 0; i < arrays_.size(); ++i) {
      if (!is_cut(i)) continue;
      array_of[i] = static_cast<uint32_t>(datasets->size());
      datasets->push_back(i);
      regroup->arrays.push_back(arrays_[i]);
      regroup->arrays.back().grid.chunk = shape_of(i);
    }
    for (size_t i = 0; i < places_.size(); ++i) {
      const uint32_t array = array_of[places_[i].writer];
      if (array == kNone || !is_wanted(i)) continue;
      regroup->parts.push_back(PartOf(i, array));
      layout_.written[i] = how;
    }
  }

  RegroupJob MakeRegroup() const {
    RegroupJob regroup;
    regroup.store = job_.store;
    regroup.tick = job_.tick;
    return regroup;
  }

  // An extent of the plan as it lies in its dataset.
  RegroupPart PartOf(size_t number, uint32_t array) const {
    const PlannedExtent& extent = job_.plan.plan.extents[number];
    const SourceRef& ref = job_.plan.refs[extent.source];
    const LocalObject& object = job_.objects[ref.object];
    const LocalBox& local = object.boxes[ref.box];
    RegroupPart part{array, extent.box, local.memory, local.box, extent.box};
    if (object.meta.kind == Kind::kPrivate) {
      part.box = WholeBox(1, {static_cast<int64_t>(Volume(extent.box))});
      part.box.offset[0] = static_cast<int64_t>(places_[number].offset) / object.meta.item_bytes;
    }
    return part;
  }

  bool IsChunked(uint32_t dataset) const {
    return dataset < chunk_shapes_.size() && chunk_shapes_[dataset][0] > 0;
  }

  struct Numbers {
    uint32_t dataset = 0, table = 0;
  };

  Comm& comm_;
  const LayoutJob& job_;
  DatasetLayout& layout_;
  std::vector<ExtentPlace>& places_;                  // of it
  DatasetGroups groups_;                              // of the paths that this rank owns
  std::unordered_map<std::string, uint64_t> begins_;  // of this rank's private objects, by path
  std::unordered_map<std::string, Numbers> numbers_;  // by DatasetId
  std::vector<FilledDataset> filled_;                 // datasets with a fill value
  std::vector<RegroupArray> arrays_;                  // the datasets that have numbers, uncut
  std::vector<Index> chunk_shapes_;                   // with a codec; all 0 where there is none
  uint64_t chunks_end_ = 0;                           // 0: there are none
  std::vector<one_file::DatasetSpec> specs_;          // on rank 0
};

}  // namespace

Status LayOutDatasets(Comm& comm, const LayoutJob& job, Status local, DatasetLayout* layout) {
  return Layout(comm, job, layout).Run(std::move(local));
}

}  // namespace tsnap
