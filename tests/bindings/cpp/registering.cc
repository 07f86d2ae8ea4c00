// States in C++: every kind of thing that may be registered comes back as it was, and is stored as what the page says.
#include <array>
#include <complex>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <tsnap.hpp>

#include "cases.h"

namespace tsnap::test {
namespace {

enum class Colour : std::uint16_t { red = 3, green = 700 };
struct Particle {
  double position[3];
  std::int32_t charge;
  std::int32_t id;
};
bool operator==(const Particle& a, const Particle& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

// Takes the state, runs the change, restores.
template <typename Change>
void RoundTrip(State& state, const std::string& url, Change change) {
  Context context = Context::self();
  context.take(url, state);
  change();
  context.restore(url, state);
  context.close();
}

template <typename T>
void OneType(Dtype dtype, T value) {
  Where() = name(dtype);
  State state;
  T one = value;
  std::array<T, 3> many = {value, T{}, value};
  std::vector<T> line(5, value);
  state.private_("line", line);
  state.replicated("many", many);
  state.private_("record/one", one);
  RoundTrip(state, "mem://one_type", [&] {
    one = T{};
    many[0] = T{};
    std::fill(line.begin(), line.end(), T{});
  });
  CHECK(one == value && many[0] == value && many[1] == T{} && many[2] == value && line == std::vector<T>(5, value));
  const Snapshot snapshot("mem://one_type");
  CHECK(snapshot["0/line"].dtype() == dtype && snapshot["0/line"].shape() == Dims(5));
  CHECK(snapshot["0/line"].read<T>() == line);
  CHECK(snapshot["many"].dtype() == dtype && snapshot["many"].kind() == Kind::replicated);
  CHECK(snapshot["many"].item_bytes() == static_cast<std::int64_t>(sizeof(T)));
  tsnap::remove("mem://one_type");
}

void EveryElementType() {
  OneType<char>(std::is_signed_v<char> ? Dtype::int8 : Dtype::uint8, 'x');
  OneType<std::int8_t>(Dtype::int8, -100);
  OneType<short>(Dtype::int16, -30000);
  OneType<int>(Dtype::int32, std::numeric_limits<int>::min());
  OneType<unsigned char>(Dtype::uint8, 255);
  OneType<std::uint16_t>(Dtype::uint16, 65535);
  OneType<unsigned>(Dtype::uint32, 4000000000U);
  OneType<std::size_t>(Dtype::uint64, std::numeric_limits<std::size_t>::max());
  OneType<std::byte>(Dtype::uint8, std::byte{77});
  OneType<float>(Dtype::float32, 0.1F);
  OneType<std::complex<float>>(Dtype::complex64, {1, -2});
  OneType<std::complex<double>>(Dtype::complex128, {0.1, -0.2});
  OneType<Colour>(Dtype::uint16, Colour::green);
  OneType<Particle>(Dtype::opaque, {{1, 2, 3}, -1, 5});
#ifdef TSNAP_CPP_HAS_FLOAT16
  OneType<Float16>(Dtype::float16, static_cast<Float16>(1.5F));
#endif
#ifdef TSNAP_CPP_HAS_BFLOAT16
  OneType<Bfloat16>(Dtype::bfloat16, static_cast<Bfloat16>(1.5F));
#endif
  static_assert(dtype_of<bool> == Dtype::boolean && dtype_of<long long> == Dtype::int64 && dtype_of<double> == Dtype::float64);
  static_assert(dtype_of<std::array<std::array<float, 3>, 2>> == Dtype::float32);
}

void ScalarsAreThoseOfC() {
  State state;
  std::int64_t integer = std::numeric_limits<std::int64_t>::min();
  long long other = 7;
  double number = std::numeric_limits<double>::denorm_min();
  bool yes = true, no = false;
  state.private_("integer", integer);
  state.replicated("other", other);
  state.replicated("number", number);
  state.private_("yes", yes);
  state.replicated("no", no);
  // A truth value has the value that it has at the take, not at the registration.
  yes = false;
  no = true;
  RoundTrip(state, "mem://scalars", [&] {
    integer = other = 0;
    number = 1;
    yes = true;
    no = false;
  });
  CHECK(integer == std::numeric_limits<std::int64_t>::min() && other == 7 && number == std::numeric_limits<double>::denorm_min());
  CHECK(!yes && no);
  const Snapshot snapshot("mem://scalars");
  CHECK(snapshot["0/integer"].type() == ObjectType::int64 && snapshot["0/integer"].get<std::int64_t>() == integer);
  CHECK(snapshot["other"].type() == ObjectType::int64 && snapshot["other"].get<std::int64_t>() == 7);
  CHECK(snapshot["number"].type() == ObjectType::float64 && snapshot["number"].get<double>() == number);
  CHECK(snapshot["0/yes"].type() == ObjectType::boolean && !snapshot["0/yes"].get<bool>() && snapshot["no"].get<bool>());
}

void EveryLayout() {
  std::vector<double> memory(7 * 9), left_memory(12), inner(7 * 9);
  std::iota(memory.begin(), memory.end(), 0.0);
  std::iota(left_memory.begin(), left_memory.end(), 0.0);
  inner = memory;
  double grid[2][3][4] = {};
  grid[1][2][3] = 123;
  std::vector<std::array<float, 3>> positions(4, {1, 2, 3});
  std::array<int, 6> fixed = {1, 2, 3, 4, 5, 6};
  const std::vector<double> before = memory, left_before = left_memory;

  State state;
  state.private_("right", View(memory, {7, 9}));
  state.private_("left", View(left_memory.data(), {3, 4}, left));
  state.private_("interior", View(inner, {7, 9}).interior(2));
  state.private_("reversed", View(fixed.data() + 5, {6}, Strides{-1}));
  state.private_("every_other", View(fixed.data(), {std::size_t{3}}, Strides{2}));
  state.private_("grid", grid);
  state.private_("positions", positions);
  state.private_("box", View(memory, {7, 9}).box({1, 2}, {2, 3}));
  Context context = Context::self();
  context.take("mem://layouts", state);
  for (double& value : memory) value = -1;
  for (double& value : left_memory) value = -1;
  std::fill(inner.begin(), inner.end(), -1);
  grid[1][2][3] = 0;
  positions.assign(4, {0, 0, 0});
  fixed = {};
  context.restore("mem://layouts", state);
  CHECK(memory == before && left_memory == left_before && grid[1][2][3] == 123);
  CHECK(inner[0] == -1 && inner[2 * 9 + 2] == 20 && inner[4 * 9 + 6] == 42 && inner[4 * 9 + 7] == -1);
  CHECK(positions[3] == (std::array<float, 3>{1, 2, 3}) && fixed == (std::array<int, 6>{1, 2, 3, 4, 5, 6}));

  const Snapshot snapshot("mem://layouts");
  CHECK(snapshot["0/left"].shape() == Dims(3, 4));
  CHECK(snapshot["0/left"].read<double>() == (std::vector<double>{0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11}));
  CHECK(snapshot["0/interior"].shape() == Dims(3, 5) && snapshot["0/interior"].read<double>()[5] == 29);
  CHECK(snapshot["0/reversed"].read<int>() == (std::vector<int>{6, 5, 4, 3, 2, 1}));
  CHECK(snapshot["0/every_other"].read<int>() == (std::vector<int>{1, 3, 5}));
  CHECK(snapshot["0/grid"].shape() == Dims(2, 3, 4) && snapshot["0/positions"].shape() == Dims(4, 3));
  CHECK((snapshot["0/positions"].read<std::array<float, 3>>() == positions));
  CHECK(snapshot["0/box"].read<double>() == (std::vector<double>{11, 12, 13, 20, 21, 22}));
}

// It looks like std::mdspan, and has an index type of its own.
struct Mdspan {
  static constexpr int rank() { return 2; }
  std::uint32_t extent(std::size_t axis) const { return axis == 0 ? 2 : 3; }
  std::uint32_t stride(std::size_t axis) const { return axis == 0 ? 1 : 2; }
  short* data_handle() const { return data; }
  short* data;
};
// It looks like a Kokkos::View: data() and size(), and a rank that is a value.
struct KokkosLike {
  static constexpr unsigned rank = 2;
  int extent(int axis) const { return axis == 0 ? 2 : 3; }
  int stride(int axis) const { return axis == 0 ? 4 : 1; }
  short* data() const { return memory; }
  std::size_t size() const { return 6; }
  short* memory;
};

void WhatLooksLikeMdspanIsOne() {
  short numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  KokkosLike view{numbers};
  State state;
  state.private_("mdspan", Mdspan{numbers});
  state.sharded("kokkos", view, {2, 3}, {0, 0});
  Context context = Context::self();
  context.take("mem://mdspan", state);
  const Snapshot snapshot("mem://mdspan");
  CHECK(snapshot["0/mdspan"].read<short>() == (std::vector<short>{0, 2, 4, 1, 3, 5}));
  CHECK(snapshot["kokkos"].read<short>() == (std::vector<short>{0, 1, 2, 4, 5, 6}));
  short out[8] = {};
  snapshot["0/mdspan"].read_into(Mdspan{out});
  CHECK(out[1] == 1 && out[5] == 5 && out[6] == 0);
}

void ShardedBoxes() {
  std::vector<double> low = {0, 1, 2, 3}, high = {4, 5};
  std::vector<float> patch = {7, 8};
  std::vector<std::array<int, 2>> pairs = {{1, 2}, {3, 4}};
  State state;
  state.sharded("boxes", {6}, std::vector<Box<double>>{{View(low, {4}), {0}}, {View(high, {2}), {4}}});
  state.sharded("sparse", patch, {5}, {1}).sparse(-1.5F).attribute("units", "Pa");
  state.sharded("nodes", {3}, std::vector<Box<double>>{{View(low.data(), {3}), {0}}, {View(low.data(), {2}), {0}}}).duplicates();
  state.sharded("pairs", pairs, {2}, {0});
  state.sharded("nothing", {4}, std::vector<Box<double>>{}).sparse();
  state.remove("nothing");   // no rank holds a box of it, so that its type is unknown
  RoundTrip(state, "mem://boxes", [&] { low = {0, 0, 0, 0}; pairs[1] = {0, 0}; });
  CHECK(low == (std::vector<double>{0, 1, 2, 3}) && pairs[1] == (std::array<int, 2>{3, 4}));
  const Snapshot snapshot("mem://boxes");
  CHECK(snapshot["boxes"].kind() == Kind::sharded && snapshot["boxes"].box_count() == 2);
  CHECK(snapshot["boxes"].read<double>({3}, {2}) == (std::vector<double>{3, 4}));
  CHECK(snapshot["sparse"].read<float>() == (std::vector<float>{-1.5F, 7, 8, -1.5F, -1.5F}));
  CHECK(snapshot["sparse"].attribute("units") == "Pa" && snapshot["nodes"].read<double>()[2] == 2);
  CHECK(snapshot["pairs"].shape() == Dims(2, 2));
  CHECK_THROWS(state.sharded("wrong", low, {4, 1}, {0}), Error, "dimensions");
  CHECK_THROWS(state.sharded("wrong", low, {4}, {0, 0}), Error, "the offset of 'wrong' is (0, 0)");
}

void StringsAndBytesGrow() {
  std::string text = "a short text", fixed_text = "stays";
  char buffer[16] = "in a buffer";
  std::vector<std::byte> block(1000, std::byte{9});
  std::vector<Particle> particles(5, Particle{{1, 2, 3}, 1, 2});
  std::vector<std::array<double, 2>> points(3, {1, 2});
  State state;
  state.private_("text", text).attribute("language", "en");
  state.replicated("fixed", fixed_text);
  state.private_("buffer", buffer);
  state.private_bytes("block", block);
  state.private_("particles", grow(particles)).attribute("units", "m");
  state.replicated("points", grow(points));
  Context context = Context::self();
  context.take("mem://first", state);
  // Longer ones than at the registration, and elsewhere in memory.
  text = std::string(10000, 'x') + "end";
  block.assign(5000, std::byte{3});
  particles.assign(70, Particle{{4, 5, 6}, 7, 8});
  points.push_back({8, 9});
  context.take("mem://second", state);
  CHECK(Snapshot("mem://second")["0/text"].attribute("language") == "en");
  CHECK(Snapshot("mem://second")["0/particles"].attribute("units") == "m");
  const auto text_then = text;
  const auto particles_then = particles;
  context.restore("mem://first", state);
  CHECK(text == "a short text" && block == std::vector<std::byte>(1000, std::byte{9}) && particles.size() == 5);
  CHECK(points.size() == 3 && fixed_text == "stays" && std::string(buffer) == "in a buffer");
  text.clear();
  block = {};
  particles = {};
  context.restore("mem://second", state);
  CHECK(text == text_then && block == std::vector<std::byte>(5000, std::byte{3}) && particles == particles_then);
  CHECK(points.size() == 4 && points[3] == (std::array<double, 2>{8, 9}));
  CHECK(Snapshot("mem://second")["0/text"].get<std::string>() == text);
  CHECK(Snapshot("mem://second")["0/block"].get<std::vector<std::byte>>() == block);
}

// In a part that describes itself they are bound at each describe, below its path.
void StringsGrowInPartsAsWell() {
  std::string text = "long enough to be elsewhere than in the string itself";
  std::vector<double> values(9, 4.5);
  bool flag = true;
  State state;
  state.stateful("outer", [&](State& outer) {
    outer.private_("inner/text", text);
    outer.private_("values", grow(values));
    outer.private_("flag", flag);
  });
  Context context = Context::self();
  context.take("mem://parts", state);
  const std::string then = text;
  text.clear();
  values.clear();
  flag = false;
  context.restore("mem://parts", state);
  CHECK(text == then && values == std::vector<double>(9, 4.5) && flag);
  CHECK(Snapshot("mem://parts").contains("0/outer/inner/text"));
}

// What was changed since the registration, and is not in the snapshot, stays as it is: here the state of the registration is stale.
void WhatIsNotRestoredStaysAsItIs() {
  bool flag = false, in_part = false;
  std::string text = "short", stored = "stored";
  std::vector<std::byte> block(4, std::byte{1}), shrunk(9, std::byte{2});
  State state, other;
  other.replicated("stored", stored);
  other.private_bytes("shrunk", shrunk);
  Context context = Context::self();
  context.take("mem://other", other);
  state.replicated("flag", flag);
  state.private_("text", text);
  state.replicated_bytes("block", block);
  state.stateful("part", [&](State& part) { part.private_("flag", in_part); });
  state.replicated("stored", stored);
  flag = in_part = true;
  text = std::string("a\0b", 3);
  block.assign(4, std::byte{7});
  stored.clear();
  RestoreOptions loose;
  loose.strict = false;
  context.restore("mem://other", state, loose);
  CHECK(flag && in_part && text == std::string("a\0b", 3) && block == std::vector<std::byte>(4, std::byte{7}) && stored == "stored");

  // The size that a restore has told before it failed is not the one of the next.
  double wrong = 0;
  State fails;
  fails.private_bytes("shrunk", shrunk);
  fails.replicated("stored", wrong);
  shrunk.clear();
  CHECK_THROWS(context.restore("mem://other", fails), Mismatch, "stored");
  fails.remove("stored");
  State empty;
  context.take("mem://empty", empty);
  shrunk.assign(9, std::byte{5});
  context.restore("mem://empty", fails, loose);
  CHECK(shrunk == std::vector<std::byte>(9, std::byte{5}));
}

void NulInAStringIsRefused() {
  std::string text("a\0b", 3);
  State state;
  state.private_("text", text);
  Context context = Context::self();
  CHECK_THROWS(context.take("mem://nul", state), CallbackFailed, "register it as bytes");
  text = "good";
  context.take("mem://nul", state);   // and the state is as it was before
  CHECK(Snapshot("mem://nul").size() == 1);
}

// C would cut them there, and "a" is another path than "a\0b".
void NulInATextIsRefused() {
  const std::string nul("a\0b", 3);
  std::vector<double> values(2);
  std::string text;
  std::mt19937 engine;
  State state;
  CHECK_THROWS(state.private_(nul, values), Error, "the path holds a NUL");
  CHECK_THROWS(state.private_(nul, text), Error, "the path holds a NUL");
  CHECK_THROWS(state.replicated(nul, grow(values)), Error, "the path holds a NUL");
  CHECK_THROWS(state.private_bytes(nul, text), Error, "the path holds a NUL");
  CHECK_THROWS(state.sharded(nul, values, {2}, {0}), Error, "the path holds a NUL");
  CHECK_THROWS((state.rng(nul, engine), 0), Error, "the path holds a NUL");
  CHECK_THROWS((state.replicate(nul), 0), Error, "the glob holds a NUL");
  CHECK_THROWS((state.remove(nul), 0), Error, "the path holds a NUL");
  state.private_("a", values);
  CHECK_THROWS(state.attribute("a", "units", nul), Error, "the value of an attribute holds a NUL");
  CHECK_THROWS(state.attribute("a", nul, "m"), Error, "the name of an attribute holds a NUL");
  Context context = Context::self();
  const std::string place("mem://texts\0more", 16);
  TakeOptions options;
  options.metadata = nul;
  CHECK_THROWS(context.take("mem://texts", state, options), Error, "the metadata holds a NUL");
  CHECK_THROWS(context.take_async("mem://texts", state, options), Error, "the metadata holds a NUL");
  CHECK_THROWS(context.take(place, state), Error, "the place holds a NUL");
  CHECK_THROWS(context.take_async(place, state), Error, "the place holds a NUL");
  context.take("mem://texts", state);   // which the calls before have not made
  CHECK_THROWS(context.restore(place, state), Error, "the place holds a NUL");
  CHECK_THROWS(context.open_snapshot(place), Error, "the place holds a NUL");
  CHECK_THROWS(Snapshot{place}, Error, "the place holds a NUL");
  CHECK_THROWS((tsnap::remove(place), 0), Error, "the place holds a NUL");
  CHECK_THROWS(tsnap::gc(place), Error, "the place holds a NUL");
  CHECK_THROWS(tsnap::copy("mem://texts", place), Error, "the place holds a NUL");
  const Snapshot snapshot("mem://texts");
  CHECK_THROWS(snapshot[std::string("0/a\0b", 5)], Error, "the path holds a NUL");
  CHECK_THROWS(snapshot["0/a"].find_attribute(nul), Error, "the name of an attribute holds a NUL");
  Config config;
  config.s3_secret_key = nul;
  CHECK_THROWS(Context::self(config), Error, "the s3_secret_key holds a NUL");
  CHECK_THROWS(Snapshot("mem://texts", config), Error, "the s3_secret_key holds a NUL");
}

template <typename Engine>
void OneEngine(Engine engine) {
  std::normal_distribution<double> normal;
  Engine untouched = engine;
  auto untouched_normal = normal;
  (void)normal(engine);    // it keeps a second value
  (void)untouched_normal(untouched);
  State state;
  state.rng("rng/engine", engine);
  state.rng("rng/normal", normal);
  Context context = Context::self();
  context.take("mem://engine", state);
  const auto a = normal(engine), b = normal(engine);
  const auto c = engine();
  CHECK(a == untouched_normal(untouched) && b == untouched_normal(untouched) && c == untouched());   // the take changed nothing
  context.restore("mem://engine", state);
  CHECK(normal(engine) == a && normal(engine) == b && engine() == c);
  tsnap::remove("mem://engine");
}

struct Counter {   // an engine without << and >>
  using result_type = std::uint32_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return 0xffffffff; }
  result_type operator()() { return state += 0x9e3779b9U; }
  std::uint32_t state = 1;
};

void EveryEngineGoesOn() {
  OneEngine(std::mt19937(5));
  OneEngine(std::mt19937_64(6));
  OneEngine(std::minstd_rand(7));
  OneEngine(std::ranlux24(8));
  OneEngine(std::ranlux48_base(9));
  OneEngine(std::knuth_b(10));
  OneEngine(Counter{});
}

void GeneratorOfAllRanks() {
  std::mt19937 engine(3);
  std::uint64_t own = 17;
  State state;
  state.replicated_rng("shared", engine);
  state.rng("own", [&](State& child) { child.private_("state", own); });
  Context context = Context::self();
  context.take("mem://shared", state);
  const auto next = engine();
  own = 0;
  context.restore("mem://shared", state);
  CHECK(engine() == next && own == 17);
  CHECK(Snapshot("mem://shared")["shared/state"].kind() == Kind::replicated);
  std::minstd_rand other;   // the text of another engine
  State wrong;
  wrong.replicated_rng("shared", other);
  const std::minstd_rand before = other;
  RestoreOptions loose;
  loose.strict = false;
  CHECK_THROWS(context.restore("mem://shared", wrong, loose), Error, "");
  CHECK(other == before);
}

void StatesAreMovedReplacedAndEmptied() {
  std::vector<double> values = {1, 2};
  std::string text = "text";
  State state;
  state.private_("values", values);
  state.private_("text", text);
  State moved = std::move(state);
  moved.replicate("val*");
  Context context = Context::self();
  context.take("mem://moved", moved);
  CHECK(Snapshot("mem://moved").contains("values"));
  CHECK_THROWS(moved.private_("values", values), Exists, "values");
  CHECK_THROWS(moved.attribute("none", "a", "b"), NotFound, "none");
  moved.remove("text");
  moved.private_("text", text);
  moved.remove("text");
  CHECK_THROWS(moved.remove("text"), NotFound, "text");
  moved = State();
  moved.private_("other", values);
  TakeOptions overwrite;
  overwrite.overwrite = true;
  context.take("mem://moved", moved, overwrite);
  CHECK(Snapshot("mem://moved").size() == 1);
  CHECK_THROWS(state.private_("values", values), Error, "moved from");   // NOLINT: that is what is tested
}

void ViewsCheckTheirShapes() {
  std::vector<double> values(6);
  CHECK_THROWS(View(values, {2, 4}), Error, "does not fit a container of 6 elements");
  CHECK_THROWS(View(values.data(), {2, 3}, Strides{3}), Error, "not as many strides");
  CHECK_THROWS(View(values, {2, 3}).box({1, 0}, {2, 3}), Error, "not inside of a view");
  CHECK_THROWS(View(values, {2, 3}).interior(2), Error, "not inside of a view");
  double one = 5;
  State state;
  CHECK_THROWS(state.private_("one", View(&one, {3}, Strides{0})), Error, "all strides of an array are 0");
  CHECK_THROWS(state.sharded("one", View(&one, {1, 3}, Strides{8, 0}), {1, 3}, {0, 0}), Error, "all strides of an array are 0");
  state.private_("none", View(&one, {3, 0}, Strides{0, 0}));
  state.private_("single", View(&one, {1, 1}, Strides{0, 0}));
  CHECK_THROWS(Dims(std::vector<int>(9)), Error, "at most 8");
  CHECK_THROWS(Dims(std::numeric_limits<std::uint64_t>::max()), Error, "63 bits");
  CHECK_THROWS(Dims(std::int64_t{1} << 40, std::int64_t{1} << 40).product(), Error, "64 bits");
  const View<double> view(values, {2, 3}, left);
  view(1, 2) = 5;
  CHECK(values[5] == 5 && view.stride(0) == 1 && view.stride(1) == 2 && view.extent(1) == 3 && view.rank() == 2);
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunCase(argc, argv,
                 {{"every_element_type_comes_back", EveryElementType},
                  {"scalars_are_those_of_c", ScalarsAreThoseOfC},
                  {"every_layout_is_stored_by_its_indices", EveryLayout},
                  {"what_looks_like_mdspan_is_one", WhatLooksLikeMdspanIsOne},
                  {"sharded_boxes_and_their_coverage", ShardedBoxes},
                  {"strings_and_bytes_grow", StringsAndBytesGrow},
                  {"strings_grow_in_parts_as_well", StringsGrowInPartsAsWell},
                  {"what_is_not_restored_stays_as_it_is", WhatIsNotRestoredStaysAsItIs},
                  {"nul_in_a_string_is_refused", NulInAStringIsRefused},
                  {"nul_in_a_text_is_refused", NulInATextIsRefused},
                  {"every_engine_goes_on", EveryEngineGoesOn},
                  {"generator_of_all_ranks_is_stored_once", GeneratorOfAllRanks},
                  {"states_are_moved_replaced_and_emptied", StatesAreMovedReplacedAndEmptied},
                  {"views_check_their_shapes", ViewsCheckTheirShapes}});
}
