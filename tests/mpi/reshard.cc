// Resharding, through the public interface: `reshard take FOLDER SEED` on N ranks stores a few
// snapshots full of random objects, `reshard restore FOLDER SEED N` on M ranks restores them into
// other decompositions and other memory layouts. Both know from the seed what is stored, so each
// rank checks its own memory, byte by byte, ghost layers included.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include <tsnap.h>

#include "reshard_cases.h"

namespace tsnap::test {

namespace {

constexpr int kSnapshots = 4;  // one a codec; deflate is for HDF5 files only
constexpr int kArraysPerSnapshot = 14;
constexpr int kPrivateObjects = 6;  // of each rank

struct Run {
  int rank = 0, size = 0;
  bool taking = false;
  int takers = 0;  // ranks that stored; restorers: 0 while taking
  uint64_t seed = 0;
  std::string folder;
  int restorers() const { return taking ? 0 : size; }
};

Run run;

[[noreturn]] void Fail(const std::string& text) {
  std::fprintf(stderr, "TSNAP_TEST_SEED=%llu, %s on rank %d of %d, taken on %d: %s\n",
               static_cast<unsigned long long>(run.seed), run.taking ? "take" : "restore", run.rank,
               run.size, run.takers, text.c_str());
  std::_Exit(1);
}

void Check(bool condition, const std::string& text) {
  if (!condition) Fail(text);
}

void CheckOk(int32_t status, const std::string& doing) {
  if (status != TSNAP_OK)
    Fail(doing + ": " + tsnap_status_name(status) + ": " + tsnap_last_error());
}

// What private objects of ranks that the snapshot lacks are to hold afterwards.
enum class NewRanks { kFromRank0, kUntouched };

// The objects of one snapshot on this rank, their memory and what it must hold in the end.
class Objects {
 public:
  Objects(int snapshot, NewRanks new_ranks)
      : seed_(Random::Of(run.seed, 10, snapshot).Next()), new_ranks_(new_ranks) {
    CheckOk(tsnap_state_create(&state_), "creating a state");
    for (int i = 0; i < kArraysPerSnapshot; ++i)
      AddSharded(RandomSpec(Random::Of(seed_, 20, i).Next(), "fields/" + std::to_string(i) + " a",
                            i < 3 ? Size::kLarge : Size::kSmall, run.takers, run.restorers()));
    // Enough boxes for an index of several parts, of 4 MiB each: 300 x 300 entries of 100 bytes.
    if (snapshot == 0)
      AddSharded(ManyBoxesSpec(seed_, "many/taken", 300, true, run.takers, run.restorers()));
    if (snapshot == 1)
      AddSharded(ManyBoxesSpec(seed_, "many/wanted", 40, false, run.takers, run.restorers()));
    for (int i = 0; i < 4; ++i) AddReplicated(i);
    AddGlobbed();
    AddValues(TSNAP_REPLICATED, "shared/values", Random::Of(seed_, 30).Next(), true);
    AddPrivate();
  }
  ~Objects() { tsnap_state_destroy(&state_); }
  Objects(const Objects&) = delete;

  tsnap_state* state() { return state_; }

  void CheckAll() const {
    for (const Held& held : memories_)
      Check(held.memory.Intact(), held.name + " does not hold what it should");
    for (const Values& values : values_) CheckValues(values);
  }

 private:
  struct Held {
    std::string name;
    Memory memory;
  };
  struct Values {
    std::string name;
    int64_t integer = -7, expected_integer = -7;
    double real = -7.5, expected_real = -7.5;
    int32_t boolean = 1, expected_boolean = 1;
    std::array<char, 80> text{"untouched"};
    std::string expected_text = "untouched";
    std::vector<unsigned char> bytes = std::vector<unsigned char>(300, 0x5A),
                               expected_bytes = bytes;
    size_t size = 5, expected_size = 5;
  };

  tsnap_array* Hold(const std::string& name, Memory memory) {
    memories_.push_back({name, std::move(memory)});
    return &memories_.back().memory.array;
  }

  void AddSharded(const Spec& spec) {
    const auto& boxes = (run.taking ? spec.taken : spec.wanted)[static_cast<size_t>(run.rank)];
    Random random = Random::Of(spec.seed, 4, run.rank, run.taking);
    if (boxes.empty() && random.Chance(50)) return;  // not to register it is to hold nothing of it
    std::vector<tsnap_array> arrays;
    for (const Box& box : boxes)
      arrays.push_back(*Hold(Describe(spec), MakeMemory(spec, box, run.taking, &random)));
    CheckOk(tsnap_state_add_sharded(state_, spec.path.c_str(), spec.shape.data(), arrays.data(),
                                    arrays.size()),
            "adding " + Describe(spec));
    if (spec.coverage == TSNAP_COVER_EXACT) return;
    CheckOk(tsnap_state_set_coverage(state_, spec.path.c_str(), spec.coverage,
                                     spec.fill.empty() ? nullptr : spec.fill.data()),
            "covering " + Describe(spec));
  }

  // One box that is the whole array; `touched`: the library is to write it.
  tsnap_array* AddWhole(const Spec& spec, bool touched) {
    Box box;
    box.shape = spec.shape;
    Random random = Random::Of(spec.seed, 5, run.rank, run.taking);
    Memory memory = MakeMemory(spec, box, run.taking, &random);
    if (!touched) memory.expected = memory.bytes;
    return Hold(Describe(spec), std::move(memory));
  }

  static Spec WholeSpec(uint64_t seed, const std::string& path, Size size) {
    Spec spec = RandomSpec(seed, path, size, 1, 0);
    spec.coverage = TSNAP_COVER_EXACT;
    return spec;
  }

  void AddReplicated(int i) {
    const Spec spec = WholeSpec(Random::Of(seed_, 40, i).Next(), "shared/" + std::to_string(i),
                                i == 0 ? Size::kLarge : Size::kSmall);
    CheckOk(tsnap_state_add_replicated(state_, spec.path.c_str(), AddWhole(spec, true)),
            "adding " + Describe(spec));
  }

  // Registered as private, stored as replicated by a glob: then every rank gets it, new ones too.
  void AddGlobbed() {
    const Spec spec = WholeSpec(Random::Of(seed_, 50).Next(), "globbed/deep/array", Size::kSmall);
    CheckOk(tsnap_state_add_private(state_, spec.path.c_str(), AddWhole(spec, true)),
            "adding " + Describe(spec));
    if (run.taking || Random::Of(seed_, 51).Chance(50))
      CheckOk(tsnap_state_replicate(state_, "globbed/**"), "replicating by a glob");
  }

  // Shapes and values differ from rank to rank. A rank that is new holds what rank 0 does, or what
  // it held before.
  void AddPrivate() {
    const bool is_new = run.rank >= run.takers;
    const uint64_t seed = Random::Of(seed_, 60, is_new ? 0 : run.rank).Next();
    const bool touched = !is_new || new_ranks_ == NewRanks::kFromRank0;
    Spec spec = WholeSpec(seed, "own/array", Size::kSmall);
    CheckOk(tsnap_state_add_private(state_, spec.path.c_str(), AddWhole(spec, touched)),
            "adding " + Describe(spec));
    AddValues(TSNAP_PRIVATE, "own/values", seed, touched);
  }

  void AddValues(int32_t kind, const std::string& path, uint64_t seed, bool touched) {
    Values& values = values_.emplace_back();
    values.name = path;
    Random random = Random::Of(seed, 70);
    Values stored;
    stored.expected_integer = static_cast<int64_t>(random.Next());
    stored.expected_real = static_cast<double>(random.Int(-1'000'000, 1'000'000)) / 8;
    stored.expected_boolean = random.Chance(50);
    stored.expected_text = std::string(static_cast<size_t>(random.Int(0, 79)),
                                       static_cast<char>('a' + random.Int(0, 25)));
    stored.expected_size = static_cast<size_t>(random.Int(0, 300));
    const auto bytes = RandomBytes(random.Next(), stored.expected_size);
    if (touched) {
      values.expected_integer = stored.expected_integer;
      values.expected_real = stored.expected_real;
      values.expected_boolean = stored.expected_boolean;
      values.expected_text = stored.expected_text;
      values.expected_size = stored.expected_size;
      std::copy(bytes.begin(), bytes.end(), values.expected_bytes.begin());
    }
    if (run.taking) {
      values.integer = values.expected_integer;
      values.real = values.expected_real;
      values.boolean = values.expected_boolean;
      std::snprintf(values.text.data(), values.text.size(), "%s", values.expected_text.c_str());
      values.size = values.expected_size;
      values.bytes = values.expected_bytes;
    }
    CheckOk(tsnap_state_add_int64(state_, (path + "/i").c_str(), kind, &values.integer),
            "adding an integer");
    CheckOk(tsnap_state_add_float64(state_, (path + "/r").c_str(), kind, &values.real),
            "adding a real");
    CheckOk(tsnap_state_add_bool(state_, (path + "/b").c_str(), kind, &values.boolean),
            "adding a bool");
    CheckOk(tsnap_state_add_string(state_, (path + "/s").c_str(), kind, values.text.data(),
                                   values.text.size()),
            "adding a string");
    CheckOk(tsnap_state_add_bytes(state_, (path + "/x").c_str(), kind, values.bytes.data(),
                                  values.bytes.size(), &values.size),
            "adding bytes");
  }

  static void CheckValues(const Values& v) {
    Check(v.integer == v.expected_integer, v.name + "/i: another integer");
    Check(v.real == v.expected_real, v.name + "/r: another real");
    Check(v.boolean == v.expected_boolean, v.name + "/b: another bool");
    Check(std::string(v.text.data(), strnlen(v.text.data(), v.text.size())) == v.expected_text,
          v.name + "/s: another string");
    Check(v.size == v.expected_size, v.name + "/x: another size");
    Check(v.bytes == v.expected_bytes, v.name + "/x: other bytes");
  }

  const uint64_t seed_;
  const NewRanks new_ranks_;
  tsnap_state* state_ = nullptr;
  std::deque<Held> memories_;  // addresses stay
  std::deque<Values> values_;
};

std::string Url(int snapshot) { return run.folder + "/" + std::to_string(snapshot); }

void Take(tsnap_context* context) {
  for (int snapshot = 0; snapshot < kSnapshots; ++snapshot) {
    Random random = Random::Of(run.seed, 80, snapshot, run.takers);
    Objects objects(snapshot, NewRanks::kUntouched);
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    options.codec = snapshot;
    options.sync = TSNAP_OFF;
    options.chunk_bytes = static_cast<uint64_t>(random.Int(1, 3)) * 256 * 1024;
    options.slab_bytes = static_cast<uint64_t>(random.Int(256, 1024)) * 1024;
    options.verify_replicated = static_cast<int32_t>(random.Int(0, 3));
    int32_t status = tsnap_take(context, Url(snapshot).c_str(), objects.state(), &options);
    if (status == TSNAP_E_UNSUPPORTED && options.codec != TSNAP_CODEC_NONE) {  // built without it
      options.codec = TSNAP_CODEC_NONE;
      status = tsnap_take(context, Url(snapshot).c_str(), objects.state(), &options);
    }
    CheckOk(status, "taking");
    objects.CheckAll();
  }
}

// Without a policy nothing is dropped or made up: the call fails everywhere, and the reports name
// each object once.
void RefuseOtherRanks(tsnap_context* context) {
  Objects objects(0, NewRanks::kUntouched);
  const int32_t status = tsnap_restore(context, Url(0).c_str(), objects.state(), nullptr);
  Check(status == TSNAP_E_MISMATCH,
        std::string("without a policy: ") + tsnap_status_name(status) + ": " + tsnap_last_error());
  tsnap_report report = TSNAP_REPORT_INIT;
  CheckOk(tsnap_restore_report(context, &report), "asking for the report");
  long named[2] = {static_cast<long>(report.missing_count),
                   static_cast<long>(report.unexpected_count)};
  MPI_Allreduce(MPI_IN_PLACE, named, 2, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
  const long fresh = std::max(run.size - run.takers, 0), lost = std::max(run.takers - run.size, 0);
  Check(named[0] == fresh * kPrivateObjects,
        std::to_string(named[0]) + " objects of new ranks are reported as missing");
  Check(named[1] == lost * kPrivateObjects,
        std::to_string(named[1]) + " objects of lost ranks are reported as unexpected");
  Check(report.not_restored_count > 0, "a refused restore reports nothing as not restored");
}

void Restore(tsnap_context* context) {
  if (run.size != run.takers) RefuseOtherRanks(context);
  for (int snapshot = 0; snapshot < kSnapshots; ++snapshot) {
    const NewRanks new_ranks = snapshot == 1 ? NewRanks::kUntouched : NewRanks::kFromRank0;
    Objects objects(snapshot, new_ranks);
    tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
    if (run.size > run.takers)
      options.new_ranks =
          new_ranks == NewRanks::kFromRank0 ? TSNAP_NEW_RANKS_COPY_RANK_0 : TSNAP_NEW_RANKS_LEAVE;
    if (run.size < run.takers) options.lost_ranks = TSNAP_LOST_RANKS_IGNORE;
    CheckOk(tsnap_restore(context, Url(snapshot).c_str(), objects.state(), &options),
            "restoring " + Url(snapshot));
    objects.CheckAll();
  }
}

int Main(int argc, char** argv) {
  if (argc < 4 || (std::strcmp(argv[1], "take") != 0 && argc < 5)) {
    std::fprintf(stderr, "usage: reshard take FOLDER SEED | reshard restore FOLDER SEED TAKERS\n");
    return 2;
  }
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &run.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &run.size);
  run.taking = std::strcmp(argv[1], "take") == 0;
  run.folder = argv[2];
  run.seed = std::strtoull(argv[3], nullptr, 10);
  run.takers = run.taking ? run.size : std::atoi(argv[4]);

  tsnap_config config = TSNAP_CONFIG_INIT;
  config.collective_timeout_seconds = 60;
  config.memory_budget_bytes = 32 << 20;
  tsnap_context* context = nullptr;
  CheckOk(tsnap_context_open(MPI_COMM_WORLD, &config, &context), "opening a context");
  run.taking ? Take(context) : Restore(context);
  CheckOk(tsnap_context_close(&context), "closing the context");
  MPI_Finalize();
  return 0;
}

}  // namespace

}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Main(argc, argv); }
