#include "core/survey.h"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/protect.h"
#include "core/agree.h"
#include "format/native/index_part.h"
#include "stage/stager.h"

namespace tsnap {

namespace {

// What one object adds to the index, roughly: the record, and an entry with its block checksums for
// each extent.
constexpr uint64_t kRecordBytes = 96, kEntryBytes = 64;

uint64_t IndexBytes(uint64_t bytes, uint64_t chunk_bytes, int ndim) {
  const uint64_t extents = std::max<uint64_t>(1, CeilDiv(bytes, chunk_bytes));
  return extents * (kEntryBytes + 16 * static_cast<uint64_t>(ndim)) +
         CeilDiv(bytes, kBlockBytes) * sizeof(uint32_t);
}

// Sums over one rank's objects.
struct Totals {
  uint64_t load_bytes = 0, sharded_bytes = 0, sharded_boxes = 0, sharded_objects = 0;
  uint64_t sharded_index_bytes = 0, private_index_bytes = 0, replicated_index_bytes = 0;
};

Totals Sum(const std::vector<LocalObject>& objects, uint64_t chunk_bytes) {
  Totals totals;
  for (const LocalObject& object : objects) {
    uint64_t index_bytes = kRecordBytes + object.meta.path.size(), bytes = 0;
    for (const LocalBox& local : object.boxes) {
      const uint64_t box_bytes = ViewBytes(local.memory);
      index_bytes += IndexBytes(box_bytes, chunk_bytes, object.meta.ndim);
      bytes += box_bytes;
    }
    switch (object.meta.kind) {
      case Kind::kPrivate:
        totals.private_index_bytes += index_bytes;
        totals.load_bytes += bytes;
        break;
      case Kind::kReplicated:
        totals.replicated_index_bytes += index_bytes;
        break;
      case Kind::kSharded:
        ++totals.sharded_objects;
        totals.sharded_boxes += object.boxes.size();
        totals.sharded_bytes += bytes;
        totals.sharded_index_bytes += index_bytes;
        totals.load_bytes += bytes;
        break;
    }
  }
  return totals;
}

std::vector<const ObjectMeta*> ReplicatedMetas(const std::vector<LocalObject>& objects) {
  std::vector<const ObjectMeta*> metas;
  for (const LocalObject& object : objects) {
    if (object.meta.kind == Kind::kReplicated) metas.push_back(&object.meta);
  }
  return metas;
}

uint64_t HashOrders(const std::vector<LocalObject>& objects) {
  Bytes orders;
  for (const LocalObject& object : objects) {
    if (object.meta.kind != Kind::kReplicated || object.boxes.empty()) continue;
    const AxisOrder order = StorageOrder(object.boxes[0].memory);
    const auto* bytes = reinterpret_cast<const std::byte*>(order.data());
    orders.insert(orders.end(), bytes, bytes + order.size());
  }
  return Hash64(orders);
}

Status Same(Comm& comm, uint64_t value, bool* same) {
  std::array<uint64_t, 2> wire = {value, ~value};
  TSNAP_TRY(comm.Allreduce(wire, Comm::Op::kMin));
  *same = wire[0] == ~wire[1];
  return Status::Ok();
}

// Only after a mismatch: each rank holds its list against rank 0's.
Status FindOffender(Comm& comm, const std::vector<const ObjectMeta*>& mine) {
  Bytes wire;
  Status local = Protect([&] {
    if (comm.rank() != 0) return Status::Ok();
    IndexPart part;
    for (const ObjectMeta* meta : mine) part.objects.emplace_back().meta = *meta;
    wire = native::EncodeMessage(part);
    return Status::Ok();
  });
  TSNAP_TRY(BroadcastBytes(comm, local, &wire));
  local = Protect([&] {
    TSNAP_ASSIGN(const IndexPart theirs, native::DecodeMessage(wire));
    std::map<std::string_view, const ObjectMeta*> left;
    for (const ObjectMeta* meta : mine) left.emplace(meta->path, meta);
    for (const ObjectRecord& record : theirs.objects) {
      const auto found = left.find(record.meta.path);
      if (found == left.end()) {
        return Mismatch(fmt::format("replicated object \"{}\" is registered on rank 0 but not here",
                                    record.meta.path));
      }
      const std::string difference = Difference(record.meta, *found->second);
      if (!difference.empty()) {
        return Mismatch(fmt::format("replicated object \"{}\" differs between rank 0 and here: {}",
                                    record.meta.path, difference));
      }
      if (HashMeta(record.meta) != HashMeta(*found->second)) {
        return Mismatch(fmt::format(
            "replicated object \"{}\" has other attributes here than on rank 0", record.meta.path));
      }
      left.erase(found);
    }
    if (left.empty()) return Status::Ok();
    return Mismatch(fmt::format("replicated object \"{}\" is registered here but not on rank 0",
                                left.begin()->first));
  });
  TSNAP_TRY(Agree(comm, local));
  return Internal("the hashes of the replicated objects differ but the objects do not");
}

uint64_t HashMetas(const std::vector<const ObjectMeta*>& metas) {
  std::vector<uint64_t> hashes;
  for (const ObjectMeta* meta : metas) hashes.push_back(HashMeta(*meta));
  return Hash64(std::as_bytes(std::span(hashes)));
}

// The first rank whose contents are not those of rank 0 is named.
Status NameOtherContents(Comm& comm, const std::string& path, uint64_t mine) {
  uint64_t first = mine;
  TSNAP_TRY(comm.Bcast(std::as_writable_bytes(std::span(&first, 1)), 0));
  TSNAP_TRY(Agree(comm, Protect([&] {
                    return mine == first
                               ? Status::Ok()
                               : Mismatch(fmt::format("replicated object \"{}\" does not hold the "
                                                      "same values here as on rank 0",
                                                      path));
                  })));
  return Internal("the hashes of the replicated contents differ, but not from rank 0's");
}

// By hash, one number an object.
Status CheckContents(Comm& comm, const std::vector<LocalObject>& objects) {
  std::vector<uint64_t> mine, wire;  // the hashes; and then their complements
  std::vector<const std::string*> paths;
  Status local = Protect([&] {
    for (const LocalObject& object : objects) {
      if (object.meta.kind != Kind::kReplicated || object.boxes.empty()) continue;
      TSNAP_ASSIGN(Stager * stager, StagerFor(object.boxes[0].memory.data));
      TSNAP_ASSIGN(const Hash128 hash, stager->Hash(object.boxes[0].memory));
      wire.push_back(hash.low ^ hash.high);
      paths.push_back(&object.meta.path);
    }
    mine = wire;
    for (size_t i = 0; i < paths.size(); ++i) wire.push_back(~wire[i]);
    return Status::Ok();
  });
  TSNAP_TRY(Agree(comm, local));
  TSNAP_TRY(comm.Allreduce(wire, Comm::Op::kMin));
  for (size_t i = 0; i < paths.size(); ++i) {
    if (wire[i] != ~wire[paths.size() + i]) return NameOtherContents(comm, *paths[i], mine[i]);
  }
  return Status::Ok();
}

Placement PlaceIndex(const Totals& sums, uint64_t most_private_index_bytes) {
  Placement placement;
  const uint64_t index_bytes =
      sums.sharded_index_bytes + sums.private_index_bytes + sums.replicated_index_bytes;
  placement.parts = std::max<uint64_t>(1, CeilDiv(index_bytes, kIndexPartBytes));
  placement.private_buckets =
      std::max<uint64_t>(1, CeilDiv(most_private_index_bytes, kIndexPartBytes));
  const uint64_t tiles = CeilDiv(sums.sharded_index_bytes, kIndexPartBytes);
  placement.tile_bytes = tiles <= 1 ? 0 : std::max<uint64_t>(1, sums.sharded_bytes / tiles);
  return placement;
}

}  // namespace

Status AgreeOnReplicated(Comm& comm, const std::vector<const ObjectMeta*>& replicated,
                         Status local) {
  uint64_t hash = 0;
  if (local.ok()) {
    local = Protect([&] {
      hash = HashMetas(replicated);
      return Status::Ok();
    });
  }
  TSNAP_TRY(Agree(comm, local));
  bool same = false;
  TSNAP_TRY(Same(comm, hash, &same));
  return same ? Status::Ok() : FindOffender(comm, replicated);
}

Status TakeSurvey(Comm& comm, const std::vector<LocalObject>& objects, uint64_t chunk_bytes,
                  bool check_contents, Status local, Survey* out) {
  std::vector<const ObjectMeta*> replicated;
  Totals totals;
  uint64_t orders = 0;
  if (local.ok()) {
    local = Protect([&] {
      replicated = ReplicatedMetas(objects);
      totals = Sum(objects, chunk_bytes);
      orders = HashOrders(objects);
      out->loads.reserve(static_cast<size_t>(
          comm.size()));  // the gather below must not run out of memory on one rank
      return Status::Ok();
    });
  }
  TSNAP_TRY(AgreeOnReplicated(comm, replicated, std::move(local)));
  TSNAP_TRY(Same(comm, orders, &out->replicated_orders_agree));
  if (check_contents) TSNAP_TRY(CheckContents(comm, objects));

  std::array<uint64_t, 5> sums = {totals.sharded_bytes, totals.sharded_boxes,
                                  totals.sharded_objects, totals.sharded_index_bytes,
                                  totals.private_index_bytes};
  TSNAP_TRY(comm.Allreduce(sums, Comm::Op::kSum));
  uint64_t most_private = totals.private_index_bytes;
  TSNAP_TRY(comm.Allreduce(std::span(&most_private, 1), Comm::Op::kMax));
  TSNAP_TRY(comm.Allgather(totals.load_bytes, &out->loads));
  totals.sharded_bytes = sums[0];
  totals.sharded_index_bytes = sums[3];
  totals.private_index_bytes = sums[4];
  out->any_sharded = sums[2] != 0;
  out->placement = PlaceIndex(totals, most_private);
  return Status::Ok();
}

}  // namespace tsnap
