#include "core/dataset_naming.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "format/native/commit_record.h"

namespace tsnap {

namespace {

// The names of one file: which are datasets, which are groups.
class Names {
 public:
  std::string Add(const std::string& path) {
    std::string name;
    for (size_t begin = 0; begin <= path.size();) {
      const size_t end = std::min(path.find('/', begin), path.size());
      const bool is_last = end == path.size();
      name += "/" + Free(name, path.substr(begin, end - begin), is_last);
      taken_.emplace(name, is_last);
      begin = end + 1;
    }
    return name;
  }

 private:
  // A group may be shared, a dataset's name may not.
  std::string Free(const std::string& group, const std::string& part, bool is_dataset) const {
    std::string candidate = part;
    for (int number = 2;; ++number) {
      const auto found = taken_.find(group + "/" + candidate);
      if (found == taken_.end() || (!is_dataset && !found->second)) return candidate;
      candidate = fmt::format("{}%{}", part, number);
    }
  }

  std::map<std::string, bool> taken_;  // true: a dataset
};

bool IsPrivate(const ObjectMeta& meta) { return meta.kind == Kind::kPrivate; }

// "x,y,z" as its parts.
std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// "row-major", "column-major" or the axes from the slowest to the fastest.
std::string OrderText(const AxisOrder& order, int ndim) {
  std::string axes;
  bool rows = true, columns = true;
  for (int i = 0; i < ndim; ++i) {
    const int axis = order[static_cast<size_t>(i)];
    rows = rows && axis == i;
    columns = columns && axis == ndim - 1 - i;
    axes += fmt::format("{}{}", i == 0 ? "" : ",", axis);
  }
  return rows ? "row-major" : columns ? "column-major" : axes;
}

// Names that tsnap's own attributes have, and those that HDF5 itself has a use for: it fails over a
// text in their place.
bool IsReserved(const std::string& name) {
  return name.starts_with("tsnap_") || name == "DIMENSION_LABELS" || name == "DIMENSION_LIST" ||
         name == "REFERENCE_LIST";
}

// An attribute of the user's with a reserved name is in the index only.
std::vector<one_file::Note> NotesOf(const DatasetRecord& record, const std::string& table) {
  const ObjectMeta& meta = record.meta;
  std::vector<one_file::Note> notes = {
      {"tsnap_path", meta.path},
      {"tsnap_kind", std::string(KindName(meta.kind))},
      {"tsnap_type", std::string(TypeName(meta.type))},
      {"tsnap_dtype", std::string(DtypeName(meta.dtype))},
      {"tsnap_format_version", int64_t{native::kFormatVersion}},
  };
  if (!table.empty()) notes.push_back({"tsnap_ranks", table});
  if (!record.extents.empty() && meta.ndim > 1)
    notes.push_back({"tsnap_memory_order", OrderText(record.extents[0].order, meta.ndim)});
  for (const auto& [name, value] : meta.attributes) {
    if (!IsReserved(name)) notes.push_back({name, value});
    // What HDF5's dimension scales call the names of dimensions.
    if (name != "dimension_names") continue;
    std::vector<std::string> labels = Split(value);
    if (labels.size() == static_cast<size_t>(meta.ndim))
      notes.push_back({"DIMENSION_LABELS", std::move(labels)});
  }
  return notes;
}

}  // namespace

std::string DatasetId(const ObjectMeta& meta) {
  if (!IsPrivate(meta)) return meta.path + '\0';
  return fmt::format("{}{}{} {} {}", meta.path, '\1', static_cast<int>(meta.type),
                     static_cast<int>(meta.dtype), meta.item_bytes);
}

std::vector<std::string> NameDatasets(const std::vector<DatasetRecord>& records) {
  Names names;
  std::vector<std::string> out;
  out.reserve(records.size());
  for (const DatasetRecord& record : records) out.push_back(names.Add(record.meta.path));
  return out;
}

std::vector<one_file::DatasetSpec> SpecsOf(const std::vector<DatasetRecord>& records,
                                           std::vector<uint32_t>* table_numbers) {
  const std::vector<std::string> names = NameDatasets(records);
  std::vector<one_file::DatasetSpec> specs, tables;
  table_numbers->assign(records.size(), 0);
  for (size_t i = 0; i < records.size(); ++i) {
    const ObjectMeta& meta = records[i].meta;
    const bool packed = IsPrivate(meta);
    const std::string table = packed ? one_file::kTablesGroup + names[i] : "";
    one_file::DatasetSpec& spec = specs.emplace_back();
    spec.name = names[i];
    spec.dtype = meta.dtype;
    spec.item_bytes = meta.item_bytes;
    spec.ndim = meta.ndim;
    spec.shape = meta.shape;
    spec.fill = meta.fill;
    spec.notes = NotesOf(records[i], table);
    if (!packed && meta.type == Type::kString) {
      spec.content = one_file::Content::kString;
      spec.item_bytes = meta.shape[0];
      spec.ndim = 0;
      spec.shape = {};
    }
    if (!packed) continue;
    (*table_numbers)[i] = static_cast<uint32_t>(records.size() + tables.size());
    one_file::DatasetSpec& rows = tables.emplace_back();
    rows.name = table;
    rows.content = one_file::Content::kRankRows;
    rows.item_bytes = sizeof(one_file::RankRow);
    rows.ndim = 1;
    rows.shape[0] = records[i].box_count;
  }
  std::move(tables.begin(), tables.end(), std::back_inserter(specs));
  return specs;
}

}  // namespace tsnap
