/* What every bench program shares: its options, the state it holds, the clock, the proof, the
 * result line.
 *
 * A program does one operation in one round and prints one line of JSON on rank 0; run.py starts
 * the rounds, interleaves the contenders and makes the tables. Contents depend on the seed, the
 * rank, the array and the position, and are compared byte for byte after every operation, so that a
 * contender that moves nothing cannot win. It refuses to know what moves the bytes: that is each
 * program's own story. */
#pragma once

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct BenchRun {
  const char *op;  /* "write", "read", or what the program says */
  const char *dir; /* an existing folder; the program names its files in it */
  const char
      *kind; /* "private", "sharded" or "replicated": tsnap's, the baselines store private bytes */
  const char *mode; /* a variant of the operation, "" by default */
  size_t array_count;
  size_t array_bytes;    /* of each rank, each array; a multiple of 8 */
  size_t row_bytes;      /* distance between rows in memory; 0 = contiguous */
  size_t row_used_bytes; /* what of each row belongs to the array; the rest is a ghost layer */
  size_t file_row_bytes; /* each array is a part of a 2-D one with rows of so many bytes; 0 = of one
                            with a single axis */
  const char *cut;       /* and is some of its rows ("rows") or some of its columns ("columns") */
  uint64_t seed;
  uint64_t budget_bytes;
  uint64_t chunk_bytes;
  int32_t codec;
  int page_aligned;    /* 0 = where malloc puts it, as in most programs */
  size_t rounds;       /* of a program that interleaves what it compares itself; 1 by default */
  size_t grid;         /* rows and columns of each rank's part of a stencil */
  const char *threads; /* the thread level: "funneled" or "multiple" */
  int rank;
  int size;
  unsigned char **arrays;
} BenchRun;

/* Starts MPI, reads the options and allocates the arrays; ends the program with a message on a bad
 * option. */
void BenchStart(int *argc, char ***argv, BenchRun *run);
void BenchFinish(BenchRun *run);

/* Ends the whole job: a bench without a result has no other way to say so. */
void BenchFail(const BenchRun *run, const char *action, const char *cause);

void BenchFill(BenchRun *run);   /* the true contents; touches every page */
void BenchPoison(BenchRun *run); /* contents that no check accepts; touches every page */
void BenchCheck(BenchRun *run);  /* fails unless every element is the true one and ghost layers are
                                    as they were */

/* Ranks meet, then the clock is read: between two of them lies what the slowest rank needed. */
double BenchMeet(void);

/* Fills `path` with "<dir>/<name>". */
void BenchPath(const BenchRun *run, const char *name, char *path, size_t capacity);

/* The longest time of all ranks, on all ranks. */
double BenchSlowest(double seconds);

/* The rows and columns, in words of 8 bytes, of this rank's part of a 2-D array of all ranks, and
 * where in that it begins. */
typedef struct BenchPart {
  uint64_t shape[2], offset[2], whole[2];
} BenchPart;
BenchPart BenchPartOf(const BenchRun *run);

/* Bytes all ranks hold together (replicated arrays count once). */
uint64_t BenchTotalBytes(const BenchRun *run);

/* The result line: names[i] and values[i], and that the contents were verified. */
void BenchReport(const BenchRun *run, size_t count, const char *const *names, const double *values);
/* The same of a program with rounds of its own: values[round * count + i], as one list for each
 * name. */
void BenchReportRounds(const BenchRun *run, size_t count, const char *const *names,
                       const double *values);

#ifdef __cplusplus
}
#endif
