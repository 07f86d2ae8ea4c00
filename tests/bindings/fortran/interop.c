/*
 * interop.c - a C program that reads what interop.f90 has taken, and takes what that reads:
 * interop read|write FOLDER. Index order is the same in both languages: the element that Fortran
 * calls (i, j) is [i - 1][j - 1] here, and the memory is each language's own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tsnap.h>

enum { kRows = 5, kColumns = 3 };

static int failures;

static void Must(int32_t status) {
  if (status == TSNAP_OK) return;
  fprintf(stderr, "%s: %s\n", tsnap_status_name(status), tsnap_last_error());
  exit(2);
}

static void Check(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "FAILED: %s\n", what);
  failures++;
}

static void Read(const char *url) {
  double field[kRows][kColumns] = {{0}}, corner[2][1];
  int64_t step = 0;
  int32_t truth = 0, flags[4];
  char text[20], words[2][5];
  unsigned char bools[4];
  int i, j;
  tsnap_snapshot *snapshot = NULL;
  tsnap_object_info info = TSNAP_OBJECT_INFO_INIT;
  tsnap_array whole = TSNAP_ARRAY_INIT;
  Must(tsnap_snapshot_open(url, NULL, &snapshot));
  Must(tsnap_snapshot_find(snapshot, "field", &info));
  Check(info.dtype == TSNAP_FLOAT64 && info.ndim == 2 && info.shape[0] == kRows &&
            info.shape[1] == kColumns,
        "the shape is that of the Fortran array");
  whole.dtype = TSNAP_FLOAT64;
  whole.ndim = 2;
  whole.shape[0] = kRows;
  whole.shape[1] = kColumns;
  whole.data = field;
  Must(tsnap_read(snapshot, "field", &whole, NULL));
  for (i = 0; i < kRows; i++)
    for (j = 0; j < kColumns; j++)
      Check(field[i][j] == 100 * (i + 1) + (j + 1), "element (i, j) is [i - 1][j - 1]");
  whole.shape[0] = 2;
  whole.shape[1] = 1;
  whole.offset[0] = 3;
  whole.offset[1] = 2;
  whole.data = corner;
  Must(tsnap_read(snapshot, "field", &whole, NULL));
  Check(corner[0][0] == 403 && corner[1][0] == 503, "offsets count from 0 here");
  Must(tsnap_read_int64(snapshot, "step", &step));
  Must(tsnap_read_bool(snapshot, "truth", &truth));
  Must(tsnap_read_string(snapshot, "title", text, sizeof(text), NULL));
  Check(step == 4711 && truth == 1 && strcmp(text, "of Fortran") == 0, "scalars");
  whole.ndim = 1;
  whole.shape[0] = 4;
  whole.offset[0] = 0;
  whole.dtype = TSNAP_BOOL;
  whole.data = bools;
  Must(tsnap_read(snapshot, "0/bools", &whole, NULL));
  Check(bools[0] == 1 && bools[1] == 0 && bools[2] == 0 && bools[3] == 1, "logical(c_bool)");
  whole.dtype = TSNAP_INT32;
  whole.data = flags;
  Must(tsnap_read(snapshot, "0/flags", &whole, NULL));
  Check(flags[0] == 1 && flags[1] == 0 && flags[2] == 0 && flags[3] == 1, "logical");
  whole.shape[0] = 2;
  whole.dtype = TSNAP_OPAQUE;
  whole.item_bytes = 5;
  whole.data = words;
  Must(tsnap_read(snapshot, "0/words", &whole, NULL));
  Check(memcmp(words, "one  three", 10) == 0, "an array of texts: records with blanks");
  tsnap_snapshot_close(&snapshot);
}

static void Write(const char *url) {
  static double field[kRows][kColumns];
  static int64_t step = 42;
  static int32_t truth = 1;
  static char title[40] = "of C";
  int i, j;
  int64_t shape[2] = {kRows, kColumns};
  tsnap_context *context = NULL;
  tsnap_state *state = NULL;
  tsnap_array box = TSNAP_ARRAY_INIT;
  for (i = 0; i < kRows; i++)
    for (j = 0; j < kColumns; j++) field[i][j] = 10 * (i + 1) + (j + 1);
  box.dtype = TSNAP_FLOAT64;
  box.ndim = 2;
  box.shape[0] = kRows;
  box.shape[1] = kColumns;
  box.data = field;
  Must(tsnap_context_open_self(NULL, &context));
  Must(tsnap_state_create(&state));
  Must(tsnap_state_add_sharded(state, "field", shape, &box, 1));
  Must(tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &step));
  Must(tsnap_state_add_bool(state, "truth", TSNAP_REPLICATED, &truth));
  Must(tsnap_state_add_string(state, "title", TSNAP_REPLICATED, title, sizeof(title)));
  Must(tsnap_take(context, url, state, NULL));
  tsnap_state_destroy(&state);
  Must(tsnap_context_close(&context));
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  if (strcmp(argv[1], "read") == 0)
    Read(argv[2]);
  else
    Write(argv[2]);
  return failures > 0;
}
