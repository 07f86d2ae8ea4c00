// The names of datasets: the path where that can be, another one where a dataset is in the way, and
// what is written beside each.
#include <criterion/criterion.h>

#include <string>
#include <vector>

#include "core/dataset_naming.h"

using namespace tsnap;

namespace {

DatasetRecord Shared(const std::string& path) {
  DatasetRecord record;
  record.meta.path = path;
  record.meta.kind = Kind::kReplicated;
  record.meta.dtype = Dtype::kFloat64;
  record.meta.item_bytes = 8;
  record.meta.ndim = 2;
  record.meta.shape = {3, 4};
  return record;
}

DatasetRecord Private(const std::string& path, Dtype dtype = Dtype::kInt32) {
  DatasetRecord record = Shared(path);
  record.meta.kind = Kind::kPrivate;
  record.meta.rank = 0;
  record.meta.dtype = dtype;
  record.meta.item_bytes = DtypeBytes(dtype);
  record.meta.ndim = 1;
  record.meta.shape = {7};
  record.box_count = 2;
  return record;
}

using Names = std::vector<std::string>;

const one_file::NoteValue* Find(const one_file::DatasetSpec& spec, const std::string& name) {
  for (const one_file::Note& note : spec.notes)
    if (note.name == name) return &note.value;
  return nullptr;
}

std::string TextOf(const one_file::DatasetSpec& spec, const std::string& name) {
  const one_file::NoteValue* value = Find(spec, name);
  return value != nullptr && std::holds_alternative<std::string>(*value) ? std::get<std::string>(*value) : "(none)";
}

}  // namespace

Test(dataset_naming, names_are_the_paths) {
  cr_assert(NameDatasets({Shared("a"), Shared("b/c"), Shared("b/d e/%41"), Shared("x:y")}) ==
            (Names{"/a", "/b/c", "/b/d e/%41", "/x:y"}));
}

Test(dataset_naming, what_is_in_the_way_gets_a_number) {
  // Ranks may use one path for different things, and a path that another rank has below it.
  cr_assert(NameDatasets({Private("x"), Private("x", Dtype::kInt64), Shared("x")}) == (Names{"/x", "/x%2", "/x%3"}));
  cr_assert(NameDatasets({Private("a"), Private("a/b"), Private("a/c")}) == (Names{"/a", "/a%2/b", "/a%2/c"}));
  cr_assert(NameDatasets({Private("a/b"), Private("a")}) == (Names{"/a/b", "/a%2"}));
  // Also where somebody has such a name already.
  cr_assert(NameDatasets({Shared("x%2"), Private("x"), Private("x", Dtype::kInt8)}) == (Names{"/x%2", "/x", "/x%3"}));
}

Test(dataset_naming, one_dataset_for_all_ranks_that_hold_the_same_type) {
  cr_assert_eq(DatasetId(Private("p").meta), DatasetId(Private("p").meta));
  cr_assert_neq(DatasetId(Private("p").meta), DatasetId(Private("p", Dtype::kFloat32).meta));
  cr_assert_neq(DatasetId(Private("p").meta), DatasetId(Shared("p").meta));
  cr_assert_neq(DatasetId(Private("p").meta), DatasetId(Private("q").meta));
}

Test(dataset_naming, private_ones_have_a_table_behind_all_datasets) {
  std::vector<uint32_t> tables;
  const auto specs = SpecsOf({Private("p"), Shared("s"), Private("q/r")}, &tables);
  cr_assert(tables == (std::vector<uint32_t>{3, 0, 4}));
  cr_assert_eq(specs.size(), 5);
  cr_assert_eq(specs[3].name, "/.tsnap/ranks/p");
  cr_assert_eq(specs[4].name, "/.tsnap/ranks/q/r");
  cr_assert(specs[4].content == one_file::Content::kRankRows);
  cr_assert_eq(specs[4].shape[0], 2);
  cr_assert_eq(TextOf(specs[0], "tsnap_ranks"), "/.tsnap/ranks/p");
  cr_assert_eq(TextOf(specs[1], "tsnap_ranks"), "(none)");
}

Test(dataset_naming, notes_tell_what_it_is) {
  DatasetRecord record = Shared("fluid/density");
  record.meta.kind = Kind::kSharded;
  record.meta.attributes = {{"dimension_names", "x,y"}, {"units", "kg/m3"}};
  record.extents.emplace_back();
  record.extents[0].order = {1, 0};
  std::vector<uint32_t> tables;
  const auto spec = SpecsOf({record}, &tables)[0];
  cr_assert_eq(TextOf(spec, "tsnap_path"), "fluid/density");
  cr_assert_eq(TextOf(spec, "tsnap_kind"), "sharded");
  cr_assert_eq(TextOf(spec, "tsnap_type"), "array");
  cr_assert_eq(TextOf(spec, "tsnap_dtype"), "float64");
  cr_assert_eq(TextOf(spec, "tsnap_memory_order"), "column-major");
  cr_assert_eq(TextOf(spec, "units"), "kg/m3");
  cr_assert(std::get<std::vector<std::string>>(*Find(spec, "DIMENSION_LABELS")) == (Names{"x", "y"}));
  cr_assert_not_null(Find(spec, "tsnap_format_version"));
  record.meta.attributes = {{"dimension_names", "x"}};  // not as many as there are dimensions
  cr_assert_null(Find(SpecsOf({record}, &tables)[0], "DIMENSION_LABELS"));
}

Test(dataset_naming, a_string_is_a_string) {
  DatasetRecord record = Shared("title");
  record.meta.type = Type::kString;
  record.meta.dtype = Dtype::kUint8;
  record.meta.item_bytes = 1;
  record.meta.ndim = 1;
  record.meta.shape = {11, 0};
  std::vector<uint32_t> tables;
  const auto spec = SpecsOf({record}, &tables)[0];
  cr_assert(spec.content == one_file::Content::kString);
  cr_assert_eq(spec.item_bytes, 11);
  cr_assert_eq(spec.ndim, 0);
}
