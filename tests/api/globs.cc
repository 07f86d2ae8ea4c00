// Replicate globs: which private objects a take stores once. What came from replicated storage is restored into private objects.
#include "api.h"

namespace tsnap::test {
namespace {

struct Tree {
  State state;
  std::vector<int64_t> values;
  Names paths;
  explicit Tree(Names names) : values(names.size()), paths(std::move(names)) {
    for (size_t i = 0; i < paths.size(); ++i) {
      values[i] = static_cast<int64_t>(i) + 1;
      CHECK_OK(tsnap_state_add_int64(state, paths[i].c_str(), TSNAP_PRIVATE, &values[i]));
    }
  }
};

const Names kPaths = {"model/w", "model/layer1/w", "model/layer1/b", "model/layer2/sub/w", "modelx", "step", "other/w"};

void CheckGlob(const std::string& glob, const Names& replicated) {
  Where() = glob;
  const Folder folder(NewFolder());
  Self context;
  Tree tree(kPaths);
  CHECK_OK(tsnap_state_replicate(tree.state, glob.c_str()));
  CHECK_OK(TakeQuick(context, folder / "snap", tree.state));
  Opened snapshot(folder / "snap");
  Names found;
  for (const std::string& path : kPaths) {
    tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
    if (tsnap_snapshot_find(snapshot, path.c_str(), &info) == TSNAP_OK) {
      CHECK(info.kind == TSNAP_REPLICATED && info.rank == -1);
      found.push_back(path);
    } else {
      CHECK_OK(tsnap_snapshot_find(snapshot, ("0/" + path).c_str(), &info));
      CHECK(info.kind == TSNAP_PRIVATE);
    }
  }
  CHECK_TEXT(found == replicated, Join(found) + " instead of " + Join(replicated));
  const std::vector<int64_t> taken = tree.values;
  tree.values.assign(taken.size(), 0);
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), tree.state, nullptr));
  CHECK(tree.values == taken);
}

void StarsMatchWithinAndAcrossParts() {
  CheckGlob("**", kPaths);
  CheckGlob("*", {"modelx", "step"});
  CheckGlob("step", {"step"});
  CheckGlob("model/*", {"model/w"});
  CheckGlob("model/**", {"model/w", "model/layer1/w", "model/layer1/b", "model/layer2/sub/w"});
  CheckGlob("model/*/w", {"model/layer1/w"});
  CheckGlob("model/layer*/**", {"model/layer1/w", "model/layer1/b", "model/layer2/sub/w"});
  CheckGlob("*/w", {"model/w", "other/w"});
  CheckGlob("mod*", {"modelx"});
}

void GlobThatMatchesNothingIsInvalid() {
  const Folder folder(NewFolder());
  Self context;
  Tree tree(kPaths);
  CHECK_CODE(tsnap_state_replicate(tree.state, ""), TSNAP_E_INVALID);
  CHECK_CODE(tsnap_state_replicate(tree.state, nullptr), TSNAP_E_INVALID);
  CHECK_OK(tsnap_state_replicate(tree.state, "model/**"));
  CHECK_OK(tsnap_state_replicate(tree.state, "model/*/x"));
  CHECK_CODE(TakeQuick(context, folder / "snap", tree.state), TSNAP_E_INVALID);
  CHECK_SAYS("model/*/x");
  CHECK(FilesBelow(folder.path()).empty());
}

void GlobAppliesToArraysAndStatefuls() {
  const Folder folder(NewFolder());
  Self context;
  State state;
  static double values[3] = {1, 2, 3};
  static int64_t seed = 5;
  const tsnap_array array = Line(TSNAP_FLOAT64, values, 3);
  const int64_t shape[] = {3};
  const tsnap_stateful part = {sizeof(tsnap_stateful),
                               [](tsnap_state* child, void*) -> int32_t {
                                 const tsnap_array inner = Line(TSNAP_FLOAT64, values, 3);
                                 return tsnap_state_add_private(child, "w", &inner);
                               },
                               nullptr, nullptr, nullptr};
  const tsnap_stateful rng = {sizeof(tsnap_stateful),
                              [](tsnap_state* child, void*) -> int32_t {
                                return tsnap_state_add_int64(child, "seed", TSNAP_PRIVATE, &seed);
                              },
                              nullptr, nullptr, nullptr};
  CHECK_OK(tsnap_state_add_private(state, "a", &array));
  CHECK_OK(tsnap_state_add_sharded(state, "s", shape, &array, 1));
  CHECK_OK(tsnap_state_add_stateful(state, "part", &part));
  CHECK_OK(tsnap_state_add_rng(state, "random", &rng));
  char text[] = "own";
  CHECK_OK(tsnap_state_add_string(state, "text", TSNAP_PRIVATE, text, sizeof text));
  CHECK_OK(tsnap_state_replicate(state, "**"));
  CHECK_OK(TakeQuick(context, folder / "snap", state));
  Opened snapshot(folder / "snap");
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_find(snapshot, "a", &info));
  CHECK_SAME_INT(info.kind, TSNAP_REPLICATED);
  CHECK_OK(tsnap_snapshot_find(snapshot, "part/w", &info));
  CHECK_SAME_INT(info.kind, TSNAP_REPLICATED);
  CHECK_OK(tsnap_snapshot_find(snapshot, "s", &info));
  CHECK_SAME_INT(info.kind, TSNAP_SHARDED);
  CHECK_OK(tsnap_snapshot_find(snapshot, "0/random/seed", &info));   // each rank draws its own numbers
  CHECK_OK(tsnap_snapshot_find(snapshot, "0/text", &info));          // may differ in length
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"stars_match_within_and_across_parts", StarsMatchWithinAndAcrossParts},
                  {"glob_that_matches_nothing_is_invalid", GlobThatMatchesNothingIsInvalid},
                  {"glob_applies_to_arrays_and_statefuls", GlobAppliesToArraysAndStatefuls}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
