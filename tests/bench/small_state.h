/* The bench of many small objects: beside the run's arrays, which are each rank's own, as many
 * numbers that are equal on all ranks. It knows MPI and memory, no file and no tsnap. */
#pragma once

#include <stdlib.h>

#include "harness.h"

static inline int64_t SmallNumber(const BenchRun *run, size_t i) {
  return (int64_t)((run->seed * 1000003u + i) * 0x9E3779B97F4A7C15u);
}

static inline int64_t *SmallNumbers(const BenchRun *run) {
  int64_t *numbers = (int64_t *)calloc(run->array_count, sizeof *numbers);
  if (numbers == NULL) BenchFail(run, "allocating the numbers", "out of memory");
  return numbers;
}

static inline void FillSmallNumbers(const BenchRun *run, int64_t *numbers) {
  for (size_t i = 0; i < run->array_count; ++i) numbers[i] = SmallNumber(run, i);
}

static inline void PoisonSmallNumbers(const BenchRun *run, int64_t *numbers) {
  for (size_t i = 0; i < run->array_count; ++i) numbers[i] = ~SmallNumber(run, i);
}

static inline void CheckSmallNumbers(const BenchRun *run, const int64_t *numbers) {
  for (size_t i = 0; i < run->array_count; ++i)
    if (numbers[i] != SmallNumber(run, i))
      BenchFail(run, "comparing what was read back", "a number is wrong: this contender lost data");
}
