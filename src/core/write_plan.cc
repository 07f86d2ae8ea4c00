#include "core/write_plan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/knobs.h"
#include "plan/partition.h"

namespace tsnap {

namespace {

using OmissionMap = std::map<std::pair<uint32_t, uint32_t>, std::vector<Box>>;

class Planner {
 public:
  Planner(const std::vector<LocalObject>& objects, const WriteSizes& sizes)
      : objects_(objects), sizes_(sizes) {
    // A frame is decoded whole, so a compressed chunk stays small enough for partial reads and for
    // the budget.
    if (sizes_.batch.with_codec)
      sizes_.chunk_bytes = std::min(sizes_.chunk_bytes, kCodecChunkBytes);
  }

  // Private objects and boxes of sharded ones, less what other ranks store.
  void AddOwn(const OmissionMap& omissions) {
    for (uint32_t i = 0; i < objects_.size(); ++i) {
      if (objects_[i].meta.kind == Kind::kReplicated) continue;
      for (uint32_t b = 0; b < objects_[i].boxes.size(); ++b) {
        std::vector<Box> parts = {objects_[i].boxes[b].box};
        if (const auto found = omissions.find({i, b}); found != omissions.end())
          parts = Without(parts, found->second);
        const AxisOrder order = OrderOf(objects_[i].boxes[b].memory);
        for (const Box& part : parts) {
          if (IsEmpty(part)) continue;
          for (const Box& chunk :
               CutIntoChunks(part, order, objects_[i].meta.item_bytes, sizes_.chunk_bytes)) {
            AddExtent(i, b, chunk, order);
          }
        }
      }
    }
  }

  // The pieces of replicated arrays that fall to this rank.
  void AddReplicated(const Survey& survey, int rank, int size) {
    uint64_t total = 0;
    for (const LocalObject& object : objects_) {
      if (object.meta.kind == Kind::kReplicated && !object.boxes.empty())
        total += ViewBytes(object.boxes[0].memory);
    }
    // One piece is one transfer at most: that is what restoring ranks read and broadcast at a time.
    const uint64_t most = std::min({sizes_.chunk_bytes, kTransferBytes, kCodecChunkBytes});
    const uint64_t chunk_bytes = ReplicatedChunkBytes(total, size, most);
    struct Share {
      uint32_t object;
      Box box;
      AxisOrder order;
    };
    std::vector<Share> shares;
    std::vector<uint64_t> bytes;
    for (uint32_t i = 0; i < objects_.size(); ++i) {
      const LocalObject& object = objects_[i];
      if (object.meta.kind != Kind::kReplicated || object.boxes.empty() ||
          IsEmpty(object.boxes[0].box))
        continue;
      const AxisOrder order =
          survey.replicated_orders_agree ? OrderOf(object.boxes[0].memory) : RowMajor();
      for (const Box& chunk :
           CutIntoChunks(object.boxes[0].box, order, object.meta.item_bytes, chunk_bytes)) {
        shares.push_back({i, chunk, order});
        bytes.push_back(Volume(chunk) * static_cast<uint64_t>(object.meta.item_bytes));
      }
    }
    const std::vector<int> writers = Partition(survey.loads, bytes);
    for (size_t i = 0; i < shares.size(); ++i) {
      if (writers[i] == rank) AddExtent(shares[i].object, 0, shares[i].box, shares[i].order);
    }
  }

  LocalWritePlan Finish() {
    out_.plan = Batch(std::move(extents_), sizes_.batch);
    return std::move(out_);
  }

 private:
  // A dataset's elements lie row by row, whatever the memory's order is.
  AxisOrder OrderOf(const ArrayView& memory) const {
    return sizes_.batch.apart ? RowMajor() : StorageOrder(memory);
  }

  static std::vector<Box> Without(std::vector<Box> parts, const std::vector<Box>& omitted) {
    for (const Box& hole : omitted) {
      std::vector<Box> left;
      for (const Box& part : parts) {
        if (IsEmpty(Intersect(part, hole))) {
          left.push_back(part);
        } else {
          for (Box& rest : Subtract(part, hole)) left.push_back(rest);
        }
      }
      parts = std::move(left);
    }
    return parts;
  }

  uint32_t SourceOf(uint32_t object, uint32_t box) {
    if (out_.refs.empty() || out_.refs.back().object != object || out_.refs.back().box != box) {
      out_.refs.push_back({object, box});
    }
    return static_cast<uint32_t>(out_.refs.size() - 1);
  }

  void AddExtent(uint32_t object, uint32_t box, const Box& chunk, const AxisOrder& order) {
    PlannedExtent& extent = extents_.emplace_back();
    extent.source = SourceOf(object, box);
    extent.box = chunk;
    extent.order = order;
    extent.raw_bytes = Volume(chunk) * static_cast<uint64_t>(objects_[object].meta.item_bytes);
  }

  const std::vector<LocalObject>& objects_;
  WriteSizes sizes_;
  std::vector<PlannedExtent> extents_;
  LocalWritePlan out_;
};

}  // namespace

uint64_t SizeOrDefault(uint64_t asked_bytes, uint64_t store_bytes, const StoreTraits& traits) {
  const uint64_t bytes = std::max(asked_bytes > 0 ? asked_bytes : store_bytes, kBlockBytes);
  return traits.whole_objects() ? std::min(bytes, kMostParts * traits.least_part_bytes) : bytes;
}

LocalWritePlan PlanWrites(const std::vector<LocalObject>& objects,
                          const std::vector<LocalOmission>& omissions, const Survey& survey,
                          int rank, int size, const WriteSizes& sizes) {
  OmissionMap by_box;
  for (const LocalOmission& omission : omissions)
    by_box[{omission.object, omission.box}].push_back(omission.part);
  Planner planner(objects, sizes);
  planner.AddOwn(by_box);
  planner.AddReplicated(survey, rank, size);
  return planner.Finish();
}

std::vector<WriteSource> SourcesOf(const LocalWritePlan& plan,
                                   const std::vector<LocalObject>& objects) {
  std::vector<WriteSource> sources;
  sources.reserve(plan.refs.size());
  for (const SourceRef& ref : plan.refs) {
    const LocalBox& local = objects[ref.object].boxes[ref.box];
    sources.push_back({local.memory, local.box, objects[ref.object].meta.path});
  }
  return sources;
}

}  // namespace tsnap
