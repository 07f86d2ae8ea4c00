/* A stranger's program without MPI, built against the installed core: one process takes a snapshot, and reads
 * a part of it back. It is C99 and C++11 at once, and is built as both. */
#include <stdio.h>
#include <tsnap.h>

#ifdef MPI_VERSION
#error "the core's headers brought in mpi.h"
#endif

enum { kCells = 5000 };

static int Failed(const char *what) {
  fprintf(stderr, "core_only: %s: %s\n", what, tsnap_last_error());
  return 1;
}

static int Take(const char *folder) {
  static int32_t cells[kCells];
  tsnap_array array = TSNAP_ARRAY_INIT;
  tsnap_state *state = NULL;
  tsnap_context *context = NULL;
  int i;
  for (i = 0; i < kCells; i++) cells[i] = 3 * i;
  array.dtype = TSNAP_INT32;
  array.ndim = 1;
  array.shape[0] = kCells;
  array.data = cells;
  if (tsnap_state_create(&state) != TSNAP_OK) return Failed("creating a state");
  if (tsnap_state_add_replicated(state, "grid/cells", &array) != TSNAP_OK) return Failed("registering");
  if (tsnap_context_open_self(NULL, &context) != TSNAP_OK) return Failed("opening a context");
  if (tsnap_take(context, folder, state, NULL) != TSNAP_OK) return Failed("taking");
  if (tsnap_context_close(&context) != TSNAP_OK) return Failed("closing");
  tsnap_state_destroy(&state);
  return 0;
}

static int Read(const char *folder) {
  int32_t some[10];
  tsnap_array part = TSNAP_ARRAY_INIT;
  tsnap_snapshot *snapshot = NULL;
  int i;
  part.dtype = TSNAP_INT32;
  part.ndim = 1;
  part.shape[0] = 10;
  part.offset[0] = 4000;
  part.data = some;
  if (tsnap_snapshot_open(folder, NULL, &snapshot) != TSNAP_OK) return Failed("opening a snapshot");
  if (tsnap_read(snapshot, "grid/cells", &part, NULL) != TSNAP_OK) return Failed("reading");
  tsnap_snapshot_close(&snapshot);
  for (i = 0; i < 10; i++) {
    if (some[i] != 3 * (4000 + i)) return Failed("a cell is not what it was");
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 2) return Failed("usage: core_only FOLDER");
  if (Take(argv[1]) != 0 || Read(argv[1]) != 0) return 1;
  printf("one process took and read\n");
  return 0;
}
