/* Baseline for memory file systems: each rank copies its arrays with memcpy into a fresh mapped
 * file, or out of one.
 *
 * This is the limit there: no system call moves the bytes, only page faults and copies cost.
 * Reading has two modes:
 * "" maps the file inside the measured time, as any restore must; "mapped" has its pages mapped
 * before, which is nothing but the copy. The files are those of baseline_file.c. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

typedef struct Mapping {
  unsigned char *data;
  size_t bytes;
} Mapping;

static Mapping Map(const BenchRun *run, int writes, int populate) {
  char name[64], path[4096];
  snprintf(name, sizeof name, "rank_%d.bin", run->rank);
  BenchPath(run, name, path, sizeof path);
  Mapping mapping = {NULL, run->array_count * run->array_bytes};
  int fd = open(path, writes ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY, 0644);
  if (fd < 0) BenchFail(run, path, strerror(errno));
  if (writes && ftruncate(fd, (off_t)mapping.bytes) != 0)
    BenchFail(run, "ftruncate()", strerror(errno));
  if (!writes && lseek(fd, 0, SEEK_END) != (off_t)mapping.bytes)
    BenchFail(run, path, "has another size");
  int protection = writes ? PROT_READ | PROT_WRITE : PROT_READ;
  void *data =
      mmap(NULL, mapping.bytes, protection, MAP_SHARED | (populate ? MAP_POPULATE : 0), fd, 0);
  if (data == MAP_FAILED) BenchFail(run, "mmap()", strerror(errno));
  close(fd);
  mapping.data = data;
  return mapping;
}

static void CopyOut(const BenchRun *run, const Mapping *mapping) {
  for (size_t i = 0; i < run->array_count; ++i) {
    memcpy(run->arrays[i], mapping->data + i * run->array_bytes, run->array_bytes);
  }
}

static double Write(BenchRun *run) {
  BenchFill(run);
  double begin = BenchMeet();
  Mapping mapping = Map(run, 1, 0);
  for (size_t i = 0; i < run->array_count; ++i) {
    memcpy(mapping.data + i * run->array_bytes, run->arrays[i], run->array_bytes);
  }
  double seconds = BenchMeet() - begin;
  munmap(mapping.data, mapping.bytes);
  BenchPoison(run);
  mapping = Map(run, 0, 0);
  CopyOut(run, &mapping);
  munmap(mapping.data, mapping.bytes);
  return seconds;
}

static double Read(BenchRun *run) {
  const int mapped_before = strcmp(run->mode, "mapped") == 0;
  Mapping mapping = {NULL, 0};
  BenchPoison(run);
  if (mapped_before) mapping = Map(run, 0, 1);
  double begin = BenchMeet();
  if (!mapped_before) mapping = Map(run, 0, 0);
  CopyOut(run, &mapping);
  double seconds = BenchMeet() - begin;
  munmap(mapping.data, mapping.bytes);
  return seconds;
}

int main(int argc, char **argv) {
  BenchRun run;
  BenchStart(&argc, &argv, &run);
  double seconds = strcmp(run.op, "write") == 0 ? Write(&run) : Read(&run);
  BenchCheck(&run);
  BenchMeet();
  const char *names[] = {"seconds"};
  BenchReport(&run, 1, names, &seconds);
  BenchFinish(&run);
  return 0;
}
