// Every kind, dtype, number of dimensions and layout, with every codec: what is taken from one layout comes back bit for bit in
// another, and nothing around it is touched.
#include <deque>

#include "api.h"
#include "test_array.h"

namespace tsnap::test {
namespace {

enum { kSharded = 3 };

// One object, taken from some arrays and restored into others.
struct Subject {
  std::string path;
  int32_t kind = 0;
  int32_t dtype = 0;
  Shape shape;
  uint64_t seed = 0;
  std::deque<TestArray> taken, restored;
};

int32_t Register(tsnap_state* state, const Subject& subject, std::deque<TestArray>& arrays) {
  if (subject.kind == kSharded) {
    std::vector<tsnap_array> boxes;
    for (TestArray& array : arrays) boxes.push_back(array.Describe());
    return tsnap_state_add_sharded(state, subject.path.c_str(), subject.shape.data(), boxes.data(), boxes.size());
  }
  const tsnap_array array = arrays[0].Describe();
  return subject.kind == TSNAP_PRIVATE ? tsnap_state_add_private(state, subject.path.c_str(), &array)
                                       : tsnap_state_add_replicated(state, subject.path.c_str(), &array);
}

// Two boxes (the later one first) where there is an axis to cut, else one.
void AddBoxes(const Subject& subject, int64_t item_bytes, Layout layout, size_t cut_axis, std::deque<TestArray>* out) {
  Shape upper = subject.shape, start(subject.shape.size());
  if (subject.kind == kSharded && cut_axis < subject.shape.size() && subject.shape[cut_axis] > 1) {
    Shape lower = subject.shape;
    lower[cut_axis] = 1 + subject.shape[cut_axis] / 3;
    upper[cut_axis] -= lower[cut_axis];
    start[cut_axis] = lower[cut_axis];
    out->emplace_back(subject.dtype, item_bytes, upper, layout, start);
    out->emplace_back(subject.dtype, item_bytes, lower, layout);
    return;
  }
  out->emplace_back(subject.dtype, item_bytes, upper, layout, start);
}

void Add(std::deque<Subject>* subjects, int32_t kind, int32_t dtype, int64_t item_bytes, Shape shape, Layout from, Layout to) {
  Subject& subject = subjects->emplace_back();
  subject.seed = subjects->size();
  subject.path = "k" + std::to_string(kind) + "/t" + std::to_string(dtype) + "/" + std::to_string(subject.seed);
  subject.kind = kind;
  subject.dtype = dtype;
  subject.shape = std::move(shape);
  AddBoxes(subject, item_bytes, from, 0, &subject.taken);
  AddBoxes(subject, item_bytes, to, subject.shape.size() - 1, &subject.restored);
}

void CheckRoundTrip(std::deque<Subject>& subjects, const tsnap_take_options& options) {
  const Folder folder(NewFolder());
  const std::string url = folder / "snap";
  Self context;
  State taken, restored;
  uint64_t bytes = 0;
  for (Subject& subject : subjects) {
    for (TestArray& array : subject.taken) {
      array.Fill(subject.seed);
      bytes += array.bytes();
    }
    for (TestArray& array : subject.restored) array.Clear();
    CHECK_OK(Register(taken, subject, subject.taken));
    CHECK_OK(Register(restored, subject, subject.restored));
  }
  CHECK_OK(tsnap_take(context, url.c_str(), taken, &options));
  for (Subject& subject : subjects) {
    for (TestArray& array : subject.taken) CHECK_TEXT(array.Holds(subject.seed), subject.path + " was changed by the take");
  }
  CHECK_OK(tsnap_restore(context, url.c_str(), restored, nullptr));
  CHECK_REPORT(context, {});
  for (Subject& subject : subjects) {
    for (TestArray& array : subject.restored) CHECK_TEXT(array.Holds(subject.seed), subject.path + " came back different");
  }
  Opened snapshot(url);
  tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_info_get(snapshot, &info));
  CHECK_SAME_INT(info.object_count, subjects.size());
  CHECK_SAME_INT(info.bytes, bytes);
  CHECK_OK(tsnap_snapshot_verify(snapshot, nullptr, nullptr));
}

Shape SmallShape(int ndim, int variant) {
  static constexpr int64_t kExtents[] = {3, 2, 1, 2, 3, 1, 2, 4};
  Shape shape;
  for (int axis = 0; axis < ndim; ++axis) shape.push_back(kExtents[(axis + variant) % 8]);
  return shape;
}

constexpr int64_t kItemBytes[] = {1, 3, 5, 7, 17, 24, 1001};

void EveryKindDtypeDimensionAndLayout(int32_t codec) {
  std::deque<Subject> subjects;
  for (int32_t kind = TSNAP_PRIVATE; kind <= kSharded; ++kind) {
    for (int32_t dtype = TSNAP_BOOL; dtype <= TSNAP_OPAQUE; ++dtype) {
      for (int ndim = 0; ndim <= TSNAP_MAX_DIMS; ++ndim) {
        for (int layout = 0; layout < 7; ++layout) {
          const auto other = static_cast<size_t>((layout + dtype + ndim) % 7);
          Add(&subjects, kind, dtype, kItemBytes[layout], SmallShape(ndim, layout), kLayouts[layout], kLayouts[other]);
        }
      }
    }
  }
  CheckRoundTrip(subjects, Quick(codec));
}

// Many chunks and several slabs, and boxes that do not meet them.
void LargeArrays(int32_t codec) {
  std::deque<Subject> subjects;
  for (int32_t kind = TSNAP_PRIVATE; kind <= kSharded; ++kind) {
    for (int layout = 0; layout < 7; ++layout) {
      Add(&subjects, kind, TSNAP_FLOAT32, 0, {61, 53, 110}, kLayouts[layout], kLayouts[(layout + kind) % 7]);
    }
    Add(&subjects, kind, TSNAP_OPAQUE, 300001, {5}, Layout::kGhosts, Layout::kReversed);   // records larger than a block
  }
  tsnap_take_options options = Quick(codec);
  options.chunk_bytes = 300000;
  options.slab_bytes = 5000000;
  CheckRoundTrip(subjects, options);
}

void ZeroSizes() {
  std::deque<Subject> subjects;
  for (int32_t kind = TSNAP_PRIVATE; kind <= kSharded; ++kind) {
    for (int32_t dtype = TSNAP_BOOL; dtype <= TSNAP_OPAQUE; ++dtype) {
      for (int ndim = 1; ndim <= TSNAP_MAX_DIMS; ++ndim) {
        Shape shape = SmallShape(ndim, dtype);
        shape[static_cast<size_t>(dtype % ndim)] = 0;
        Add(&subjects, kind, dtype, 12, shape, kLayouts[ndim % 7], kLayouts[dtype % 7]);
      }
    }
  }
  CheckRoundTrip(subjects, Quick());

  // Nothing needs no memory.
  const Folder folder(NewFolder());
  Self context;
  State state;
  const tsnap_array nothing = Line(TSNAP_FLOAT64, nullptr, 0);
  CHECK_OK(tsnap_state_add_private(state, "nothing", &nothing));
  CHECK_OK(TakeQuick(context, folder / "snap", state));
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
}

void EmptyState() {
  const Folder folder(NewFolder());
  Self context;
  State state;
  CHECK_OK(TakeQuick(context, folder / "snap", state));
  CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
  Opened snapshot(folder / "snap");
  tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
  CHECK_OK(tsnap_snapshot_info_get(snapshot, &info));
  CHECK_SAME_INT(info.object_count, 0);
}

void MemoryStore() {
  Self context;
  State state;
  TestArray array(TSNAP_FLOAT64, 0, {300, 700}, Layout::kPermuted);
  array.Fill(1);
  const tsnap_array described = array.Describe();
  CHECK_OK(tsnap_state_add_private(state, "a", &described));
  CHECK_OK(tsnap_take(context, "mem://roundtrip", state, nullptr));
  array.Clear();
  CHECK_OK(tsnap_restore(context, "mem://roundtrip", state, nullptr));
  CHECK(array.Holds(1));
  CHECK_OK(tsnap_remove("mem://roundtrip", nullptr));
}

// A codec pays where values repeat, and what is stored is counted as it is stored.
void CodecsMakeSmaller() {
  for (const int32_t codec : {TSNAP_CODEC_ZSTD, TSNAP_CODEC_LZ4}) {
    const Folder folder(NewFolder());
    Self context;
    State state;
    std::vector<double> values(300000, 1.5);
    values[77777] = 3;
    const tsnap_array array = Line(TSNAP_FLOAT64, values.data(), 300000);
    CHECK_OK(tsnap_state_add_private(state, "a", &array));
    const tsnap_take_options options = Quick(codec);
    CHECK_OK(tsnap_take(context, (folder / "snap").c_str(), state, &options));
    Opened snapshot(folder / "snap");
    tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
    CHECK_OK(tsnap_snapshot_find(snapshot, "0/a", &info));
    CHECK_SAME_INT(info.bytes, 2400000);
    CHECK(info.stored_bytes < info.bytes / 10);
    const std::vector<double> taken = values;
    values.assign(values.size(), 0);
    CHECK_OK(tsnap_restore(context, (folder / "snap").c_str(), state, nullptr));
    CHECK(values == taken);
  }
}

int Run(int argc, char** argv) {
  return RunCase(argc, argv,
                 {{"every_kind_dtype_dimension_and_layout", [] { EveryKindDtypeDimensionAndLayout(TSNAP_CODEC_NONE); }},
                  {"every_kind_dtype_dimension_and_layout_with_zstd", [] { EveryKindDtypeDimensionAndLayout(TSNAP_CODEC_ZSTD); }},
                  {"every_kind_dtype_dimension_and_layout_with_lz4", [] { EveryKindDtypeDimensionAndLayout(TSNAP_CODEC_LZ4); }},
                  {"every_kind_dtype_dimension_and_layout_with_deflate",
                   [] { EveryKindDtypeDimensionAndLayout(TSNAP_CODEC_DEFLATE); }},
                  {"large_arrays_in_chunks", [] { LargeArrays(TSNAP_CODEC_NONE); }},
                  {"large_arrays_in_chunks_with_zstd", [] { LargeArrays(TSNAP_CODEC_ZSTD); }},
                  {"large_arrays_in_chunks_with_lz4", [] { LargeArrays(TSNAP_CODEC_LZ4); }},
                  {"zero_sizes", ZeroSizes},
                  {"empty_state", EmptyState},
                  {"memory_store", MemoryStore},
                  {"codecs_make_smaller", CodecsMakeSmaller}});
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) { return tsnap::test::Run(argc, argv); }
