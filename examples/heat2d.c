/* A plate heated by a moving torch: the 2-D heat equation under MPI, with snapshots by tsnap.
 *
 *   mpirun -n 4 heat2d --snapshots FOLDER     a run that takes a snapshot every 20 steps, in the
 *                                             background
 *   mpirun -n 3 heat2d --snapshots FOLDER     the job goes on from the newest one, on 3 ranks
 *
 * What to look at, if you want the same for your own code:
 *
 *   DescribePlate   the arrays of the state: boxes of global arrays, inside their ghost layers
 *   RegisterState   the whole state: the arrays, two numbers that are equal on all ranks, and one
 *                   that each rank has its own of
 *   FindNewest      which snapshot is the newest complete one: ask, from the newest folder down
 *   BeginTake       a take that goes on in the background while the next steps are computed
 *   EndTake         how it ended; the next take begins after that
 *   Restart         the way back
 *
 * The rest is an ordinary stencil code, and knows nothing of tsnap.
 *
 * A cell's new temperature is computed from the same five cells by the same operations in the same
 * order wherever the plate is cut, and no value depends on a sum over ranks. So the field is the
 * same, bit for bit, on any number of ranks and across any number of restarts. (Build it with
 * -ffp-contract=off: a compiler that fuses a multiplication with an addition in one loop and not
 * in another would spoil that.) */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <mpi.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <tsnap.h>

/* Every tsnap call returns a status. A simulation that cannot trust its snapshots should stop and
 * say so. */
#define CHECK(call) Check((call), #call, __LINE__)

static void Check(int32_t status, const char *call, int line) {
  if (status == TSNAP_OK) return;
  fprintf(stderr, "heat2d.c:%d: %s\n  %s: %s\n", line, call, tsnap_status_name(status),
          tsnap_last_error());
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static void Stop(const char *message) {
  fprintf(stderr, "heat2d: %s\n", message);
  MPI_Abort(MPI_COMM_WORLD, 2);
}

/* ---- The plate ---- */

static const double kAmbient = 300.0;    /* kelvin; also the plate's rim */
static const double kTimeStep = 0.2;     /* seconds; cells are 1 wide, diffusivities at most 1 */
static const double kLoopSeconds = 48.0; /* the torch is back where it began after this time */
static const double kTorchPower = 900.0; /* kelvin per second under its centre */
static const double kTwoPi = 6.283185307179586;

typedef struct {
  MPI_Comm grid; /* the ranks as a 2-D grid */
  int rank, ranks;
  int up, down, left, right; /* neighbours; MPI_PROC_NULL at the rim */
  MPI_Datatype column;       /* one column of the interior */
  int64_t side;              /* cells along each side of the whole plate */
  int64_t first_row, rows;   /* this rank's box of it */
  int64_t first_column, columns;
  int64_t pitch; /* columns + 2: every array has a ghost layer of one cell all around */
  double *temperature, *next; /* they change places in every step */
  double *diffusivity;
  double *peak; /* the highest temperature that each cell has ever had */
  int64_t step;
  double seconds;       /* simulated */
  int64_t cell_updates; /* how much work this rank has done, over all restarts */
} Plate;

static int64_t At(const Plate *plate, int64_t row, int64_t column) {
  return (row + 1) * plate->pitch + column + 1;
}

static double *NewField(const Plate *plate) {
  double *field = calloc((size_t)((plate->rows + 2) * plate->pitch), sizeof(double));
  if (field == NULL) Stop("out of memory");
  return field;
}

/* Cuts the plate among the ranks, and fills it as it is before the first step, ghosts included. */
static void CreatePlate(Plate *plate, int64_t side) {
  int dims[2] = {0, 0}, periodic[2] = {0, 0}, place[2];
  int64_t row, column;
  memset(plate, 0, sizeof(*plate));
  MPI_Comm_size(MPI_COMM_WORLD, &plate->ranks);
  MPI_Dims_create(plate->ranks, 2, dims);
  MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periodic, 0, &plate->grid);
  MPI_Comm_rank(plate->grid, &plate->rank);
  MPI_Cart_coords(plate->grid, plate->rank, 2, place);
  MPI_Cart_shift(plate->grid, 0, 1, &plate->up, &plate->down);
  MPI_Cart_shift(plate->grid, 1, 1, &plate->left, &plate->right);
  if (side < dims[0] || side < dims[1]) Stop("--size is smaller than the grid of ranks");

  plate->side = side;
  plate->first_row = side * place[0] / dims[0];
  plate->rows = side * (place[0] + 1) / dims[0] - plate->first_row;
  plate->first_column = side * place[1] / dims[1];
  plate->columns = side * (place[1] + 1) / dims[1] - plate->first_column;
  plate->pitch = plate->columns + 2;
  MPI_Type_vector((int)plate->rows, 1, (int)plate->pitch, MPI_DOUBLE, &plate->column);
  MPI_Type_commit(&plate->column);

  plate->temperature = NewField(plate);
  plate->next = NewField(plate);
  plate->diffusivity = NewField(plate);
  plate->peak = NewField(plate);
  for (row = -1; row <= plate->rows; row++) {
    for (column = -1; column <= plate->columns; column++) {
      const int64_t here = At(plate, row, column);
      const double y = (double)(plate->first_row + row) / (double)side;
      const double x = (double)(plate->first_column + column) / (double)side;
      plate->temperature[here] = plate->next[here] = plate->peak[here] = kAmbient;
      plate->diffusivity[here] = 0.6 + 0.4 * sin(6.0 * kTwoPi * x) * sin(6.0 * kTwoPi * y);
    }
  }
}

static void DestroyPlate(Plate *plate) {
  free(plate->temperature);
  free(plate->next);
  free(plate->diffusivity);
  free(plate->peak);
  MPI_Type_free(&plate->column);
  MPI_Comm_free(&plate->grid);
}

static void ExchangeHalo(const Plate *plate, double *field) {
  const int rows = (int)plate->rows, columns = (int)plate->columns;
  const MPI_Datatype column = plate->column;
  MPI_Sendrecv(&field[At(plate, 0, 0)], columns, MPI_DOUBLE, plate->up, 0,
               &field[At(plate, rows, 0)], columns, MPI_DOUBLE, plate->down, 0, plate->grid,
               MPI_STATUS_IGNORE);
  MPI_Sendrecv(&field[At(plate, rows - 1, 0)], columns, MPI_DOUBLE, plate->down, 1,
               &field[At(plate, -1, 0)], columns, MPI_DOUBLE, plate->up, 1, plate->grid,
               MPI_STATUS_IGNORE);
  MPI_Sendrecv(&field[At(plate, 0, 0)], 1, column, plate->left, 2, &field[At(plate, 0, columns)], 1,
               column, plate->right, 2, plate->grid, MPI_STATUS_IGNORE);
  MPI_Sendrecv(&field[At(plate, 0, columns - 1)], 1, column, plate->right, 3,
               &field[At(plate, 0, -1)], 1, column, plate->left, 3, plate->grid, MPI_STATUS_IGNORE);
}

/* What the torch adds to a cell in this step; its spot follows a figure of eight. */
static void HeatByTorch(const Plate *plate, double *field) {
  const double side = (double)plate->side, radius = side / 50.0, reach = 4.0 * radius;
  const double angle = kTwoPi * plate->seconds / kLoopSeconds;
  const double spot_row = side * (0.5 + 0.3 * sin(2.0 * angle)),
               spot_column = side * (0.5 + 0.4 * sin(angle));
  int64_t row, column;
  for (row = 0; row < plate->rows; row++) {
    const double dy = (double)(plate->first_row + row) - spot_row;
    if (fabs(dy) > reach) continue;
    for (column = 0; column < plate->columns; column++) {
      const double dx = (double)(plate->first_column + column) - spot_column;
      if (fabs(dx) > reach) continue;
      field[At(plate, row, column)] +=
          kTimeStep * kTorchPower * exp(-(dx * dx + dy * dy) / (radius * radius));
    }
  }
}

static void Step(Plate *plate) {
  const int64_t pitch = plate->pitch;
  double *swap;
  int64_t row, column;
  ExchangeHalo(plate, plate->temperature);
  for (row = 0; row < plate->rows; row++) {
    const double *t = &plate->temperature[At(plate, row, 0)];
    const double *k = &plate->diffusivity[At(plate, row, 0)];
    double *next = &plate->next[At(plate, row, 0)];
    for (column = 0; column < plate->columns; column++) {
      const int64_t c = column;
      const double from_above = 0.5 * (k[c] + k[c - pitch]) * (t[c - pitch] - t[c]);
      const double from_below = 0.5 * (k[c] + k[c + pitch]) * (t[c + pitch] - t[c]);
      const double from_left = 0.5 * (k[c] + k[c - 1]) * (t[c - 1] - t[c]);
      const double from_right = 0.5 * (k[c] + k[c + 1]) * (t[c + 1] - t[c]);
      next[c] = t[c] + kTimeStep * (((from_above + from_below) + from_left) + from_right);
    }
  }
  HeatByTorch(plate, plate->next);
  for (row = 0; row < plate->rows; row++) {
    const double *next = &plate->next[At(plate, row, 0)];
    double *peak = &plate->peak[At(plate, row, 0)];
    for (column = 0; column < plate->columns; column++) {
      peak[column] = next[column] > peak[column] ? next[column] : peak[column];
    }
  }
  swap = plate->temperature;
  plate->temperature = plate->next;
  plate->next = swap;
  plate->step++;
  plate->seconds += kTimeStep;
  plate->cell_updates += plate->rows * plate->columns;
}

/* A fingerprint of the fields as they lie in memory, the same wherever the plate is cut: integer
 * sums wrap and do not care about order. It is what lets a restart be judged without believing
 * tsnap. */
static uint64_t Fingerprint(const Plate *plate) {
  const double *fields[2];
  uint64_t mine = 0, all = 0;
  int64_t row, column;
  int f;
  fields[0] = plate->temperature;
  fields[1] = plate->peak;
  for (f = 0; f < 2; f++) {
    for (row = 0; row < plate->rows; row++) {
      for (column = 0; column < plate->columns; column++) {
        uint64_t bits;
        const uint64_t cell =
            (uint64_t)((plate->first_row + row) * plate->side + plate->first_column + column);
        memcpy(&bits, &fields[f][At(plate, row, column)], sizeof(bits));
        bits = (bits ^ (cell * 2 + (uint64_t)f) * UINT64_C(0x9E3779B97F4A7C15)) *
               UINT64_C(0xD6E8FEB86659FD93);
        mine += (bits ^ (bits >> 32)) * UINT64_C(0xD6E8FEB86659FD93);
      }
    }
  }
  MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, plate->grid);
  return all;
}

/* ---- Its state, for tsnap ---- */

/* Registers one field: this rank's box of the plate. The box is the interior; the strides step over
 * the ghosts. */
static int32_t AddField(tsnap_state *state, const char *path, const Plate *plate, double *field) {
  int64_t global_shape[2];
  tsnap_array box = TSNAP_ARRAY_INIT;
  global_shape[0] = global_shape[1] = plate->side;
  box.dtype = TSNAP_FLOAT64;
  box.ndim = 2;
  box.shape[0] = plate->rows;
  box.shape[1] = plate->columns;
  box.strides_bytes[0] = plate->pitch * (int64_t)sizeof(double);
  box.strides_bytes[1] = (int64_t)sizeof(double);
  box.offset[0] = plate->first_row;
  box.offset[1] = plate->first_column;
  box.data = &field[At(plate, 0, 0)];
  return tsnap_state_add_sharded(state, path, global_shape, &box, 1);
}

/* A state keeps addresses, and the temperature's address changes in every step. So the fields are
 * not registered once, but described anew whenever tsnap takes or restores a snapshot. */
static int32_t DescribePlate(tsnap_state *child, void *user) {
  const Plate *plate = user;
  int32_t status = AddField(child, "temperature", plate, plate->temperature);
  if (status == TSNAP_OK) status = AddField(child, "diffusivity", plate, plate->diffusivity);
  if (status == TSNAP_OK) status = AddField(child, "peak", plate, plate->peak);
  return status;
}

static tsnap_state *RegisterState(Plate *plate) {
  tsnap_state *state = NULL;
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

static double StateMebibytes(const Plate *plate) {
  return 3.0 * sizeof(double) * (double)plate->side * (double)plate->side / (1024.0 * 1024.0);
}

/* ---- Its snapshots ---- */

typedef struct {
  const Plate *plate;
  tsnap_context *context;
  tsnap_state *state;
  tsnap_request *pending; /* the take that goes on in the background; NULL = none */
  int64_t pending_step;
  char pending_url[4096];
  int64_t hold_at;       /* the take of this step is held; 0 = none */
  pthread_t main_thread; /* who makes the tsnap calls */
  int held;
  int takes;           /* so far */
  double held_seconds; /* of this rank's time, by all of them */
} Snapshots;

/* What the last take or restore has cost this rank; a take also what its wait has cost. */
static void Tell(Snapshots *snapshots, int64_t step, const char *url, double waited_seconds) {
  tsnap_statistics cost = TSNAP_STATISTICS_INIT;
  const double mebibytes = StateMebibytes(snapshots->plate);
  double held_seconds;
  int restored;
  CHECK(tsnap_context_statistics(snapshots->context, &cost));
  restored = cost.operation == TSNAP_OPERATION_RESTORE;
  held_seconds = cost.blocked_seconds + waited_seconds;
  if (!restored) {
    snapshots->takes++;
    snapshots->held_seconds += held_seconds;
  }
  if (snapshots->plate->rank != 0) return;
  printf("  step %4" PRId64 ": %s %s: %.0f MiB in %.3f s, %.2f GB/s", step,
         restored ? "restored" : "took", url, mebibytes, cost.seconds,
         mebibytes * 1.048576e-3 / cost.seconds);
  if (!restored) printf("; the steps were held for %.3f s", held_seconds);
  printf("\n");
  fflush(stdout);
}

static tsnap_take_options Options(void) {
  tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
  options.metadata = "heat2d: a plate heated by a moving torch";
  return options;
}

/* The progress callback of a take that is to be held, for whoever wants to kill the job in the
 * middle of one (--hold-at). Once tsnap_take_async has returned, the library calls it from its own
 * thread, the last time when all bytes of this rank are written and nothing is committed. The time
 * steps go on meanwhile, up to the next take. */
static void HoldTake(uint64_t staged, uint64_t written, uint64_t total, void *user) {
  Snapshots *snapshots = user;
  const struct timespec a_minute = {60, 0};
  (void)staged;
  if (snapshots->held || written < total || pthread_equal(pthread_self(), snapshots->main_thread))
    return;
  snapshots->held = 1;
  if (snapshots->plate->rank == 0) {
    printf("  the take to %s is pending, and held for a minute: kill the job now\n",
           snapshots->pending_url);
    fflush(stdout);
  }
  nanosleep(&a_minute, NULL);
}

/* Waits for the pending take, if there is one: when this returns, its snapshot exists. */
static void EndTake(Snapshots *snapshots) {
  const double began = MPI_Wtime();
  if (snapshots->pending == NULL) return;
  CHECK(tsnap_request_free(&snapshots->pending)); /* waits, and says how the take ended */
  Tell(snapshots, snapshots->pending_step, snapshots->pending_url, MPI_Wtime() - began);
}

/* Each snapshot has a place of its own. Until this one is committed, the one before is the newest.
 */
static void BeginTake(Snapshots *snapshots, const char *url) {
  tsnap_take_options options = Options();
  EndTake(snapshots);
  snapshots->pending_step = snapshots->plate->step;
  snprintf(snapshots->pending_url, sizeof(snapshots->pending_url), "%s", url);
  if (snapshots->plate->step == snapshots->hold_at) {
    options.progress = HoldTake;
    options.progress_user = snapshots;
  }
  CHECK(tsnap_take_async(snapshots->context, url, snapshots->state, &options, &snapshots->pending));
  /* From here on the fields may change: what is stored is what they were at the call. */
}

/* Once in every step. Where MPI grants less than MPI_THREAD_MULTIPLE, a pending take talks to the
 * other ranks in here only; elsewhere this just looks whether it has ended. */
static void GoOnWithTake(Snapshots *snapshots) {
  int32_t done = 0;
  if (snapshots->pending == NULL) return;
  CHECK(tsnap_request_test(snapshots->pending, &done));
  if (done) EndTake(snapshots); /* on this rank: the others may see it in a later step */
}

/* The way of --sync, and of the last state: the snapshot exists when this returns. */
static void Take(Snapshots *snapshots, const char *url, int32_t overwrite) {
  tsnap_take_options options = Options();
  EndTake(snapshots);
  options.overwrite = overwrite;
  CHECK(tsnap_take(snapshots->context, url, snapshots->state, &options));
  Tell(snapshots, snapshots->plate->step, url, 0);
}

static int NewestFirst(const void *a, const void *b) {
  const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left < right) - (left > right);
}

/* The newest step in `folder` that has a complete snapshot, or -1. A take that was cut short leaves
 * a folder, but no snapshot: opening it is how one learns that. One rank looks, and tells the
 * others. */
static int64_t FindNewest(const Plate *plate, const char *folder) {
  int64_t newest = -1;
  if (plate->rank == 0) {
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    int64_t *steps = NULL, step;
    size_t count = 0, i;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
      if (sscanf(entry->d_name, "step-%" SCNd64, &step) != 1) continue;
      steps = realloc(steps, (count + 1) * sizeof(*steps));
      if (steps == NULL) Stop("out of memory");
      steps[count++] = step;
    }
    if (entries != NULL) closedir(entries);
    if (count > 1) qsort(steps, count, sizeof(*steps), NewestFirst);
    for (i = 0; i < count && newest < 0; i++) {
      char url[4096];
      tsnap_snapshot *snapshot = NULL;
      int32_t status;
      snprintf(url, sizeof(url), "%s/step-%06" PRId64, folder, steps[i]);
      status = tsnap_snapshot_open(url, NULL, &snapshot);
      if (status == TSNAP_OK) {
        tsnap_snapshot_info info = TSNAP_SNAPSHOT_INFO_INIT;
        CHECK(tsnap_snapshot_info_get(snapshot, &info));
        printf("  newest snapshot: step %" PRId64 ", taken by %" PRId64 " ranks\n", steps[i],
               info.world_size);
        newest = steps[i];
      } else if (status == TSNAP_E_NOT_FOUND) {
        printf("  step %" PRId64 " was never completed: trying an older one\n", steps[i]);
      } else {
        CHECK(status); /* a snapshot that is there and cannot be read is not to be passed over in
                          silence */
      }
      tsnap_snapshot_close(&snapshot);
    }
    free(steps);
  }
  MPI_Bcast(&newest, 1, MPI_INT64_T, 0, plate->grid);
  return newest;
}

static void Restart(Snapshots *snapshots, const char *url) {
  tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
  /* The job may come back with more or fewer ranks. The fields are cut anew by themselves; what
   * each rank has its own of needs a decision: a rank that is new has done no work yet (left alone,
   * cell_updates stays 0), and the count of a rank that is gone may go with it. */
  options.new_ranks = TSNAP_NEW_RANKS_LEAVE;
  options.lost_ranks = TSNAP_LOST_RANKS_IGNORE;
  CHECK(tsnap_restore(snapshots->context, url, snapshots->state, &options));
  Tell(snapshots, snapshots->plate->step, url, 0);
}

/* ---- The run ---- */

typedef struct {
  int64_t size, steps, every, stop_at, hold_at;
  const char *snapshots, *final;
  int synchronous;
} Arguments;

static const char kUsage[] =
    "usage: mpirun -n RANKS heat2d [options]\n"
    "  --size N            cells along each side of the plate (2048)\n"
    "  --steps N           steps of the whole job (240)\n"
    "  --snapshots FOLDER  take snapshots there; go on from the newest one that is there\n"
    "  --every N           steps between snapshots (20)\n"
    "  --sync              the steps wait until each snapshot is committed\n"
    "  --hold-at N         hold the take of step N in the background, to kill the job in it\n"
    "  --stop-at N         leave after step N, as if the time limit had come\n"
    "  --final URL         where the last state goes, as a snapshot\n"
    "  --help              this text\n";

static int64_t Number(const char *option, const char *text) {
  char *end;
  const long long value = strtoll(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value < 1 || value > 1000000) {
    fprintf(stderr, "heat2d: %s wants a whole number from 1 to 1000000, not \"%s\"\n", option,
            text);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  return value;
}

/* Returns 0 when there is nothing to run. */
static int Parse(int argc, char **argv, Arguments *arguments, int rank) {
  int i;
  arguments->size = 2048;
  arguments->steps = 240;
  arguments->every = 20;
  arguments->stop_at = INT64_MAX;
  arguments->hold_at = 0;
  arguments->snapshots = arguments->final = NULL;
  arguments->synchronous = 0;
  for (i = 1; i < argc; i += 2) {
    const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(option, "--help") == 0) {
      if (rank == 0) fputs(kUsage, stdout);
      return 0;
    }
    if (strcmp(option, "--sync") == 0) {
      arguments->synchronous = 1;
      i--; /* it has no value */
      continue;
    }
    if (strcmp(option, "--size") == 0)
      arguments->size = Number(option, value);
    else if (strcmp(option, "--steps") == 0)
      arguments->steps = Number(option, value);
    else if (strcmp(option, "--every") == 0)
      arguments->every = Number(option, value);
    else if (strcmp(option, "--stop-at") == 0)
      arguments->stop_at = Number(option, value);
    else if (strcmp(option, "--hold-at") == 0)
      arguments->hold_at = Number(option, value);
    else if (strcmp(option, "--snapshots") == 0 && *value != '\0')
      arguments->snapshots = value;
    else if (strcmp(option, "--final") == 0 && *value != '\0')
      arguments->final = value;
    else {
      if (rank == 0)
        fprintf(stderr, "heat2d: \"%s\" is no option, or lacks its value\n%s", option, kUsage);
      MPI_Abort(MPI_COMM_WORLD, 2);
    }
  }
  return 1;
}

static void Run(const Arguments *arguments) {
  Plate plate;
  Snapshots snapshots;
  int64_t newest, first_step;
  uint64_t fingerprint;
  char url[4096];
  double started, seconds;

  CreatePlate(&plate, arguments->size);
  memset(&snapshots, 0, sizeof(snapshots));
  snapshots.plate = &plate;
  snapshots.state = RegisterState(&plate);
  snapshots.hold_at = arguments->hold_at;
  snapshots.main_thread = pthread_self();
  CHECK(tsnap_context_open(plate.grid, NULL, &snapshots.context));
  if (arguments->snapshots != NULL) {
    if (plate.rank == 0) mkdir(arguments->snapshots, 0777); /* it may be there already */
    newest = FindNewest(&plate, arguments->snapshots);
    if (newest >= 0) {
      snprintf(url, sizeof(url), "%s/step-%06" PRId64, arguments->snapshots, newest);
      Restart(&snapshots, url);
    }
  }
  ExchangeHalo(&plate, plate.diffusivity); /* ghosts are not part of the state */

  first_step = plate.step;
  started = MPI_Wtime();
  while (plate.step < arguments->steps && plate.step < arguments->stop_at) {
    Step(&plate);
    GoOnWithTake(&snapshots);
    if (arguments->snapshots != NULL && plate.step % arguments->every == 0) {
      snprintf(url, sizeof(url), "%s/step-%06" PRId64, arguments->snapshots, plate.step);
      if (arguments->synchronous)
        Take(&snapshots, url, TSNAP_OFF);
      else
        BeginTake(&snapshots, url);
    }
  }
  EndTake(&snapshots); /* a job that leaves without it may leave its last snapshot unfinished */
  seconds = MPI_Wtime() - started;
  if (arguments->snapshots != NULL && plate.rank == 0) {
    printf("  %d takes held the steps for %.3f of %.1f s\n", snapshots.takes,
           snapshots.held_seconds, seconds);
  }
  if (arguments->final != NULL && plate.step == arguments->steps)
    Take(&snapshots, arguments->final, TSNAP_ON);

  fingerprint = Fingerprint(&plate);
  if (plate.rank == 0) {
    printf("  steps %" PRId64 " to %" PRId64
           " on %d ranks in %.1f s; fingerprint of the fields %016" PRIx64 "\n",
           first_step, plate.step, plate.ranks, seconds, fingerprint);
  }
  CHECK(tsnap_context_close(&snapshots.context));
  tsnap_state_destroy(&snapshots.state);
  DestroyPlate(&plate);
}

int main(int argc, char **argv) {
  Arguments arguments;
  int rank, granted;
  /* With MPI_THREAD_MULTIPLE a take goes on in the background by itself. Less will do as well: then
   * it goes on once in every step, in tsnap_request_test. */
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &granted);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 0 && granted < MPI_THREAD_MULTIPLE)
    printf("  MPI allows one thread at a time: takes go on between the steps\n");
  if (Parse(argc, argv, &arguments, rank)) Run(&arguments);
  MPI_Finalize();
  return 0;
}
