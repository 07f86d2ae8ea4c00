#include "core/index_exchange.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/checksum.h"
#include "core/mailbox.h"
#include "format/native/index_part.h"
#include "format/native/names.h"

namespace tsnap {

namespace {

// One index part while its entries come in.
class PartBuilder {
 public:
  void Add(ObjectRecord record) {
    const auto [place, first] =
        numbers_.try_emplace(QualifiedPath(record.meta), part_.objects.size());
    if (first) {
      part_.objects.push_back(std::move(record));
      return;
    }
    ObjectRecord& known = part_.objects[place->second];
    known.box_count += record.box_count;
    known.raw_bytes += record.raw_bytes;
    known.stored_bytes += record.stored_bytes;
    for (const Attribute& attribute : record.meta.attributes)
      Merge(&known.meta.attributes, attribute);
    std::move(record.extents.begin(), record.extents.end(), std::back_inserter(known.extents));
  }

  void Add(TileRecord record) {
    auto& extents = tiles_[{record.path, record.tile}];
    std::move(record.extents.begin(), record.extents.end(), std::back_inserter(extents));
  }

  IndexPart Finish() {
    std::sort(part_.objects.begin(), part_.objects.end(), ObjectLess);
    for (ObjectRecord& record : part_.objects) SortExtents(&record.extents);
    for (auto& [place, extents] : tiles_) {
      SortExtents(&extents);
      part_.tiles.push_back({place.first, place.second, std::move(extents)});
    }
    return std::move(part_);
  }

 private:
  static void Merge(std::vector<Attribute>* attributes, const Attribute& attribute) {
    const auto place = std::lower_bound(attributes->begin(), attributes->end(), attribute);
    if (place != attributes->end() && place->first == attribute.first) return;
    if (place != attributes->begin() && std::prev(place)->first == attribute.first) return;
    attributes->insert(place, attribute);
  }

  IndexPart part_;
  std::unordered_map<std::string, size_t> numbers_;
  std::map<std::pair<std::string, uint64_t>, std::vector<Extent>> tiles_;
};

class IndexWriting {
 public:
  IndexWriting(Comm& comm, const IndexJob& job) : comm_(comm), job_(job) {}

  Status Run(Status local, IndexSummary* out) {
    Mailbox entries;
    if (local.ok()) local = Protect([&] { return Contribute(&entries); });
    TSNAP_TRY(entries.Exchange(comm_, std::move(local),
                               [&](int, IndexPart part) { return Collect(std::move(part)); }));
    std::vector<Message> written;
    local = Protect([&] { return WriteParts(&written); });
    TSNAP_TRY(Agree(comm_, local));
    return Report(std::move(written), out);
  }

 private:
  int OwnerOfPart(uint64_t part) const { return OwnerOf(part, job_.placement.parts, comm_.size()); }

  // Every object is announced, also one without bytes; extents follow it (or go to their tiles).
  Status Contribute(Mailbox* out) {
    const std::vector<LocalObject>& objects = *job_.objects;
    std::vector<ObjectRecord> records(objects.size());
    std::vector<bool> announced(objects.size());
    for (size_t i = 0; i < objects.size(); ++i) {
      const LocalObject& object = objects[i];
      records[i].meta = object.meta;
      if (object.meta.kind == Kind::kPrivate) records[i].meta.rank = comm_.rank();
      if (object.meta.kind == Kind::kSharded)
        records[i].tiles = TileGrid(object.meta, job_.placement.tile_bytes);
      announced[i] =
          object.shape_known && (object.meta.kind != Kind::kReplicated || comm_.rank() == 0);
      if (announced[i])
        records[i].box_count = object.meta.kind == Kind::kSharded ? CountBoxes(object) : 1;
    }
    for (size_t e = 0; e < job_.extents->size(); ++e) {
      const Extent& extent = (*job_.extents)[e];
      const uint32_t number = job_.plan->refs[job_.plan->plan.extents[e].source].object;
      ObjectRecord& record = records[number];
      announced[number] = true;
      record.raw_bytes += extent.raw_bytes;
      record.stored_bytes += extent.stored_bytes;
      if (objects[number].meta.kind == Kind::kSharded) {
        SendToTiles(record, extent, out);
      } else {
        record.extents.push_back(extent);
      }
    }
    for (size_t i = 0; i < objects.size(); ++i) {
      if (announced[i]) {
        const int owner = OwnerOfPart(PartOf(job_.placement, records[i].meta));
        out->For(owner).objects.push_back(std::move(records[i]));
      }
    }
    return Status::Ok();
  }

  static int64_t CountBoxes(const LocalObject& object) {
    return std::count_if(object.boxes.begin(), object.boxes.end(),
                         [](const LocalBox& local) { return !IsEmpty(local.box); });
  }

  void SendToTiles(const ObjectRecord& record, const Extent& extent, Mailbox* out) {
    for (const uint64_t tile : TilesMeeting(record.meta, record.tiles, extent.box)) {
      const int owner = OwnerOfPart(PartOfTile(job_.placement, record.meta.path, tile));
      out->For(owner).tiles.push_back({record.meta.path, tile, {extent}});
    }
  }

  Status Collect(IndexPart arrived) {
    for (ObjectRecord& record : arrived.objects) {
      const uint64_t part = PartOf(job_.placement, record.meta);
      builders_[part].Add(std::move(record));
    }
    for (TileRecord& record : arrived.tiles) {
      const uint64_t part = PartOfTile(job_.placement, record.path, record.tile);
      builders_[part].Add(std::move(record));
    }
    return Status::Ok();
  }

  struct WirePart {
    uint64_t number, bytes, crc32c;
  };

  Status WriteParts(std::vector<Message>* written) {
    std::vector<WirePart> infos;
    for (auto& [number, builder] : builders_) {
      const IndexPart part = builder.Finish();
      object_count_ += part.objects.size();
      for (const ObjectRecord& record : part.objects) {
        raw_bytes_ += record.raw_bytes;
        stored_bytes_ += record.stored_bytes;
      }
      const auto encoded = std::make_shared<const Bytes>(native::EncodeIndexPart(part));
      infos.push_back({number, encoded->size(), Crc32c(*encoded)});
      if (job_.only_measure) continue;
      TSNAP_TRY(job_.engine
                    .Watched([encoded, store = job_.store, durable = job_.durable,
                              key = native::IndexKey(
                                  job_.id, number)] { return store->Put(key, *encoded, durable); },
                             job_.store)
                    .While("writing the index"));
    }
    builders_.clear();
    const auto bytes = std::as_bytes(std::span(infos));
    if (!infos.empty()) written->push_back({0, Bytes(bytes.begin(), bytes.end())});
    return Status::Ok();
  }

  Status Report(std::vector<Message> written, IndexSummary* out) {
    std::array<uint64_t, 3> sums = {object_count_, raw_bytes_, stored_bytes_};
    TSNAP_TRY(comm_.Allreduce(sums, Comm::Op::kSum));
    out->object_count = static_cast<int64_t>(sums[0]);
    out->raw_bytes = sums[1];
    out->stored_bytes = sums[2];
    Result<std::vector<Message>> arrived = comm_.Exchange(std::move(written));
    Status local = arrived.ok() ? Status::Ok() : arrived.status();
    if (local.ok() && comm_.rank() == 0) {
      local = Protect([&] {
        out->parts.resize(job_.placement.parts);
        for (const Message& message : *arrived) {
          std::vector<WirePart> infos(message.bytes.size() / sizeof(WirePart));
          std::memcpy(infos.data(), message.bytes.data(), infos.size() * sizeof(WirePart));
          for (const WirePart& info : infos)
            out->parts.at(info.number) = {info.bytes, static_cast<uint32_t>(info.crc32c)};
        }
        return Status::Ok();
      });
    }
    return Agree(comm_, local);
  }

  Comm& comm_;
  const IndexJob& job_;
  std::map<uint64_t, PartBuilder> builders_;  // parts that this rank owns
  uint64_t object_count_ = 0, raw_bytes_ = 0, stored_bytes_ = 0;
};

}  // namespace

Status WriteIndex(Comm& comm, const IndexJob& job, Status local, IndexSummary* out) {
  return IndexWriting(comm, job).Run(std::move(local), out);
}

}  // namespace tsnap
