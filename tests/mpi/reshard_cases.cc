#include "reshard_cases.h"

#include <algorithm>
#include <cstring>

namespace tsnap::test {

namespace {

constexpr unsigned char kUntouched = 0xA5;

constexpr int64_t kDtypeBytes[] = {0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 1, 1, 2, 2, 4, 8, 8, 16, 0};

int64_t Volume(const Spec& spec, const Box& box) {
  int64_t volume = 1;
  for (int axis = 0; axis < spec.ndim; ++axis) volume *= box.shape[static_cast<size_t>(axis)];
  return volume;
}

Box Whole(const Spec& spec) {
  Box box;
  box.shape = spec.shape;
  return box;
}

// --- sharing ---

size_t AnyAxis(const Spec& spec, Random* random) {
  return static_cast<size_t>(random->Int(0, spec.ndim - 1));
}

// Cuts each box into `parts` along an axis; some parts are empty where the axis is short.
std::vector<Box> CutEvenly(const std::vector<Box>& boxes, size_t axis, int64_t parts) {
  std::vector<Box> cut;
  for (const Box& box : boxes)
    for (int64_t i = 0; i < parts; ++i) {
      Box part = box;
      part.offset[axis] += box.shape[axis] * i / parts;
      part.shape[axis] = box.shape[axis] * (i + 1) / parts - box.shape[axis] * i / parts;
      cut.push_back(part);
    }
  return cut;
}

// A process grid over `axes` random axes: 1 gives slabs, 2 pencils, 3 bricks.
std::vector<Box> Grid(const Spec& spec, int axes, int64_t ranks, Random* random) {
  std::vector<Box> boxes = {Whole(spec)};
  for (int i = 0; i < axes; ++i) {
    std::vector<int64_t> divisors;
    for (int64_t d = 1; d <= ranks; ++d)
      if (ranks % d == 0) divisors.push_back(d);
    const bool last = i + 1 == axes;
    const int64_t parts = last ? ranks
                               : divisors[static_cast<size_t>(
                                     random->Int(0, static_cast<int64_t>(divisors.size()) - 1))];
    boxes = CutEvenly(boxes, AnyAxis(spec, random), parts);
    ranks /= parts;
  }
  return boxes;
}

void CutIrregularly(const Spec& spec, const Box& box, int64_t parts, Random* random,
                    std::vector<Box>* out) {
  const size_t axis = AnyAxis(spec, random);
  if (parts <= 1 || Volume(spec, box) < 2) return out->push_back(box);
  if (box.shape[axis] < 2) return CutIrregularly(spec, box, parts - 1, random, out);
  Box low = box, high = box;
  low.shape[axis] = random->Int(1, box.shape[axis] - 1);
  high.offset[axis] += low.shape[axis];
  high.shape[axis] -= low.shape[axis];
  const int64_t share = random->Int(1, parts - 1);
  CutIrregularly(spec, low, share, random, out);
  CutIrregularly(spec, high, parts - share, random, out);
}

// Boxes that tile the array, box i for rank i % ranks: slabs, pencils, bricks, irregular cuts,
// cyclic tiles, or one box.
std::vector<Box> Tile(const Spec& spec, int ranks, Random* random) {
  std::vector<Box> boxes;
  if (spec.ndim == 0) return {Whole(spec)};
  switch (random->Int(0, 6)) {
    case 0:
      return Grid(spec, 1, ranks, random);
    case 1:
      return Grid(spec, 2, ranks, random);
    case 2:
      return Grid(spec, 3, ranks, random);
    case 3:
      CutIrregularly(spec, Whole(spec), ranks, random, &boxes);
      return boxes;
    case 4:
      CutIrregularly(spec, Whole(spec), random->Int(2, 5 * ranks), random, &boxes);
      return boxes;
    case 5:
      return CutEvenly(CutEvenly({Whole(spec)}, AnyAxis(spec, random), random->Int(1, 6)),
                       AnyAxis(spec, random), random->Int(1, 6));
    default:
      return {Whole(spec)};
  }
}

// Dealt out in turn, at random, or at random to some of the ranks only: then the others hold
// nothing.
Sharing Deal(const std::vector<Box>& boxes, int ranks, Random* random) {
  Sharing sharing(static_cast<size_t>(ranks));
  const int64_t how = random->Int(0, 2), first = random->Int(0, ranks - 1);
  const int64_t holders = how == 2 ? random->Int(1, ranks) : ranks;
  for (size_t i = 0; i < boxes.size(); ++i) {
    const int64_t turn = how == 0 ? static_cast<int64_t>(i) : random->Int(0, holders - 1);
    sharing[static_cast<size_t>((first + turn) % ranks)].push_back(boxes[i]);
  }
  return sharing;
}

void AddEmptyBoxes(const Spec& spec, Sharing* sharing, Random* random) {
  bool any = false;
  for (auto& boxes : *sharing) {
    if (spec.ndim > 0 && random->Chance(10)) {
      Box empty = Whole(spec);
      empty.shape[AnyAxis(spec, random)] = 0;
      boxes.insert(boxes.begin() + random->Int(0, static_cast<int64_t>(boxes.size())), empty);
    }
    any = any || !boxes.empty();
  }
  if (any) return;
  Box box = Whole(spec);  // somebody must say what the array is
  if (spec.ndim > 0) box.shape[0] = 0;
  sharing->front().push_back(box);
}

void Thin(const Spec& spec, std::vector<Box>* boxes, Random* random) {
  std::vector<Box> kept;
  for (Box box : *boxes) {
    if (random->Chance(40)) continue;
    for (size_t axis = 0; axis < static_cast<size_t>(spec.ndim); ++axis) {
      if (!random->Chance(30) || box.shape[axis] < 2) continue;
      const int64_t cut = random->Int(1, box.shape[axis] - 1);
      if (random->Chance(50)) box.offset[axis] += cut;
      box.shape[axis] -= cut;
    }
    kept.push_back(box);
  }
  boxes->swap(kept);
}

// Shared layers between neighbours, and now and then a box that several hold.
void Thicken(const Spec& spec, std::vector<Box>* boxes, Random* random) {
  for (Box& box : *boxes) {
    for (size_t axis = 0; axis < static_cast<size_t>(spec.ndim); ++axis) {
      const int64_t low = std::min(box.offset[axis], random->Int(0, 2));
      const int64_t high =
          std::min(spec.shape[axis] - box.offset[axis] - box.shape[axis], random->Int(0, 2));
      box.offset[axis] -= low;
      box.shape[axis] += low + high;
    }
  }
  for (int64_t more = random->Int(0, 2); more > 0; --more)
    boxes->push_back(
        (*boxes)[static_cast<size_t>(random->Int(0, static_cast<int64_t>(boxes->size()) - 1))]);
}

Sharing Share(const Spec& spec, int ranks, bool taking, Random* random) {
  std::vector<Box> boxes = Tile(spec, ranks, random);
  if (spec.coverage == TSNAP_COVER_SPARSE && taking) Thin(spec, &boxes, random);
  if (spec.coverage == TSNAP_COVER_DUPLICATES) Thicken(spec, &boxes, random);
  Sharing sharing = Deal(boxes, ranks, random);
  AddEmptyBoxes(spec, &sharing, random);
  return sharing;
}

// --- types, shapes and values ---

void DrawType(Spec* spec, Random* random) {
  static constexpr int64_t kRecordBytes[] = {3, 12, 24, 40};
  spec->dtype = static_cast<int32_t>(random->Int(TSNAP_BOOL, TSNAP_OPAQUE));
  spec->item_bytes =
      spec->dtype == TSNAP_OPAQUE ? kRecordBytes[random->Int(0, 3)] : kDtypeBytes[spec->dtype];
}

void DrawShape(Spec* spec, Size size, Random* random) {
  static constexpr int kDims[] = {1, 2, 3, 4, 1, 2, 3, 2, 3, 4, 3, 0, 5, 6, 7, 8};
  static constexpr int64_t kLongest[] = {1, 600, 40, 14, 8, 5, 4, 3, 3};
  static constexpr int64_t kLongestOfLarge[] = {1, 200'000, 450, 60};
  spec->ndim =
      size == Size::kLarge ? static_cast<int>(random->Int(1, 3)) : kDims[random->Int(0, 15)];
  for (size_t axis = 0; axis < static_cast<size_t>(spec->ndim); ++axis) {
    const int64_t longest =
        size == Size::kLarge ? kLongestOfLarge[spec->ndim] : kLongest[spec->ndim];
    spec->shape[axis] = random->Int(size == Size::kLarge ? longest / 2 : 1, longest);
  }
  if (spec->ndim > 0 && size == Size::kSmall && random->Chance(4))
    spec->shape[AnyAxis(*spec, random)] = 0;
}

void PutItem(const Spec& spec, uint64_t element, unsigned char* out) {
  Random random(spec.seed ^ (element * 0x9E3779B97F4A7C15u));
  for (int64_t done = 0; done < spec.item_bytes; done += 8) {
    const uint64_t word = random.Next();
    std::memcpy(out + done, &word,
                static_cast<size_t>(std::min<int64_t>(8, spec.item_bytes - done)));
  }
  if (spec.dtype == TSNAP_BOOL) *out &= 1;
}

using Point = std::array<int64_t, TSNAP_MAX_DIMS>;

bool Holds(const Spec& spec, const Box& box, const Point& point) {
  for (size_t axis = 0; axis < static_cast<size_t>(spec.ndim); ++axis)
    if (point[axis] < box.offset[axis] || point[axis] >= box.offset[axis] + box.shape[axis])
      return false;
  return true;
}

bool IsStored(const Spec& spec, const Point& point) {
  for (const auto& boxes : spec.taken)
    for (const Box& box : boxes)
      if (Holds(spec, box, point)) return true;
  return false;
}

void PutValue(const Spec& spec, const Point& point, unsigned char* out) {
  uint64_t element = 0;
  for (size_t axis = 0; axis < static_cast<size_t>(spec.ndim); ++axis)
    element =
        element * static_cast<uint64_t>(spec.shape[axis]) + static_cast<uint64_t>(point[axis]);
  if (spec.coverage != TSNAP_COVER_SPARSE || IsStored(spec, point))
    return PutItem(spec, element, out);
  std::memset(out, 0, static_cast<size_t>(spec.item_bytes));
  if (!spec.fill.empty()) std::memcpy(out, spec.fill.data(), spec.fill.size());
}

// --- memory ---

struct Layout {
  std::array<int64_t, TSNAP_MAX_DIMS> strides{};
  int64_t first_byte = 0, bytes = 0;
  bool plain = false;  // contiguous, row-major
};

Layout DrawLayout(const Spec& spec, const Box& box, Random* random) {
  Layout layout;
  layout.plain = random->Chance(30);
  std::vector<size_t> slow_to_fast;
  for (size_t axis = 0; axis < static_cast<size_t>(spec.ndim); ++axis) slow_to_fast.push_back(axis);
  if (!layout.plain && random->Chance(60)) {
    if (random->Chance(50))
      std::reverse(slow_to_fast.begin(), slow_to_fast.end());  // Fortran
    else
      random->Shuffle(&slow_to_fast);
  }
  const bool ghosts = !layout.plain && random->Chance(50) && Volume(spec, box) < 5000;
  const bool backwards = !layout.plain && random->Chance(30);
  layout.bytes = spec.item_bytes;
  for (size_t i = slow_to_fast.size(); i-- > 0;) {
    const size_t axis = slow_to_fast[i];
    const int64_t before = ghosts ? random->Int(0, 2) : 0, after = ghosts ? random->Int(0, 2) : 0;
    const int64_t step = ghosts && spec.ndim < 5 && random->Chance(15) ? 2 : 1;
    const int64_t reach = std::max<int64_t>(box.shape[axis] - 1, 0) * step;
    const bool reversed = backwards && random->Chance(50);
    layout.first_byte += (before + (reversed ? reach : 0)) * layout.bytes;
    layout.strides[axis] = (reversed ? -step : step) * layout.bytes;
    layout.bytes *= before + reach + 1 + after;
  }
  return layout;
}

}  // namespace

uint64_t Random::Next() {
  uint64_t z = state_ += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int64_t Random::Int(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(Next() % static_cast<uint64_t>(high - low + 1));
}

Spec RandomSpec(uint64_t seed, const std::string& path, Size size, int takers, int restorers) {
  Spec spec;
  spec.path = path;
  spec.seed = seed;
  Random random = Random::Of(seed, 1);
  DrawType(&spec, &random);
  DrawShape(&spec, size, &random);
  if (size == Size::kSmall && random.Chance(35))
    spec.coverage = random.Chance(50) ? TSNAP_COVER_SPARSE : TSNAP_COVER_DUPLICATES;
  if (spec.coverage == TSNAP_COVER_SPARSE && random.Chance(70)) {
    spec.fill.resize(static_cast<size_t>(spec.item_bytes));
    PutItem(spec, UINT64_MAX, spec.fill.data());
  }
  Random taking = Random::Of(seed, 2, takers), restoring = Random::Of(seed, 3, takers, restorers);
  spec.taken = Share(spec, takers, true, &taking);
  if (restorers > 0) spec.wanted = Share(spec, restorers, false, &restoring);
  return spec;
}

Spec ManyBoxesSpec(uint64_t seed, const std::string& path, int64_t edge, bool many_when_taken,
                   int takers, int restorers) {
  Spec spec;
  spec.path = path;
  spec.seed = seed;
  spec.dtype = TSNAP_INT32;
  spec.item_bytes = 4;
  spec.ndim = 2;
  spec.shape = {edge, edge};
  Random taking = Random::Of(seed, 2, takers), restoring = Random::Of(seed, 3, takers, restorers);
  const std::vector<Box> many = CutEvenly(CutEvenly({Whole(spec)}, 0, edge), 1, edge);
  spec.taken = many_when_taken ? Deal(many, takers, &taking) : Share(spec, takers, true, &taking);
  if (restorers > 0)
    spec.wanted = many_when_taken ? Share(spec, restorers, false, &restoring)
                                  : Deal(many, restorers, &restoring);
  return spec;
}

std::string Describe(const Spec& spec) {
  std::string text = spec.path + ": dtype " + std::to_string(spec.dtype) + ", " +
                     std::to_string(spec.item_bytes) + " bytes, coverage " +
                     std::to_string(spec.coverage) + ", shape";
  for (size_t axis = 0; axis < static_cast<size_t>(spec.ndim); ++axis)
    text += " " + std::to_string(spec.shape[axis]);
  return text;
}

Memory MakeMemory(const Spec& spec, const Box& box, bool filled, Random* random) {
  const Layout layout = DrawLayout(spec, box, random);
  Memory memory;
  memory.bytes.assign(static_cast<size_t>(layout.bytes), kUntouched);
  memory.expected = memory.bytes;
  tsnap_array& array = memory.array;
  array.dtype = spec.dtype;
  array.ndim = spec.ndim;
  array.item_bytes = spec.dtype == TSNAP_OPAQUE ? spec.item_bytes : 0;
  std::copy_n(box.shape.begin(), spec.ndim, array.shape);
  std::copy_n(box.offset.begin(), spec.ndim, array.offset);
  if (!layout.plain) std::copy_n(layout.strides.begin(), spec.ndim, array.strides_bytes);

  Point point = box.offset;
  for (int64_t left = Volume(spec, box); left > 0; --left) {
    int64_t at = layout.first_byte;
    for (size_t axis = 0; axis < static_cast<size_t>(spec.ndim); ++axis)
      at += (point[axis] - box.offset[axis]) * layout.strides[axis];
    PutValue(spec, point, memory.expected.data() + at);
    for (auto axis = static_cast<size_t>(spec.ndim); axis-- > 0;) {
      if (++point[axis] < box.offset[axis] + box.shape[axis]) break;
      point[axis] = box.offset[axis];
    }
  }
  if (filled) memory.bytes = memory.expected;
  array.data =
      memory.bytes.data() + layout.first_byte;  // vectors keep their place when Memory is moved
  return memory;
}

std::vector<unsigned char> RandomBytes(uint64_t seed, size_t count) {
  Random random(seed);
  std::vector<unsigned char> bytes(count);
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random.Next());
  return bytes;
}

}  // namespace tsnap::test
