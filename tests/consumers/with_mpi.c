/* A stranger's MPI program, built against an installed tsnap: every rank takes its part of an array, forgets
 * it, and restores it. Exit status 0 when what came back is what was taken. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>
#include <tsnap.h>

enum { kRows = 1000 };

static int Failed(const char *what) {
  fprintf(stderr, "with_mpi: %s: %s\n", what, tsnap_last_error());
  MPI_Abort(MPI_COMM_WORLD, 1);
  return 1;
}

int main(int argc, char **argv) {
  double rows[kRows];
  int64_t step = 42, global_shape[1];
  int rank, ranks, i;
  tsnap_array box = TSNAP_ARRAY_INIT;
  tsnap_state *state = NULL;
  tsnap_context *context = NULL;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (argc != 2) return Failed("usage: with_mpi FOLDER");

  for (i = 0; i < kRows; i++) rows[i] = 1000.0 * rank + i;
  global_shape[0] = (int64_t)kRows * ranks;
  box.dtype = TSNAP_FLOAT64;
  box.ndim = 1;
  box.shape[0] = kRows;
  box.offset[0] = (int64_t)kRows * rank;
  box.data = rows;
  if (tsnap_state_create(&state) != TSNAP_OK ||
      tsnap_state_add_sharded(state, "rows", global_shape, &box, 1) != TSNAP_OK ||
      tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &step) != TSNAP_OK) {
    return Failed("registering");
  }
  if (tsnap_context_open(MPI_COMM_WORLD, NULL, &context) != TSNAP_OK) return Failed("opening");
  if (tsnap_take(context, argv[1], state, NULL) != TSNAP_OK) return Failed("taking");
  memset(rows, 0, sizeof(rows));
  step = 0;
  if (tsnap_restore(context, argv[1], state, NULL) != TSNAP_OK) return Failed("restoring");
  for (i = 0; i < kRows; i++) {
    if (rows[i] != 1000.0 * rank + i) return Failed("a row is not what it was");
  }
  if (step != 42) return Failed("the step is not what it was");
  if (tsnap_context_close(&context) != TSNAP_OK) return Failed("closing");
  tsnap_state_destroy(&state);
  if (rank == 0) printf("%d ranks took and restored\n", ranks);
  MPI_Finalize();
  return 0;
}
