#include "core/owned_index.h"

#include <set>
#include <tuple>

#include <fmt/format.h>

#include "core/index_io.h"
#include "core/mailbox.h"
#include "plan/box_pairs.h"

namespace tsnap {

namespace {

ObjectMeta Question(const ObjectKey& key) {
  ObjectMeta meta;
  meta.path = key.path;
  meta.rank = key.rank;
  meta.kind = key.rank >= 0 ? Kind::kPrivate : Kind::kReplicated;
  return meta;
}

}  // namespace

Status OwnedIndex::Load(Engine& engine, const std::shared_ptr<Store>& store) {
  const auto committed = std::make_shared<const native::CommitRecord>(record_);
  for (const uint64_t number : PartsOwnedBy(comm_.rank(), record_.placement.parts, comm_.size())) {
    const auto part = std::make_shared<IndexPart>();
    TSNAP_TRY(engine.Watched(
        [=] {
          TSNAP_ASSIGN(*part, LoadPart(*store, *committed, number));
          return Status::Ok();
        },
        store));
    const IndexPart& kept = parts_[number] = std::move(*part);
    for (const ObjectRecord& record : kept.objects) asked_[&record] = false;
  }
  return Status::Ok();
}

int OwnedIndex::OwnerOfPart(uint64_t part) const {
  return OwnerOf(part, record_.placement.parts, comm_.size());
}

uint64_t OwnedIndex::PartOfKey(const ObjectKey& key) const {
  return key.rank >= 0 ? PartOfPrivate(record_.placement, key.rank, key.path)
                       : PartOfShared(record_.placement, key.path);
}

const ObjectRecord* OwnedIndex::FindAndMark(const ObjectMeta& question) {
  const auto part = parts_.find(PartOfKey({question.path, question.rank}));
  if (part == parts_.end()) return nullptr;
  const ObjectRecord* record = FindObject(part->second, QualifiedPath(question));
  if (record != nullptr) asked_[record] = true;
  return record;
}

Status OwnedIndex::Ask(const std::vector<ObjectKey>& keys, Status local,
                       std::vector<ObjectRecord>* found) {
  Mailbox questions, answers;
  std::unordered_map<std::string, std::vector<size_t>> numbers;
  if (local.ok()) {
    local = Protect([&] {
      found->assign(keys.size(), {});
      for (size_t i = 0; i < keys.size(); ++i) {
        ObjectMeta question = Question(keys[i]);
        auto& asking = numbers[QualifiedPath(question)];
        asking.push_back(i);
        if (asking.size() == 1)
          questions.For(OwnerOfPart(PartOfKey(keys[i]))).objects.emplace_back().meta =
              std::move(question);
      }
      return Status::Ok();
    });
  }
  TSNAP_TRY(questions.Exchange(comm_, std::move(local), [&](int peer, IndexPart part) {
    for (const ObjectRecord& question : part.objects) {
      if (const ObjectRecord* record = FindAndMark(question.meta))
        answers.For(peer).objects.push_back(*record);
    }
    return Status::Ok();
  }));
  return answers.Exchange(comm_, Status::Ok(), [&](int, IndexPart part) {
    for (ObjectRecord& record : part.objects) {
      const auto asking = numbers.find(QualifiedPath(record.meta));
      if (asking == numbers.end()) continue;
      for (const size_t i : asking->second) (*found)[i] = record;
    }
    return Status::Ok();
  });
}

Status OwnedIndex::AskTogether(const std::vector<ObjectKey>& keys, Status local,
                               std::vector<ObjectRecord>* found) {
  const std::vector<ObjectKey> nothing;
  std::vector<ObjectRecord> at_root;
  TSNAP_TRY(Ask(comm_.rank() == 0 ? keys : nothing, std::move(local), &at_root));
  Bytes wire;
  local = Protect([&] {
    if (comm_.rank() == 0) {
      IndexPart part;
      for (ObjectRecord& record : at_root) {
        if (!record.meta.path.empty()) part.objects.push_back(std::move(record));
      }
      wire = native::EncodeMessage(part);
    }
    return Status::Ok();
  });
  TSNAP_TRY(BroadcastBytes(comm_, local, &wire));
  return Agree(comm_, Protect([&] {
                 TSNAP_ASSIGN(IndexPart part, native::DecodeMessage(wire));
                 std::unordered_map<std::string, ObjectRecord*> records;
                 for (ObjectRecord& record : part.objects) records[record.meta.path] = &record;
                 found->assign(keys.size(), {});
                 for (size_t i = 0; i < keys.size(); ++i) {
                   if (const auto record = records.find(keys[i].path); record != records.end())
                     (*found)[i] = *record->second;
                 }
                 return Status::Ok();
               }));
}

Status OwnedIndex::AnswerExtents(const TileRecord& question, TileRecord* answer) const {
  answer->path = question.path;
  answer->tile = question.tile;
  const auto part = parts_.find(PartOfTile(record_.placement, question.path, question.tile));
  const TileRecord* tile =
      part == parts_.end() ? nullptr : FindTile(part->second, question.path, question.tile);
  if (tile == nullptr) return Status::Ok();  // nothing is stored there
  if (tile->extents.empty()) return Status::Ok();
  std::vector<Box> stored, wanted;
  const int ndim = tile->extents.front().box.ndim;  // the same for all, or the part is damaged
  for (const Extent& extent : tile->extents) stored.push_back(extent.box);
  for (const Extent& box : question.extents)
    if (box.box.ndim == ndim) wanted.push_back(box.box);
  std::vector<bool> meets(stored.size(), false);
  ForEachMeeting(stored, wanted, [&](uint32_t extent, uint32_t) {
    meets[extent] = true;
    return true;
  });
  for (size_t i = 0; i < stored.size(); ++i)
    if (meets[i]) answer->extents.push_back(tile->extents[i]);
  return Status::Ok();
}

Status OwnedIndex::AskExtents(const std::vector<BoxesWanted>& wanted, Status local,
                              std::vector<std::vector<Extent>>* extents) {
  Mailbox questions, answers;
  std::unordered_map<std::string, size_t> numbers;
  if (local.ok()) {
    local = Protect([&] {
      extents->assign(wanted.size(), {});
      for (size_t i = 0; i < wanted.size(); ++i) {
        const ObjectRecord& record = *wanted[i].record;
        numbers[record.meta.path] = i;
        std::map<uint64_t, TileRecord> tiles;
        for (const Box& box : wanted[i].boxes) {
          if (IsEmpty(box)) continue;
          for (const uint64_t tile : TilesMeeting(record.meta, record.tiles, box))
            tiles[tile].extents.emplace_back().box = box;
        }
        for (auto& [tile, question] : tiles) {
          question.path = record.meta.path;
          question.tile = tile;
          const int owner = OwnerOfPart(PartOfTile(record_.placement, question.path, tile));
          questions.For(owner).tiles.push_back(std::move(question));
        }
      }
      return Status::Ok();
    });
  }
  TSNAP_TRY(questions.Exchange(comm_, std::move(local), [&](int peer, IndexPart part) {
    for (const TileRecord& question : part.tiles) {
      TSNAP_TRY(AnswerExtents(question, &answers.For(peer).tiles.emplace_back()));
    }
    return Status::Ok();
  }));
  std::vector<std::set<std::tuple<uint32_t, uint32_t, uint64_t>>> seen;
  return answers.Exchange(comm_, Status::Ok(), [&](int, IndexPart part) {
    seen.resize(wanted.size());
    for (TileRecord& answer : part.tiles) {
      const auto number = numbers.find(answer.path);
      if (number == numbers.end()) continue;
      for (Extent& extent : answer.extents) {  // one that meets several tiles is listed in each
        if (seen[number->second].insert({extent.writer, extent.slab, extent.offset}).second) {
          (*extents)[number->second].push_back(std::move(extent));
        }
      }
    }
    return Status::Ok();
  });
}

void OwnedIndex::ForEachUnasked(
    const std::function<void(const ObjectRecord& record)>& visit) const {
  for (const auto& [number, part] : parts_) {
    for (const ObjectRecord& record : part.objects) {
      if (!asked_.at(&record)) visit(record);
    }
  }
}

}  // namespace tsnap
