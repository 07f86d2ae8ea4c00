// What the layout of a file of datasets is made of, whoever makes it: all ranks of a take together
// (dataset_layout.h), or one process that converts a snapshot (convert.h).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/knobs.h"
#include "base/status.h"
#include "core/dataset_naming.h"
#include "engine/engine.h"
#include "engine/slab_writing.h"
#include "format/native/commit_record.h"
#include "format/one_file/dataset.h"
#include "store/store.h"

namespace tsnap {

// What is known of one dataset.
struct DatasetGroup {
  DatasetRecord record;
  std::map<int64_t, ObjectMeta> ranks;  // of a private one: who has what
  std::vector<one_file::RankRow> rows;  // of a private one, packed
};
using DatasetGroups = std::map<std::string, DatasetGroup>;  // by DatasetId

uint64_t ItemsOf(const ObjectMeta& meta);
void AddToGroup(ObjectRecord record, DatasetGroups* groups);
// Puts the private objects of one path one after the other, in the order of the ranks.
Status PackRanks(DatasetGroup* group);

// Where an extent lies in its object's dataset; begin: of a private one, the first element of its
// rank's.
Result<ExtentPlace> PlaceInDataset(const ObjectMeta& meta, const Box& box, uint32_t dataset,
                                   uint64_t begin);

// What a file says of itself to those who look at it without tsnap. Of the record: id, world size,
// time and metadata.
std::vector<one_file::Note> NotesOfFile(const native::CommitRecord& record);
// The whole file, with room for the commit record, which is written last. metadata_bytes: of the
// user's text in it.
one_file::FilePlan FilePlanOf(std::vector<one_file::DatasetSpec> specs,
                              std::vector<one_file::Note> notes, std::vector<uint64_t> index_bytes,
                              uint64_t metadata_bytes, const Knobs& knobs);

// A table of ranks beside a packed dataset.
Status WriteRankTable(Engine& engine, const std::shared_ptr<Store>& store, const std::string& id,
                      uint32_t table, const std::vector<one_file::RankRow>& rows);

// A dataset with a fill value.
struct FilledDataset {
  uint32_t dataset = 0;
  Bytes item;
  uint64_t items = 0;  // in the dataset
};
// Writes the fill value over elements [begin, begin + count).
Status WriteFill(Engine& engine, const std::shared_ptr<Store>& store, const std::string& id,
                 const FilledDataset& filled, uint64_t begin, uint64_t count);

}  // namespace tsnap
