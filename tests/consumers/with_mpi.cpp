// A stranger's C++ program with MPI, built against an installed tsnap: every rank takes its part of
// an array, forgets it, and restores it. Exit status 0 when what came back is what was taken.
#include <cstdio>
#include <exception>
#include <vector>

#include <tsnap_mpi.hpp>

int main(int argc, char **argv) {
  int rank = 0, ranks = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  try {
    std::vector<double> rows(1000, rank);
    tsnap::State state;
    state.sharded("rows", rows, {1000 * ranks}, {1000 * rank});
    tsnap::Context context = tsnap::open_context(MPI_COMM_WORLD);
    context.take(argv[argc - 1], state);
    rows.assign(1000, -1);
    context.restore(argv[argc - 1], state);
    context.close();
    if (rows != std::vector<double>(1000, rank)) MPI_Abort(MPI_COMM_WORLD, 1);
    if (rank == 0) std::printf("%d ranks took and restored\n", ranks);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "with_mpi.cpp: %s\n", error.what());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Finalize();
  return 0;
}
