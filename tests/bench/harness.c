/* What every bench program shares; see harness.h. It knows MPI and memory, no file and no tsnap. */
#define _GNU_SOURCE
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char kPoison = 0xA5;

static uint64_t ArraySeed(const BenchRun *run, size_t array) {
  uint64_t owner = strcmp(run->kind, "replicated") == 0 ? 0 : (uint64_t)run->rank;
  return (run->seed * 1000003u + owner) * 1000003u + (uint64_t)array + 1;
}

/* A different, hardly compressible word at every position, cheap enough not to dwarf what is
 * measured. */
static uint64_t Word(uint64_t seed, size_t index) {
  uint64_t x = (seed * 0x9E3779B97F4A7C15u) ^ ((uint64_t)index * 0xD1B54A32D192ED03u);
  return x ^ (x >> 29);
}

static void FillArray(unsigned char *data, size_t bytes, uint64_t seed) {
  uint64_t *words = (uint64_t *)(void *)data;
  for (size_t i = 0; i < bytes / 8; ++i) words[i] = Word(seed, i);
}

/* Position of the first wrong byte, or `bytes`. */
static size_t FindDifference(const BenchRun *run, const unsigned char *data, uint64_t seed) {
  const uint64_t *words = (const uint64_t *)(const void *)data;
  const size_t count = run->array_bytes / 8;
  if (run->row_bytes == 0) {
    uint64_t wrong = 0;
    for (size_t i = 0; i < count; ++i) wrong |= words[i] ^ Word(seed, i);
    if (wrong == 0) return run->array_bytes;
  }
  uint64_t poison;
  memset(&poison, kPoison, sizeof poison);
  for (size_t i = 0; i < count; ++i) {
    int ghost = run->row_bytes != 0 && i * 8 % run->row_bytes >= run->row_used_bytes;
    uint64_t true_word = Word(seed, i);
    int good = ghost ? words[i] == poison || words[i] == true_word : words[i] == true_word;
    if (!good) return i * 8;
  }
  return run->array_bytes;
}

static size_t ParseSize(const BenchRun *run, const char *name, const char *text) {
  char *end = NULL;
  unsigned long long value = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0') BenchFail(run, name, "expects a whole number");
  return (size_t)value;
}

static void ParseOption(BenchRun *run, const char *name, const char *value) {
  struct {
    const char *name;
    const char **where;
  } texts[] = {{"--op", &run->op},
               {"--dir", &run->dir},
               {"--kind", &run->kind},
               {"--mode", &run->mode},
               {"--threads", &run->threads},
               {"--cut", &run->cut}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
    if (strcmp(name, texts[i].name) == 0) {
      *texts[i].where = value;
      return;
    }
  }
  size_t number = ParseSize(run, name, value);
  if (strcmp(name, "--arrays") == 0)
    run->array_count = number;
  else if (strcmp(name, "--array-bytes") == 0)
    run->array_bytes = number;
  else if (strcmp(name, "--row-bytes") == 0)
    run->row_bytes = number;
  else if (strcmp(name, "--row-used-bytes") == 0)
    run->row_used_bytes = number;
  else if (strcmp(name, "--file-row-bytes") == 0)
    run->file_row_bytes = number;
  else if (strcmp(name, "--seed") == 0)
    run->seed = number;
  else if (strcmp(name, "--budget-bytes") == 0)
    run->budget_bytes = number;
  else if (strcmp(name, "--chunk-bytes") == 0)
    run->chunk_bytes = number;
  else if (strcmp(name, "--codec") == 0)
    run->codec = (int32_t)number;
  else if (strcmp(name, "--page-aligned") == 0)
    run->page_aligned = (int)number;
  else if (strcmp(name, "--rounds") == 0)
    run->rounds = number;
  else if (strcmp(name, "--grid") == 0)
    run->grid = number;
  else
    BenchFail(run, name, "is no option of this program");
}

static void AllocateArrays(BenchRun *run) {
  run->arrays = calloc(run->array_count, sizeof *run->arrays);
  if (run->arrays == NULL) BenchFail(run, "allocating the arrays", "out of memory");
  for (size_t i = 0; i < run->array_count; ++i) {
    void *data = NULL;
    if (run->page_aligned) {
      if (posix_memalign(&data, 4096, run->array_bytes) != 0) data = NULL;
    } else {
      data = malloc(run->array_bytes);
    }
    if (data == NULL) BenchFail(run, "allocating an array", "out of memory");
    run->arrays[i] = data;
  }
}

/* MPI has to know it before the other options can be looked at. */
static const char *WantedThreads(int argc, char **argv) {
  for (int i = 1; i + 1 < argc; i += 2)
    if (strcmp(argv[i], "--threads") == 0) return argv[i + 1];
  return "funneled";
}

void BenchStart(int *argc, char ***argv, BenchRun *run) {
  memset(run, 0, sizeof *run);
  run->threads = WantedThreads(*argc, *argv);
  const int multiple = strcmp(run->threads, "multiple") == 0;
  const int wanted = multiple ? MPI_THREAD_MULTIPLE : MPI_THREAD_FUNNELED;
  int provided = 0;
  MPI_Init_thread(argc, argv, wanted, &provided);
  if (provided < wanted) BenchFail(run, run->threads, "is a thread level that this MPI lacks");
  if (!multiple && strcmp(run->threads, "funneled") != 0)
    BenchFail(run, run->threads, "is no thread level: funneled or multiple");
  run->op = "write";
  run->dir = ".";
  run->kind = "private";
  run->mode = "";
  run->cut = "rows";
  run->array_count = 8;
  run->array_bytes = (size_t)128 << 20;
  run->rounds = 1;
  run->grid = 2048;
  MPI_Comm_rank(MPI_COMM_WORLD, &run->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &run->size);
  for (int i = 1; i < *argc; i += 2) {
    if (i + 1 == *argc) BenchFail(run, (*argv)[i], "expects a value");
    ParseOption(run, (*argv)[i], (*argv)[i + 1]);
  }
  if (run->array_bytes == 0 || run->array_bytes % 8 != 0 || run->array_count == 0) {
    BenchFail(run, "--array-bytes", "expects a multiple of 8, and at least one array");
  }
  if (run->row_bytes % 8 != 0 || run->row_used_bytes % 8 != 0 ||
      run->row_used_bytes > run->row_bytes ||
      (run->row_bytes != 0 && run->array_bytes % run->row_bytes != 0)) {
    BenchFail(run, "--row-bytes", "expects rows of whole words that divide the array");
  }
  AllocateArrays(run);
}

void BenchFinish(BenchRun *run) {
  for (size_t i = 0; i < run->array_count; ++i) free(run->arrays[i]);
  free(run->arrays);
  MPI_Finalize();
}

void BenchFail(const BenchRun *run, const char *action, const char *cause) {
  fprintf(stderr, "bench: rank %d: %s: %s\n", run->rank, action, cause);
  fflush(stderr);
  MPI_Abort(MPI_COMM_WORLD, 1);
  abort();
}

void BenchFill(BenchRun *run) {
  for (size_t i = 0; i < run->array_count; ++i)
    FillArray(run->arrays[i], run->array_bytes, ArraySeed(run, i));
}

void BenchPoison(BenchRun *run) {
  for (size_t i = 0; i < run->array_count; ++i) memset(run->arrays[i], kPoison, run->array_bytes);
}

void BenchCheck(BenchRun *run) {
  for (size_t i = 0; i < run->array_count; ++i) {
    size_t where = FindDifference(run, run->arrays[i], ArraySeed(run, i));
    if (where == run->array_bytes) continue;
    char text[128];
    snprintf(text, sizeof text, "array %zu is wrong at byte %zu: this contender lost data", i,
             where);
    BenchFail(run, "comparing what was read back", text);
  }
}

double BenchMeet(void) {
  MPI_Barrier(MPI_COMM_WORLD);
  return MPI_Wtime();
}

double BenchSlowest(double seconds) {
  double slowest = 0;
  MPI_Allreduce(&seconds, &slowest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return slowest;
}

void BenchPath(const BenchRun *run, const char *name, char *path, size_t capacity) {
  int length = snprintf(path, capacity, "%s/%s", run->dir, name);
  if (length < 0 || (size_t)length >= capacity) BenchFail(run, run->dir, "is too long a path");
}

BenchPart BenchPartOf(const BenchRun *run) {
  BenchPart part;
  memset(&part, 0, sizeof part);
  const uint64_t words = run->array_bytes / 8, row = run->file_row_bytes / 8;
  const uint64_t ranks = (uint64_t)run->size, rank = (uint64_t)run->rank;
  const int axis = strcmp(run->cut, "columns") == 0;
  part.shape[1] = axis == 1 ? row / ranks : row;
  if (part.shape[1] == 0 || words % part.shape[1] != 0 || row % (axis == 1 ? ranks : 1) != 0)
    BenchFail(run, "--file-row-bytes", "does not cut an array into whole rows of all ranks");
  part.shape[0] = words / part.shape[1];
  part.whole[0] = part.shape[0];
  part.whole[1] = part.shape[1];
  part.whole[axis] *= ranks;
  part.offset[axis] = part.shape[axis] * rank;
  return part;
}

uint64_t BenchTotalBytes(const BenchRun *run) {
  size_t used = run->array_bytes;
  if (run->row_bytes != 0) used = used / run->row_bytes * run->row_used_bytes;
  uint64_t per_rank = (uint64_t)run->array_count * used;
  return strcmp(run->kind, "replicated") == 0 ? per_rank : per_rank * (uint64_t)run->size;
}

static void PrintResult(const BenchRun *run, size_t count, const char *const *names,
                        const double *values, int as_lists) {
  if (run->rank != 0) return;
  printf("{\"op\": \"%s\", \"bytes\": %llu, \"verified\": true", run->op,
         (unsigned long long)BenchTotalBytes(run));
  for (size_t i = 0; i < count; ++i) {
    printf(", \"%s\": %s%.9g", names[i], as_lists ? "[" : "", values[i]);
    for (size_t round = 1; as_lists && round < run->rounds; ++round)
      printf(", %.9g", values[round * count + i]);
    if (as_lists) printf("]");
  }
  printf("}\n");
  fflush(stdout);
}

void BenchReport(const BenchRun *run, size_t count, const char *const *names,
                 const double *values) {
  PrintResult(run, count, names, values, 0);
}

void BenchReportRounds(const BenchRun *run, size_t count, const char *const *names,
                       const double *values) {
  PrintResult(run, count, names, values, 1);
}
