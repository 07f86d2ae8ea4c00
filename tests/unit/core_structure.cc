// The hash of a state's structure: sensitive to everything that a plan depends on, and to nothing else.
#include <criterion/criterion.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/structure.h"

using namespace tsnap;

namespace {

// Two objects, one of which has two boxes.
std::vector<LocalObject> Objects() {
  static std::byte memory[4096];
  std::vector<LocalObject> objects(2);
  for (size_t i = 0; i < 2; ++i) {
    LocalObject& object = objects[i];
    object.meta.path = i == 0 ? "a" : "b";
    object.meta.kind = i == 0 ? Kind::kSharded : Kind::kPrivate;
    object.meta.dtype = Dtype::kFloat64;
    object.meta.item_bytes = 8;
    object.meta.ndim = 2;
    object.meta.shape = {4, 6};
    object.meta.attributes = {{"unit", "m"}};
    for (size_t box = 0; box < (i == 0 ? 2 : 1); ++box) {
      LocalBox& local = object.boxes.emplace_back();
      local.box.ndim = 2;
      local.box.offset = {static_cast<int64_t>(2 * box), 0};
      local.box.shape = {i == 0 ? 2 : 4, 6};
      local.memory = ContiguousView(Dtype::kFloat64, 8, 2, local.box.shape, memory + 1024 * box);
    }
  }
  return objects;
}

using ObjectList = std::vector<LocalObject>;

}  // namespace

Test(structure, every_change_that_matters_gives_another_hash) {
  const std::pair<const char*, std::function<void(ObjectList&)>> changes[] = {
      {"nothing", [](ObjectList&) {}},
      {"path", [](ObjectList& o) { o[0].meta.path = "c"; }},
      {"paths exchanged", [](ObjectList& o) { std::swap(o[0].meta.path, o[1].meta.path); }},
      {"order", [](ObjectList& o) { std::swap(o[0], o[1]); }},
      {"kind", [](ObjectList& o) { o[1].meta.kind = Kind::kReplicated; }},
      {"type", [](ObjectList& o) { o[1].meta.type = Type::kBytes; }},
      {"dtype", [](ObjectList& o) { o[1].meta.dtype = Dtype::kInt64; }},
      {"item size", [](ObjectList& o) { o[1].meta.item_bytes = 4; }},
      {"dimensions", [](ObjectList& o) { o[1].meta.ndim = 1; }},
      {"shape", [](ObjectList& o) { o[0].meta.shape[1] = 7; }},
      {"coverage", [](ObjectList& o) { o[0].meta.coverage = Coverage::kSparse; }},
      {"other coverage", [](ObjectList& o) { o[0].meta.coverage = Coverage::kDuplicates; }},
      {"fill", [](ObjectList& o) { o[0].meta.fill.assign(8, std::byte{1}); }},
      {"attribute", [](ObjectList& o) { o[0].meta.attributes[0].second = "s"; }},
      {"no attribute", [](ObjectList& o) { o[0].meta.attributes.clear(); }},
      {"attribute of another", [](ObjectList& o) { o[1].meta.attributes.clear(); }},
      {"unknown shape", [](ObjectList& o) { o[0].shape_known = false; }},
      {"fewer boxes", [](ObjectList& o) { o[0].boxes.pop_back(); }},
      {"boxes exchanged", [](ObjectList& o) { std::swap(o[0].boxes[0], o[0].boxes[1]); }},
      {"box offset", [](ObjectList& o) { o[0].boxes[1].box.offset[1] = 1; }},
      {"box shape", [](ObjectList& o) { o[0].boxes[1].box.shape[0] = 1; }},
      {"stride", [](ObjectList& o) { o[0].boxes[1].memory.strides_bytes[0] = 56; }},
      {"turned over", [](ObjectList& o) { o[0].boxes[1].memory.strides_bytes[0] *= -1; }},
      {"fewer objects", [](ObjectList& o) { o.pop_back(); }},
      {"no objects", [](ObjectList& o) { o.clear(); }},
  };
  std::map<uint64_t, std::string> seen;
  for (const auto& [what, change] : changes) {
    ObjectList objects = Objects();
    change(objects);
    const uint64_t hash = HashStructure(objects);
    cr_assert_neq(hash, 0u, "%s", what);
    const auto [other, is_new] = seen.emplace(hash, what);
    cr_assert(is_new, "%s is as %s", what, other->second.c_str());
  }
}

Test(structure, addresses_and_values_do_not_matter) {
  ObjectList objects = Objects();
  const uint64_t hash = HashStructure(objects);
  cr_assert_eq(HashStructure(Objects()), hash);
  static std::byte elsewhere[4096];
  for (LocalObject& object : objects) {
    for (LocalBox& local : object.boxes) local.memory.data = elsewhere;
    object.value = {elsewhere, 10, nullptr};
    object.stateful = 3;
    object.item = std::make_unique<std::byte[]>(1);
  }
  elsewhere[0] = std::byte{1};
  cr_assert_eq(HashStructure(objects), hash);
}

// What ends one object must not look like the beginning of the next.
Test(structure, boxes_do_not_move_between_objects_unseen) {
  ObjectList one = Objects(), other = Objects();
  one[0].meta = other[0].meta = one[1].meta;
  other[1].boxes.insert(other[1].boxes.begin(), other[0].boxes.back());
  other[0].boxes.pop_back();
  cr_assert_neq(HashStructure(one), HashStructure(other));
}
