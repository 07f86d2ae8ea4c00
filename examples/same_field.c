/* Compares arrays of two snapshots bit for bit: same_field A B PATH...
 *
 * Exit status 0 when every array has the same shape, type and bytes in both, 1 when one differs.
 * The two may have been taken by different numbers of ranks: what is compared are the global
 * arrays. Both are read band by band through the core of tsnap, without MPI, so memory stays small
 * however large the arrays are. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tsnap.h>

#define CHECK(call) Check((call), #call, __LINE__)

static void Check(int32_t status, const char *call, int line) {
  if (status == TSNAP_OK) return;
  fprintf(stderr, "same_field.c:%d: %s\n  %s: %s\n", line, call, tsnap_status_name(status),
          tsnap_last_error());
  exit(2);
}

static const int64_t kBandBytes = 4 << 20;

/* Returns how many of the bytes differ. */
static int64_t CountDifferences(tsnap_snapshot *a, tsnap_snapshot *b, const char *path,
                                int64_t *bytes) {
  tsnap_object_info in_a = TSNAP_OBJECT_INFO_INIT, in_b = TSNAP_OBJECT_INFO_INIT;
  tsnap_array band = TSNAP_ARRAY_INIT;
  int64_t rows, row, row_bytes, most_rows, differences = 0;
  unsigned char *left, *right;
  CHECK(tsnap_snapshot_find(a, path, &in_a));
  CHECK(tsnap_snapshot_find(b, path, &in_b));
  *bytes = (int64_t)in_a.bytes;
  if (in_a.type != in_b.type || in_a.dtype != in_b.dtype || in_a.ndim != in_b.ndim ||
      in_a.ndim < 1 ||
      memcmp(in_a.shape, in_b.shape, (size_t)in_a.ndim * sizeof(in_a.shape[0])) != 0) {
    fprintf(stderr, "same_field: %s has not the same shape and type in both snapshots\n", path);
    exit(1);
  }
  rows = in_a.shape[0];
  row_bytes = rows > 0 ? *bytes / rows : 0;
  most_rows = row_bytes > 0 && kBandBytes / row_bytes > 0 ? kBandBytes / row_bytes : 1;
  left = malloc((size_t)(most_rows * row_bytes) + 1);
  right = malloc((size_t)(most_rows * row_bytes) + 1);
  if (left == NULL || right == NULL) {
    fprintf(stderr, "same_field: out of memory\n");
    exit(2);
  }
  band.dtype = in_a.dtype;
  band.ndim = in_a.ndim;
  band.item_bytes = in_a.item_bytes;
  memcpy(band.shape, in_a.shape, sizeof(band.shape));
  for (row = 0; row < rows; row += band.shape[0]) {
    int64_t i;
    band.offset[0] = row;
    band.shape[0] = rows - row < most_rows ? rows - row : most_rows;
    band.data = left;
    CHECK(tsnap_read(a, path, &band, NULL));
    band.data = right;
    CHECK(tsnap_read(b, path, &band, NULL));
    for (i = 0; i < band.shape[0] * row_bytes; i++) differences += left[i] != right[i];
  }
  free(left);
  free(right);
  return differences;
}

int main(int argc, char **argv) {
  tsnap_snapshot *a = NULL, *b = NULL;
  int i, all_same = 1;
  if (argc < 4) {
    fprintf(stderr,
            "usage: same_field A B PATH...\n  compares arrays of two snapshots bit for bit\n");
    return 2;
  }
  CHECK(tsnap_snapshot_open(argv[1], NULL, &a));
  CHECK(tsnap_snapshot_open(argv[2], NULL, &b));
  for (i = 3; i < argc; i++) {
    int64_t bytes = 0;
    const int64_t differences = CountDifferences(a, b, argv[i], &bytes);
    printf("  %s: %" PRId64 " of %" PRId64 " bytes differ\n", argv[i], differences, bytes);
    if (differences != 0) all_same = 0;
  }
  tsnap_snapshot_close(&a);
  tsnap_snapshot_close(&b);
  return all_same ? 0 : 1;
}
