// Which datasets a file has and what they are called in it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/index.h"
#include "format/one_file/dataset.h"

namespace tsnap {

// What one dataset is made of: a shared object, or the private objects of all ranks that have the
// same path and type of element. As an ObjectRecord: `meta` is the object's, but for private ones
// (rank 0) one dimension with all elements; box_count the number of ranks; extents, where there is
// one, holds the order in which the axes lie in the application's memory.
using DatasetRecord = ObjectRecord;

// What tells datasets apart, as text that sorts by path.
std::string DatasetId(const ObjectMeta& meta);

// A name for each, in the order of the records: "/" and the path, unless that is taken or a part of
// it is a dataset's name: then the part in the way gets "%2" or a higher number behind it.
std::vector<std::string> NameDatasets(const std::vector<DatasetRecord>& records);

// The datasets of the records, and behind them, for each private one, its table of ranks.
// *table_numbers is parallel to the records: 0 for those that have none.
std::vector<one_file::DatasetSpec> SpecsOf(const std::vector<DatasetRecord>& records,
                                           std::vector<uint32_t>* table_numbers);

}  // namespace tsnap
