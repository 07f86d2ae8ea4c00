// A plate heated by a moving torch, in C++: examples/heat2d.c with tsnap.hpp. The state has the
// same names and the numbers are the same bit for bit, so that a job of the one goes on from a
// snapshot of the other.
//
//   mpirun -n 4 heat2d_cpp --snapshots FOLDER     takes a snapshot every 20 steps, in the
//   background mpirun -n 3 heat2d_cpp --snapshots FOLDER     goes on from the newest one, on 3
//   ranks
//
// What to look at, if you want the same for your own code:
//
//   RegisterState   the whole state
//   FindNewest      which snapshot is the newest complete one
//   Run             takes in the background, and the way back
//
// The rest is an ordinary stencil code, and knows nothing of tsnap. Build it with
// -ffp-contract=off, as heat2d.c says.
#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tsnap_mpi.hpp>

namespace {

// ---- The plate ----

constexpr double kAmbient = 300.0;     // kelvin; also the plate's rim
constexpr double kTimeStep = 0.2;      // seconds; cells are 1 wide, diffusivities at most 1
constexpr double kLoopSeconds = 48.0;  // the torch is back where it began after this time
constexpr double kTorchPower = 900.0;  // kelvin per second under its centre
constexpr double kTwoPi = 6.283185307179586;

class Plate {
 public:
  // Cuts the plate among the ranks, and fills it as it is before the first step, ghosts included.
  explicit Plate(std::int64_t plate_side) : side(plate_side) {
    int dims[2] = {0, 0}, place[2] = {0, 0};
    const int periodic[2] = {0, 0};
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Dims_create(ranks, 2, dims);
    MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periodic, 0, &grid);
    MPI_Comm_rank(grid, &rank);
    MPI_Cart_coords(grid, rank, 2, place);
    MPI_Cart_shift(grid, 0, 1, &up_, &down_);
    MPI_Cart_shift(grid, 1, 1, &left_, &right_);
    if (side < dims[0] || side < dims[1])
      throw std::invalid_argument("--size is smaller than the grid of ranks");
    first_row = side * place[0] / dims[0];
    rows = side * (place[0] + 1) / dims[0] - first_row;
    first_column = side * place[1] / dims[1];
    columns = side * (place[1] + 1) / dims[1] - first_column;
    pitch_ = columns + 2;
    MPI_Type_vector(static_cast<int>(rows), 1, static_cast<int>(pitch_), MPI_DOUBLE, &column_);
    MPI_Type_commit(&column_);

    const auto cells = static_cast<std::size_t>((rows + 2) * pitch_);
    temperature.assign(cells, kAmbient);
    next_.assign(cells, kAmbient);
    peak.assign(cells, kAmbient);
    diffusivity.assign(cells, 0);
    for (std::int64_t row = -1; row <= rows; row++) {
      for (std::int64_t column = -1; column <= columns; column++) {
        const double y = static_cast<double>(first_row + row) / static_cast<double>(side);
        const double x = static_cast<double>(first_column + column) / static_cast<double>(side);
        diffusivity[At(row, column)] =
            0.6 + 0.4 * std::sin(6.0 * kTwoPi * x) * std::sin(6.0 * kTwoPi * y);
      }
    }
  }
  Plate(const Plate &) = delete;
  Plate &operator=(const Plate &) = delete;
  ~Plate() {
    MPI_Type_free(&column_);
    MPI_Comm_free(&grid);
  }

  // This rank's box of a field: what lies inside of its ghost layer.
  tsnap::View<double> Interior(std::vector<double> &field) const {
    return tsnap::View(field, {rows + 2, pitch_}).interior(1);
  }

  void ExchangeHalo(std::vector<double> &field) const {
    const int m = static_cast<int>(rows), n = static_cast<int>(columns);
    const auto at = [&](std::int64_t row, std::int64_t column) { return &field[At(row, column)]; };
    MPI_Sendrecv(at(0, 0), n, MPI_DOUBLE, up_, 0, at(m, 0), n, MPI_DOUBLE, down_, 0, grid,
                 MPI_STATUS_IGNORE);
    MPI_Sendrecv(at(m - 1, 0), n, MPI_DOUBLE, down_, 1, at(-1, 0), n, MPI_DOUBLE, up_, 1, grid,
                 MPI_STATUS_IGNORE);
    MPI_Sendrecv(at(0, 0), 1, column_, left_, 2, at(0, n), 1, column_, right_, 2, grid,
                 MPI_STATUS_IGNORE);
    MPI_Sendrecv(at(0, n - 1), 1, column_, right_, 3, at(0, -1), 1, column_, left_, 3, grid,
                 MPI_STATUS_IGNORE);
  }

  void Step() {
    ExchangeHalo(temperature);
    for (std::int64_t row = 0; row < rows; row++) {
      const double *t = &temperature[At(row, 0)];
      const double *k = &diffusivity[At(row, 0)];
      double *next = &next_[At(row, 0)];
      for (std::int64_t c = 0; c < columns; c++) {
        const double from_above = 0.5 * (k[c] + k[c - pitch_]) * (t[c - pitch_] - t[c]);
        const double from_below = 0.5 * (k[c] + k[c + pitch_]) * (t[c + pitch_] - t[c]);
        const double from_left = 0.5 * (k[c] + k[c - 1]) * (t[c - 1] - t[c]);
        const double from_right = 0.5 * (k[c] + k[c + 1]) * (t[c + 1] - t[c]);
        next[c] = t[c] + kTimeStep * (((from_above + from_below) + from_left) + from_right);
      }
    }
    HeatByTorch();
    for (std::int64_t row = 0; row < rows; row++) {
      for (std::int64_t column = 0; column < columns; column++) {
        double &highest = peak[At(row, column)];
        highest = std::max(highest, next_[At(row, column)]);
      }
    }
    temperature.swap(next_);  // the field's memory is another one now
    step++;
    seconds += kTimeStep;
    cell_updates += rows * columns;
  }

  // A fingerprint of the fields, the same wherever the plate is cut: integer sums wrap and do not
  // care about order.
  std::uint64_t Fingerprint() const {
    std::uint64_t mine = 0, all = 0, number = 0;
    for (const std::vector<double> *field : {&temperature, &peak}) {
      for (std::int64_t row = 0; row < rows; row++) {
        for (std::int64_t column = 0; column < columns; column++) {
          std::uint64_t bits = 0;
          const auto cell =
              static_cast<std::uint64_t>((first_row + row) * side + first_column + column);
          std::memcpy(&bits, &(*field)[At(row, column)], sizeof(bits));
          bits = (bits ^ (cell * 2 + number) * UINT64_C(0x9E3779B97F4A7C15)) *
                 UINT64_C(0xD6E8FEB86659FD93);
          mine += (bits ^ (bits >> 32)) * UINT64_C(0xD6E8FEB86659FD93);
        }
      }
      number++;
    }
    MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, grid);
    return all;
  }

  MPI_Comm grid = MPI_COMM_NULL;  // the ranks as a 2-D grid
  int rank = 0, ranks = 0;
  std::int64_t side;  // cells along each side of the whole plate
  std::int64_t first_row = 0, rows = 0, first_column = 0, columns = 0;  // this rank's box of it
  std::vector<double> temperature, diffusivity;  // every field has a ghost layer of one cell
  std::vector<double> peak;                      // the highest that each cell has ever been
  std::int64_t step = 0;
  double seconds = 0;             // simulated
  std::int64_t cell_updates = 0;  // how much work this rank has done, over all restarts

 private:
  std::size_t At(std::int64_t row, std::int64_t column) const {
    return static_cast<std::size_t>((row + 1) * pitch_ + column + 1);
  }

  // What the torch adds to a cell in this step; its spot follows a figure of eight.
  void HeatByTorch() {
    const double length = static_cast<double>(side), radius = length / 50.0, reach = 4.0 * radius;
    const double angle = kTwoPi * seconds / kLoopSeconds;
    const double spot_row = length * (0.5 + 0.3 * std::sin(2.0 * angle));
    const double spot_column = length * (0.5 + 0.4 * std::sin(angle));
    for (std::int64_t row = 0; row < rows; row++) {
      const double dy = static_cast<double>(first_row + row) - spot_row;
      if (std::fabs(dy) > reach) continue;
      for (std::int64_t column = 0; column < columns; column++) {
        const double dx = static_cast<double>(first_column + column) - spot_column;
        if (std::fabs(dx) > reach) continue;
        next_[At(row, column)] +=
            kTimeStep * kTorchPower * std::exp(-(dx * dx + dy * dy) / (radius * radius));
      }
    }
  }

  int up_ = 0, down_ = 0, left_ = 0, right_ = 0;  // neighbours; MPI_PROC_NULL at the rim
  MPI_Datatype column_ = MPI_DATATYPE_NULL;       // one column of the interior
  std::int64_t pitch_ = 0;                        // columns + 2
  std::vector<double> next_;
};

// ---- Its state, for tsnap ----

// The fields are described anew at each take and restore, since their memory moves in every step.
// The state keeps the address of the plate.
tsnap::State RegisterState(Plate &plate) {
  tsnap::State state;
  state.stateful("plate", [&plate](tsnap::State &fields) {
    const tsnap::Dims whole = {plate.side, plate.side};
    const tsnap::Dims here = {plate.first_row, plate.first_column};
    fields.sharded("temperature", plate.Interior(plate.temperature), whole, here);
    fields.sharded("diffusivity", plate.Interior(plate.diffusivity), whole, here);
    fields.sharded("peak", plate.Interior(plate.peak), whole, here);
  });
  state.replicated("step", plate.step);
  state.replicated("seconds", plate.seconds);
  state.private_("cell_updates", plate.cell_updates);
  return state;
}

std::filesystem::path PlaceOf(const std::filesystem::path &folder, std::int64_t step) {
  char name[32];
  std::snprintf(name, sizeof(name), "step-%06" PRId64, step);
  return folder / name;
}

// The newest step in the folder that has a complete snapshot, or -1. A take that was cut short
// leaves a folder, but no snapshot: opening it is how one learns that. One rank looks, and tells
// the others; what it cannot read ends the job.
std::int64_t FindNewest(const Plate &plate, const std::filesystem::path &folder) {
  std::int64_t newest = -1;
  if (plate.rank == 0) {
    std::vector<std::int64_t> steps;
    std::filesystem::create_directories(folder);
    for (const auto &entry : std::filesystem::directory_iterator(folder)) {
      std::int64_t step = 0;
      if (std::sscanf(entry.path().filename().c_str(), "step-%" SCNd64, &step) == 1)
        steps.push_back(step);
    }
    std::sort(steps.begin(), steps.end(), std::greater<>());
    for (const std::int64_t step : steps) {
      try {
        const tsnap::Snapshot snapshot(PlaceOf(folder, step));
        std::printf("  newest snapshot: step %" PRId64 ", taken by %" PRId64 " ranks\n", step,
                    snapshot.info().world_size);
        newest = step;
        break;
      } catch (const tsnap::NotFound &) {
        std::printf("  step %" PRId64 " was never completed: trying an older one\n", step);
      }
    }
  }
  MPI_Bcast(&newest, 1, MPI_INT64_T, 0, plate.grid);
  return newest;
}

// ---- The run ----

struct Arguments {
  std::int64_t size = 2048, steps = 240, every = 20;
  std::int64_t stop_at = std::numeric_limits<std::int64_t>::max();
  std::string snapshots, final;
};

void Run(const Arguments &arguments) {
  Plate plate(arguments.size);
  tsnap::State state = RegisterState(plate);
  tsnap::Context context = tsnap::open_context(plate.grid);
  tsnap::TakeOptions options;
  options.metadata = "heat2d: a plate heated by a moving torch";

  if (!arguments.snapshots.empty()) {
    const std::int64_t newest = FindNewest(plate, arguments.snapshots);
    if (newest >= 0) {
      // The fields are cut anew by themselves. A rank that is new has done no work yet, and the
      // count of a rank that is gone may go with it.
      tsnap::RestoreOptions other_ranks;
      other_ranks.new_ranks = tsnap::NewRanks::leave;
      other_ranks.lost_ranks = tsnap::LostRanks::ignore;
      context.restore(PlaceOf(arguments.snapshots, newest), state, other_ranks);
    }
  }
  plate.ExchangeHalo(plate.diffusivity);  // ghosts are not part of the state

  const std::int64_t first_step = plate.step;
  tsnap::Request pending;
  while (plate.step < arguments.steps && plate.step < arguments.stop_at) {
    plate.Step();
    pending.test();  // where MPI grants less than MPI_THREAD_MULTIPLE, a take goes on in here only
    if (arguments.snapshots.empty() || plate.step % arguments.every != 0) continue;
    // This waits for the take before, and throws what became of it. When it returns, the fields may
    // change: what is stored is what they were at the call.
    pending = context.take_async(PlaceOf(arguments.snapshots, plate.step), state, options);
  }
  pending.wait();  // a job that leaves without it may leave its last snapshot unfinished
  if (!arguments.final.empty() && plate.step == arguments.steps) {
    options.overwrite = true;
    context.take(arguments.final, state, options);
  }

  const std::uint64_t fingerprint = plate.Fingerprint();
  if (plate.rank == 0) {
    std::printf("  steps %" PRId64 " to %" PRId64
                " on %d ranks; fingerprint of the fields %016" PRIx64 "\n",
                first_step, plate.step, plate.ranks, fingerprint);
  }
  context.close();
}

const char kUsage[] =
    "usage: mpirun -n RANKS heat2d_cpp [options]\n"
    "  --size N            cells along each side of the plate (2048)\n"
    "  --steps N           steps of the whole job (240)\n"
    "  --snapshots FOLDER  take snapshots there; go on from the newest one that is there\n"
    "  --every N           steps between snapshots (20)\n"
    "  --stop-at N         leave after step N, as if the time limit had come\n"
    "  --final URL         where the last state goes, as a snapshot\n"
    "  --help              this text\n";

std::int64_t Number(const std::string &option, const std::string &text) {
  std::size_t used = 0;
  std::int64_t value = 0;
  try {
    value = std::stoll(text, &used);
  } catch (const std::logic_error &) {
  }
  if (used == 0 || used != text.size() || value < 1 || value > 1000000)
    throw std::invalid_argument(option + " wants a whole number from 1 to 1000000, not \"" + text +
                                "\"");
  return value;
}

// Returns false when there is nothing to run.
bool Parse(const std::vector<std::string> &words, Arguments &arguments) {
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const std::string &option = words[i], value = i + 1 < words.size() ? words[i + 1] : "";
    if (option == "--help") return false;
    if (option == "--size")
      arguments.size = Number(option, value);
    else if (option == "--steps")
      arguments.steps = Number(option, value);
    else if (option == "--every")
      arguments.every = Number(option, value);
    else if (option == "--stop-at")
      arguments.stop_at = Number(option, value);
    else if (option == "--snapshots" && !value.empty())
      arguments.snapshots = value;
    else if (option == "--final" && !value.empty())
      arguments.final = value;
    else
      throw std::invalid_argument("\"" + option + "\" is no option, or lacks its value");
  }
  return true;
}

}  // namespace

int main(int argc, char **argv) {
  int rank = 0, granted = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &granted);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  try {
    Arguments arguments;
    if (Parse({argv + 1, argv + argc}, arguments))
      Run(arguments);
    else if (rank == 0)
      std::fputs(kUsage, stdout);
  } catch (const std::exception &error) {
    // Whoever fails alone must end the others too: they would wait for this rank.
    std::fprintf(stderr, "heat2d_cpp: rank %d: %s\n", rank, error.what());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Finalize();
  return 0;
}
