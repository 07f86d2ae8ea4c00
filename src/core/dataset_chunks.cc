#include "core/dataset_chunks.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "base/protect.h"
#include "core/agree.h"
#include "format/one_file/chunk_codec.h"
#include "format/one_file/one_file_store.h"

namespace tsnap {

namespace {

// Datasets of less than that part of a chunk are not worth a place in an index.
constexpr uint64_t kLeastPart = 16;
constexpr uint64_t kManyChunks = 100000;

uint64_t RawBytes(const RegroupArray& array) {
  return Volume(WholeBox(array.grid.ndim, array.grid.chunk)) *
         static_cast<uint64_t>(array.item_bytes);
}

// A chunk on its way to rank 0.
struct ToldChunk {
  uint64_t dataset = 0, number = 0, address = 0, bytes = 0, as_it_is = 0;
};

class ChunkUse final : public RegroupUse {
 public:
  ChunkUse(Comm& comm, Engine& engine, const ChunkWriting& job)
      : comm_(comm),
        engine_(engine),
        slots_(engine.staging()),
        codec_(job.codec),
        store_(job.regroup.store),
        tick_(job.regroup.tick),
        arrays_(job.regroup.arrays),
        datasets_(job.datasets) {}

  uint64_t RoomBytes(const RegroupArray& array) const override {
    const uint64_t raw = RawBytes(array);
    return raw + one_file::ChunkBound(codec_, raw);
  }

  Status Work(RegroupedChunk* chunk) override {
    const StagingSlots::Hold hold(*slots_);
    const RegroupArray& array = arrays_[chunk->array];
    const ByteSpan scratch = chunk->room.first(chunk->bytes.size());
    const ByteSpan out = chunk->room.subspan(chunk->bytes.size());
    TSNAP_ASSIGN(const uint64_t stored,
                 one_file::EncodeChunk(codec_, static_cast<uint64_t>(array.item_bytes),
                                       chunk->bytes, scratch, out));
    chunk->result = stored == 0 ? chunk->bytes : out.first(stored);
    return Status::Ok();
  }

  Status EndRound(const Status& local,
                  std::shared_ptr<const std::vector<RegroupedChunk>> chunks) override {
    Status outcome = CopyOf(local);
    std::vector<uint64_t> all;
    Status gathered = comm_.Allgather(outcome.ok() ? BytesOf(*chunks) : kFailed, &all);
    if (outcome.ok()) outcome = std::move(gathered);
    if (outcome.ok() && std::find(all.begin(), all.end(), kFailed) == all.end()) {
      const uint64_t begin = std::accumulate(all.begin(), all.begin() + comm_.rank(), end_);
      end_ = std::accumulate(all.begin(), all.end(), end_);
      outcome = Protect([&] { return Write(std::move(chunks), begin); });
    }
    return Agree(comm_, outcome);
  }

  uint64_t end() const { return end_; }
  const std::vector<ToldChunk>& written() const { return written_; }

 private:
  static constexpr uint64_t kFailed = UINT64_MAX;

  static uint64_t BytesOf(const std::vector<RegroupedChunk>& chunks) {
    uint64_t bytes = 0;
    for (const RegroupedChunk& chunk : chunks) bytes += chunk.result.size();
    return bytes;
  }

  Status Write(std::shared_ptr<const std::vector<RegroupedChunk>> chunks, uint64_t begin) {
    std::vector<uint64_t> addresses;
    for (const RegroupedChunk& chunk : *chunks) {
      addresses.push_back(begin);
      written_.push_back({datasets_[chunk.array], chunk.number, begin, chunk.result.size(),
                          chunk.result.data() == chunk.bytes.data()});
      begin += chunk.result.size();
    }
    WorkerPool::Watch watch = engine_.WatchOf(store_);
    watch.tick = tick_;
    return engine_.workers().Run(
        chunks->size(), engine_.ConcurrencyFor(*store_),
        [store = store_, chunks, addresses](size_t i) {
          return one_file::AsOneFile(*store)->WriteChunk(addresses[i], (*chunks)[i].result);
        },
        watch);
  }

  Comm& comm_;
  Engine& engine_;
  const std::shared_ptr<StagingSlots> slots_;
  const Codec codec_;
  const std::shared_ptr<Store> store_;
  const std::function<void()> tick_;
  const std::vector<RegroupArray> arrays_;
  const std::vector<uint32_t> datasets_;
  uint64_t end_ = one_file::kChunksBegin;
  std::vector<ToldChunk> written_;
};

// Rank 0 learns of all of them.
Status TellRankZero(Comm& comm, const std::vector<ToldChunk>& own, WrittenChunks* written) {
  std::vector<Message> messages;
  Status local = Protect([&] {
    if (own.empty()) return Status::Ok();
    Message& message = messages.emplace_back();
    message.bytes.resize(own.size() * sizeof(ToldChunk));
    std::memcpy(message.bytes.data(), own.data(), message.bytes.size());
    return Status::Ok();
  });
  Result<std::vector<Message>> arrived = comm.Exchange(std::move(messages));
  if (local.ok() && !arrived.ok()) local = arrived.status();
  if (local.ok()) {
    local = Protect([&] {
      for (const Message& message : *arrived) {
        for (size_t at = 0; at + sizeof(ToldChunk) <= message.bytes.size();
             at += sizeof(ToldChunk)) {
          ToldChunk told;
          std::memcpy(&told, message.bytes.data() + at, sizeof(told));
          if (written->chunks.size() <= told.dataset) written->chunks.resize(told.dataset + 1);
          written->chunks[told.dataset].push_back(
              {told.number, told.address, told.bytes, told.as_it_is != 0});
        }
      }
      return Status::Ok();
    });
  }
  return Agree(comm, local);
}

}  // namespace

void ChooseChunks(const std::vector<DatasetRecord>& records, Codec codec, uint64_t chunk_bytes,
                  std::vector<one_file::DatasetSpec>* specs) {
  for (size_t i = 0; i < records.size(); ++i) {
    const ObjectMeta& meta = records[i].meta;
    one_file::DatasetSpec& spec = (*specs)[i];
    const auto item_bytes = static_cast<uint64_t>(std::max<int64_t>(1, meta.item_bytes));
    const Box whole = WholeBox(meta.ndim, meta.shape);
    if (spec.content != one_file::Content::kArray || meta.ndim == 0 ||
        Volume(whole) * item_bytes < chunk_bytes / kLeastPart ||
        meta.fill.size() > one_file::kMostFillBytes || item_bytes > chunk_bytes)
      continue;
    // Rank 0 tells HDF5 of each chunk.
    const uint64_t target = std::clamp(Volume(whole) * item_bytes / kManyChunks, chunk_bytes,
                                       std::max(chunk_bytes, kMostHdf5ChunkBytes));
    // Small boxes share chunks, rather than that there are very many.
    const bool in_boxes = !records[i].extents.empty() &&
                          records[i].extents[0].box.ndim == meta.ndim &&
                          Volume(records[i].extents[0].box) * item_bytes >= target / 4;
    spec.codec = codec;
    spec.chunk_shape =
        ChunkShapeWithin(meta.ndim, in_boxes ? records[i].extents[0].box.shape : meta.shape,
                         meta.item_bytes, target);
  }
}

Status WriteChunks(Comm& comm, Engine& engine, ChunkWriting job, const Status& local,
                   WrittenChunks* written) {
  std::shared_ptr<ChunkUse> use;
  Status prepared = CopyOf(local);
  if (prepared.ok()) {
    prepared = Protect([&] {
      use = std::make_shared<ChunkUse>(comm, engine, job);
      return Status::Ok();
    });
  }
  // Regroup agrees on it.
  TSNAP_TRY(Regroup(comm, engine, std::move(job.regroup), use, prepared));
  written->end = use->end();
  for (const ToldChunk& chunk : use->written()) written->own_bytes += chunk.bytes;
  return TellRankZero(comm, use->written(), written);
}

}  // namespace tsnap
