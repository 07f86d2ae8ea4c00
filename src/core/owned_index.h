// OwnedIndex: the index parts that this rank owns during a restore, and the questions that ranks
// ask each other about them. No rank holds more than its own parts and the records of what it asked
// for.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "catalog/index.h"
#include "comm/comm.h"
#include "engine/engine.h"
#include "format/native/commit_record.h"
#include "store/store.h"

namespace tsnap {

// Who is asked about: a private object of a rank, or (rank -1) a shared one.
struct ObjectKey {
  std::string path;
  int64_t rank = -1;
};

// Boxes of a sharded array that are wanted.
struct BoxesWanted {
  const ObjectRecord* record = nullptr;  // as it is stored
  std::vector<Box> boxes;
};

class OwnedIndex {
 public:
  OwnedIndex(Comm& comm, const native::CommitRecord& record) : comm_(comm), record_(record) {}

  // Local: reads and checks the parts that fall to this rank.
  Status Load(Engine& engine, const std::shared_ptr<Store>& store);

  // Collective: the records of the keys, in their order; a record with an empty path for what does
  // not exist.
  Status Ask(const std::vector<ObjectKey>& keys, Status local, std::vector<ObjectRecord>* found);
  // Collective; all ranks pass the same keys of shared objects: rank 0 asks, the answer is
  // broadcast.
  Status AskTogether(const std::vector<ObjectKey>& keys, Status local,
                     std::vector<ObjectRecord>* found);
  // Collective: for each entry the extents that meet its boxes, each once.
  Status AskExtents(const std::vector<BoxesWanted>& wanted, Status local,
                    std::vector<std::vector<Extent>>* extents);

  // What nobody asked for so far; `visit` gets each record. Local.
  void ForEachUnasked(const std::function<void(const ObjectRecord& record)>& visit) const;

 private:
  uint64_t PartOfKey(const ObjectKey& key) const;
  int OwnerOfPart(uint64_t part) const;
  const ObjectRecord* FindAndMark(const ObjectMeta& question);
  Status AnswerExtents(const TileRecord& question, TileRecord* answer) const;

  Comm& comm_;
  const native::CommitRecord& record_;
  std::map<uint64_t, IndexPart> parts_;
  std::unordered_map<const ObjectRecord*, bool> asked_;
};

}  // namespace tsnap
