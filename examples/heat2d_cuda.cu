/* The plate of heat2d.c on GPUs: the 2-D heat equation under MPI, one GPU a rank, with snapshots of
 * the fields in device memory by tsnap.
 *
 *   mpirun -n 4 heat2d_cuda --snapshots FOLDER     a run that takes a snapshot every 20 steps, in
 *                                                  the background
 *   mpirun -n 3 heat2d_cuda --snapshots FOLDER     the job goes on from the newest one, on 3 ranks
 *
 * What to look at, if you want the same for your own code:
 *
 *   AddField      a box of a global array: only its address is another one than in heat2d.c
 *   BeginTake     names the stream that the steps run on: the snapshot is taken behind them, and
 *                 with --spare-memory the fields wait on the GPU until they are written
 *   Restart       straight into device memory
 *
 * The rest is an ordinary stencil code. As in heat2d.c the field is the same, bit for bit, on any
 * number of ranks and across any number of restarts (of this program: a GPU's sin and exp are not
 * the processor's). It is built with -fmad=false for that. */
#include <cuda_runtime.h>
#include <dirent.h>
#include <inttypes.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tsnap.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

/* A simulation that cannot trust its snapshots, or its GPU, should stop and say so. */
#define CHECK(call) Check((call), #call, __LINE__)
#define CHECK_CUDA(call) CheckCuda((call), #call, __LINE__)

static void Check(int32_t status, const char *call, int line) {
  if (status == TSNAP_OK) return;
  fprintf(stderr, "heat2d_cuda.cu:%d: %s\n  %s: %s\n", line, call, tsnap_status_name(status),
          tsnap_last_error());
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static void CheckCuda(cudaError_t status, const char *call, int line) {
  if (status == cudaSuccess) return;
  fprintf(stderr, "heat2d_cuda.cu:%d: %s\n  %s\n", line, call, cudaGetErrorString(status));
  MPI_Abort(MPI_COMM_WORLD, 1);
}

/* ---- The plate ---- */

static constexpr double kAmbient = 300.0;    /* kelvin; also the plate's rim */
static constexpr double kTimeStep = 0.2;     /* seconds; cells are 1 wide */
static constexpr double kLoopSeconds = 48.0; /* the torch is back where it began after this time */
static constexpr double kTorchPower = 900.0; /* kelvin per second under its centre */
static constexpr double kTwoPi = 6.283185307179586;

/* What a kernel must know of a rank's box; every field has a ghost layer of one cell all around. */
struct Box {
  int64_t side; /* cells along each side of the whole plate */
  int64_t first_row, rows, first_column, columns, pitch;
};

struct Plate {
  MPI_Comm grid = MPI_COMM_NULL;
  int rank = 0, ranks = 0, up = 0, down = 0, left = 0, right = 0;
  Box box{};
  cudaStream_t stream = nullptr;                      /* everything runs on it */
  double *temperature = nullptr, *next = nullptr;     /* device memory; they change places */
  double *diffusivity = nullptr, *peak = nullptr;     /* device memory */
  double *edges = nullptr;                            /* pinned: what goes to and comes from neighbours */
  int64_t step = 0;
  double seconds = 0;       /* simulated */
  int64_t cell_updates = 0; /* how much work this rank has done, over all restarts */
};

__host__ __device__ static int64_t At(const Box &box, int64_t row, int64_t column) {
  return (row + 1) * box.pitch + column + 1;
}

__global__ void FillPlate(Box box, double *temperature, double *next, double *diffusivity,
                          double *peak) {
  const int64_t column = (int64_t)blockIdx.x * blockDim.x + threadIdx.x - 1;
  const int64_t row = (int64_t)blockIdx.y * blockDim.y + threadIdx.y - 1;
  if (row > box.rows || column > box.columns) return;
  const int64_t here = At(box, row, column);
  const double y = (double)(box.first_row + row) / (double)box.side;
  const double x = (double)(box.first_column + column) / (double)box.side;
  temperature[here] = next[here] = peak[here] = kAmbient;
  diffusivity[here] = 0.6 + 0.4 * sin(6.0 * kTwoPi * x) * sin(6.0 * kTwoPi * y);
}

/* A cell's new temperature: from five cells, by the same operations in the same order wherever the
 * plate is cut; then what the torch adds, and the highest it has ever been. */
__global__ void StepPlate(Box box, double seconds, const double *temperature,
                          const double *diffusivity, double *next, double *peak) {
  const int64_t column = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  const int64_t row = (int64_t)blockIdx.y * blockDim.y + threadIdx.y;
  if (row >= box.rows || column >= box.columns) return;
  const int64_t c = At(box, row, column), pitch = box.pitch;
  const double *t = temperature, *k = diffusivity;
  const double from_above = 0.5 * (k[c] + k[c - pitch]) * (t[c - pitch] - t[c]);
  const double from_below = 0.5 * (k[c] + k[c + pitch]) * (t[c + pitch] - t[c]);
  const double from_left = 0.5 * (k[c] + k[c - 1]) * (t[c - 1] - t[c]);
  const double from_right = 0.5 * (k[c] + k[c + 1]) * (t[c + 1] - t[c]);
  double value = t[c] + kTimeStep * (((from_above + from_below) + from_left) + from_right);
  const double side = (double)box.side, radius = side / 50.0, reach = 4.0 * radius;
  const double angle = kTwoPi * seconds / kLoopSeconds;
  const double dy = (double)(box.first_row + row) - side * (0.5 + 0.3 * sin(2.0 * angle));
  const double dx = (double)(box.first_column + column) - side * (0.5 + 0.4 * sin(angle));
  if (fabs(dy) <= reach && fabs(dx) <= reach)
    value += kTimeStep * kTorchPower * exp(-(dx * dx + dy * dy) / (radius * radius));
  next[c] = value;
  peak[c] = value > peak[c] ? value : peak[c];
}

static dim3 BlocksFor(int64_t rows, int64_t columns) {
  return dim3((unsigned)((columns + 31) / 32), (unsigned)((rows + 7) / 8));
}

static double *NewField(const Box &box) {
  double *field = nullptr;
  CHECK_CUDA(cudaMalloc(&field, (size_t)((box.rows + 2) * box.pitch) * sizeof(double)));
  return field;
}

static void CreatePlate(Plate *plate, int64_t side) {
  int dims[2] = {0, 0}, periodic[2] = {0, 0}, place[2], gpus = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &plate->ranks);
  MPI_Dims_create(plate->ranks, 2, dims);
  MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periodic, 0, &plate->grid);
  MPI_Comm_rank(plate->grid, &plate->rank);
  MPI_Cart_coords(plate->grid, plate->rank, 2, place);
  MPI_Cart_shift(plate->grid, 0, 1, &plate->up, &plate->down);
  MPI_Cart_shift(plate->grid, 1, 1, &plate->left, &plate->right);
  if (side < dims[0] || side < dims[1]) {
    fprintf(stderr, "heat2d_cuda: --size is smaller than the grid of ranks\n");
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  CHECK_CUDA(cudaGetDeviceCount(&gpus));
  CHECK_CUDA(cudaSetDevice(plate->rank % gpus));
  CHECK_CUDA(cudaStreamCreate(&plate->stream));
  Box &box = plate->box;
  box.side = side;
  box.first_row = side * place[0] / dims[0];
  box.rows = side * (place[0] + 1) / dims[0] - box.first_row;
  box.first_column = side * place[1] / dims[1];
  box.columns = side * (place[1] + 1) / dims[1] - box.first_column;
  box.pitch = box.columns + 2;
  plate->temperature = NewField(box);
  plate->next = NewField(box);
  plate->diffusivity = NewField(box);
  plate->peak = NewField(box);
  CHECK_CUDA(cudaMallocHost(&plate->edges, (size_t)(4 * (box.rows + box.columns)) * sizeof(double)));
  FillPlate<<<BlocksFor(box.rows + 2, box.columns + 2), dim3(32, 8), 0, plate->stream>>>(
      box, plate->temperature, plate->next, plate->diffusivity, plate->peak);
  CHECK_CUDA(cudaGetLastError());
}

static void DestroyPlate(Plate *plate) {
  for (double *field : {plate->temperature, plate->next, plate->diffusivity, plate->peak})
    CHECK_CUDA(cudaFree(field));
  CHECK_CUDA(cudaFreeHost(plate->edges));
  CHECK_CUDA(cudaStreamDestroy(plate->stream));
  MPI_Comm_free(&plate->grid);
}

/* Edges go through pinned memory: an MPI that knows of GPUs is not needed. */
static void ExchangeHalo(const Plate *plate, double *field) {
  const Box &box = plate->box;
  const size_t pitch_bytes = (size_t)box.pitch * sizeof(double);
  struct Side {
    int64_t mine, ghosts; /* the first cell of each in the field */
    int64_t rows, columns;
    int neighbour, tag;
    double *out, *in;
  };
  double *edge = plate->edges;
  Side sides[] = {
      {At(box, 0, 0), At(box, -1, 0), 1, box.columns, plate->up, 0, nullptr, nullptr},
      {At(box, box.rows - 1, 0), At(box, box.rows, 0), 1, box.columns, plate->down, 1, nullptr,
       nullptr},
      {At(box, 0, 0), At(box, 0, -1), box.rows, 1, plate->left, 2, nullptr, nullptr},
      {At(box, 0, box.columns - 1), At(box, 0, box.columns), box.rows, 1, plate->right, 3, nullptr,
       nullptr}};
  for (Side &side : sides) {
    const int64_t cells = side.rows * side.columns;
    side.out = edge;
    side.in = edge + cells;
    edge += 2 * cells;
    CHECK_CUDA(cudaMemcpy2DAsync(side.out, (size_t)side.columns * sizeof(double), field + side.mine,
                                 pitch_bytes, (size_t)side.columns * sizeof(double),
                                 (size_t)side.rows, cudaMemcpyDeviceToHost, plate->stream));
  }
  CHECK_CUDA(cudaStreamSynchronize(plate->stream));
  MPI_Request requests[8];
  int count = 0;
  for (Side &side : sides) {
    const int cells = (int)(side.rows * side.columns);
    MPI_Irecv(side.in, cells, MPI_DOUBLE, side.neighbour, side.tag ^ 1, plate->grid,
              &requests[count++]);
    MPI_Isend(side.out, cells, MPI_DOUBLE, side.neighbour, side.tag, plate->grid,
              &requests[count++]);
  }
  MPI_Waitall(count, requests, MPI_STATUSES_IGNORE);
  for (const Side &side : sides) {
    if (side.neighbour == MPI_PROC_NULL) continue; /* the rim stays as it is */
    CHECK_CUDA(cudaMemcpy2DAsync(field + side.ghosts, pitch_bytes, side.in,
                                 (size_t)side.columns * sizeof(double),
                                 (size_t)side.columns * sizeof(double), (size_t)side.rows,
                                 cudaMemcpyHostToDevice, plate->stream));
  }
}

static void Step(Plate *plate) {
  const Box &box = plate->box;
  ExchangeHalo(plate, plate->temperature);
  StepPlate<<<BlocksFor(box.rows, box.columns), dim3(32, 8), 0, plate->stream>>>(
      box, plate->seconds, plate->temperature, plate->diffusivity, plate->next, plate->peak);
  CHECK_CUDA(cudaGetLastError());
  std::swap(plate->temperature, plate->next);
  plate->step++;
  plate->seconds += kTimeStep;
  plate->cell_updates += box.rows * box.columns;
}

/* That of heat2d.c: the same wherever the plate is cut. */
static uint64_t Fingerprint(const Plate *plate) {
  const Box &box = plate->box;
  std::vector<double> field((size_t)((box.rows + 2) * box.pitch));
  uint64_t mine = 0, all = 0;
  CHECK_CUDA(cudaStreamSynchronize(plate->stream));
  for (uint64_t f = 0; f < 2; f++) {
    CHECK_CUDA(cudaMemcpy(field.data(), f == 0 ? plate->temperature : plate->peak,
                          field.size() * sizeof(double), cudaMemcpyDeviceToHost));
    for (int64_t row = 0; row < box.rows; row++) {
      for (int64_t column = 0; column < box.columns; column++) {
        uint64_t bits;
        const uint64_t cell =
            (uint64_t)((box.first_row + row) * box.side + box.first_column + column);
        memcpy(&bits, &field[(size_t)At(box, row, column)], sizeof(bits));
        bits = (bits ^ (cell * 2 + f) * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xD6E8FEB86659FD93);
        mine += (bits ^ (bits >> 32)) * UINT64_C(0xD6E8FEB86659FD93);
      }
    }
  }
  MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, plate->grid);
  return all;
}

/* ---- Its state, for tsnap ---- */

/* This rank's box of the plate. That `field` is device memory is found out by tsnap. */
static int32_t AddField(tsnap_state *state, const char *path, const Box &box, double *field) {
  const int64_t global_shape[2] = {box.side, box.side};
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = TSNAP_FLOAT64;
  array.ndim = 2;
  array.shape[0] = box.rows;
  array.shape[1] = box.columns;
  array.strides_bytes[0] = box.pitch * (int64_t)sizeof(double);
  array.strides_bytes[1] = (int64_t)sizeof(double);
  array.offset[0] = box.first_row;
  array.offset[1] = box.first_column;
  array.data = field + At(box, 0, 0);
  return tsnap_state_add_sharded(state, path, global_shape, &array, 1);
}

/* The temperature's address changes in every step: the fields are described at each take. */
static int32_t DescribePlate(tsnap_state *child, void *user) {
  const Plate *plate = static_cast<const Plate *>(user);
  int32_t status = AddField(child, "temperature", plate->box, plate->temperature);
  if (status == TSNAP_OK) status = AddField(child, "diffusivity", plate->box, plate->diffusivity);
  if (status == TSNAP_OK) status = AddField(child, "peak", plate->box, plate->peak);
  return status;
}

static tsnap_state *RegisterState(Plate *plate) {
  tsnap_state *state = nullptr;
  tsnap_stateful fields = TSNAP_STATEFUL_INIT;
  fields.describe = DescribePlate;
  fields.user = plate;
  CHECK(tsnap_state_create(&state));
  CHECK(tsnap_state_add_stateful(state, "plate", &fields));
  CHECK(tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &plate->step));
  CHECK(tsnap_state_add_float64(state, "seconds", TSNAP_REPLICATED, &plate->seconds));
  CHECK(tsnap_state_add_int64(state, "cell_updates", TSNAP_PRIVATE, &plate->cell_updates));
  return state;
}

/* ---- The run ---- */

struct Run {
  Plate plate;
  tsnap_context *context = nullptr;
  tsnap_state *state = nullptr;
  tsnap_request *pending = nullptr;
  bool spare_memory = false;

  /* The steps before the call are on the stream: the snapshot is taken behind them. */
  void BeginTake(const std::string &url) {
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    options.cuda_stream = plate.stream;
    options.device_staging = spare_memory ? TSNAP_ON : TSNAP_OFF;
    options.metadata = "heat2d_cuda: a plate heated by a moving torch";
    EndTake();
    CHECK(tsnap_take_async(context, url.c_str(), state, &options, &pending));
    /* From here on the fields may change: what is stored is what they were at the call. */
  }

  void EndTake() {
    if (pending == nullptr) return;
    CHECK(tsnap_request_free(&pending)); /* waits, and says how the take ended */
    tsnap_statistics cost = TSNAP_STATISTICS_INIT;
    CHECK(tsnap_context_statistics(context, &cost));
    if (plate.rank == 0)
      printf("  a take of %.3f s held the steps for %.3f s\n", cost.seconds, cost.blocked_seconds);
  }

  void GoOnWithTake() {
    int32_t done = 0;
    if (pending == nullptr) return;
    CHECK(tsnap_request_test(pending, &done));
    if (done) EndTake();
  }

  void Restart(const std::string &url) {
    tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
    options.new_ranks = TSNAP_NEW_RANKS_LEAVE;
    options.lost_ranks = TSNAP_LOST_RANKS_IGNORE;
    options.cuda_stream = plate.stream;
    CHECK(tsnap_restore(context, url.c_str(), state, &options));
    if (plate.rank == 0) printf("  goes on from %s, step %" PRId64 "\n", url.c_str(), plate.step);
  }

  /* The newest step in `folder` that has a complete snapshot, or -1: one rank looks. */
  int64_t FindNewest(const std::string &folder) const {
    int64_t newest = -1;
    if (plate.rank == 0) {
      std::vector<int64_t> steps;
      DIR *entries = opendir(folder.c_str());
      const dirent *entry;
      int64_t step = 0;
      while (entries != nullptr && (entry = readdir(entries)) != nullptr)
        if (sscanf(entry->d_name, "step-%" SCNd64, &step) == 1) steps.push_back(step);
      if (entries != nullptr) closedir(entries);
      std::sort(steps.begin(), steps.end(), std::greater<int64_t>());
      for (size_t i = 0; i < steps.size() && newest < 0; i++) {
        tsnap_snapshot *snapshot = nullptr;
        const int32_t status = tsnap_snapshot_open(At(folder, steps[i]).c_str(), nullptr, &snapshot);
        if (status == TSNAP_OK) newest = steps[i];
        if (status != TSNAP_E_NOT_FOUND) CHECK(status);
        tsnap_snapshot_close(&snapshot);
      }
    }
    MPI_Bcast(&newest, 1, MPI_INT64_T, 0, plate.grid);
    return newest;
  }

  static std::string At(const std::string &folder, int64_t step) {
    char name[32];
    snprintf(name, sizeof(name), "/step-%06" PRId64, step);
    return folder + name;
  }
};

int main(int argc, char **argv) {
  int granted = 0;
  int64_t size = 2048, steps = 240, every = 20, stop_at = INT64_MAX;
  std::string folder;
  Run run;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &granted);
  for (int i = 1; i < argc; i++) {
    const std::string option = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    if (option == "--spare-memory") {
      run.spare_memory = true;
      continue;
    }
    const long long number = atoll(value.c_str());
    i++;
    if (option == "--size" && number > 0) {
      size = number;
    } else if (option == "--steps" && number > 0) {
      steps = number;
    } else if (option == "--every" && number > 0) {
      every = number;
    } else if (option == "--stop-at" && number > 0) {
      stop_at = number;
    } else if (option == "--snapshots" && !value.empty()) {
      folder = value;
    } else {
      fprintf(stderr, "usage: mpirun -n RANKS heat2d_cuda [--size N] [--steps N] [--every N]\n"
                      "       [--stop-at N] [--snapshots FOLDER] [--spare-memory]\n");
      MPI_Abort(MPI_COMM_WORLD, 2);
    }
  }

  CreatePlate(&run.plate, size);
  run.state = RegisterState(&run.plate);
  CHECK(tsnap_context_open(run.plate.grid, nullptr, &run.context));
  if (!folder.empty()) {
    if (run.plate.rank == 0) mkdir(folder.c_str(), 0777); /* it may be there already */
    const int64_t newest = run.FindNewest(folder);
    if (newest >= 0) run.Restart(Run::At(folder, newest));
  }
  ExchangeHalo(&run.plate, run.plate.diffusivity); /* ghosts are not part of the state */
  const int64_t first_step = run.plate.step;
  while (run.plate.step < steps && run.plate.step < stop_at) {
    Step(&run.plate);
    run.GoOnWithTake();
    if (!folder.empty() && run.plate.step % every == 0)
      run.BeginTake(Run::At(folder, run.plate.step));
  }
  run.EndTake();
  const uint64_t fingerprint = Fingerprint(&run.plate);
  if (run.plate.rank == 0)
    printf("  steps %" PRId64 " to %" PRId64 " on %d ranks; fingerprint of the fields %016" PRIx64
           "\n",
           first_step, run.plate.step, run.plate.ranks, fingerprint);
  CHECK(tsnap_context_close(&run.context));
  tsnap_state_destroy(&run.state);
  DestroyPlate(&run.plate);
  MPI_Finalize();
  return 0;
}
