/* A PETSc solver whose distributed vector is saved and restored by tsnap: a reaction and diffusion
 * of two substances (Gray and Scott's) on a periodic grid, by TS on a DMDA.
 *
 *   mpirun -n 4 petsc_vector -snapshot PLACE -stop_at 30    takes a snapshot every 10 steps, in the
 *                                                           background, and leaves after step 30
 *   mpirun -n 3 petsc_vector -snapshot PLACE                goes on from it, on 3 ranks
 *
 * What to take into your own code:
 *
 *   DescribeVector   a Vec as a sharded array: of a DMDA in its natural order, so that every other
 *                    DMDA of the same global size can be filled from it; of no DM by its numbers
 *   CALL_TSNAP       a failure of tsnap becomes one of PETSc's
 *   PostStep         takes in the background, between two steps of TS
 *   Restart          the way back: the vector, the time and the step of TS
 *
 * All options of PETSc work (-ts_type rk, -ksp_type, -da_grid_x 200, ...). By default the steps are
 * implicit (Crank and Nicolson's, by SNES and KSP), and sums over the ranks make the answer depend
 * on their number, within the tolerances of the solvers. With -ts_type rk there are no such sums,
 * and it is the same bit for bit. */
#include <petscdmda.h>
#include <petscts.h>
#include <stdint.h>
#include <tsnap.h>

#define CALL_TSNAP(call)                                                            \
  do {                                                                              \
    const int32_t tsnap_status_ = (call);                                           \
    PetscCheck(tsnap_status_ == TSNAP_OK, PETSC_COMM_SELF, PETSC_ERR_LIB, "%s: %s", \
               tsnap_status_name(tsnap_status_), tsnap_last_error());               \
  } while (0)

/* ---- A vector as an object of tsnap's ---- */

#if defined(PETSC_USE_COMPLEX) && defined(PETSC_USE_REAL_DOUBLE)
static const int32_t kScalar = TSNAP_COMPLEX128;
#elif defined(PETSC_USE_COMPLEX) && defined(PETSC_USE_REAL_SINGLE)
static const int32_t kScalar = TSNAP_COMPLEX64;
#elif defined(PETSC_USE_REAL_DOUBLE)
static const int32_t kScalar = TSNAP_FLOAT64;
#elif defined(PETSC_USE_REAL_SINGLE)
static const int32_t kScalar = TSNAP_FLOAT32;
#else
#error "tsnap has no element type of this PetscScalar: register the vector as TSNAP_OPAQUE"
#endif

typedef struct {
  Vec vector;
  PetscScalar *values; /* from describe to release */
} StoredVector;

/* This rank's part of the vector as a box of the whole: the slowest index first, as it lies in
 * memory, and the components of a grid point last. */
static PetscErrorCode BoxOfVector(Vec vector, int64_t *global_shape, tsnap_array *box) {
  DM dm;
  PetscBool is_grid = PETSC_FALSE;
  PetscFunctionBeginUser;
  box->dtype = kScalar;
  PetscCall(VecGetDM(vector, &dm));
  if (dm != NULL) PetscCall(PetscObjectTypeCompare((PetscObject)dm, DMDA, &is_grid));
  if (is_grid) {
    PetscInt dim, whole[3], components, first[3], count[3];
    PetscCall(DMDAGetInfo(dm, &dim, &whole[0], &whole[1], &whole[2], NULL, NULL, NULL, &components,
                          NULL, NULL, NULL, NULL, NULL));
    PetscCall(DMDAGetCorners(dm, &first[0], &first[1], &first[2], &count[0], &count[1], &count[2]));
    for (PetscInt axis = dim - 1; axis >= 0; axis--) {
      global_shape[box->ndim] = whole[axis];
      box->offset[box->ndim] = first[axis];
      box->shape[box->ndim++] = count[axis];
    }
    if (components > 1) {
      global_shape[box->ndim] = components;
      box->shape[box->ndim++] = components;
    }
  } else {
    PetscInt whole, begin, end;
    PetscCall(VecGetSize(vector, &whole));
    PetscCall(VecGetOwnershipRange(vector, &begin, &end));
    global_shape[0] = whole;
    box->offset[0] = begin;
    box->shape[0] = end - begin;
    box->ndim = 1;
  }
  PetscFunctionReturn(0);
}

/* Called by tsnap at each take and restore. Until ReleaseVector the memory is tsnap's to read and
 * write; PETSc hears of it there, and forgets the norms that it had computed. */
static int32_t DescribeVector(tsnap_state *child, void *user) {
  StoredVector *stored = user;
  int64_t global_shape[TSNAP_MAX_DIMS];
  tsnap_array box = TSNAP_ARRAY_INIT;
  if (BoxOfVector(stored->vector, global_shape, &box) != 0) return TSNAP_E_CALLBACK;
  if (VecGetArray(stored->vector, &stored->values) != 0) return TSNAP_E_CALLBACK;
  box.data = stored->values;
  return tsnap_state_add_sharded(child, "values", global_shape, &box, 1);
}

static void ReleaseVector(void *user) {
  StoredVector *stored = user;
  /* describe may have failed before it had the memory; what fails here is seen by the next call. */
  if (stored->values != NULL) (void)VecRestoreArray(stored->vector, &stored->values);
  stored->values = NULL;
}

static PetscErrorCode AddVector(tsnap_state *state, const char *path, StoredVector *stored) {
  tsnap_stateful callbacks = TSNAP_STATEFUL_INIT;
  PetscFunctionBeginUser;
  callbacks.describe = DescribeVector;
  callbacks.release = ReleaseVector;
  callbacks.user = stored;
  CALL_TSNAP(tsnap_state_add_stateful(state, path, &callbacks));
  PetscFunctionReturn(0);
}

/* ---- The problem ---- */

typedef struct {
  PetscScalar u, v; /* concentrations */
} Cell;

static const PetscReal kFeed = 0.035, kKill = 0.060, kDiffusionU = 0.16, kDiffusionV = 0.08;

static PetscErrorCode ChangeRates(TS ts, PetscReal time, Vec x, Vec rates, void *user) {
  DM dm;
  Vec local;
  DMDALocalInfo info;
  Cell **cell, **rate;
  (void)time;
  (void)user;
  PetscFunctionBeginUser;
  PetscCall(TSGetDM(ts, &dm));
  PetscCall(DMDAGetLocalInfo(dm, &info));
  PetscCall(DMGetLocalVector(dm, &local));
  PetscCall(DMGlobalToLocal(dm, x, INSERT_VALUES, local));
  PetscCall(DMDAVecGetArrayRead(dm, local, &cell));
  PetscCall(DMDAVecGetArray(dm, rates, &rate));
  for (PetscInt j = info.ys; j < info.ys + info.ym; j++) {
    for (PetscInt i = info.xs; i < info.xs + info.xm; i++) {
      const PetscScalar u = cell[j][i].u, v = cell[j][i].v, reaction = u * v * v;
      const PetscScalar around_u =
          ((cell[j - 1][i].u + cell[j + 1][i].u) + (cell[j][i - 1].u + cell[j][i + 1].u)) - 4.0 * u;
      const PetscScalar around_v =
          ((cell[j - 1][i].v + cell[j + 1][i].v) + (cell[j][i - 1].v + cell[j][i + 1].v)) - 4.0 * v;
      rate[j][i].u = kDiffusionU * around_u - reaction + kFeed * (1.0 - u);
      rate[j][i].v = kDiffusionV * around_v + reaction - (kFeed + kKill) * v;
    }
  }
  PetscCall(DMDAVecRestoreArray(dm, rates, &rate));
  PetscCall(DMDAVecRestoreArrayRead(dm, local, &cell));
  PetscCall(DMRestoreLocalVector(dm, &local));
  PetscFunctionReturn(0);
}

static PetscErrorCode Jacobian(TS ts, PetscReal time, Vec x, Mat matrix, Mat preconditioner,
                               void *user) {
  DM dm;
  DMDALocalInfo info;
  Cell **cell;
  (void)time;
  (void)user;
  PetscFunctionBeginUser;
  PetscCall(TSGetDM(ts, &dm));
  PetscCall(DMDAGetLocalInfo(dm, &info));
  PetscCall(DMDAVecGetArrayRead(dm, x, &cell));
  for (PetscInt j = info.ys; j < info.ys + info.ym; j++) {
    for (PetscInt i = info.xs; i < info.xs + info.xm; i++) {
      const PetscScalar u = cell[j][i].u, v = cell[j][i].v;
      const PetscInt di[5] = {0, -1, 1, 0, 0}, dj[5] = {0, 0, 0, -1, 1};
      PetscScalar of_u[10] = {0}, of_v[10] = {0}; /* by the (u, v) of five points */
      PetscScalar values[20];
      MatStencil row = {0}, columns[5] = {{0}};
      row.i = i;
      row.j = j;
      for (PetscInt k = 0; k < 5; k++) {
        columns[k].i = i + di[k];
        columns[k].j = j + dj[k];
        of_u[2 * k] = kDiffusionU;
        of_v[2 * k + 1] = kDiffusionV;
      }
      of_u[0] = -4.0 * kDiffusionU - v * v - kFeed;
      of_u[1] = -2.0 * u * v;
      of_v[0] = v * v;
      of_v[1] = -4.0 * kDiffusionV + 2.0 * u * v - (kFeed + kKill);
      for (PetscInt k = 0; k < 10; k++) {
        values[k] = of_u[k];
        values[10 + k] = of_v[k];
      }
      PetscCall(
          MatSetValuesBlockedStencil(preconditioner, 1, &row, 5, columns, values, INSERT_VALUES));
    }
  }
  PetscCall(DMDAVecRestoreArrayRead(dm, x, &cell));
  PetscCall(MatAssemblyBegin(preconditioner, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(preconditioner, MAT_FINAL_ASSEMBLY));
  if (matrix != preconditioner) {
    PetscCall(MatAssemblyBegin(matrix, MAT_FINAL_ASSEMBLY));
    PetscCall(MatAssemblyEnd(matrix, MAT_FINAL_ASSEMBLY));
  }
  PetscFunctionReturn(0);
}

/* Two spots of v in a sea of u, of different sizes. */
static PetscErrorCode Begin(DM dm, Vec x) {
  DMDALocalInfo info;
  Cell **cell;
  PetscFunctionBeginUser;
  PetscCall(DMDAGetLocalInfo(dm, &info));
  PetscCall(DMDAVecGetArray(dm, x, &cell));
  for (PetscInt j = info.ys; j < info.ys + info.ym; j++) {
    for (PetscInt i = info.xs; i < info.xs + info.xm; i++) {
      const PetscReal a = (PetscReal)i / info.mx - 0.3, b = (PetscReal)j / info.my - 0.4;
      const PetscReal c = (PetscReal)i / info.mx - 0.7, d = (PetscReal)j / info.my - 0.55;
      const PetscBool spot = a * a + b * b < 0.01 || c * c + d * d < 0.004;
      cell[j][i].u = spot ? 0.5 : 1.0;
      cell[j][i].v = spot ? 0.25 : 0.0;
    }
  }
  PetscCall(DMDAVecRestoreArray(dm, x, &cell));
  PetscFunctionReturn(0);
}

/* ---- The run ---- */

typedef struct {
  tsnap_context *context;
  tsnap_state *state;
  tsnap_request *pending; /* the take that goes on in the background; NULL = none */
  StoredVector solution;
  StoredVector history; /* the amount of v after each step: a vector of no DM */
  int64_t step;
  double time;
  char place[PETSC_MAX_PATH_LEN]; /* where the snapshots go; "" = none are taken */
  PetscInt every, stop_at, steps;
} Run;

/* After each step of TS. */
static PetscErrorCode PostStep(TS ts) {
  Run *run;
  PetscInt step;
  PetscReal time, amount;
  int32_t done = 0;
  PetscFunctionBeginUser;
  PetscCall(TSGetApplicationContext(ts, &run));
  PetscCall(TSGetStepNumber(ts, &step));
  PetscCall(TSGetTime(ts, &time));
  run->step = step;
  run->time = time;
  PetscCall(TSGetSolution(ts, &run->solution.vector));
  PetscCall(VecStrideNorm(run->solution.vector, 1, NORM_1, &amount));
  PetscCall(VecSetValue(run->history.vector, step - 1, amount, INSERT_VALUES));
  PetscCall(VecAssemblyBegin(run->history.vector));
  PetscCall(VecAssemblyEnd(run->history.vector));
  /* Below MPI_THREAD_MULTIPLE a pending take talks to the other ranks in here only. */
  if (run->pending != NULL) CALL_TSNAP(tsnap_request_test(run->pending, &done));
  if (run->place[0] != '\0' && step % run->every == 0) {
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    options.overwrite = TSNAP_ON; /* the one before stays whole until this one is there */
    CALL_TSNAP(tsnap_request_free(&run->pending)); /* waits, and says how that take ended */
    CALL_TSNAP(tsnap_take_async(run->context, run->place, run->state, &options, &run->pending));
  }
  if (step == run->stop_at) PetscCall(TSSetConvergedReason(ts, TS_CONVERGED_USER));
  PetscFunctionReturn(0);
}

/* Where there is a snapshot, the run goes on from it; the DMDA may be cut in any other way. */
static PetscErrorCode Restart(TS ts, Run *run) {
  PetscFunctionBeginUser;
  if (run->place[0] == '\0') PetscFunctionReturn(0);
  const int32_t status = tsnap_restore(run->context, run->place, run->state, NULL);
  if (status == TSNAP_E_NOT_FOUND) PetscFunctionReturn(0); /* on all ranks: this is the first run */
  CALL_TSNAP(status);
  PetscCall(TSSetStepNumber(ts, (PetscInt)run->step));
  PetscCall(TSSetTime(ts, run->time));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "  goes on from step %d\n", (int)run->step));
  PetscFunctionReturn(0);
}

/* How far the solution is from that of another run, on any number of ranks, relatively. */
static PetscErrorCode Compare(Run *run, const char *url, Vec x) {
  StoredVector other = {NULL, NULL};
  tsnap_state *state = NULL;
  tsnap_restore_options options = TSNAP_RESTORE_OPTIONS_INIT;
  PetscReal difference, size;
  PetscFunctionBeginUser;
  PetscCall(VecDuplicate(x, &other.vector));
  CALL_TSNAP(tsnap_state_create(&state));
  PetscCall(AddVector(state, "solution", &other));
  options.strict = TSNAP_OFF; /* the rest is not asked for */
  CALL_TSNAP(tsnap_restore(run->context, url, state, &options));
  PetscCall(VecNorm(other.vector, NORM_2, &size));
  PetscCall(VecAXPY(other.vector, -1.0, x));
  PetscCall(VecNorm(other.vector, NORM_2, &difference));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD, "  differs from the other run by %.3g\n",
                        (double)(difference / size)));
  tsnap_state_destroy(&state);
  PetscCall(VecDestroy(&other.vector));
  PetscFunctionReturn(0);
}

static PetscErrorCode Solve(TS ts, Vec x) {
  Run run = {NULL, NULL, NULL, {NULL, NULL}, {NULL, NULL}, 0, 0.0, "", 10, -1, 60};
  char final[PETSC_MAX_PATH_LEN] = "", reference[PETSC_MAX_PATH_LEN] = "";
  PetscMPIInt ranks;
  PetscReal sum;
  PetscFunctionBeginUser;
  PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &ranks));
  PetscOptionsBegin(PETSC_COMM_WORLD, NULL, "A vector of PETSc's in snapshots of tsnap's", NULL);
  PetscCall(PetscOptionsString("-snapshot", "where snapshots go; the run goes on from one there",
                               NULL, run.place, run.place, sizeof(run.place), NULL));
  PetscCall(
      PetscOptionsInt("-every", "steps between snapshots", NULL, run.every, &run.every, NULL));
  PetscCall(PetscOptionsInt("-steps", "steps of the whole run", NULL, run.steps, &run.steps, NULL));
  PetscCall(PetscOptionsInt("-stop_at", "leave after this step, as if the time limit had come",
                            NULL, run.stop_at, &run.stop_at, NULL));
  PetscCall(PetscOptionsString("-final", "where the last state goes, as a snapshot", NULL, final,
                               final, sizeof(final), NULL));
  PetscCall(PetscOptionsString("-compare", "the last state of another run, to compare with", NULL,
                               reference, reference, sizeof(reference), NULL));
  PetscOptionsEnd();
  PetscCheck(run.every > 0, PETSC_COMM_WORLD, PETSC_ERR_ARG_OUTOFRANGE, "-every is not positive");

  run.solution.vector = x;
  PetscCall(VecCreateMPI(PETSC_COMM_WORLD, PETSC_DECIDE, run.steps, &run.history.vector));
  CALL_TSNAP(tsnap_context_open(PETSC_COMM_WORLD, NULL, &run.context));
  CALL_TSNAP(tsnap_state_create(&run.state));
  PetscCall(AddVector(run.state, "solution", &run.solution));
  PetscCall(AddVector(run.state, "history", &run.history));
  CALL_TSNAP(tsnap_state_add_int64(run.state, "step", TSNAP_REPLICATED, &run.step));
  CALL_TSNAP(tsnap_state_add_float64(run.state, "time", TSNAP_REPLICATED, &run.time));

  PetscCall(TSSetApplicationContext(ts, &run));
  PetscCall(TSSetPostStep(ts, PostStep));
  PetscCall(TSSetMaxSteps(ts, run.steps));
  PetscCall(Restart(ts, &run));
  PetscCall(TSSolve(ts, x));

  CALL_TSNAP(tsnap_request_free(&run.pending)); /* from here on the last snapshot exists */
  if (final[0] != '\0') {
    tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
    options.overwrite = TSNAP_ON;
    CALL_TSNAP(tsnap_take(run.context, final, run.state, &options));
  }
  PetscCall(VecNorm(run.history.vector, NORM_1, &sum));
  PetscCall(PetscPrintf(PETSC_COMM_WORLD,
                        "  is at step %d, on %d ranks; v summed over all steps %.9g\n",
                        (int)run.step, (int)ranks, (double)sum));
  if (reference[0] != '\0') PetscCall(Compare(&run, reference, x));
  CALL_TSNAP(tsnap_context_close(&run.context));
  tsnap_state_destroy(&run.state);
  PetscCall(VecDestroy(&run.history.vector));
  PetscFunctionReturn(0);
}

int main(int argc, char **argv) {
  DM dm;
  TS ts;
  TSAdapt adapt;
  Vec x;
  Mat matrix;
  PetscCall(PetscInitialize(&argc, &argv, NULL, NULL));
  PetscCall(DMDACreate2d(PETSC_COMM_WORLD, DM_BOUNDARY_PERIODIC, DM_BOUNDARY_PERIODIC,
                         DMDA_STENCIL_STAR, 64, 48, PETSC_DECIDE, PETSC_DECIDE, 2, 1, NULL, NULL,
                         &dm));
  PetscCall(DMSetFromOptions(dm));
  PetscCall(DMSetUp(dm));
  PetscCall(DMCreateGlobalVector(dm, &x));
  PetscCall(Begin(dm, x));

  PetscCall(TSCreate(PETSC_COMM_WORLD, &ts));
  PetscCall(TSSetDM(ts, dm));
  PetscCall(TSSetRHSFunction(ts, NULL, ChangeRates, NULL));
  PetscCall(DMCreateMatrix(dm, &matrix));
  PetscCall(TSSetRHSJacobian(ts, matrix, matrix, Jacobian, NULL));
  PetscCall(TSSetType(ts, TSCN));
  PetscCall(TSSetTimeStep(ts, 1.0));
  PetscCall(TSSetExactFinalTime(ts, TS_EXACTFINALTIME_STEPOVER));
  /* What a step depends on must be in the snapshot: a fixed time step is. */
  PetscCall(TSGetAdapt(ts, &adapt));
  PetscCall(TSAdaptSetType(adapt, TSADAPTNONE));
  PetscCall(TSSetFromOptions(ts));
  PetscCall(Solve(ts, x));

  PetscCall(TSDestroy(&ts));
  PetscCall(MatDestroy(&matrix));
  PetscCall(VecDestroy(&x));
  PetscCall(DMDestroy(&dm));
  PetscCall(PetscFinalize());
  return 0;
}
