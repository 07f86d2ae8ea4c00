// Compiled, and not run, under every standard and compiler (compiling.py): what the binding offers, with what each standard adds.
#include <array>
#include <chrono>
#include <complex>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <vector>
#if __cplusplus >= 202002L
#include <version>
#endif
#ifdef __cpp_lib_mdspan
#include <mdspan>
#endif

#include <tsnap.hpp>

struct Cell {
  double energy;
  int material;
};

int Everything();
int Everything() {
  std::vector<double> field(100);
  std::vector<Cell> cells(3);
  std::array<std::complex<float>, 4> waves{};
  double grid[3][4] = {};
  std::int64_t step = 0;
  bool done = false;
  std::string title;
  std::vector<std::byte> block;
  std::mt19937_64 engine;
  tsnap::State state;
  state.sharded("density", tsnap::View(field, {10, 10}).interior(1), {8, 8}, {0, 0}).attribute("units", "kg/m3");
  state.sharded("patches", {8}, std::vector<tsnap::Box<double>>{{tsnap::View(field.data(), {2}), {1}}}).sparse(1.0);
  state.private_("cells", cells);
  state.private_("growing", tsnap::grow(cells));
  state.replicated("waves", waves);
  state.replicated("grid", grid);
  state.replicated("step", step);
  state.replicated("done", done);
  state.replicated("title", title);
  state.private_bytes("block", block);
  state.rng("rng", engine);
  state.stateful("part", [&](tsnap::State &child) { child.private_("x", field); }, [] {});
#if __cplusplus >= 202002L
  static_assert(tsnap::is_borrowed<std::span<double>>::value);
  state.private_("span", std::span<double>(field).subspan(10, 20));
  const tsnap::TakeOptions options{.overwrite = true, .metadata = "a designated initialiser"};
#else
  tsnap::TakeOptions options;
  options.overwrite = true;
#endif
#ifdef __cpp_lib_mdspan
  state.sharded("mdspan", std::mdspan(field.data(), 10, 10), {10, 10}, {0, 0});
#endif
  tsnap::Config config;
  config.io_timeout = std::chrono::seconds(30);
  tsnap::Context context = tsnap::Context::self(config);
  context.take("a", state, options);
  tsnap::Request request = context.take_async(std::filesystem::path("b"), state);
  if (!request.wait_for(std::chrono::milliseconds(10))) request.cancel();
  context.restore(std::string_view("a"), state);
  std::int64_t bytes = 0;
  const tsnap::Snapshot snapshot("a");
  for (const tsnap::Object &object : snapshot) bytes += static_cast<std::int64_t>(object.bytes());
  for (const auto &object : snapshot) bytes += object.shape().product();
  bytes += static_cast<std::int64_t>(snapshot["density"].read<double>({0, 0}, {2, 2}).size());
  snapshot["grid"].read_into(grid);
#if __cplusplus >= 202002L
  snapshot["span"].read_into(std::span(field).first(5), {3});
#endif
  tsnap::copy("a", "c");
  tsnap::gc("a");
  tsnap::remove("a");
  return static_cast<int>(bytes);
}
