/* The other side of exchange.py: a C program that restores what Python took, and takes what Python restores.
 *
 *   values restore URL   fills a state of every kind of object from URL; fails when a value is not what it must be
 *   values take URL      takes the same values there
 *
 * The values are those of `Values` in exchange.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tsnap.h>

#define CHECK(call) Check((call), #call)

static void Check(int32_t status, const char *call) {
  if (status == TSNAP_OK) return;
  fprintf(stderr, "%s\n  %s: %s\n", call, tsnap_status_name(status), tsnap_last_error());
  exit(1);
}

static void Expect(int good, const char *what) {
  if (good) return;
  fprintf(stderr, "%s is not what it must be\n", what);
  exit(1);
}

typedef struct {
  int64_t step;
  double time;
  int32_t done;
  char title[64];
  unsigned char blob[16];
  size_t blob_size;
  double field[4][6];
  float column_major[3][2]; /* index (row, column) is column_major[column][row] */
  struct {
    double x;
    int32_t id, pad;
  } particles[3];
  uint16_t bfloat[2];
} Values;

static void Fill(Values *values) {
  int i, j;
  memset(values, 0, sizeof(*values));
  values->step = -123456789012345;
  values->time = 0.1;
  values->done = 1;
  strcpy(values->title, "Gr\xc3\xbc\xc3\x9f" "e");
  memcpy(values->blob, "a\0b", 3);
  values->blob_size = 3;
  for (i = 0; i < 4; i++) {
    for (j = 0; j < 6; j++) values->field[i][j] = i * 6 + j;
  }
  for (i = 0; i < 3; i++) {
    for (j = 0; j < 2; j++) values->column_major[i][j] = (float)(j * 3 + i);
    values->particles[i].x = i + 0.5;
    values->particles[i].id = 10 + i;
  }
  values->bfloat[0] = 0x3f80;
  values->bfloat[1] = 0xc000;
}

static tsnap_array Array(int32_t dtype, int32_t ndim, int64_t rows, int64_t columns, void *data) {
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = dtype;
  array.ndim = ndim;
  array.shape[0] = rows;
  array.shape[1] = columns;
  array.data = data;
  return array;
}

static tsnap_state *Register(Values *values) {
  static const int64_t global_shape[2] = {4, 6};
  tsnap_state *state = NULL;
  tsnap_array field = Array(TSNAP_FLOAT64, 2, 4, 6, values->field);
  tsnap_array fortran = Array(TSNAP_FLOAT32, 2, 2, 3, values->column_major);
  tsnap_array particles = Array(TSNAP_OPAQUE, 1, 3, 0, values->particles);
  tsnap_array bfloat = Array(TSNAP_BFLOAT16, 1, 2, 0, values->bfloat);
  fortran.strides_bytes[0] = (int64_t)sizeof(float);
  fortran.strides_bytes[1] = 2 * (int64_t)sizeof(float);
  particles.item_bytes = (int64_t)sizeof(values->particles[0]);
  CHECK(tsnap_state_create(&state));
  CHECK(tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &values->step));
  CHECK(tsnap_state_add_float64(state, "time", TSNAP_REPLICATED, &values->time));
  CHECK(tsnap_state_add_bool(state, "done", TSNAP_PRIVATE, &values->done));
  CHECK(tsnap_state_add_string(state, "title", TSNAP_REPLICATED, values->title, sizeof values->title));
  CHECK(tsnap_state_add_bytes(state, "solver/blob", TSNAP_PRIVATE, values->blob, sizeof values->blob, &values->blob_size));
  CHECK(tsnap_state_add_sharded(state, "field", global_shape, &field, 1));
  CHECK(tsnap_state_add_replicated(state, "fortran", &fortran));
  CHECK(tsnap_state_add_private(state, "particles", &particles));
  CHECK(tsnap_state_add_replicated(state, "bfloat", &bfloat));
  CHECK(tsnap_state_set_attribute(state, "field", "units", "K"));
  return state;
}

int main(int argc, char **argv) {
  static Values values, expected;
  tsnap_context *context = NULL;
  tsnap_state *state = NULL;
  Expect(argc == 3, "the command line");
  Fill(&expected);
  state = Register(&values);
  CHECK(tsnap_context_open_self(NULL, &context));
  if (strcmp(argv[1], "restore") == 0) {
    CHECK(tsnap_restore(context, argv[2], state, NULL));
    Expect(values.step == expected.step, "step");
    Expect(memcmp(&values.time, &expected.time, sizeof values.time) == 0, "time");
    Expect(values.done == 1, "done");
    Expect(strcmp(values.title, expected.title) == 0, "title");
    Expect(values.blob_size == 3 && memcmp(values.blob, expected.blob, 3) == 0, "solver/blob");
    Expect(memcmp(values.field, expected.field, sizeof values.field) == 0, "field");
    Expect(memcmp(values.column_major, expected.column_major, sizeof values.column_major) == 0, "fortran");
    Expect(memcmp(values.particles, expected.particles, sizeof values.particles) == 0, "particles");
    Expect(memcmp(values.bfloat, expected.bfloat, sizeof values.bfloat) == 0, "bfloat");
  } else {
    values = expected;
    CHECK(tsnap_take(context, argv[2], state, NULL));
  }
  CHECK(tsnap_context_close(&context));
  tsnap_state_destroy(&state);
  return 0;
}
