/* Baseline: many small objects in one HDF5 file: a dataset for each, H5Dcreate and H5Dwrite by all
 * ranks, H5Fflush and fsync; or H5Dopen and H5Dread.
 *
 * A number that is equal on all ranks is a scalar, which rank 0 writes; an array of each rank's own
 * is a row of a dataset with a row for each rank. In mode "tuned" HDF5 reads and writes its own
 * structure collectively. */
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "small_state.h"

static hid_t Expect(const BenchRun *run, hid_t id, const char *action) {
  if (id < 0) BenchFail(run, action, "failed; HDF5 printed why");
  return id;
}

static hid_t FileAccess(const BenchRun *run) {
  hid_t access = Expect(run, H5Pcreate(H5P_FILE_ACCESS), "H5Pcreate");
  Expect(run, H5Pset_fapl_mpio(access, MPI_COMM_WORLD, MPI_INFO_NULL), "H5Pset_fapl_mpio");
  if (strcmp(run->mode, "tuned") == 0) {
    Expect(run, H5Pset_coll_metadata_write(access, 1), "H5Pset_coll_metadata_write");
    Expect(run, H5Pset_all_coll_metadata_ops(access, 1), "H5Pset_all_coll_metadata_ops");
  }
  return access;
}

static hid_t Dataset(const BenchRun *run, hid_t file, const char *name, hid_t space, int writes) {
  if (writes)
    return Expect(run,
                  H5Dcreate2(file, name, H5T_NATIVE_INT64, space, H5P_DEFAULT, H5P_DEFAULT,
                             H5P_DEFAULT),
                  "H5Dcreate2");
  return Expect(run, H5Dopen2(file, name, H5P_DEFAULT), "H5Dopen2");
}

static void Move(const BenchRun *run, hid_t file, int64_t *numbers, int writes) {
  const hsize_t words = run->array_bytes / 8;
  const hsize_t rows[2] = {(hsize_t)run->size, words}, start[2] = {(hsize_t)run->rank, 0},
                count[2] = {1, words};
  hid_t transfer = Expect(run, H5Pcreate(H5P_DATASET_XFER), "H5Pcreate");
  Expect(run, H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE), "H5Pset_dxpl_mpio");
  hid_t scalar = Expect(run, H5Screate(H5S_SCALAR), "H5Screate");
  hid_t mine = Expect(run, H5Screate(H5S_SCALAR), "H5Screate");
  if (writes && run->rank != 0) Expect(run, H5Sselect_none(mine), "H5Sselect_none");
  hid_t here = Expect(run, H5Screate_simple(2, count, NULL), "H5Screate_simple");
  hid_t there = Expect(run, H5Screate_simple(2, rows, NULL), "H5Screate_simple");
  Expect(run, H5Sselect_hyperslab(there, H5S_SELECT_SET, start, NULL, count, NULL),
         "H5Sselect_hyperslab");
  for (size_t i = 0; i < run->array_count; ++i) {
    char name[64];
    snprintf(name, sizeof name, "number_%06zu", i);
    hid_t set = Dataset(run, file, name, scalar, writes);
    Expect(run,
           writes ? H5Dwrite(set, H5T_NATIVE_INT64, mine, mine, transfer, &numbers[i])
                  : H5Dread(set, H5T_NATIVE_INT64, mine, mine, transfer, &numbers[i]),
           "moving a number");
    Expect(run, H5Dclose(set), "H5Dclose");
    snprintf(name, sizeof name, "array_%06zu", i);
    set = Dataset(run, file, name, there, writes);
    Expect(run,
           writes ? H5Dwrite(set, H5T_NATIVE_INT64, here, there, transfer, run->arrays[i])
                  : H5Dread(set, H5T_NATIVE_INT64, here, there, transfer, run->arrays[i]),
           "moving an array");
    Expect(run, H5Dclose(set), "H5Dclose");
  }
  H5Sclose(there);
  H5Sclose(here);
  H5Sclose(mine);
  H5Sclose(scalar);
  H5Pclose(transfer);
}

static void Write(const BenchRun *run, const char *path, int64_t *numbers) {
  hid_t access = FileAccess(run);
  hid_t file = Expect(run, H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access), "H5Fcreate");
  Move(run, file, numbers, 1);
  Expect(run, H5Fflush(file, H5F_SCOPE_GLOBAL), "H5Fflush");
  Expect(run, H5Fclose(file), "H5Fclose");
  H5Pclose(access);
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fsync(fd) != 0 || close(fd) != 0) BenchFail(run, "fsync()", strerror(errno));
}

static void Read(const BenchRun *run, const char *path, int64_t *numbers) {
  hid_t access = FileAccess(run);
  hid_t file = Expect(run, H5Fopen(path, H5F_ACC_RDONLY, access), "H5Fopen");
  Move(run, file, numbers, 0);
  Expect(run, H5Fclose(file), "H5Fclose");
  H5Pclose(access);
}

int main(int argc, char **argv) {
  BenchRun run;
  BenchStart(&argc, &argv, &run);
  char path[4096];
  BenchPath(&run, "small.h5", path, sizeof path);
  const int writes = strcmp(run.op, "write") == 0;
  int64_t *numbers = SmallNumbers(&run);
  if (writes) {
    BenchFill(&run);
    FillSmallNumbers(&run, numbers);
  } else {
    BenchPoison(&run);
    PoisonSmallNumbers(&run, numbers);
  }
  double begin = BenchMeet();
  if (writes)
    Write(&run, path, numbers);
  else
    Read(&run, path, numbers);
  double seconds = BenchMeet() - begin;
  if (writes) {
    BenchPoison(&run);
    PoisonSmallNumbers(&run, numbers);
    Read(&run, path, numbers);
  }
  BenchCheck(&run);
  CheckSmallNumbers(&run, numbers);
  BenchMeet();
  const char *names[] = {"seconds"};
  BenchReport(&run, 1, names, &seconds);
  free(numbers);
  BenchFinish(&run);
  return 0;
}
