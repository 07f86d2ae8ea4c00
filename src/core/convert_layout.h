// Laying out the file that a snapshot is converted to: what the ranks of a take settle among
// themselves (dataset_layout.h), one process knows at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "core/convert_plan.h"
#include "core/dataset_group.h"
#include "engine/engine.h"
#include "format/native/commit_record.h"
#include "format/one_file/dataset.h"
#include "store/store.h"

namespace tsnap {

// Which datasets there are, and where in them the chunks lie.
class ConvertLayout {
 public:
  Status Plan(const ConvertPlan& plan);
  // Parallel to the plan's chunks.
  const std::vector<ExtentPlace>& places() const { return places_; }
  // Makes the file, whose record will be like this one, and writes what is not data: the tables of
  // ranks and the fill values.
  Status MakeFile(Engine& engine, const std::shared_ptr<Store>& store, const ConvertPlan& plan,
                  const native::CommitRecord& record) const;

 private:
  std::vector<uint64_t> MeasureIndex(const ConvertPlan& plan, const Placement& placement) const;

  DatasetGroups groups_;
  std::vector<one_file::DatasetSpec> specs_;
  std::vector<uint32_t> table_numbers_;  // parallel to the groups
  std::vector<FilledDataset> filled_;
  std::vector<ExtentPlace> places_;
};

}  // namespace tsnap
