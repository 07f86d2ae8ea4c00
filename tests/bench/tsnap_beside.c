/* What an application loses while a take goes on in the background: a 5-point stencil on each
 * rank's part of a grid, with halo exchange and a reduction a step, alone and beside a take of the
 * arrays.
 *
 * Each round takes with steps until all ranks know of the end, which tsnap_request_test tells them
 * once a step, runs steps alone for a second before and after, and then takes without _async. What
 * was taken is restored and compared. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/resource.h>

#include "arrays_state.h"

enum { kAloneStep, kBesideStep, kSteps, kBlocked, kTotal, kLost, kProcessor, kSync, kValues };
static const char *const kNames[kValues] = {"alone_step", "beside_step", "steps",     "blocked",
                                            "total",      "lost",        "processor", "sync"};

/* Rows above and below belong to the neighbours; ranks lie under each other. */
typedef struct Stencil {
  size_t rows, columns;
  double *now, *next;
  int above, below;
} Stencil;

static double *Row(const Stencil *stencil, double *grid, size_t row) {
  return grid + row * stencil->columns;
}

static void MakeStencil(const BenchRun *run, Stencil *stencil) {
  stencil->rows = run->grid + 2;
  stencil->columns = run->grid;
  const size_t count = stencil->rows * stencil->columns;
  stencil->now = malloc(count * sizeof(double));
  stencil->next = malloc(count * sizeof(double));
  if (stencil->now == NULL || stencil->next == NULL)
    BenchFail(run, "allocating the grid", "out of memory");
  for (size_t i = 0; i < count; ++i) stencil->now[i] = stencil->next[i] = (double)(i % 97);
  stencil->above = run->rank == 0 ? MPI_PROC_NULL : run->rank - 1;
  stencil->below = run->rank + 1 == run->size ? MPI_PROC_NULL : run->rank + 1;
}

static void ExchangeHalo(Stencil *stencil) {
  const int count = (int)stencil->columns;
  double *grid = stencil->now;
  const size_t last = stencil->rows - 2;
  MPI_Sendrecv(Row(stencil, grid, 1), count, MPI_DOUBLE, stencil->above, 1,
               Row(stencil, grid, last + 1), count, MPI_DOUBLE, stencil->below, 1, MPI_COMM_WORLD,
               MPI_STATUS_IGNORE);
  MPI_Sendrecv(Row(stencil, grid, last), count, MPI_DOUBLE, stencil->below, 2,
               Row(stencil, grid, 0), count, MPI_DOUBLE, stencil->above, 2, MPI_COMM_WORLD,
               MPI_STATUS_IGNORE);
}

static void Update(Stencil *stencil) {
  const size_t columns = stencil->columns;
  for (size_t row = 1; row + 1 < stencil->rows; ++row) {
    const double *now = Row(stencil, stencil->now, row);
    double *next = Row(stencil, stencil->next, row);
    for (size_t i = 1; i + 1 < columns; ++i)
      next[i] =
          0.5 * now[i] + 0.125 * (now[i - 1] + now[i + 1] + now[i - columns] + now[i + columns]);
  }
  double *spare = stencil->now;
  stencil->now = stencil->next;
  stencil->next = spare;
}

/* One step; `vote` is reduced with it as a residual would be. Returns the least vote. */
static int Step(Stencil *stencil, int vote) {
  int least = 0;
  ExchangeHalo(stencil);
  Update(stencil);
  MPI_Allreduce(&vote, &least, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  return least;
}

/* Steps for about so long. Returns the mean time of one: every step costs the same here, and beside
 * a take it is the sum that the application loses. */
static double StepsAlone(Stencil *stencil, double seconds) {
  size_t steps = 0;
  double begin = BenchMeet();
  do {
    ++steps;
  } while (!Step(stencil, MPI_Wtime() - begin > seconds));
  return (MPI_Wtime() - begin) / (double)steps;
}

static void StepsBeside(const BenchRun *run, Stencil *stencil, tsnap_request *request,
                        double *values) {
  size_t steps = 0;
  int32_t done = 0;
  double begin = MPI_Wtime();
  do {
    ++steps;
    ExpectOk(run, tsnap_request_test(request, &done), "tsnap_request_test");
  } while (!Step(stencil, done));
  values[kSteps] = (double)steps;
  values[kBesideStep] = BenchSlowest((MPI_Wtime() - begin) / (double)steps);
}

static double Seconds(struct timeval time) {
  return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

/* Processor time of all threads of this process but the calling one. */
static double OthersSeconds(void) {
  struct rusage all, mine;
  getrusage(RUSAGE_SELF, &all);
  getrusage(RUSAGE_THREAD, &mine);
  return Seconds(all.ru_utime) + Seconds(all.ru_stime) - Seconds(mine.ru_utime) -
         Seconds(mine.ru_stime);
}

static void Round(BenchRun *run, tsnap_context *context, tsnap_state *state, Stencil *stencil,
                  double *values) {
  char url[4096];
  BenchPath(run, "snapshot", url, sizeof url);
  const double alone_seconds = run->grid < 256 ? 0.02 : 1.0;
  const double alone_before = StepsAlone(stencil, alone_seconds);
  double processor = OthersSeconds();
  double begin = BenchMeet();
  tsnap_request *request = TakeAsync(run, context, url, state);
  values[kBlocked] = BenchSlowest(MPI_Wtime() - begin);
  double resumed = MPI_Wtime();
  StepsBeside(run, stencil, request, values);
  FinishTake(run, &request);
  values[kTotal] = values[kBlocked] + BenchSlowest(MPI_Wtime() - resumed);
  values[kProcessor] = BenchSlowest(OthersSeconds() - processor);
  values[kAloneStep] = BenchSlowest((alone_before + StepsAlone(stencil, alone_seconds)) / 2);
  values[kLost] = values[kTotal] - values[kSteps] * values[kAloneStep];
  BenchPoison(run);
  Restore(run, context, url, state);
  BenchCheck(run);
  RemoveSnapshot(run, url);
  begin = BenchMeet();
  Take(run, context, url, state);
  values[kSync] = BenchSlowest(MPI_Wtime() - begin);
  RemoveSnapshot(run, url);
}

int main(int argc, char **argv) {
  BenchRun run;
  BenchStart(&argc, &argv, &run);
  if (run.grid < 3) BenchFail(&run, "--grid", "expects 3 or more");
  Stencil stencil;
  MakeStencil(&run, &stencil);
  double *values = calloc((run.rounds + 1) * kValues, sizeof *values);
  if (values == NULL) BenchFail(&run, "allocating", "out of memory");
  BenchFill(&run);
  tsnap_state *state = BuildState(&run);
  tsnap_context *context = OpenContextForState(&run, 0);
  for (size_t round = 0; round <= run.rounds; ++round) /* 0 makes everything warm */
    Round(&run, context, state, &stencil, values + round * kValues);
  BenchMeet();
  tsnap_state_destroy(&state);
  ExpectOk(&run, tsnap_context_close(&context), "tsnap_context_close");
  BenchReportRounds(&run, kValues, kNames, values + kValues);
  free(values);
  free(stencil.now);
  free(stencil.next);
  BenchFinish(&run);
  return 0;
}
