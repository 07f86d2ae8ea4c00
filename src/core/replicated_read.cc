#include "core/replicated_read.h"

#include <algorithm>
#include <new>
#include <span>
#include <utility>

#include "base/knobs.h"
#include "base/protect.h"
#include "core/agree.h"
#include "engine/read.h"
#include "engine/scattering.h"
#include "stage/stager.h"

namespace tsnap {

namespace {

constexpr uint64_t kBudgetPerUnit = 16;

// A part of one extent in a unit's buffer, in the extent's axis order.
struct Share {
  uint32_t target = 0;
  const Extent* extent = nullptr;
  Box box;
  uint64_t begin = 0, bytes = 0;  // in the buffer
};

// What one rank reads and broadcasts at a time: at most unit_bytes, or one item that is larger.
struct Unit {
  std::vector<Share> shares;
  uint64_t bytes = 0;
};

// A contiguous view of a box in the given axis order.
ArrayView BufferView(const ObjectMeta& meta, const Box& box, const AxisOrder& order,
                     std::byte* data) {
  ArrayView view = ContiguousView(meta.dtype, meta.item_bytes, box.ndim, box.shape, data);
  int64_t stride = meta.item_bytes;
  for (int i = box.ndim - 1; i >= 0; --i) {
    const uint8_t axis = order[static_cast<size_t>(i)];
    view.strides_bytes[axis] = stride;
    stride *= std::max<int64_t>(1, box.shape[axis]);
  }
  return view;
}

class ReplicatedReading {
 public:
  ReplicatedReading(Comm& comm, Engine& engine, const ReplicatedJob& job)
      : comm_(comm), engine_(engine), job_(job) {}

  // After a stall a thread may still write into the buffer: it is left to it.
  ~ReplicatedReading() {
    if (engine_.stuck()) new (std::nothrow) Bytes(std::move(buffer_));
  }

  Status Run(Status local, std::vector<Status>* objects) {
    Status agreed = AgreeOnUnits();
    if (agreed.ok()) {
      if (local.ok()) local = Protect([&] { return Cut(objects); });
      agreed = Agree(comm_, local);
    }
    if (!agreed.ok()) {
      objects->clear();  // nothing was read
      return agreed;
    }
    const auto readers = static_cast<size_t>(comm_.size());
    for (size_t first = 0; first < units_.size(); first += readers) {
      Status round = Round(first, std::min(readers, units_.size() - first));
      if (!round.ok()) {
        MarkFrom(first, round, objects);
        return round;
      }
    }
    return Status::Ok();
  }

 private:
  // One transfer; but of a store whose calls cost a round trip as many at a time as may be in
  // flight, as far as the least budget of a rank allows two such units beside it.
  Status AgreeOnUnits() {
    const StoreTraits& traits = job_.store->traits();
    if (traits.read_transfer_bytes == 0) return Status::Ok();
    const auto concurrency =
        static_cast<uint64_t>(std::max(1, engine_.ConcurrencyFor(*job_.store)));
    const uint64_t most = std::max(kTransferBytes, concurrency * traits.read_transfer_bytes);
    unit_bytes_ =
        std::clamp(engine_.buffers()->budget_bytes() / kBudgetPerUnit, kTransferBytes, most);
    return comm_.Allreduce(std::span(&unit_bytes_, 1), Comm::Op::kMin);
  }

  Status Cut(std::vector<Status>* objects) {
    objects->assign(job_.targets.size(), Status());
    for (uint32_t t = 0; t < job_.targets.size(); ++t) {
      const ObjectRecord& record = *job_.targets[t].record;
      const auto item_bytes = static_cast<uint64_t>(record.meta.item_bytes);
      for (const Extent& extent : record.extents) {
        for (const Box& box :
             CutIntoChunks(extent.box, extent.order, record.meta.item_bytes, unit_bytes_)) {
          const uint64_t bytes = Volume(box) * item_bytes;
          if (bytes == 0) continue;
          if (units_.empty() || units_.back().bytes + bytes > unit_bytes_) units_.emplace_back();
          Unit& unit = units_.back();
          unit.shares.push_back({t, &extent, box, unit.bytes, bytes});
          unit.bytes += AlignUp(bytes, kSmallExtentAlignment);
        }
      }
    }
    return Status::Ok();
  }

  // Unit first + r is read by rank r; then each is broadcast in turn.
  Status Round(size_t first, size_t count) {
    const auto rank = static_cast<size_t>(comm_.rank());
    ByteSpan mine, theirs;
    Status local = Protect([&] {
      uint64_t largest = 0;
      for (size_t u = first; u < first + count; ++u) largest = std::max(largest, units_[u].bytes);
      largest = AlignUp(largest, kExtentAlignment);
      buffer_.resize(std::max<uint64_t>(buffer_.size(), 2 * largest));
      mine = ByteSpan(buffer_).first(largest);
      theirs = ByteSpan(buffer_).subspan(largest, largest);
      return rank < count ? ReadUnit(first + rank, mine) : Status::Ok();
    });
    TSNAP_TRY(Agree(comm_, local));
    for (size_t r = 0; r < count; ++r) {
      const Unit& unit = units_[first + r];
      const ByteSpan bytes = (r == rank ? mine : theirs).first(unit.bytes);
      TSNAP_TRY(comm_.Bcast(bytes, static_cast<int>(r)));
      if (local.ok()) local = Protect([&] { return Deliver(unit, bytes); });
    }
    return Agree(comm_, local);
  }

  // What this rank reads in the next round is announced, so that the disk works during the
  // broadcasts.
  Status ReadUnit(size_t number, ByteSpan buffer) {
    ReadJob job{job_.store, job_.slabs, {}, {}, job_.verify, {}};
    for (const Share& share : units_[number].shares) {
      job.items.push_back(ItemOf(share, buffer));
      job.items.back().object = static_cast<uint32_t>(job.names.size());
      job.names.push_back(job_.targets[share.target].record->meta.path);
    }
    if (const size_t next = number + static_cast<size_t>(comm_.size()); next < units_.size()) {
      for (const Share& share : units_[next].shares) job.soon.push_back(ItemOf(share, buffer));
    }
    std::vector<Status> objects;
    return ReadExtents(engine_, std::move(job), {}, &objects);
  }

  ReadItem ItemOf(const Share& share, ByteSpan buffer) const {
    const ObjectMeta& meta = job_.targets[share.target].record->meta;
    ReadItem item;
    item.extent = *share.extent;
    item.wanted = item.memory_box = share.box;
    item.memory = BufferView(meta, share.box, share.extent->order, buffer.data() + share.begin);
    item.item_bytes = meta.item_bytes;
    return item;
  }

  Status Deliver(const Unit& unit, ConstByteSpan bytes) {
    Scattering scattering(&queues_);
    for (const Share& share : unit.shares) {
      const ReplicatedTarget& target = job_.targets[share.target];
      const ObjectMeta& meta = target.record->meta;
      TSNAP_ASSIGN(Stager * stager, StagerFor(target.memory.data));
      const Mapping mapping{target.memory, WholeBox(meta.ndim, meta.shape), share.box,
                            share.extent->order};
      const ConstByteSpan share_bytes = bytes.subspan(share.begin, share.bytes);
      TSNAP_TRY((stager->is_device() ? scattering.Begin(stager, mapping, 0, share_bytes)
                                     : stager->Scatter(mapping, 0, share_bytes))
                    .While("delivering object", meta.path));
    }
    return scattering.AwaitAll().While("delivering", "replicated objects");
  }

  void MarkFrom(size_t first, const Status& failure, std::vector<Status>* objects) {
    for (size_t u = first; u < units_.size(); ++u) {
      for (const Share& share : units_[u].shares) {
        // The code alone: a copy of the text could run out of memory here, on this rank only.
        if ((*objects)[share.target].ok()) (*objects)[share.target] = Status(failure.code(), {});
      }
    }
  }

  Comm& comm_;
  Engine& engine_;
  const ReplicatedJob& job_;
  CopyQueues queues_;
  uint64_t unit_bytes_ = kTransferBytes;
  std::vector<Unit> units_;
  Bytes buffer_;  // of what this rank reads and what it receives; the budget's leases are left to
                  // the reading threads
};

}  // namespace

Status ReadReplicated(Comm& comm, Engine& engine, const ReplicatedJob& job, Status local,
                      std::vector<Status>* objects) {
  return ReplicatedReading(comm, engine, job).Run(std::move(local), objects);
}

}  // namespace tsnap
