#include "fault_state.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "check.h"

namespace tsnap::test {
namespace {

enum Name : uint64_t { kField = 1, kCells, kOwn, kTable, kStep, kTime, kDone, kLabel, kBlob, kWords, kValues };

uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// rank is 0 for what is shared.
uint64_t Word(uint64_t step, Name name, uint64_t rank, uint64_t index) {
  return Mix(Mix(Mix(step * 16 + name) ^ (rank << 40)) + index);
}
double FieldAt(uint64_t step, uint64_t index) { return static_cast<double>(Word(step, kField, 0, index) >> 12); }
int32_t CellAt(uint64_t step, uint64_t index) { return static_cast<int32_t>(Word(step, kCells, 0, index)); }
float OwnAt(uint64_t step, uint64_t rank, uint64_t index) {
  return static_cast<float>(Word(step, kOwn, rank, index) >> 41);
}
double TimeAt(uint64_t step, uint64_t rank) { return static_cast<double>(Word(step, kTime, rank, 0) >> 12); }
int32_t DoneAt(uint64_t step) { return static_cast<int32_t>(step & 1); }
// Allocates nothing.
void WriteLabel(uint64_t step, uint64_t rank, char* label, size_t capacity) {
  std::snprintf(label, capacity, "rank %llu at step %llu", static_cast<unsigned long long>(rank),
                static_cast<unsigned long long>(step));
}
std::string LabelAt(uint64_t step, uint64_t rank) {
  char label[64];
  WriteLabel(step, rank, label, sizeof label);
  return label;
}
size_t BlobBytes(uint64_t step) { return 100 + step % 50; }
unsigned char BlobAt(uint64_t step, uint64_t rank, uint64_t index) {
  return static_cast<unsigned char>(Word(step, kBlob, rank, index));
}
uint64_t WordsAt(uint64_t step, uint64_t rank, uint64_t index) { return Word(step, kWords, rank, index); }
uint64_t ValuesAt(uint64_t step, uint64_t rank, uint64_t index) { return Word(step, kValues, rank, index); }

constexpr int64_t kCellItems = 64;   // in each of a rank's two boxes
constexpr int64_t kWordItems = 8, kValueItems = 300;

// Allocates nothing: it is called while allocations are made to fail.
tsnap_array Array(int32_t dtype, std::initializer_list<int64_t> shape, void* data) {
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = dtype;
  array.ndim = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), array.shape);
  array.data = data;
  return array;
}

}  // namespace

struct FaultState::Data {
  int rank = 0, size = 1;
  Sizes sizes;
  tsnap_state* state = nullptr;
  std::vector<double> field;    // with a ghost column on either side
  std::vector<int32_t> cells;
  std::vector<float> own;
  std::vector<uint64_t> table;
  int64_t step = 0;
  double time = 0;
  int32_t done = 0;
  char label[64] = {};
  unsigned char blob[200] = {};
  size_t blob_bytes = 0;
  uint64_t words[kWordItems] = {};
  std::vector<uint64_t> values;
  Behaviour part, rng;

  uint64_t own_rank() const { return static_cast<uint64_t>(rank) + 1; }
  double* FieldRow(int64_t row) { return field.data() + row * (sizes.columns + 2) + 1; }
  uint64_t FieldIndex(int64_t row, int64_t column) const {
    return static_cast<uint64_t>((rank * sizes.rows + row) * sizes.columns + column);
  }
  // Box b of rank r begins at (b * size + r) * kCellItems.
  uint64_t CellIndex(int64_t item) const {
    const int64_t box = item / kCellItems;
    return static_cast<uint64_t>((box * size + rank) * kCellItems + item % kCellItems);
  }

  static int32_t DescribePart(tsnap_state* child, void* user) {
    auto* data = static_cast<Data*>(user);
    ++data->part.describes;
    const tsnap_array array = Array(TSNAP_UINT64, {kValueItems}, data->values.data());
    const int32_t code = tsnap_state_add_private(child, "values", &array);
    return code != TSNAP_OK ? code : data->part.describe_returns;
  }
  static int32_t LoadedPart(void* user) {
    ++static_cast<Data*>(user)->part.loads;
    return static_cast<Data*>(user)->part.loaded_returns;
  }
  static void ReleasePart(void* user) { ++static_cast<Data*>(user)->part.releases; }

  static int32_t DescribeRng(tsnap_state* child, void* user) {
    auto* data = static_cast<Data*>(user);
    ++data->rng.describes;
    const tsnap_array array = Array(TSNAP_UINT64, {kWordItems}, data->words);
    const int32_t code = tsnap_state_add_private(child, "words", &array);
    return code != TSNAP_OK ? code : data->rng.describe_returns;
  }
  static int32_t LoadedRng(void* user) {
    ++static_cast<Data*>(user)->rng.loads;
    return static_cast<Data*>(user)->rng.loaded_returns;
  }
  static void ReleaseRng(void* user) { ++static_cast<Data*>(user)->rng.releases; }

  void Register() {
    CHECK_OK(tsnap_state_create(&state));
    const int64_t field_shape[] = {sizes.rows * size, sizes.columns};
    tsnap_array box = Array(TSNAP_FLOAT64, {sizes.rows, sizes.columns}, FieldRow(0));
    box.strides_bytes[0] = (sizes.columns + 2) * 8;
    box.strides_bytes[1] = 8;
    box.offset[0] = rank * sizes.rows;
    CHECK_OK(tsnap_state_add_sharded(state, "field", field_shape, &box, 1));
    const int64_t cell_shape[] = {2 * kCellItems * size};
    tsnap_array boxes[2] = {Array(TSNAP_INT32, {kCellItems}, cells.data()), Array(TSNAP_INT32, {kCellItems}, &cells[kCellItems])};
    boxes[0].offset[0] = rank * kCellItems;
    boxes[1].offset[0] = (size + rank) * kCellItems;
    CHECK_OK(tsnap_state_add_sharded(state, "mesh/cells", cell_shape, boxes, 2));
    const tsnap_array mine = Array(TSNAP_FLOAT32, {sizes.own_items}, own.data());
    CHECK_OK(tsnap_state_add_private(state, "own", &mine));
    const tsnap_array shared = Array(TSNAP_UINT64, {sizes.shared_items}, table.data());
    CHECK_OK(tsnap_state_add_replicated(state, "table", &shared));
    CHECK_OK(tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &step));
    CHECK_OK(tsnap_state_add_float64(state, "time", TSNAP_PRIVATE, &time));
    CHECK_OK(tsnap_state_add_bool(state, "done", TSNAP_REPLICATED, &done));
    CHECK_OK(tsnap_state_add_string(state, "label", TSNAP_PRIVATE, label, sizeof label));
    CHECK_OK(tsnap_state_add_bytes(state, "blob", TSNAP_PRIVATE, blob, sizeof blob, &blob_bytes));
    tsnap_stateful callbacks = TSNAP_STATEFUL_INIT;
    callbacks.describe = DescribePart;
    callbacks.loaded = LoadedPart;
    callbacks.release = ReleasePart;
    callbacks.user = this;
    CHECK_OK(tsnap_state_add_stateful(state, "part", &callbacks));
    callbacks.describe = DescribeRng;
    callbacks.loaded = LoadedRng;
    callbacks.release = ReleaseRng;
    CHECK_OK(tsnap_state_add_rng(state, "rng", &callbacks));
  }
};

FaultState::FaultState(int rank, int size, const Sizes& sizes) : data_(std::make_unique<Data>()) {
  data_->rank = rank;
  data_->size = size;
  data_->sizes = sizes;
  data_->field.assign(static_cast<size_t>(sizes.rows * (sizes.columns + 2)), -1);
  data_->cells.resize(2 * kCellItems);
  data_->own.resize(static_cast<size_t>(sizes.own_items));
  data_->table.resize(static_cast<size_t>(sizes.shared_items));
  data_->values.resize(kValueItems);
  data_->Register();
}

FaultState::~FaultState() { tsnap_state_destroy(&data_->state); }

tsnap_state* FaultState::get() const { return data_->state; }
Behaviour& FaultState::part() { return data_->part; }
Behaviour& FaultState::rng() { return data_->rng; }

void FaultState::Fill(uint64_t step) {
  Data& d = *data_;
  for (int64_t row = 0; row < d.sizes.rows; ++row) {
    for (int64_t column = 0; column < d.sizes.columns; ++column)
      d.FieldRow(row)[column] = FieldAt(step, d.FieldIndex(row, column));
  }
  for (size_t i = 0; i < d.cells.size(); ++i) d.cells[i] = CellAt(step, d.CellIndex(static_cast<int64_t>(i)));
  for (size_t i = 0; i < d.own.size(); ++i) d.own[i] = OwnAt(step, d.own_rank(), i);
  for (size_t i = 0; i < d.table.size(); ++i) d.table[i] = Word(step, kTable, 0, i);
  d.step = static_cast<int64_t>(step);
  d.time = TimeAt(step, d.own_rank());
  d.done = DoneAt(step);
  WriteLabel(step, d.own_rank(), d.label, sizeof d.label);
  d.blob_bytes = BlobBytes(step);
  for (size_t i = 0; i < d.blob_bytes; ++i) d.blob[i] = BlobAt(step, d.own_rank(), i);
  for (size_t i = 0; i < kWordItems; ++i) d.words[i] = WordsAt(step, d.own_rank(), i);
  for (size_t i = 0; i < d.values.size(); ++i) d.values[i] = ValuesAt(step, d.own_rank(), i);
}

void FaultState::Scribble() {
  Fill(0xdead0000 + static_cast<uint64_t>(data_->rank));
  data_->done = 7;
  data_->step = -7;
}

std::vector<std::string> FaultState::Wrong(uint64_t step) const {
  Data& d = *data_;
  std::vector<std::string> wrong;
  const auto expect = [&](const char* path, bool right) {
    if (!right) wrong.push_back(path);
  };
  const auto all = [](size_t count, auto right) {
    for (size_t i = 0; i < count; ++i) {
      if (!right(i)) return false;
    }
    return true;
  };
  const auto columns = static_cast<size_t>(d.sizes.columns);
  bool ghosts_untouched = true;
  for (int64_t row = 0; row < d.sizes.rows; ++row)
    ghosts_untouched = ghosts_untouched && d.FieldRow(row)[-1] == -1 && d.FieldRow(row)[d.sizes.columns] == -1;
  expect("ghost cells of field", ghosts_untouched);
  expect("field", all(static_cast<size_t>(d.sizes.rows) * columns, [&](size_t i) {
           const auto row = static_cast<int64_t>(i / columns), column = static_cast<int64_t>(i % columns);
           return d.FieldRow(row)[column] == FieldAt(step, d.FieldIndex(row, column));
         }));
  expect("mesh/cells", all(d.cells.size(), [&](size_t i) { return d.cells[i] == CellAt(step, d.CellIndex(static_cast<int64_t>(i))); }));
  expect("own", all(d.own.size(), [&](size_t i) { return d.own[i] == OwnAt(step, d.own_rank(), i); }));
  expect("table", all(d.table.size(), [&](size_t i) { return d.table[i] == Word(step, kTable, 0, i); }));
  expect("step", d.step == static_cast<int64_t>(step));
  expect("time", d.time == TimeAt(step, d.own_rank()));
  expect("done", d.done == DoneAt(step));
  expect("label", d.label == LabelAt(step, d.own_rank()));
  expect("blob", d.blob_bytes == BlobBytes(step) &&
                     all(d.blob_bytes, [&](size_t i) { return d.blob[i] == BlobAt(step, d.own_rank(), i); }));
  expect("rng/words", all(kWordItems, [&](size_t i) { return d.words[i] == WordsAt(step, d.own_rank(), i); }));
  expect("part/values", all(d.values.size(), [&](size_t i) { return d.values[i] == ValuesAt(step, d.own_rank(), i); }));
  return wrong;
}

const std::vector<std::string>& FaultState::paths() {
  static const std::vector<std::string> paths = {"field", "mesh/cells", "own",  "table",     "step",       "time",
                                                 "done",  "label",      "blob", "rng/words", "part/values"};
  return paths;
}

namespace {

// Reads object by object; remembers the first failure, and the first object that is not what the step says.
class Reader {
 public:
  Reader(tsnap_snapshot* snapshot, const tsnap_read_options* options, Found* found)
      : snapshot_(snapshot), options_(options), found_(found) {}

  bool Note(int32_t code) {
    if (code == TSNAP_OK) return true;
    if (found_->code == TSNAP_OK) {
      found_->code = code;
      found_->message = tsnap_last_error();
    }
    return false;
  }
  void Compare(const std::string& path, bool right) {
    if (!right && found_->wrong.empty()) found_->wrong = path;
  }
  template <class Item, class At>
  void Whole(const std::string& path, int32_t dtype, std::initializer_list<int64_t> shape, At at) {
    size_t count = 1;
    for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
    std::vector<Item> items(count);
    const tsnap_array array = Array(dtype, shape, items.data());
    if (!Note(tsnap_read(snapshot_, path.c_str(), &array, options_))) return;
    for (size_t i = 0; i < count; ++i) {
      if (items[i] != at(i)) return Compare(path, false);
    }
  }
  void Private(int rank, uint64_t step, const Sizes& sizes) {
    const std::string prefix = std::to_string(rank) + "/";
    const uint64_t own = static_cast<uint64_t>(rank) + 1;
    Whole<float>(prefix + "own", TSNAP_FLOAT32, {sizes.own_items}, [&](size_t i) { return OwnAt(step, own, i); });
    Whole<uint64_t>(prefix + "part/values", TSNAP_UINT64, {kValueItems}, [&](size_t i) { return ValuesAt(step, own, i); });
    Whole<uint64_t>(prefix + "rng/words", TSNAP_UINT64, {kWordItems}, [&](size_t i) { return WordsAt(step, own, i); });
    double time = 0;
    if (Note(tsnap_read_float64(snapshot_, (prefix + "time").c_str(), &time))) Compare(prefix + "time", time == TimeAt(step, own));
    char label[64];
    size_t needed = 0;
    if (Note(tsnap_read_string(snapshot_, (prefix + "label").c_str(), label, sizeof label, &needed)))
      Compare(prefix + "label", label == LabelAt(step, own) && needed == LabelAt(step, own).size() + 1);
    unsigned char blob[200];
    size_t bytes = 0;
    if (Note(tsnap_read_bytes(snapshot_, (prefix + "blob").c_str(), blob, sizeof blob, &bytes))) {
      bool right = bytes == BlobBytes(step);
      for (size_t i = 0; right && i < bytes; ++i) right = blob[i] == BlobAt(step, own, i);
      Compare(prefix + "blob", right);
    }
  }

 private:
  tsnap_snapshot* snapshot_;
  const tsnap_read_options* options_;
  Found* found_;
};

// The path, after a rank or without one; or a stateful above it, which stands for what it would have described.
bool Lists(const char* const* list, size_t count, const std::string& path) {
  const auto is_path = [&](const char* listed) {
    std::string text = listed;
    const size_t digits = text.find_first_not_of("0123456789");
    if (digits != 0 && digits != std::string::npos && text[digits] == '/') text.erase(0, digits + 1);
    return text == path || path.starts_with(text + "/");
  };
  return std::any_of(list, list + count, is_path);
}

}  // namespace

size_t CheckReport(tsnap_context* context, const FaultState& state, uint64_t step) {
  tsnap_report report = TSNAP_REPORT_INIT;
  const int32_t code = tsnap_restore_report(context, &report);
  if (code == TSNAP_E_NO_MEMORY && Contains(tsnap_last_error(), "every object")) return FaultState::paths().size();
  CHECK_TEXT(code == TSNAP_OK, tsnap_last_error());
  for (const std::string& path : state.Wrong(step)) {
    CHECK_TEXT(Lists(report.not_restored, report.not_restored_count, path),
               path + " does not hold what is stored, and is not reported as not restored");
  }
  return report.not_restored_count;
}

Found ReadAll(const std::string& url, int size, const Sizes& sizes, const tsnap_read_options* options) {
  Found found;
  tsnap_snapshot* snapshot = nullptr;
  Reader reader(nullptr, options, &found);
  if (!reader.Note(tsnap_snapshot_open(url.c_str(), nullptr, &snapshot))) return found;
  found.opened = true;
  reader = Reader(snapshot, options, &found);
  int64_t stored_step = 0;
  if (reader.Note(tsnap_read_int64(snapshot, "step", &stored_step))) {
    const auto step = static_cast<uint64_t>(stored_step);
    found.step = step;
    tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
    if (reader.Note(tsnap_snapshot_info_get(snapshot, &info))) {
      reader.Compare("world size", info.world_size == size);
      reader.Compare("object count", info.object_count == 5 + 6 * size);
    }
    reader.Whole<double>("field", TSNAP_FLOAT64, {sizes.rows * size, sizes.columns}, [&](size_t i) { return FieldAt(step, i); });
    reader.Whole<int32_t>("mesh/cells", TSNAP_INT32, {2 * kCellItems * size}, [&](size_t i) { return CellAt(step, i); });
    reader.Whole<uint64_t>("table", TSNAP_UINT64, {sizes.shared_items}, [&](size_t i) { return Word(step, kTable, 0, i); });
    int32_t done = 9;
    if (reader.Note(tsnap_read_bool(snapshot, "done", &done))) reader.Compare("done", done == DoneAt(step));
    for (int rank = 0; rank < size; ++rank) reader.Private(rank, step, sizes);
  }
  tsnap_snapshot_close(&snapshot);
  return found;
}

void CheckPlaceHolds(const std::string& url, int size, uint64_t step, const Sizes& sizes) {
  const Found found = ReadAll(url, size, sizes);
  CHECK_TEXT(found.code == TSNAP_OK, url + ": " + found.message);
  CHECK_TEXT(found.wrong.empty(), url + ": wrong values in " + found.wrong);
  CHECK_TEXT(found.step == step, url + " holds step " + std::to_string(found.step) + ", not " + std::to_string(step));
  tsnap_snapshot* snapshot = nullptr;
  CHECK_OK(tsnap_snapshot_open(url.c_str(), nullptr, &snapshot));
  int64_t bad = -1;
  CHECK_OK(tsnap_snapshot_verify(snapshot, &bad, nullptr));
  CHECK(bad == 0);
  tsnap_snapshot_close(&snapshot);
}

void CheckPlaceIsEmpty(const std::string& url) {
  tsnap_snapshot* snapshot = nullptr;
  const int32_t code = tsnap_snapshot_open(url.c_str(), nullptr, &snapshot);
  CHECK_TEXT(code == TSNAP_E_NOT_FOUND, url + " gives " + tsnap_status_name(code) + ": " + tsnap_last_error());
  CHECK(snapshot == nullptr);
}

}  // namespace tsnap::test
