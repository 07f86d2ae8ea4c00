/* Baseline: each rank writes one file of its own with write() and fsync(), or reads it with read().
 *
 * What a careful program does without any library. With --kind replicated only rank 0 writes, as is
 * usual for equal data, and all ranks read. --mode nosync leaves out the fsync (for tmpfs it costs
 * nothing anyway). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

static int Replicated(const BenchRun *run) { return strcmp(run->kind, "replicated") == 0; }

static void FileName(const BenchRun *run, char *path, size_t capacity) {
  char name[64];
  snprintf(name, sizeof name, "rank_%d.bin", Replicated(run) ? 0 : run->rank);
  BenchPath(run, name, path, capacity);
}

static void WriteAll(const BenchRun *run, int fd, const unsigned char *data, size_t bytes) {
  while (bytes > 0) {
    ssize_t done = write(fd, data, bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) BenchFail(run, "write()", strerror(errno));
    data += done;
    bytes -= (size_t)done;
  }
}

static void ReadAll(const BenchRun *run, int fd, unsigned char *data, size_t bytes) {
  while (bytes > 0) {
    ssize_t done = read(fd, data, bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) BenchFail(run, "read()", done == 0 ? "the file is too short" : strerror(errno));
    data += done;
    bytes -= (size_t)done;
  }
}

static void Sync(const BenchRun *run, const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fsync(fd) != 0 || close(fd) != 0) BenchFail(run, "fsync()", strerror(errno));
}

static void Write(const BenchRun *run) {
  char path[4096];
  FileName(run, path, sizeof path);
  if (Replicated(run) && run->rank != 0) return;
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) BenchFail(run, path, strerror(errno));
  for (size_t i = 0; i < run->array_count; ++i) WriteAll(run, fd, run->arrays[i], run->array_bytes);
  if (strcmp(run->mode, "nosync") != 0 && fsync(fd) != 0)
    BenchFail(run, "fsync()", strerror(errno));
  if (close(fd) != 0) BenchFail(run, "close()", strerror(errno));
  if (strcmp(run->mode, "nosync") != 0) Sync(run, run->dir);
}

static void Read(const BenchRun *run) {
  char path[4096];
  FileName(run, path, sizeof path);
  int fd = open(path, O_RDONLY);
  if (fd < 0) BenchFail(run, path, strerror(errno));
  for (size_t i = 0; i < run->array_count; ++i) ReadAll(run, fd, run->arrays[i], run->array_bytes);
  close(fd);
}

int main(int argc, char **argv) {
  BenchRun run;
  BenchStart(&argc, &argv, &run);
  const int writes = strcmp(run.op, "write") == 0;
  if (writes)
    BenchFill(&run);
  else
    BenchPoison(&run);
  double begin = BenchMeet();
  if (writes)
    Write(&run);
  else
    Read(&run);
  double seconds = BenchMeet() - begin;
  if (writes) {
    BenchPoison(&run);
    Read(&run);
  }
  BenchCheck(&run);
  BenchMeet();
  const char *names[] = {"seconds"};
  BenchReport(&run, 1, names, &seconds);
  BenchFinish(&run);
  return 0;
}
