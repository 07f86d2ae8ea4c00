/* Baseline: one shared file written with MPI_File_write_at_all and MPI_File_sync, or read with
 * MPI_File_read_at_all.
 *
 * Array i of all ranks lies together, as a global array would; no hints, as most programs have it.
 */
#include <limits.h>
#include <string.h>

#include "harness.h"

static void Expect(const BenchRun *run, int code, const char *action) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  BenchFail(run, action, text);
}

static MPI_Offset Where(const BenchRun *run, size_t array) {
  return (MPI_Offset)((array * (size_t)run->size + (size_t)run->rank) * run->array_bytes);
}

static void Write(const BenchRun *run, const char *path) {
  MPI_File file;
  Expect(
      run,
      MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_WRONLY, MPI_INFO_NULL, &file),
      path);
  for (size_t i = 0; i < run->array_count; ++i) {
    Expect(run,
           MPI_File_write_at_all(file, Where(run, i), run->arrays[i], (int)run->array_bytes,
                                 MPI_BYTE, MPI_STATUS_IGNORE),
           "MPI_File_write_at_all");
  }
  Expect(run, MPI_File_sync(file), "MPI_File_sync");
  Expect(run, MPI_File_close(&file), "MPI_File_close");
}

static void Read(const BenchRun *run, const char *path) {
  MPI_File file;
  Expect(run, MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_RDONLY, MPI_INFO_NULL, &file), path);
  for (size_t i = 0; i < run->array_count; ++i) {
    Expect(run,
           MPI_File_read_at_all(file, Where(run, i), run->arrays[i], (int)run->array_bytes,
                                MPI_BYTE, MPI_STATUS_IGNORE),
           "MPI_File_read_at_all");
  }
  Expect(run, MPI_File_close(&file), "MPI_File_close");
}

int main(int argc, char **argv) {
  BenchRun run;
  BenchStart(&argc, &argv, &run);
  if (run.array_bytes > INT_MAX)
    BenchFail(&run, "--array-bytes", "is too large for one MPI-IO call");
  char path[4096];
  BenchPath(&run, "shared.bin", path, sizeof path);
  const int writes = strcmp(run.op, "write") == 0;
  if (writes)
    BenchFill(&run);
  else
    BenchPoison(&run);
  double begin = BenchMeet();
  if (writes)
    Write(&run, path);
  else
    Read(&run, path);
  double seconds = BenchMeet() - begin;
  if (writes) {
    BenchPoison(&run);
    Read(&run, path);
  }
  BenchCheck(&run);
  BenchMeet();
  const char *names[] = {"seconds"};
  BenchReport(&run, 1, names, &seconds);
  BenchFinish(&run);
  return 0;
}
