#include "core/dataset_rows.h"

#include <algorithm>
#include <utility>

#include "base/knobs.h"
#include "base/protect.h"
#include "core/agree.h"
#include "format/native/names.h"
#include "format/one_file/box_runs.h"

namespace tsnap {

namespace {

using one_file::StoredArray;

uint64_t FirstByte(const RegroupArray& array, const Index& at) {
  uint64_t item = 0;
  for (size_t i = 0; i < static_cast<size_t>(array.grid.ndim); ++i)
    item = item * static_cast<uint64_t>(array.grid.shape[i]) + static_cast<uint64_t>(at[i]);
  return item * static_cast<uint64_t>(array.item_bytes);
}

struct Run {
  uint64_t begin = 0, bytes = 0;
};

// What is covered of a chunk, as few runs of its bytes.
std::vector<Run> RunsOf(const RegroupArray& array, const RegroupedChunk& chunk) {
  const StoredArray stored{array.item_bytes, array.grid.ndim, array.grid.chunk};
  const Index& origin = ChunkBox(array.grid, chunk.number).offset;
  std::vector<Run> runs, joined;
  for (Box box : chunk.covered) {
    for (size_t i = 0; i < static_cast<size_t>(box.ndim); ++i) box.offset[i] -= origin[i];
    const uint64_t bytes = Volume(box) * static_cast<uint64_t>(array.item_bytes);
    static_cast<void>(one_file::ForEachRun(stored, box, 0, bytes,
                                           [&](uint64_t, uint64_t begin, uint64_t run_bytes) {
                                             runs.push_back({begin, run_bytes});
                                             return Status::Ok();
                                           }));
  }
  std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.begin < b.begin; });
  for (const Run& run : runs) {
    if (!joined.empty() && joined.back().begin + joined.back().bytes == run.begin) {
      joined.back().bytes += run.bytes;
    } else {
      joined.push_back(run);
    }
  }
  return joined;
}

class RowUse final : public RegroupUse {
 public:
  RowUse(Comm& comm, const RowWriting& job)
      : comm_(comm),
        id_(job.id),
        store_(job.regroup.store),
        arrays_(job.regroup.arrays),
        datasets_(job.datasets) {}

  uint64_t RoomBytes(const RegroupArray&) const override { return 0; }

  Status Work(RegroupedChunk* chunk) override {
    const RegroupArray& array = arrays_[chunk->array];
    const uint64_t begin = FirstByte(array, ChunkBox(array.grid, chunk->number).offset);
    const native::DatasetKey key{datasets_[chunk->array], /*is_box=*/false, {}};
    TSNAP_ASSIGN(const std::unique_ptr<StoreWriter> writer,
                 store_->Create(native::DatasetKeyText(id_, key), 0));
    for (const Run& run : RunsOf(array, *chunk))
      TSNAP_TRY(writer->WriteAt(begin + run.begin, chunk->bytes.subspan(run.begin, run.bytes)));
    return Status::Ok();
  }

  Status EndRound(const Status& local,
                  std::shared_ptr<const std::vector<RegroupedChunk>>) override {
    return Agree(comm_, local);
  }

 private:
  Comm& comm_;
  const std::string id_;
  const std::shared_ptr<Store> store_;
  const std::vector<RegroupArray> arrays_;
  const std::vector<uint32_t> datasets_;
};

}  // namespace

bool HasShortRows(const RegroupArray& array, const Box& box, uint64_t gather_bytes) {
  const StoredArray stored{array.item_bytes, array.grid.ndim, array.grid.shape};
  const uint64_t bytes = Volume(box) * static_cast<uint64_t>(array.item_bytes);
  uint64_t first_bytes = bytes;
  // Runs of a box are equally long.
  static_cast<void>(one_file::ForEachRun(stored, box, 0, bytes,
                                         [&](uint64_t, uint64_t, uint64_t run_bytes) -> Status {
                                           first_bytes = run_bytes;
                                           return {Code::kCancelled, {}};
                                         }));
  return first_bytes < bytes && first_bytes < gather_bytes;
}

Index ShapeOfRuns(const RegroupArray& array) {
  return ChunkShapeOfRuns(array.grid.ndim, array.grid.shape, array.item_bytes, kTransferBytes);
}

Status WriteRows(Comm& comm, Engine& engine, RowWriting job, const Status& local) {
  std::shared_ptr<RowUse> use;
  Status prepared = CopyOf(local);
  if (prepared.ok()) {
    prepared = Protect([&] {
      use = std::make_shared<RowUse>(comm, job);
      return Status::Ok();
    });
  }
  // Regroup agrees on it.
  return Regroup(comm, engine, std::move(job.regroup), use, prepared);
}

}  // namespace tsnap
