/* Draws one 2-D array of two snapshots side by side: draw_field OUT.png BEFORE AFTER [PATH]
 *
 * It links the core of tsnap only: no MPI, no ranks. Whoever took the snapshots, on however many
 * ranks, the array is one array here, and any part of it can be read: a band of rows at a time, so
 * that a field larger than this machine's memory can be drawn as well. */
#include <inttypes.h>
#include <math.h>
#include <png.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tsnap.h>

#define CHECK(call) Check((call), #call, __LINE__)

static void Check(int32_t status, const char *call, int line) {
  if (status == TSNAP_OK) return;
  fprintf(stderr, "draw_field.c:%d: %s\n  %s: %s\n", line, call, tsnap_status_name(status),
          tsnap_last_error());
  exit(1);
}

static void Stop(const char *message) {
  fprintf(stderr, "draw_field: %s\n", message);
  exit(2);
}

static const int64_t kMostPixels = 480; /* along the longer side of each picture */
static const int64_t kGap = 12;         /* pixels around and between the two pictures */

typedef struct {
  int64_t width, height; /* pixels */
  double *values;        /* mean of the cells under each pixel */
} Picture;

static int64_t Smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Reads the array `path` and averages it down to a picture, one row of pixels at a time. */
static Picture ReadPicture(const char *url, const char *path) {
  Picture picture = {0, 0, NULL};
  tsnap_snapshot *snapshot = NULL;
  tsnap_object_info object = TSNAP_OBJECT_INFO_INIT;
  int64_t rows, columns, cells_per_pixel, y, i;
  CHECK(tsnap_snapshot_open(url, NULL, &snapshot));
  CHECK(tsnap_snapshot_find(snapshot, path, &object));
  if (object.type != TSNAP_OBJECT_ARRAY || object.dtype != TSNAP_FLOAT64 || object.ndim != 2) {
    Stop("only 2-D arrays of float64 can be drawn");
  }
  rows = object.shape[0];
  columns = object.shape[1];
  if (rows < 1 || columns < 1) Stop("the array is empty");
  cells_per_pixel = ((rows > columns ? rows : columns) + kMostPixels - 1) / kMostPixels;
  picture.height = (rows + cells_per_pixel - 1) / cells_per_pixel;
  picture.width = (columns + cells_per_pixel - 1) / cells_per_pixel;
  picture.values = calloc((size_t)(picture.width * picture.height), sizeof(double));

  for (y = 0; y < picture.height; y++) {
    tsnap_array band = TSNAP_ARRAY_INIT;
    double *cells;
    band.dtype = TSNAP_FLOAT64;
    band.ndim = 2;
    band.offset[0] = y * cells_per_pixel;
    band.shape[0] = Smaller(cells_per_pixel, rows - band.offset[0]);
    band.shape[1] = columns;
    cells = malloc((size_t)(band.shape[0] * columns) * sizeof(double));
    if (cells == NULL || picture.values == NULL) Stop("out of memory");
    band.data = cells;
    CHECK(tsnap_read(snapshot, path, &band, NULL));
    for (i = 0; i < band.shape[0] * columns; i++) {
      const int64_t x = i % columns / cells_per_pixel;
      const int64_t across = Smaller(cells_per_pixel, columns - x * cells_per_pixel);
      picture.values[y * picture.width + x] += cells[i] / (double)(across * band.shape[0]);
    }
    free(cells);
  }
  tsnap_snapshot_close(&snapshot);
  return picture;
}

/* Black, violet, red, orange, pale yellow: lightness grows all the way, so that it reads in grey as
 * well. */
static void Colour(double value, png_byte *rgb) {
  static const double kStops[6][3] = {{6, 4, 24},    {70, 18, 110},  {158, 40, 98},
                                      {222, 84, 54}, {250, 164, 40}, {252, 248, 190}};
  const double place = 5.0 * (value < 0.0 ? 0.0 : value > 1.0 ? 1.0 : value);
  const int below = place >= 5.0 ? 4 : (int)place;
  const double part = place - below;
  int channel;
  for (channel = 0; channel < 3; channel++) {
    rgb[channel] =
        (png_byte)(kStops[below][channel] * (1.0 - part) + kStops[below + 1][channel] * part + 0.5);
  }
}

static void Paint(const Picture *picture, double low, double high, png_byte *rgb, int64_t pitch) {
  int64_t x, y;
  for (y = 0; y < picture->height; y++) {
    for (x = 0; x < picture->width; x++) {
      const double value = picture->values[y * picture->width + x];
      /* The square root shows the faint heat that spreads beside the bright trail. */
      Colour(high > low ? sqrt((value - low) / (high - low)) : 0.0, &rgb[y * pitch + 3 * x]);
    }
  }
}

int main(int argc, char **argv) {
  Picture pictures[2];
  png_image image;
  png_byte *pixels;
  double low, high;
  int64_t width, height, i;
  int p;
  if (argc < 4 || argc > 5 || strcmp(argv[1], "--help") == 0) {
    fprintf(argc > 1 && strcmp(argv[1], "--help") == 0 ? stdout : stderr,
            "usage: draw_field OUT.png BEFORE AFTER [PATH]\n"
            "  draws the 2-D array PATH (plate/temperature) of two snapshots side by side\n");
    return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
  }
  for (p = 0; p < 2; p++)
    pictures[p] = ReadPicture(argv[2 + p], argc == 5 ? argv[4] : "plate/temperature");

  low = high = pictures[0].values[0]; /* one scale for both */
  for (p = 0; p < 2; p++) {
    for (i = 0; i < pictures[p].width * pictures[p].height; i++) {
      if (pictures[p].values[i] < low) low = pictures[p].values[i];
      if (pictures[p].values[i] > high) high = pictures[p].values[i];
    }
  }
  width = pictures[0].width + pictures[1].width + 3 * kGap;
  height = (pictures[0].height > pictures[1].height ? pictures[0].height : pictures[1].height) +
           2 * kGap;
  pixels = malloc((size_t)(3 * width * height));
  if (pixels == NULL) Stop("out of memory");
  memset(pixels, 235, (size_t)(3 * width * height));
  Paint(&pictures[0], low, high, &pixels[3 * (kGap * width + kGap)], 3 * width);
  Paint(&pictures[1], low, high, &pixels[3 * (kGap * width + 2 * kGap + pictures[0].width)],
        3 * width);

  memset(&image, 0, sizeof(image));
  image.version = PNG_IMAGE_VERSION;
  image.width = (png_uint_32)width;
  image.height = (png_uint_32)height;
  image.format = PNG_FORMAT_RGB;
  if (!png_image_write_to_file(&image, argv[1], 0, pixels, 0, NULL)) Stop(image.message);
  printf("  drew %s: %" PRId64 " x %" PRId64 " pixels, values from %.1f to %.1f\n", argv[1], width,
         height, low, high);
  free(pixels);
  free(pictures[0].values);
  free(pictures[1].values);
  return 0;
}
