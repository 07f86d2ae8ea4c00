/* Takes the snapshot that cli_test.py looks at: make_snapshot FOLDER [large]. One process, every
 * type of object; the values follow rules that the script knows as well. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <tsnap.h>

enum { kLargeCount = 3 * 400 * 1000 };

static int64_t large[kLargeCount];
static tsnap_state* state = NULL;
static int failed = 0;

static void Check(int32_t status, const char* what) {
  if (status == TSNAP_OK) return;
  fprintf(stderr, "make_snapshot: %s: %s\n", what, tsnap_last_error());
  failed = 1;
}

static tsnap_array Array(int32_t dtype, int32_t ndim, const int64_t* shape, void* data) {
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = dtype;
  array.ndim = ndim;
  if (ndim > 0) memcpy(array.shape, shape, (size_t)ndim * sizeof(int64_t));
  array.data = data;
  return array;
}

static void Replicated(const char* path, int32_t dtype, int64_t count, void* data) {
  const tsnap_array array = Array(dtype, 1, &count, data);
  Check(tsnap_state_add_replicated(state, path, &array), path);
}

/* Bit patterns are given as integers: zero, one, the smallest, and what is no number. */
static void AddTypes(void) {
  static uint8_t bools[] = {0, 1};
  static int8_t int8s[] = {-128, 127};
  static int16_t int16s[] = {-32768, 32767};
  static int32_t int32s[] = {INT32_MIN, INT32_MAX};
  static int64_t int64s[] = {INT64_MIN, INT64_MAX};
  static uint8_t uint8s[] = {0, 255};
  static uint16_t uint16s[] = {0, 65535};
  static uint32_t uint32s[] = {0, UINT32_MAX};
  static uint64_t uint64s[] = {0, UINT64_MAX};
  static uint8_t e4m3[] = {0x38, 0x01, 0x7e, 0xff};
  static uint8_t e5m2[] = {0x3c, 0x01, 0x7b, 0xfc, 0x7f};
  static uint16_t halves[] = {0x3c00, 0x0001, 0x7bff, 0xfc00, 0x7e00};
  static uint16_t bfloats[] = {0x3f80, 0xc049, 0x7f80};
  static float floats[] = {0.1f, -3.0e38f};
  static double doubles[] = {0.1, -1.7976931348623157e308};
  static float complex64s[] = {1.5f, -2.5f};
  static double complex128s[] = {0.25, 3.0};
  static uint8_t records[] = {0xde, 0xad, 0xbe, 0x00, 0x01, 0xff};
  int64_t two = 2;
  tsnap_array opaque = Array(TSNAP_OPAQUE, 1, &two, records);
  opaque.item_bytes = 3;
  Replicated("types/bool", TSNAP_BOOL, 2, bools);
  Replicated("types/int8", TSNAP_INT8, 2, int8s);
  Replicated("types/int16", TSNAP_INT16, 2, int16s);
  Replicated("types/int32", TSNAP_INT32, 2, int32s);
  Replicated("types/int64", TSNAP_INT64, 2, int64s);
  Replicated("types/uint8", TSNAP_UINT8, 2, uint8s);
  Replicated("types/uint16", TSNAP_UINT16, 2, uint16s);
  Replicated("types/uint32", TSNAP_UINT32, 2, uint32s);
  Replicated("types/uint64", TSNAP_UINT64, 2, uint64s);
  Replicated("types/float8_e4m3", TSNAP_FLOAT8_E4M3, 4, e4m3);
  Replicated("types/float8_e5m2", TSNAP_FLOAT8_E5M2, 5, e5m2);
  Replicated("types/float16", TSNAP_FLOAT16, 5, halves);
  Replicated("types/bfloat16", TSNAP_BFLOAT16, 3, bfloats);
  Replicated("types/float32", TSNAP_FLOAT32, 2, floats);
  Replicated("types/float64", TSNAP_FLOAT64, 2, doubles);
  Replicated("types/complex64", TSNAP_COMPLEX64, 1, complex64s);
  Replicated("types/complex128", TSNAP_COMPLEX128, 1, complex128s);
  Check(tsnap_state_add_replicated(state, "types/opaque", &opaque), "types/opaque");
}

/* Element i in row-major order is i. */
static void AddGrids(void) {
  static const int64_t cube_shape[] = {2, 3, 4}, plane_shape[] = {4, 5}, empty_shape[] = {2, 0, 3};
  static int32_t cube[24];
  static double plane[20];
  static double point = 2.5;
  tsnap_array array;
  int i;
  for (i = 0; i < 24; i++) cube[i] = i;
  for (i = 0; i < 20; i++) plane[i] = i;
  array = Array(TSNAP_INT32, 3, cube_shape, cube);
  Check(tsnap_state_add_private(state, "grid/cube", &array), "grid/cube");
  array = Array(TSNAP_FLOAT64, 2, plane_shape, plane);
  Check(tsnap_state_add_sharded(state, "grid/plane", plane_shape, &array, 1), "grid/plane");
  Check(tsnap_state_set_attribute(state, "grid/plane", "units", "kg/m\xc2\xb3"), "units");
  Check(tsnap_state_set_attribute(state, "grid/plane", "long_name", "density"), "long_name");
  array = Array(TSNAP_FLOAT64, 0, NULL, &point);
  Check(tsnap_state_add_replicated(state, "grid/point", &array), "grid/point");
  array = Array(TSNAP_FLOAT32, 3, empty_shape, NULL);
  Check(tsnap_state_add_replicated(state, "grid/empty", &array), "grid/empty");
}

static void AddValues(void) {
  static int64_t step = -42;
  static double time = 0.1;
  static int32_t flag = 1;
  static char title[] = "Heat \"2-D\"\n\xc3\xa9";
  static uint8_t blob[40];
  static size_t blob_size = sizeof(blob);
  size_t i;
  for (i = 0; i < sizeof(blob); i++) blob[i] = (uint8_t)(i * 7);
  Check(tsnap_state_add_int64(state, "step", TSNAP_REPLICATED, &step), "step");
  Check(tsnap_state_add_float64(state, "time", TSNAP_REPLICATED, &time), "time");
  Check(tsnap_state_add_bool(state, "flag", TSNAP_PRIVATE, &flag), "flag");
  Check(tsnap_state_add_string(state, "title", TSNAP_REPLICATED, title, sizeof(title)), "title");
  Check(tsnap_state_add_bytes(state, "blob", TSNAP_PRIVATE, blob, sizeof(blob), &blob_size),
        "blob");
  Check(tsnap_state_add_int64(state, "odd \x1b[31m\n", TSNAP_REPLICATED, &step), "odd");
}

static void AddLarge(void) {
  static const int64_t shape[] = {3, 400, 1000};
  const tsnap_array array = Array(TSNAP_INT64, 3, shape, large);
  int i;
  for (i = 0; i < kLargeCount; i++) large[i] = 7 * (int64_t)i;
  Check(tsnap_state_add_replicated(state, "large", &array), "large");
}

int main(int argc, char** argv) {
  tsnap_context* context = NULL;
  tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
  if (argc < 2) return 2;
  Check(tsnap_state_create(&state), "creating a state");
  AddTypes();
  AddGrids();
  AddValues();
  if (argc > 2 && strcmp(argv[2], "large") == 0) AddLarge();
  options.metadata = "{\"case\": \"cli\"}";
  Check(tsnap_context_open_self(NULL, &context), "opening a context");
  if (!failed) Check(tsnap_take(context, argv[1], state, &options), "taking");
  Check(tsnap_context_close(&context), "closing");
  tsnap_state_destroy(&state);
  return failed;
}
