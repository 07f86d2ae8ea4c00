#include "core/regroup.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <utility>

#include "base/protect.h"
#include "core/agree.h"
#include "stage/host.h"

namespace tsnap {

namespace {

// Chunks of a round and what they need beside them, and what a rank sends in one, at most (or one
// chunk).
constexpr uint64_t kMostRoundBytes = uint64_t{64} << 20;

uint64_t BytesOf(const RegroupArray& array, const Box& box) {
  return Volume(box) * static_cast<uint64_t>(array.item_bytes);
}

Box ClippedChunk(const ChunkGrid& grid, uint64_t number) {
  return Intersect(ChunkBox(grid, number), WholeBox(grid.ndim, grid.shape));
}

// The part's bytes in `box`, row by row.
Status GatherPart(const RegroupPart& part, const RegroupArray& array, const Box& box,
                  ByteSpan out) {
  Mapping mapping{part.memory, part.memory_box, box, RowMajor()};
  uint64_t begin = 0;
  if (part.box != part.extent_box) {
    mapping.extent_box = part.extent_box;
    begin = static_cast<uint64_t>(box.offset[0] - part.box.offset[0]) *
            static_cast<uint64_t>(array.item_bytes);
  }
  TSNAP_ASSIGN(Stager * stager, StagerFor(part.memory.data));
  return stager->Gather(mapping, begin, out);
}

// A part of a chunk on its way: this, and its bytes.
struct Heading {
  uint64_t id = 0;  // of the chunk, among all chunks of all arrays
  Box box;
};

// A part of a chunk that has arrived.
struct Arrived {
  Box box;
  ConstByteSpan bytes;
};

// The chunks of one round. The tasks own it, and outlive the round when one hangs.
struct Round {
  std::shared_ptr<const RegroupJob> job;
  std::shared_ptr<RegroupUse> use;
  std::shared_ptr<StagingSlots> slots;
  std::shared_ptr<BufferPool> buffers;  // outlives the lease
  BufferPool::Lease lease;
  std::vector<RegroupedChunk> chunks;
  // Parallel to them: what this rank has of each, and what others sent of it.
  std::vector<std::vector<uint32_t>> parts;
  std::vector<std::vector<Arrived>> arrived;
  std::vector<Message> messages;  // which that lies in

  Status Do(size_t number) {
    RegroupedChunk& chunk = chunks[number];
    {
      const StagingSlots::Hold hold(*slots);
      TSNAP_TRY(PutTogether(&chunk, parts[number], arrived[number]));
    }
    return use->Work(&chunk);
  }

  const RegroupArray& ArrayOf(const RegroupedChunk& chunk) const {
    return job->arrays[chunk.array];
  }

  Status PutTogether(RegroupedChunk* chunk, const std::vector<uint32_t>& own,
                     const std::vector<Arrived>& others) const {
    const RegroupArray& array = ArrayOf(*chunk);
    const Box box = ChunkBox(array.grid, chunk->number);
    if (own.size() == 1 && Contains(job->parts[own[0]].box, box)) {
      chunk->covered = {box};
      return GatherPart(job->parts[own[0]], array, box, chunk->bytes);
    }
    TSNAP_TRY(Fill(*chunk));
    Bytes bytes;
    for (const uint32_t i : own) {
      const Box part = Intersect(job->parts[i].box, box);
      bytes.resize(BytesOf(array, part));
      TSNAP_TRY(GatherPart(job->parts[i], array, part, bytes));
      TSNAP_TRY(Put(chunk, part, bytes));
    }
    for (const Arrived& one : others) TSNAP_TRY(Put(chunk, one.box, one.bytes));
    return Status::Ok();
  }

  ArrayView ViewOf(const RegroupedChunk& chunk) const {
    const RegroupArray& array = ArrayOf(chunk);
    return ContiguousView(Dtype::kOpaque, array.item_bytes, array.grid.ndim, array.grid.chunk,
                          chunk.bytes.data());
  }

  Status Fill(const RegroupedChunk& chunk) const {
    const Bytes& item = ArrayOf(chunk).fill;
    if (!item.empty()) return HostStager().Fill(ViewOf(chunk), item);
    std::fill(chunk.bytes.begin(), chunk.bytes.end(), std::byte{0});
    return Status::Ok();
  }

  Status Put(RegroupedChunk* chunk, const Box& part, ConstByteSpan bytes) const {
    const Mapping mapping{ViewOf(*chunk), ChunkBox(ArrayOf(*chunk).grid, chunk->number), part,
                          RowMajor()};
    chunk->covered.push_back(part);
    return HostStager().Scatter(mapping, 0, bytes);
  }
};

class Regrouping {
 public:
  Regrouping(Comm& comm, Engine& engine, RegroupJob job, std::shared_ptr<RegroupUse> use)
      : comm_(comm), engine_(engine), given_(std::move(job)), use_(std::move(use)) {}

  Status Run(const Status& local) {
    Status prepared = CopyOf(local);
    if (prepared.ok()) prepared = Protect([&] { return Prepare(); });
    TSNAP_TRY(Agree(comm_, prepared));
    std::array<uint64_t, 2> least = {window_, ~CeilDiv(whole_.size(), at_once_)};
    TSNAP_TRY(comm_.Allreduce(least, Comm::Op::kMin));
    const uint64_t window = least[0], rounds = ~least[1];
    for (uint64_t round = 0; round < rounds; ++round) TSNAP_TRY(DoOwn(round * at_once_));
    for (uint64_t behind = 0;;) {
      std::array<uint64_t, 1> next = {NextShared(behind)};
      TSNAP_TRY(comm_.Allreduce(next, Comm::Op::kMin));
      if (next[0] == kNone) return Status::Ok();
      behind = next[0] + window;
      TSNAP_TRY(DoShared(next[0], behind));
    }
  }

 private:
  static constexpr uint64_t kNone = UINT64_MAX;

  // What this rank has of a chunk.
  struct Holding {
    uint64_t id = 0;
    std::vector<uint32_t> parts;
  };

  Status Prepare() {
    job_ = std::make_shared<RegroupJob>(std::move(given_));
    uint64_t total = 0, largest = 1;
    for (const RegroupArray& array : job_->arrays) {
      first_ids_.push_back(total);
      total += ChunkCount(array.grid);
      largest = std::max(largest, BytesNeeded(array));
    }
    const uint64_t round_bytes = std::min(engine_.buffers()->budget_bytes() / 2, kMostRoundBytes);
    at_once_ = std::max<uint64_t>(1, round_bytes / largest);
    FindHoldings();
    const auto ranks = static_cast<uint64_t>(comm_.size());
    window_ = std::min(std::max<uint64_t>(total, 1), at_once_ * ranks);
    while (window_ > 1 && MostSent(window_) > round_bytes) window_ /= 2;
    return Status::Ok();
  }

  // In whole pages, so that each chunk begins on one.
  uint64_t ChunkBytes(const RegroupArray& array) const {
    return AlignUp(BytesOf(array, WholeBox(array.grid.ndim, array.grid.chunk)), 4096);
  }
  uint64_t BytesNeeded(const RegroupArray& array) const {
    return ChunkBytes(array) + AlignUp(use_->RoomBytes(array), 4096);
  }

  void FindHoldings() {
    std::vector<std::pair<uint64_t, uint32_t>> met;  // id, part
    for (uint32_t i = 0; i < job_->parts.size(); ++i) {
      const RegroupPart& part = job_->parts[i];
      ForEachChunk(job_->arrays[part.array].grid, part.box,
                   [&](uint64_t number) { met.emplace_back(first_ids_[part.array] + number, i); });
    }
    std::sort(met.begin(), met.end());
    for (size_t i = 0; i < met.size();) {
      Holding holding;
      holding.id = met[i].first;
      const RegroupedChunk chunk = ChunkOf(holding.id);
      const Box box = ClippedChunk(job_->arrays[chunk.array].grid, chunk.number);
      uint64_t volume = 0;
      for (; i < met.size() && met[i].first == holding.id; ++i) {
        holding.parts.push_back(met[i].second);
        volume += Volume(Intersect(job_->parts[met[i].second].box, box));
      }
      (volume == Volume(box) ? whole_ : shared_).push_back(std::move(holding));
    }
  }

  RegroupedChunk ChunkOf(uint64_t id) const {
    const auto behind = std::upper_bound(first_ids_.begin(), first_ids_.end(), id);
    RegroupedChunk chunk;
    chunk.array = static_cast<uint32_t>(behind - first_ids_.begin() - 1);
    chunk.number = id - first_ids_[chunk.array];
    return chunk;
  }

  auto SharedFrom(uint64_t id) const {
    return std::lower_bound(
        shared_.begin(), shared_.end(), id,
        [](const Holding& holding, uint64_t least) { return holding.id < least; });
  }
  uint64_t NextShared(uint64_t id) const {
    const auto at = SharedFrom(id);
    return at == shared_.end() ? kNone : at->id;
  }

  // By this rank in a round, when those are so many ids long, wherever they begin.
  uint64_t MostSent(uint64_t window) const {
    uint64_t most = 0, sent = 0;
    size_t first = 0;
    for (size_t i = 0; i < shared_.size(); ++i) {
      sent += HeldBytes(shared_[i]);
      for (; shared_[i].id - shared_[first].id >= window; ++first)
        sent -= HeldBytes(shared_[first]);
      most = std::max(most, sent);
    }
    return most;
  }

  uint64_t HeldBytes(const Holding& holding) const {
    const RegroupedChunk chunk = ChunkOf(holding.id);
    const RegroupArray& array = job_->arrays[chunk.array];
    const Box box = ClippedChunk(array.grid, chunk.number);
    uint64_t bytes = 0;
    for (const uint32_t part : holding.parts)
      bytes += sizeof(Heading) + BytesOf(array, Intersect(job_->parts[part].box, box));
    return bytes;
  }

  std::shared_ptr<Round> NewRound() const {
    auto round = std::make_shared<Round>();
    round->job = job_;
    round->use = use_;
    round->slots = engine_.staging();
    round->buffers = engine_.buffers();
    return round;
  }

  // Chunks that this rank has all of.
  Status DoOwn(uint64_t begin) {
    std::shared_ptr<Round> round;
    const Status local = Protect([&] {
      round = NewRound();
      for (uint64_t i = begin; i < std::min<uint64_t>(begin + at_once_, whole_.size()); ++i) {
        round->chunks.push_back(ChunkOf(whole_[i].id));
        round->parts.push_back(whole_[i].parts);
      }
      round->arrived.resize(round->chunks.size());
      return Work(round);
    });
    return End(round, local);
  }

  // Chunks [begin, end) of all, as far as several ranks have parts of them.
  Status DoShared(uint64_t begin, uint64_t end) {
    std::vector<Message> outgoing;
    Status local = Protect([&] { return Send(begin, end, &outgoing); });
    if (!local.ok()) outgoing.clear();
    Result<std::vector<Message>> arrived = comm_.Exchange(std::move(outgoing));
    if (local.ok() && !arrived.ok()) local = arrived.status();
    std::shared_ptr<Round> round;
    if (local.ok()) {
      local = Protect([&] {
        round = NewRound();
        round->messages = std::move(arrived).value();
        TSNAP_TRY(Unpack(begin, end, round.get()));
        return Work(round);
      });
    }
    return End(round, local);
  }

  Status End(const std::shared_ptr<Round>& round, const Status& local) {
    return use_->EndRound(local, std::shared_ptr<const std::vector<RegroupedChunk>>(
                                     round, round ? &round->chunks : nullptr));
  }

  // Whose the chunk is; neighbours are of different ranks, whatever number the ranks have.
  size_t OwnerOf(uint64_t id) const {
    return static_cast<size_t>(id % static_cast<uint64_t>(comm_.size()));
  }

  Status Send(uint64_t begin, uint64_t end, std::vector<Message>* outgoing) const {
    std::map<size_t, uint64_t> bytes_to;
    const auto first = SharedFrom(begin), behind = SharedFrom(end);
    for (auto at = first; at != behind; ++at) bytes_to[OwnerOf(at->id)] += HeldBytes(*at);
    bytes_to.erase(static_cast<size_t>(comm_.rank()));
    std::map<size_t, Bytes*> of_peer;
    outgoing->reserve(bytes_to.size());
    for (const auto& [peer, bytes] : bytes_to) {
      outgoing->push_back({static_cast<int>(peer), {}});
      outgoing->back().bytes.reserve(bytes);
      of_peer[peer] = &outgoing->back().bytes;
    }
    for (auto at = first; at != behind; ++at) {
      const auto to = of_peer.find(OwnerOf(at->id));
      if (to != of_peer.end()) TSNAP_TRY(Pack(*at, to->second));
    }
    return Status::Ok();
  }

  Status Pack(const Holding& holding, Bytes* out) const {
    const RegroupedChunk chunk = ChunkOf(holding.id);
    const RegroupArray& array = job_->arrays[chunk.array];
    const Box box = ClippedChunk(array.grid, chunk.number);
    for (const uint32_t i : holding.parts) {
      const RegroupPart& part = job_->parts[i];
      const Heading heading{holding.id, Intersect(part.box, box)};
      const size_t at = out->size();
      out->resize(at + sizeof(heading) + BytesOf(array, heading.box));
      std::memcpy(out->data() + at, &heading, sizeof(heading));
      TSNAP_TRY(GatherPart(part, array, heading.box, ByteSpan(*out).subspan(at + sizeof(heading))));
    }
    return Status::Ok();
  }

  // What this rank puts together: of what it holds itself, and what has arrived.
  Status Unpack(uint64_t begin, uint64_t end, Round* round) const {
    std::vector<std::pair<uint64_t, Arrived>> all;
    for (const Message& message : round->messages) {
      for (ConstByteSpan rest = message.bytes; !rest.empty();) {
        Heading heading;
        if (rest.size() < sizeof(heading))
          return Internal("a part of a chunk did not arrive whole");
        std::memcpy(&heading, rest.data(), sizeof(heading));
        rest = rest.subspan(sizeof(heading));
        const uint64_t bytes = BytesOf(job_->arrays[ChunkOf(heading.id).array], heading.box);
        if (rest.size() < bytes) return Internal("a part of a chunk did not arrive whole");
        all.emplace_back(heading.id, Arrived{heading.box, rest.first(bytes)});
        rest = rest.subspan(bytes);
      }
    }
    std::map<uint64_t, size_t> slots;  // by id
    const auto slot_of = [&](uint64_t id) {
      const auto [slot, is_new] = slots.emplace(id, round->chunks.size());
      if (is_new) {
        round->chunks.push_back(ChunkOf(id));
        round->parts.emplace_back();
        round->arrived.emplace_back();
      }
      return slot->second;
    };
    for (auto at = SharedFrom(begin); at != shared_.end() && at->id < end; ++at)
      if (OwnerOf(at->id) == static_cast<size_t>(comm_.rank()))
        round->parts[slot_of(at->id)] = at->parts;
    for (const auto& [id, arrived] : all) round->arrived[slot_of(id)].push_back(arrived);
    return Status::Ok();
  }

  // One lease for the whole round: who holds one must not wait for another.
  Status Work(const std::shared_ptr<Round>& round) {
    if (round->chunks.empty()) return Status::Ok();
    uint64_t bytes = 0;
    for (const RegroupedChunk& chunk : round->chunks)
      bytes += BytesNeeded(job_->arrays[chunk.array]);
    TSNAP_ASSIGN(round->lease, engine_.buffers()->Acquire(bytes));
    ByteSpan rest = round->lease.bytes();
    for (RegroupedChunk& chunk : round->chunks) {
      const RegroupArray& array = job_->arrays[chunk.array];
      chunk.bytes = rest.first(BytesOf(array, WholeBox(array.grid.ndim, array.grid.chunk)));
      chunk.room = rest.subspan(ChunkBytes(array), use_->RoomBytes(array));
      rest = rest.subspan(BytesNeeded(array));
    }
    WorkerPool::Watch watch = engine_.WatchOf(job_->store);
    watch.tick = job_->tick;
    return engine_.workers().Run(
        round->chunks.size(), engine_.ConcurrencyFor(*job_->store),
        [round](size_t number) { return round->Do(number); }, watch);
  }

  Comm& comm_;
  Engine& engine_;
  RegroupJob given_;
  std::shared_ptr<const RegroupJob> job_;  // the same, shared with the tasks
  const std::shared_ptr<RegroupUse> use_;
  std::vector<uint64_t> first_ids_;      // of each array's chunks
  std::vector<Holding> whole_, shared_;  // by id
  uint64_t at_once_ = 1;                 // chunks that this rank does in a round
  uint64_t window_ = 1;                  // ids that the ranks do together in one
};

}  // namespace

Status Regroup(Comm& comm, Engine& engine, RegroupJob job, std::shared_ptr<RegroupUse> use,
               const Status& local) {
  return Regrouping(comm, engine, std::move(job), std::move(use)).Run(local);
}

}  // namespace tsnap
