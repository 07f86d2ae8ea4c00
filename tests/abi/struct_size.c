/*
 * Structs of programs that are older or newer than the library, through the public interface only:
 * a shorter struct works and what lies behind it is not read, a longer one works while its unknown
 * bytes are zero, and what the library fills is never written beyond struct_size. Exits with the
 * number of broken promises (at most 99).
 */
#include <stdio.h>
#include <string.h>
#include <tsnap.h>

static int broken = 0;

static void expect(int32_t actual, int32_t expected, const char *promise, int line) {
  if (actual == expected) return;
  fprintf(stderr, "line %d: %s: %s instead of %s: %s\n", line, promise, tsnap_status_name(actual),
          tsnap_status_name(expected), tsnap_last_error());
  ++broken;
}

static void require(int truth, const char *promise, int line) {
  if (truth) return;
  fprintf(stderr, "line %d: %s\n", line, promise);
  ++broken;
}

#define EXPECT(actual, expected, promise) expect((actual), (expected), (promise), __LINE__)
#define REQUIRE(truth, promise) require((truth), (promise), __LINE__)

#define URL "mem://abi-struct-size"
#define POISON 0x5a

/* The structs as a newer program would have them. */
typedef struct {
  tsnap_config known;
  uint64_t later[2];
} newer_config;
typedef struct {
  tsnap_take_options known;
  uint64_t later[2];
} newer_take_options;
typedef struct {
  tsnap_restore_options known;
  uint64_t later[2];
} newer_restore_options;
typedef struct {
  tsnap_read_options known;
  uint64_t later[2];
} newer_read_options;
typedef struct {
  tsnap_stateful known;
  uint64_t later[2];
} newer_stateful;
typedef struct {
  tsnap_array known;
  uint64_t later[2];
} newer_array;
typedef struct {
  tsnap_snapshot_info known;
  uint64_t later[2];
} newer_snapshot_info;

static tsnap_array vector_of(double *data, int64_t count, int64_t offset) {
  tsnap_array array = TSNAP_ARRAY_INIT;
  array.dtype = TSNAP_FLOAT64;
  array.ndim = 1;
  array.shape[0] = count;
  array.data = data;
  array.offset[0] = offset;
  return array;
}

static int all_poison(const void *bytes, size_t count) {
  const unsigned char *byte = (const unsigned char *)bytes;
  size_t i;
  for (i = 0; i < count; ++i)
    if (byte[i] != POISON) return 0;
  return 1;
}

static int32_t open_and_close(const tsnap_config *config) {
  tsnap_context *ctx = NULL;
  int32_t status = tsnap_context_open_self(config, &ctx);
  REQUIRE((status == TSNAP_OK) == (ctx != NULL), "a failed open leaves its handle NULL");
  if (status == TSNAP_OK) EXPECT(tsnap_context_close(&ctx), TSNAP_OK, "a context closes");
  return status;
}

static void check_config(void) {
  newer_config config;
  memset(&config, 0, sizeof(config));
  EXPECT(open_and_close(NULL), TSNAP_OK, "no config is all defaults");
  EXPECT(open_and_close(&config.known), TSNAP_E_INVALID, "a struct_size of zero is refused");
  config.known.struct_size = sizeof(size_t) - 1;
  EXPECT(open_and_close(&config.known), TSNAP_E_INVALID, "a struct_size below its own is refused");
  config.known.struct_size = sizeof(tsnap_config);
  EXPECT(open_and_close(&config.known), TSNAP_OK, "a config of zeros is all defaults");
  config.known.direct_io = 77;
  EXPECT(open_and_close(&config.known), TSNAP_E_INVALID, "a switch of 77 is refused");
  config.known.struct_size = offsetof(tsnap_config, direct_io);
  EXPECT(open_and_close(&config.known), TSNAP_OK, "nothing is read behind a shorter config");
  config.known.struct_size = sizeof(size_t);
  EXPECT(open_and_close(&config.known), TSNAP_OK, "the shortest config is all defaults");
  config.known.direct_io = 0;
  config.known.struct_size = sizeof(tsnap_config);
  config.known.reserved = 1;
  EXPECT(open_and_close(&config.known), TSNAP_E_UNSUPPORTED, "a reserved field that is set is refused");
  config.known.reserved = 0;
  config.known.struct_size = sizeof(config);
  EXPECT(open_and_close(&config.known), TSNAP_OK, "a longer config with zeros works");
  config.later[1] = 1;
  EXPECT(open_and_close(&config.known), TSNAP_E_UNSUPPORTED,
         "a longer config that is set is refused");
}

static void check_take_options(tsnap_context *ctx, tsnap_state *state) {
  newer_take_options options;
  memset(&options, 0, sizeof(options));
  EXPECT(tsnap_take(ctx, URL, state, &options.known), TSNAP_E_INVALID,
         "struct_size zero is refused");
  options.known.struct_size = sizeof(options);
  options.later[0] = 1;
  EXPECT(tsnap_take(ctx, URL, state, &options.known), TSNAP_E_UNSUPPORTED,
         "unknown options are refused");
  options.later[0] = 0;
  EXPECT(tsnap_take(ctx, URL, state, &options.known), TSNAP_OK, "longer options with zeros work");
  options.known.overwrite = TSNAP_ON;
  options.known.struct_size = offsetof(tsnap_take_options, overwrite);
  EXPECT(tsnap_take(ctx, URL, state, &options.known), TSNAP_E_EXISTS,
         "overwrite behind the end is not read");
  options.known.struct_size = offsetof(tsnap_take_options, codec);
  options.known.codec = 77;
  EXPECT(tsnap_take(ctx, URL, state, &options.known), TSNAP_OK,
         "overwrite within shorter options is read");
}

static void check_restore_options(tsnap_context *ctx, tsnap_state *state) {
  newer_restore_options options;
  double missing = 1.0;
  tsnap_report report;
  memset(&options, 0, sizeof(options));
  EXPECT(tsnap_restore(ctx, URL, state, &options.known), TSNAP_E_INVALID,
         "struct_size zero is refused");
  options.known.struct_size = sizeof(options);
  options.later[1] = 1;
  EXPECT(tsnap_restore(ctx, URL, state, &options.known), TSNAP_E_UNSUPPORTED,
         "unknown options are refused");
  options.later[1] = 0;
  EXPECT(tsnap_restore(ctx, URL, state, &options.known), TSNAP_OK,
         "longer options with zeros work");

  EXPECT(tsnap_state_add_float64(state, "not stored", TSNAP_PRIVATE, &missing), TSNAP_OK,
         "a scalar is added");
  options.known.strict = TSNAP_OFF;
  options.known.struct_size = offsetof(tsnap_restore_options, strict);
  EXPECT(tsnap_restore(ctx, URL, state, &options.known), TSNAP_E_MISMATCH,
         "strict behind the end is not read");
  options.known.struct_size = offsetof(tsnap_restore_options, new_ranks);
  options.known.new_ranks = 77;
  EXPECT(tsnap_restore(ctx, URL, state, &options.known), TSNAP_OK,
         "strict within shorter options is read");

  memset(&report, POISON, sizeof(report));
  report.struct_size = offsetof(tsnap_report, mismatched_count);
  EXPECT(tsnap_restore_report(ctx, &report), TSNAP_OK, "a shorter report is filled");
  REQUIRE(report.struct_size == offsetof(tsnap_report, mismatched_count),
          "struct_size of a report stays");
  REQUIRE(report.missing_count == 1 && report.unexpected_count == 0,
          "a shorter report has its fields");
  REQUIRE(all_poison(&report.mismatched_count,
                     sizeof(report) - offsetof(tsnap_report, mismatched_count)),
          "nothing is written behind a shorter report");
  report.struct_size = 0;
  EXPECT(tsnap_restore_report(ctx, &report), TSNAP_E_INVALID, "a report of size zero is refused");
  EXPECT(tsnap_state_remove(state, "not stored"), TSNAP_OK, "a scalar is removed");
}

static void check_snapshot_structs(void) {
  tsnap_snapshot *snapshot = NULL;
  newer_snapshot_info info;
  tsnap_object_info object;
  tsnap_extent_info extent;
  newer_read_options options;
  double value[4] = {0, 0, 0, 0};
  newer_array target;
  EXPECT(tsnap_snapshot_open(URL, NULL, &snapshot), TSNAP_OK, "a snapshot opens");
  if (snapshot == NULL) return;

  memset(&info, POISON, sizeof(info));
  info.known.struct_size = offsetof(tsnap_snapshot_info, world_size);
  EXPECT(tsnap_snapshot_info_get(snapshot, &info.known), TSNAP_OK, "a shorter info is filled");
  REQUIRE(info.known.struct_size == offsetof(tsnap_snapshot_info, world_size),
          "struct_size of an info stays");
  REQUIRE(!all_poison(&info.known.id, sizeof(info.known.id)) && info.known.id[0] != '\0',
          "it has its id");
  REQUIRE(
      all_poison(&info.known.world_size, sizeof(info) - offsetof(tsnap_snapshot_info, world_size)),
      "nothing is written behind a shorter info");
  memset(&info, 0, sizeof(info));
  EXPECT(tsnap_snapshot_info_get(snapshot, &info.known), TSNAP_E_INVALID,
         "an info of size zero is refused");
  REQUIRE(info.known.id == NULL, "a refused info is not written");
  info.known.struct_size = sizeof(info);
  EXPECT(tsnap_snapshot_info_get(snapshot, &info.known), TSNAP_OK, "a longer info is filled");
  REQUIRE(info.known.struct_size == sizeof(info), "struct_size of a longer info stays");
  REQUIRE(info.known.world_size == 1 && info.later[0] == 0 && info.later[1] == 0,
          "as far as it is known");

  memset(&extent, POISON, sizeof(extent));
  extent.struct_size = offsetof(tsnap_extent_info, stored_bytes);
  EXPECT(tsnap_snapshot_extent(snapshot, "whole", 0, &extent), TSNAP_OK,
         "a shorter extent info is filled");
  REQUIRE(extent.writer == 0 && strlen(extent.file) > 0, "with its fields");
  REQUIRE(
      all_poison(&extent.stored_bytes, sizeof(extent) - offsetof(tsnap_extent_info, stored_bytes)),
      "nothing is written behind a shorter extent info");
  memset(&extent, 0, sizeof(extent));
  EXPECT(tsnap_snapshot_extent(snapshot, "whole", 0, &extent), TSNAP_E_INVALID,
         "an extent info of size zero is refused");

  memset(&object, POISON, sizeof(object));
  object.struct_size = offsetof(tsnap_object_info, shape);
  EXPECT(tsnap_snapshot_find(snapshot, "whole", &object), TSNAP_OK,
         "a shorter object info is filled");
  REQUIRE(object.kind == TSNAP_SHARDED && object.ndim == 1 && object.rank == -1, "with its fields");
  REQUIRE(object.struct_size == offsetof(tsnap_object_info, shape),
          "struct_size of an object info stays");
  REQUIRE(all_poison(object.shape, sizeof(object) - offsetof(tsnap_object_info, shape)),
          "nothing is written behind a shorter object info");

  memset(&options, 0, sizeof(options));
  memset(&target, 0, sizeof(target));
  options.known.struct_size = sizeof(options);
  target.known = vector_of(value, 4, 0);
  target.known.struct_size = sizeof(target);
  EXPECT(tsnap_read(snapshot, "whole", &target.known, &options.known), TSNAP_OK,
         "longer structs with zeros read");
  REQUIRE(value[0] == 1 && value[1] == 2 && value[2] == 3 && value[3] == 4,
          "the values are those of the take");
  target.later[0] = 1;
  EXPECT(tsnap_read(snapshot, "whole", &target.known, NULL), TSNAP_E_UNSUPPORTED,
         "an unknown array is refused");
  target.later[0] = 0;
  options.later[0] = 1;
  EXPECT(tsnap_read(snapshot, "whole", &target.known, &options.known), TSNAP_E_UNSUPPORTED,
         "unknown read options are refused");
  memset(value, 0, sizeof(value));
  memset(target.known.offset, POISON, sizeof(target.known.offset));
  target.known.struct_size = offsetof(tsnap_array, offset);
  EXPECT(tsnap_read(snapshot, "whole", &target.known, NULL), TSNAP_OK,
         "a shorter array starts at zero");
  REQUIRE(value[0] == 1 && value[3] == 4, "and reads the values from there");
  tsnap_snapshot_close(&snapshot);
}

static int32_t describe_nothing(tsnap_state *child, void *user) {
  (void)child;
  (void)user;
  return TSNAP_OK;
}

static void check_stateful(tsnap_state *state) {
  newer_stateful callbacks;
  memset(&callbacks, 0, sizeof(callbacks));
  callbacks.known.describe = describe_nothing;
  callbacks.known.struct_size = sizeof(callbacks);
  callbacks.later[0] = 1;
  EXPECT(tsnap_state_add_stateful(state, "part", &callbacks.known), TSNAP_E_UNSUPPORTED,
         "unknown callbacks are refused");
  callbacks.later[0] = 0;
  EXPECT(tsnap_state_add_stateful(state, "part", &callbacks.known), TSNAP_OK,
         "longer callbacks with zeros work");
  EXPECT(tsnap_state_remove(state, "part"), TSNAP_OK, "a stateful is removed");
  callbacks.known.struct_size = sizeof(size_t);
  EXPECT(tsnap_state_add_stateful(state, "part", &callbacks.known), TSNAP_E_INVALID,
         "describe behind the end is not read");
}

/* Boxes further apart than the library's struct is long, with unlike sizes, and nearer together. */
static void check_boxes(tsnap_state *state, double *data) {
  const int64_t shape[1] = {4};
  newer_array boxes[2];
  unsigned char older[2 * offsetof(tsnap_array, offset)];
  tsnap_array box;
  int i;

  memset(boxes, 0, sizeof(boxes));
  for (i = 0; i < 2; ++i) {
    boxes[i].known = vector_of(data + 2 * i, 2, 2 * i);
    boxes[i].known.struct_size = sizeof(newer_array);
  }
  boxes[1].later[0] = 1;
  EXPECT(tsnap_state_add_sharded(state, "whole", shape, &boxes[0].known, 2), TSNAP_E_UNSUPPORTED,
         "unknown fields in a second box are refused");
  boxes[1].later[0] = 0;
  boxes[1].known.struct_size = sizeof(tsnap_array);
  EXPECT(tsnap_state_add_sharded(state, "whole", shape, &boxes[0].known, 2), TSNAP_E_INVALID,
         "boxes of unlike struct_size are refused");
  boxes[1].known.struct_size = sizeof(newer_array);

  for (i = 0; i < 2; ++i) {
    box = vector_of(i == 0 ? NULL : data, i == 0 ? 0 : 4, 0);
    box.struct_size = offsetof(tsnap_array, offset);
    memcpy(older + (size_t)i * offsetof(tsnap_array, offset), &box, offsetof(tsnap_array, offset));
  }
  EXPECT(
      tsnap_state_add_sharded(state, "whole", shape, (const tsnap_array *)(const void *)older, 2),
      TSNAP_OK, "shorter boxes start at zero");
  EXPECT(tsnap_state_remove(state, "whole"), TSNAP_OK, "a sharded array is removed");
  EXPECT(tsnap_state_add_sharded(state, "whole", shape, &boxes[0].known, 2), TSNAP_OK,
         "longer boxes with zeros work");
}

int main(void) {
  tsnap_context *ctx = NULL;
  tsnap_state *state = NULL;
  double data[4] = {1, 2, 3, 4};

  check_config();
  EXPECT(tsnap_context_open_self(NULL, &ctx), TSNAP_OK, "a context opens");
  EXPECT(tsnap_state_create(&state), TSNAP_OK, "a state is created");
  if (ctx == NULL || state == NULL) return 1;
  check_boxes(state, data);
  check_stateful(state);
  check_take_options(ctx, state);
  data[0] = data[1] = data[2] = data[3] = 0;
  check_restore_options(ctx, state);
  REQUIRE(data[0] == 1 && data[1] == 2 && data[2] == 3 && data[3] == 4,
          "a restore fills all boxes");
  check_snapshot_structs();
  tsnap_state_destroy(&state);
  EXPECT(tsnap_context_close(&ctx), TSNAP_OK, "a context closes");
  if (broken != 0) fprintf(stderr, "%d promises broken\n", broken);
  return broken < 99 ? broken : 99;
}
