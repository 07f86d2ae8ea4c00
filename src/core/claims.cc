#include "core/claims.h"

#include <map>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "core/mailbox.h"
#include "plan/tiling.h"

namespace tsnap {

namespace {

class ClaimCheck {
 public:
  ClaimCheck(Comm& comm, const Placement& placement, const std::vector<LocalObject>& objects)
      : comm_(comm), placement_(placement), objects_(objects) {}

  Status Run(Status local, std::vector<LocalOmission>* omissions) {
    Mailbox claims;
    if (local.ok()) local = Protect([&] { return SendClaims(&claims); });
    TSNAP_TRY(claims.Exchange(comm_, std::move(local), [&](int peer, IndexPart part) {
      return Collect(peer, std::move(part));
    }));

    Mailbox verdicts;
    local = Protect([&] { return CheckTiles(&verdicts); });
    TSNAP_TRY(Agree(comm_, local));
    local = Status::Ok();
    TSNAP_TRY(verdicts.Exchange(comm_, std::move(local), [&](int, IndexPart part) {
      return Heed(std::move(part), omissions);
    }));
    return Agree(comm_, Protect([&] { return CheckComplete(); }));
  }

 private:
  struct Known {
    ObjectMeta meta;
    int rank = 0;  // who said so first
  };

  int OwnerOfObject(const std::string& path) const {
    return OwnerOf(PartOfShared(placement_, path), placement_.parts, comm_.size());
  }

  // Each box goes to the owners of the tiles it meets, each description to the owner of the object
  // and to those.
  Status SendClaims(Mailbox* out) {
    for (uint32_t i = 0; i < objects_.size(); ++i) {
      const LocalObject& object = objects_[i];
      if (object.meta.kind != Kind::kSharded) continue;
      if (!object.shape_known) {  // a record without boxes: its name is all that is known here
        out->For(OwnerOfObject(object.meta.path)).objects.emplace_back().meta = object.meta;
        continue;
      }
      numbers_[object.meta.path] = i;
      const TileCounts grid = TileGrid(object.meta, placement_.tile_bytes);
      std::set<int> told = {OwnerOfObject(object.meta.path)};
      std::map<std::pair<int, uint64_t>, TileRecord> tiles;
      for (uint32_t b = 0; b < object.boxes.size(); ++b) {
        if (IsEmpty(object.boxes[b].box)) continue;
        for (const uint64_t tile : TilesMeeting(object.meta, grid, object.boxes[b].box)) {
          const int owner = OwnerOf(PartOfTile(placement_, object.meta.path, tile),
                                    placement_.parts, comm_.size());
          told.insert(owner);
          TileRecord& record = tiles[{owner, tile}];
          record.path = object.meta.path;
          record.tile = tile;
          Extent claim;
          claim.slab = b;
          claim.box = object.boxes[b].box;
          record.extents.push_back(std::move(claim));
        }
      }
      for (const int owner : told) {
        ObjectRecord& description = out->For(owner).objects.emplace_back();
        description.meta = object.meta;
        description.box_count = 1;
      }
      for (auto& [place, record] : tiles) out->For(place.first).tiles.push_back(std::move(record));
    }
    return Status::Ok();
  }

  Status Collect(int peer, IndexPart part) {
    for (ObjectRecord& record : part.objects) {
      const std::string path = record.meta.path;
      if (record.box_count == 0) {
        named_.try_emplace(path, peer);
        continue;
      }
      const auto [place, first] = known_.try_emplace(path, Known{record.meta, peer});
      if (first) continue;
      std::string difference = Difference(place->second.meta, record.meta);
      if (difference.empty() && place->second.meta.coverage != record.meta.coverage)
        difference = "different coverage";
      if (difference.empty() && place->second.meta.fill != record.meta.fill)
        difference = "different fill items";
      if (!difference.empty()) {
        return Mismatch(
            fmt::format("sharded object \"{}\": ranks {} and {} describe it differently: {}", path,
                        place->second.rank, peer, difference));
      }
    }
    for (const TileRecord& record : part.tiles) {
      auto& claims = tiles_[{record.path, record.tile}];
      for (const Extent& claim : record.extents) claims.push_back({claim.box, peer, claim.slab});
    }
    return Status::Ok();
  }

  // Tells claimants what to leave out, and the owner of each object which of its tiles are in
  // order.
  Status CheckTiles(Mailbox* out) {
    for (const auto& [place, claims] : tiles_) {
      const auto& [path, tile] = place;
      const auto known = known_.find(path);
      if (known == known_.end())
        return Internal(fmt::format("claims for \"{}\" came without its description", path));
      const ObjectMeta& meta = known->second.meta;
      const Box box = TileBox(meta, TileGrid(meta, placement_.tile_bytes), tile);
      TSNAP_TRY(CheckTiling(meta, box, claims));
      if (meta.coverage == Coverage::kDuplicates) {
        for (const Omission& omission : ResolveDuplicates(box, claims)) {
          TileRecord& record = out->For(omission.rank).tiles.emplace_back();
          record.path = path;
          record.tile = omission.box_index;
          record.extents.emplace_back().box = omission.part;
        }
      }
      TileRecord& report = out->For(OwnerOfObject(path)).tiles.emplace_back();
      report.path = path;
      report.tile = tile;
    }
    return Status::Ok();
  }

  // A record with boxes is an omission, one without is the report that a tile is in order.
  Status Heed(IndexPart part, std::vector<LocalOmission>* omissions) {
    for (const TileRecord& record : part.tiles) {
      if (record.extents.empty()) {
        reported_[record.path].insert(record.tile);
        continue;
      }
      const auto number = numbers_.find(record.path);
      if (number == numbers_.end())
        return Internal(fmt::format("an omission names \"{}\", which is not here", record.path));
      for (const Extent& extent : record.extents) {
        omissions->push_back({number->second, static_cast<uint32_t>(record.tile), extent.box});
      }
    }
    return Status::Ok();
  }

  // A tile that nobody claimed has no owner who could miss it: the owner of the object does.
  Status CheckComplete() {
    for (const auto& [path, rank] : named_) {
      if (known_.contains(path)) continue;
      return Mismatch(
          fmt::format("sharded object \"{}\" is registered (first on rank {}), but no rank holds a "
                      "box of it, so its dtype and "
                      "shape are unknown; remove it, or register an empty box",
                      path, rank));
    }
    for (const auto& [path, known] : known_) {
      const ObjectMeta& meta = known.meta;
      if (OwnerOfObject(path) != comm_.rank() || meta.coverage == Coverage::kSparse) continue;
      if (IsEmpty(WholeBox(meta.ndim, meta.shape))) continue;
      const TileCounts grid = TileGrid(meta, placement_.tile_bytes);
      const std::set<uint64_t>& reported = reported_[path];
      if (reported.size() == TileCount(meta, grid)) continue;
      uint64_t gap = 0;
      while (reported.contains(gap)) ++gap;
      return Mismatch(fmt::format("object \"{}\": {} of its global shape {} is held by no rank",
                                  path, ToString(TileBox(meta, grid, gap)),
                                  ShapeToString(meta.ndim, meta.shape)));
    }
    return Status::Ok();
  }

  Comm& comm_;
  const Placement& placement_;
  const std::vector<LocalObject>& objects_;
  std::map<std::string, uint32_t> numbers_;  // of this rank's sharded objects
  std::map<std::string, Known> known_;       // objects that this rank owns something of
  std::map<std::string, int> named_;         // by a rank without boxes, to the owner of the object
  std::map<std::pair<std::string, uint64_t>, std::vector<Claim>> tiles_;  // that this rank owns
  std::map<std::string, std::set<uint64_t>>
      reported_;  // tiles in order, of objects that this rank owns
};

}  // namespace

Status CheckClaims(Comm& comm, const Placement& placement, const std::vector<LocalObject>& objects,
                   Status local, std::vector<LocalOmission>* omissions) {
  return ClaimCheck(comm, placement, objects).Run(std::move(local), omissions);
}

}  // namespace tsnap
