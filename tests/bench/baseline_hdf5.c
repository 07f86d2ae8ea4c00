/* Baseline: one HDF5 file, collective H5Dwrite of each rank's hyperslab, H5Fflush and fsync, or
 * collective H5Dread.
 *
 * A dataset for each array, of all ranks' arrays one behind the other or, with --file-row-bytes, of
 * rows that are cut as --cut says; contiguous layout, library defaults otherwise. In mode
 * "independent" each rank writes and reads when it comes to it. */
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

static hid_t Expect(const BenchRun *run, hid_t id, const char *action) {
  if (id < 0) BenchFail(run, action, "failed; HDF5 printed why");
  return id;
}

static hid_t FileAccess(const BenchRun *run) {
  hid_t access = Expect(run, H5Pcreate(H5P_FILE_ACCESS), "H5Pcreate");
  Expect(run, H5Pset_fapl_mpio(access, MPI_COMM_WORLD, MPI_INFO_NULL), "H5Pset_fapl_mpio");
  return access;
}

/* Moves all arrays between memory and the open file: creates and writes the datasets, or opens and
 * reads them. */
static void Move(const BenchRun *run, hid_t file, int writes) {
  int ndim = 1;
  hsize_t words[2] = {run->array_bytes / 8, 0}, total[2] = {words[0] * (hsize_t)run->size, 0},
          start[2] = {words[0] * (hsize_t)run->rank, 0};
  if (run->file_row_bytes != 0) {
    const BenchPart part = BenchPartOf(run);
    ndim = 2;
    for (int axis = 0; axis < 2; ++axis) {
      words[axis] = part.shape[axis];
      total[axis] = part.whole[axis];
      start[axis] = part.offset[axis];
    }
  }
  const int independent = strcmp(run->mode, "independent") == 0;
  hid_t transfer = Expect(run, H5Pcreate(H5P_DATASET_XFER), "H5Pcreate");
  Expect(run, H5Pset_dxpl_mpio(transfer, independent ? H5FD_MPIO_INDEPENDENT : H5FD_MPIO_COLLECTIVE),
         "H5Pset_dxpl_mpio");
  hid_t here = Expect(run, H5Screate_simple(ndim, words, NULL), "H5Screate_simple");
  hid_t there = Expect(run, H5Screate_simple(ndim, total, NULL), "H5Screate_simple");
  Expect(run, H5Sselect_hyperslab(there, H5S_SELECT_SET, start, NULL, words, NULL),
         "H5Sselect_hyperslab");
  for (size_t i = 0; i < run->array_count; ++i) {
    char name[64];
    snprintf(name, sizeof name, "array_%06zu", i);
    if (writes) {
      hid_t set = Expect(
          run,
          H5Dcreate2(file, name, H5T_NATIVE_UINT64, there, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
          "H5Dcreate2");
      Expect(run, H5Dwrite(set, H5T_NATIVE_UINT64, here, there, transfer, run->arrays[i]),
             "H5Dwrite");
      Expect(run, H5Dclose(set), "H5Dclose");
    } else {
      hid_t set = Expect(run, H5Dopen2(file, name, H5P_DEFAULT), "H5Dopen2");
      Expect(run, H5Dread(set, H5T_NATIVE_UINT64, here, there, transfer, run->arrays[i]),
             "H5Dread");
      Expect(run, H5Dclose(set), "H5Dclose");
    }
  }
  H5Sclose(there);
  H5Sclose(here);
  H5Pclose(transfer);
}

static void Write(const BenchRun *run, const char *path) {
  hid_t access = FileAccess(run);
  hid_t file = Expect(run, H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access), "H5Fcreate");
  Move(run, file, 1);
  Expect(run, H5Fflush(file, H5F_SCOPE_GLOBAL), "H5Fflush");
  Expect(run, H5Fclose(file), "H5Fclose");
  H5Pclose(access);
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fsync(fd) != 0 || close(fd) != 0) BenchFail(run, "fsync()", strerror(errno));
}

static void Read(const BenchRun *run, const char *path) {
  hid_t access = FileAccess(run);
  hid_t file = Expect(run, H5Fopen(path, H5F_ACC_RDONLY, access), "H5Fopen");
  Move(run, file, 0);
  Expect(run, H5Fclose(file), "H5Fclose");
  H5Pclose(access);
}

int main(int argc, char **argv) {
  BenchRun run;
  BenchStart(&argc, &argv, &run);
  char path[4096];
  BenchPath(&run, "shared.h5", path, sizeof path);
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
