#include "core/convert_batches.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/deliver.h"
#include "core/write_plan.h"
#include "engine/read.h"
#include "engine/write.h"

namespace tsnap {

namespace {

constexpr uint64_t kMostBatchBytes = uint64_t{1} << 30;
constexpr uint64_t kChunkAlignment = 64;  // in memory

class Conversion {
 public:
  Conversion(const ConvertJob& job, ConvertedData* out) : job_(job), out_(*out) {}

  Status Run() {
    const std::vector<ConvertChunk>& chunks = job_.plan->chunks;
    const uint64_t most = BatchBytes(job_.engine.knobs());
    out_.extents.resize(chunks.size());
    job_.watch(0);
    for (size_t first = 0, last = 0; first < chunks.size(); first = last) {
      uint64_t bytes = 0;
      do {
        bytes = AlignUp(bytes + chunks[last++].bytes, kChunkAlignment);
      } while (last < chunks.size() && bytes + chunks[last].bytes <= most);
      std::unique_ptr<std::byte[]> memory(new std::byte[bytes]);
      Status copied = CopyBatch(first, last, memory.get());
      // A thread that hangs may still use it.
      if (job_.engine.stuck()) static_cast<void>(memory.release());
      TSNAP_TRY(std::move(copied));
    }
    return Status::Ok();
  }

 private:
  Status CopyBatch(size_t first, size_t last, std::byte* memory) {
    ReadJob read{job_.from, job_.from_slabs, {}, {}, /*verify=*/true, {}};
    std::vector<WriteSource> sources;
    for (size_t number = first; number < last; ++number) {
      const ConvertChunk& chunk = job_.plan->chunks[number];
      const ObjectMeta& meta = job_.plan->objects[chunk.object]->meta;
      if (number == first || chunk.object != job_.plan->chunks[number - 1].object)
        read.names.push_back(QualifiedPath(meta));
      const ArrayView view =
          ContiguousView(meta.dtype, meta.item_bytes, chunk.box.ndim, chunk.box.shape, memory);
      AddReads(chunk, meta, view, &read);
      sources.push_back({view, chunk.box, read.names.back()});
      memory += AlignUp(chunk.bytes, kChunkAlignment);
    }
    std::vector<Status> outcomes;
    const ProgressCallback idle = [this](uint64_t, uint64_t, uint64_t) { job_.watch(out_.bytes); };
    out_.reading = true;
    TSNAP_TRY(ReadExtents(job_.engine, std::move(read), idle, &outcomes)
                  .While("copying", job_.from->url()));
    out_.reading = false;
    return WriteBatch(first, last, std::move(sources)).While("copying to", job_.to->url());
  }

  static void AddReads(const ConvertChunk& chunk, const ObjectMeta& meta, const ArrayView& view,
                       ReadJob* read) {
    const auto object = static_cast<uint32_t>(read->names.size() - 1);
    for (const Extent* extent : chunk.sources) {
      const Box part = Intersect(extent->box, chunk.box);
      const Extent source = extent->unchecked ? Narrowed(*extent, part, meta.item_bytes) : *extent;
      read->items.push_back({source, part, view, chunk.box, meta.item_bytes, object});
    }
  }

  Status WriteBatch(size_t first, size_t last, std::vector<WriteSource> sources) {
    std::vector<PlannedExtent> planned;
    for (size_t number = first; number < last; ++number) {
      PlannedExtent& extent = planned.emplace_back();
      extent.source = static_cast<uint32_t>(number - first);
      extent.box = job_.plan->chunks[number].box;
      extent.order = RowMajor();
      extent.raw_bytes = job_.plan->chunks[number].bytes;
    }
    const auto plan = std::make_shared<const WritePlan>(Batch(std::move(planned), Sizes()));
    WriteJob write{job_.to, job_.to_slabs, /*writer=*/0, plan, std::move(sources)};
    write.first_slab = out_.slabs;
    if (job_.to->traits().datasets) {
      for (const PlannedExtent& extent : plan->extents)
        write.places.push_back(job_.places[first + extent.source]);
    } else {
      out_.slabs += static_cast<uint32_t>(plan->slab_bytes.size());
    }
    const ProgressCallback progress = [this](uint64_t, uint64_t moved, uint64_t) {
      job_.watch(out_.bytes + moved);
    };
    TSNAP_ASSIGN(std::vector<Extent> written, WriteSlabs(job_.engine, std::move(write), progress));
    for (size_t i = 0; i < written.size(); ++i) {
      out_.bytes += written[i].stored_bytes;
      out_.extents[first + plan->extents[i].source] = std::move(written[i]);
    }
    return Status::Ok();
  }

  // Those of a take, but that a slab ends with its batch.
  BatchSizes Sizes() const {
    const StoreTraits& traits = job_.to->traits();
    BatchSizes sizes;
    sizes.slab_bytes = SizeOrDefault(0, traits.slab_bytes, traits);
    sizes.transfer_bytes = job_.engine.write_transfer_bytes(*job_.to);
    sizes.least_part_bytes = traits.least_part_bytes;
    sizes.apart = traits.datasets;
    return sizes;
  }

  const ConvertJob& job_;
  ConvertedData& out_;
};

}  // namespace

uint64_t BatchBytes(const Knobs& knobs) {
  return std::clamp(knobs.memory_budget_bytes / 2, kBlockBytes, kMostBatchBytes);
}

uint64_t BytesBesideBatch(const Knobs& knobs) {
  const uint64_t batch = BatchBytes(knobs);
  return std::max(knobs.memory_budget_bytes, batch + kBlockBytes) - batch;
}

Status ConvertData(const ConvertJob& job, ConvertedData* out) { return Conversion(job, out).Run(); }

}  // namespace tsnap
