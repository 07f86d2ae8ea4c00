// A state with everything that a snapshot can hold, for any number of ranks. The values follow from the paths and the places
// (test_array.h), so that read_back.py computes them on its own; the manifest tells it what was registered.
#pragma once

#include <cinttypes>
#include <cstdio>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "api.h"
#include "test_array.h"

namespace tsnap::test {

inline constexpr float kAllFill = -77;

inline uint64_t SeedOf(const std::string& path, int kind, int rank) {
  uint64_t seed = kind == TSNAP_PRIVATE ? Mix(static_cast<uint64_t>(rank) + 1) : 0;
  for (const char c : path) seed = Mix(seed ^ static_cast<uint8_t>(c));
  return seed;
}

// As JSON has it; the texts here are UTF-8 but for one.
inline std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    char hex[8];
    std::snprintf(hex, sizeof hex, "%02x", static_cast<uint8_t>(c));
    out += hex;
  }
  return out + "\"";
}

class AllState {
 public:
  AllState(int rank, int size) : rank_(rank), size_(size) {
    AddDtypes();
    AddDimensions();
    AddBlocks();
    AddSparse();
    AddValues();
    AddNames();
    AddLarge();
    AddAttributes();
  }

  tsnap_state* state() { return state_; }

  void Fill() {
    for (Held& held : held_) held.memory.Fill(held.seed);
    for (const auto& fill : fills_) fill();
  }
  void Clear() {
    for (Held& held : held_) held.memory.Clear();
    for (Number& one : numbers_) one.integer = one.truth = 77, one.number = 77;
    for (Text& one : texts_) one.buffer.assign(one.buffer.size(), 'x'), one.size = 77;
  }
  void Check() const {
    for (const Held& held : held_) CHECK_TEXT(held.memory.Holds(held.seed), held.path);
    for (const Number& one : numbers_) {
      const bool ok = one.type == 'i'   ? one.integer == one.want
                      : one.type == 'f' ? one.number == static_cast<double>(one.want) / 3
                                        : one.truth == one.want % 2;
      CHECK_TEXT(ok, one.path);
    }
    for (const Text& one : texts_) {
      CHECK_TEXT(one.buffer.compare(0, one.want.size(), one.want) == 0, one.path);
      CHECK_TEXT(one.is_bytes ? one.size == one.want.size() : one.buffer[one.want.size()] == '\0', one.path);
    }
  }

  // One line of JSON an object of this rank; texts are in hexadecimal digits.
  void Print(std::FILE* out) const {
    for (const std::string& line : lines_) std::fprintf(out, "%s\n", line.c_str());
  }

 private:
  struct Held {
    std::string path;
    uint64_t seed;
    TestArray memory;
  };
  struct Number {
    std::string path;
    char type;
    int64_t want;
    int64_t integer = 77;
    double number = 77;
    int32_t truth = 77;
  };
  struct Text {
    std::string path;
    bool is_bytes;
    std::string want;
    std::string buffer;
    size_t size = 77;
  };

  Layout NextLayout() { return kLayouts[held_.size() % 7]; }

  // As test_array.h arranges the axes, from the slowest to the fastest.
  static std::string OrderOf(Layout layout, size_t ndim) {
    if (layout == Layout::kFortran || (layout == Layout::kPermuted && ndim == 2)) return "column-major";
    if (layout != Layout::kPermuted) return "row-major";
    std::vector<size_t> order(ndim);
    for (size_t i = 0; i < ndim; ++i) order[i] = ndim - 1 - i;
    for (size_t i = 0; i + 1 < ndim; i += 2) std::swap(order[i], order[i + 1]);
    std::swap(order[0], order[ndim - 1]);
    std::string axes;
    for (size_t i = ndim; i > 0; --i) axes += (axes.empty() ? "" : ",") + std::to_string(order[i - 1]);
    return axes;
  }

  void Say(const std::string& path, int kind, const char* type, const std::string& more) {
    lines_.push_back("{\"path\":" + Quoted(path) + ",\"kind\":" + std::to_string(kind) + ",\"rank\":" + std::to_string(rank_) +
                     ",\"type\":\"" + type + "\"" + more + "}");
  }

  static std::string ShapeText(const Shape& shape) {
    std::string text;
    for (const int64_t extent : shape) text += (text.empty() ? "" : ",") + std::to_string(extent);
    return "[" + text + "]";
  }

  // One box; a sharded array says itself once, the first time that its path comes.
  tsnap_array Hold(const std::string& path, int kind, int32_t dtype, int64_t item_bytes, const Shape& shape, const Shape& offset,
                   Layout layout) {
    held_.push_back({path, SeedOf(path, kind, rank_), TestArray(dtype, item_bytes, shape, layout, offset)});
    const std::string order = shape.size() < 2 ? "" : OrderOf(layout, shape.size());
    const tsnap_array described = held_.back().memory.Describe();
    Say(path, kind, "array",
        ",\"dtype\":" + std::to_string(dtype) + ",\"item_bytes\":" + std::to_string(dtype == TSNAP_OPAQUE ? item_bytes : DtypeBytes(dtype)) +
            ",\"shape\":" + ShapeText(shape) + ",\"offset\":" + ShapeText(offset) + ",\"order\":\"" + order + "\"");
    return described;
  }

  void Private(const std::string& path, int32_t dtype, const Shape& shape, int64_t item_bytes = 5) {
    const tsnap_array array = Hold(path, TSNAP_PRIVATE, dtype, item_bytes, shape, Shape(shape.size()), NextLayout());
    CHECK_OK(tsnap_state_add_private(state_, path.c_str(), &array));
  }
  void Replicated(const std::string& path, int32_t dtype, const Shape& shape, int64_t item_bytes = 12) {
    const tsnap_array array = Hold(path, TSNAP_REPLICATED, dtype, item_bytes, shape, Shape(shape.size()), NextLayout());
    CHECK_OK(tsnap_state_add_replicated(state_, path.c_str(), &array));
  }
  struct Part {
    Shape offset, shape;
  };
  void Sharded(const std::string& path, int32_t dtype, const Shape& global, const std::vector<Part>& parts, int64_t item_bytes = 3) {
    std::vector<tsnap_array> boxes;
    const Layout layout = NextLayout();
    for (const Part& part : parts) boxes.push_back(Hold(path, TSNAP_SHARDED, dtype, item_bytes, part.shape, part.offset, layout));
    CHECK_OK(tsnap_state_add_sharded(state_, path.c_str(), global.data(), boxes.data(), boxes.size()));
    Say(path, TSNAP_SHARDED, "global", ",\"shape\":" + ShapeText(global));
  }
  // Slabs along one axis.
  std::vector<Part> Slices(const Shape& global, size_t axis) const {
    Part part{Shape(global.size()), global};
    part.offset[axis] = global[axis] * rank_ / size_;
    part.shape[axis] = global[axis] * (rank_ + 1) / size_ - part.offset[axis];
    return {part};
  }

  void AddDtypes() {
    for (int32_t dtype = TSNAP_BOOL; dtype <= TSNAP_OPAQUE; ++dtype) {
      const std::string name = "/t" + std::to_string(dtype);
      Private("private" + name, dtype, {2 + rank_, 3});
      Replicated("replicated" + name, dtype, {3, 2, 2});
      Sharded("sharded" + name, dtype, {6, 5}, Slices({6, 5}, dtype % 2));
    }
    for (const int32_t dtype : {TSNAP_FLOAT8_E4M3, TSNAP_FLOAT8_E5M2, TSNAP_FLOAT16, TSNAP_BFLOAT16})
      Replicated("patterns/t" + std::to_string(dtype), dtype, {4001});
  }

  void AddDimensions() {
    Shape shape;
    for (int ndim = 0; ndim <= TSNAP_MAX_DIMS; ++ndim) {
      const std::string name = "/" + std::to_string(ndim);
      Private("dims" + name, TSNAP_INT16, shape);
      Replicated("replicated dims" + name, TSNAP_INT32, shape);
      if (ndim > 0) Sharded("sharded dims" + name, TSNAP_UINT16, shape, Slices(shape, static_cast<size_t>(ndim - 1) / 2));
      shape.push_back(ndim == 0 ? 5 : 1 + ndim % 3);
    }
    Private("varying", TSNAP_INT8, Shape(static_cast<size_t>(rank_), 2 + rank_));   // 0 dimensions on rank 0
    Private("empty of some", TSNAP_FLOAT64, {rank_ == 1 ? 0 : 2, 3});
    Replicated("empty", TSNAP_FLOAT64, {4, 0, 2});
    Private("none/at all", TSNAP_INT32, {0});
  }

  void AddBlocks() {
    for (const char* path : {"blocks/a", "blocks/b", "blocks/c", "blocks/d", "blocks/e", "blocks/f", "blocks/g"}) {
      std::vector<Part> parts;
      for (int i = rank_; i < 6; i += size_) parts.push_back({{4 * (i / 2), 5 * (i % 2), 0}, {4, 5, 2}});
      Sharded(path, TSNAP_UINT32, {12, 10, 2}, parts);
    }
    const int64_t begin = 7 * rank_ / size_, end = 7 * (rank_ + 1) / size_ + (rank_ + 1 < size_ ? 1 : 0);
    Sharded("shared nodes", TSNAP_FLOAT32, {7, 4}, {{{begin, 0}, {end - begin, 4}}});
    CHECK_OK(tsnap_state_set_coverage(state_, "shared nodes", TSNAP_COVER_DUPLICATES, nullptr));
  }

  void AddSparse() {
    const Part patch{{3 * rank_, rank_}, {2, 3}};
    Sharded("sparse/filled", TSNAP_FLOAT32, {9, 8}, {patch});
    CHECK_OK(tsnap_state_set_coverage(state_, "sparse/filled", TSNAP_COVER_SPARSE, &kAllFill));
    Sharded("sparse/zeros", TSNAP_INT64, {9, 8}, {patch});
    CHECK_OK(tsnap_state_set_coverage(state_, "sparse/zeros", TSNAP_COVER_SPARSE, nullptr));
    Sharded("sparse/opaque", TSNAP_OPAQUE, {9, 8}, {patch}, 3);
    CHECK_OK(tsnap_state_set_coverage(state_, "sparse/opaque", TSNAP_COVER_SPARSE, "\x01\x02\x03"));
    const double complex[] = {1.5, -2.5};
    Sharded("sparse/complex", TSNAP_COMPLEX128, {9, 8}, {patch});
    CHECK_OK(tsnap_state_set_coverage(state_, "sparse/complex", TSNAP_COVER_SPARSE, complex));
    Sharded("sparse/large", TSNAP_FLOAT32, {2000, 400}, {{{600 * rank_, 100 * rank_}, {200, 150}}});
    CHECK_OK(tsnap_state_set_coverage(state_, "sparse/large", TSNAP_COVER_SPARSE, &kAllFill));
  }

  void AddNumber(const std::string& path, int kind, char type, int64_t want) {
    Number& one = numbers_.emplace_back();
    one.path = path;
    one.type = type;
    one.want = want;
    if (type == 'i') CHECK_OK(tsnap_state_add_int64(state_, path.c_str(), kind, &one.integer));
    if (type == 'f') CHECK_OK(tsnap_state_add_float64(state_, path.c_str(), kind, &one.number));
    if (type == 'b') CHECK_OK(tsnap_state_add_bool(state_, path.c_str(), kind, &one.truth));
    fills_.push_back([&one] {
      one.integer = one.want;
      one.number = static_cast<double>(one.want) / 3;
      one.truth = static_cast<int32_t>(one.want % 2);
    });
    Say(path, kind, type == 'i' ? "int64" : type == 'f' ? "float64" : "bool", ",\"value\":" + std::to_string(want));
  }
  void AddText(const std::string& path, int kind, bool is_bytes, const std::string& want) {
    Text& one = texts_.emplace_back();
    one.path = path;
    one.is_bytes = is_bytes;
    one.want = want;
    one.buffer.assign(want.size() + 8, 'x');
    if (is_bytes)
      CHECK_OK(tsnap_state_add_bytes(state_, path.c_str(), kind, one.buffer.data(), one.buffer.size(), &one.size));
    else
      CHECK_OK(tsnap_state_add_string(state_, path.c_str(), kind, one.buffer.data(), one.buffer.size()));
    fills_.push_back([&one] {
      one.buffer.replace(0, one.want.size() + 1, one.want + '\0');
      one.size = one.want.size();
    });
    Say(path, kind, is_bytes ? "bytes" : "string", ",\"value\":" + Quoted(want));
  }

  void AddValues() {
    AddNumber("values/step", TSNAP_REPLICATED, 'i', 0x0123456789abcdef);
    AddNumber("values/time", TSNAP_REPLICATED, 'f', -1);
    AddNumber("values/flag", TSNAP_REPLICATED, 'b', 1);
    AddNumber("values/own step", TSNAP_PRIVATE, 'i', -1 - rank_);
    AddNumber("values/own time", TSNAP_PRIVATE, 'f', 100 + rank_);
    AddNumber("values/own flag", TSNAP_PRIVATE, 'b', rank_);
    for (const int kind : {TSNAP_PRIVATE, TSNAP_REPLICATED}) {
      const std::string group = kind == TSNAP_PRIVATE ? "texts/own " : "texts/";
      const std::string tail = kind == TSNAP_PRIVATE ? std::string(static_cast<size_t>(rank_), '!') : "";
      AddText(group + "plain", kind, false, "plain" + tail);
      AddText(group + "german", kind, false, "gr\xc3\xbc\xc3\x9f Gott\n" + tail);
      AddText(group + "bad", kind, false, "\xff\x01" + tail);
      AddText(group + "empty", kind, false, "");
      AddText(group + "blanks", kind, false, "  blanks  ");
      AddText(group + "block", kind, true, std::string("a\0b\xff", 4) + tail);
      AddText(group + "empty block", kind, true, "");
    }
  }

  void AddNames() {
    std::string deep = "deep";
    for (int i = 0; i < 300; ++i) deep += "/" + std::to_string(i);
    std::vector<std::string> paths = {"a b", "%41", "x:y", "a%2Fb", "odd/...", "odd/..x", "odd/ ", "odd/7", "odd/\n\x1b[31m",
                                      "odd/\xe6\x97\xa5\xe6\x9c\xac", "odd/\\", "odd/*?", "odd/.tsnap", "tsnap", "record", deep,
                                      "long/" + std::string(4000, 'n')};
    for (const std::string& path : paths) {
      Replicated(path, TSNAP_UINT8, {3});
      Private("own/" + path.substr(0, 4000), TSNAP_UINT8, {1 + rank_});
    }
    // What is a group to one rank is an object to another; and the names that would be free for it are not.
    Private(rank_ == 0 ? "p" : "p/q", TSNAP_INT32, {2});
    Private(rank_ == 0 ? "r/s/t" : rank_ == 1 ? "r/s" : "r", TSNAP_INT32, {2});
    Replicated("p%2", TSNAP_INT32, {2});
    Replicated("p%3/x", TSNAP_INT32, {2});
    if (rank_ == 0) Private("mixed", TSNAP_INT32, {2});
    if (rank_ == 1) Private("mixed", TSNAP_FLOAT64, {2, 2});
    if (rank_ == 2) AddText("mixed", TSNAP_PRIVATE, false, "mixed");
    if (rank_ == size_ - 1) Private("last rank's", TSNAP_FLOAT32, {4});
  }

  void AddLarge() {
    Sharded("large/columns", TSNAP_FLOAT64, {600, 500}, Slices({600, 500}, 1));
    Sharded("large/rows", TSNAP_FLOAT32, {601, 500}, Slices({601, 500}, 0));
    Replicated("large/replicated", TSNAP_INT32, {300001});
    Private("large/own", TSNAP_UINT8, {300001 + rank_});
  }

  void Attribute(const std::string& path, const std::string& name, const std::string& value) {
    CHECK_OK(tsnap_state_set_attribute(state_, path.c_str(), name.c_str(), value.c_str()));
    Say(path, 0, "attribute", ",\"name\":" + Quoted(name) + ",\"value\":" + Quoted(value));
  }

  void AddAttributes() {
    for (const char* path : {"private/t15", "replicated/t15", "sharded/t15", "values/own step", "texts/plain", "empty", "sparse/filled"}) {
      Attribute(path, "units", "m/s\xc2\xb2");
      Attribute(path, "nothing", "");
      Attribute(path, "gr\xc3\xb6\xc3\x9f"
                      "e / a", "odd name");
    }
    Attribute("sharded/t15", "dimension_names", "y,x");
    Attribute("replicated/t15", "dimension_names", "z,y,gr\xc3\xbc\xc3\x9f");
    Attribute("sharded/t14", "dimension_names", "y");   // of another number
    Attribute("replicated/t14", "long", std::string(100000, 'v'));
    // Names that the file itself has a use for.
    for (const char* name : {"tsnap_path", "tsnap_kind", "tsnap_ranks", "tsnap_anything", "DIMENSION_LABELS", "DIMENSION_LIST", "_FillValue"})
      Attribute("sharded/t13", name, "mine");
    Attribute("sharded/t13", "dimension_names", "y,x");
    for (int i = 0; i < 30; ++i) Attribute("replicated/t12", "many " + std::to_string(i), std::to_string(i));
  }

  int rank_, size_;
  State state_;
  std::deque<Held> held_;
  std::deque<Number> numbers_;
  std::deque<Text> texts_;
  std::vector<std::function<void()>> fills_;
  std::vector<std::string> lines_;
};

}  // namespace tsnap::test
