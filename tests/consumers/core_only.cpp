// A stranger's C++ program without MPI, built against the installed core: takes a snapshot, and
// reads a part of it back.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

#include <tsnap.hpp>

#ifdef MPI_VERSION
#error "the core's headers brought in mpi.h"
#endif

int main(int argc, char **argv) {
  try {
    if (argc != 2) return 2;
    std::vector<std::int32_t> cells(5000);
    for (std::size_t i = 0; i < cells.size(); i++) cells[i] = static_cast<std::int32_t>(3 * i);
    tsnap::State state;
    state.replicated("grid/cells", cells);
    tsnap::Context::self().take(argv[1], state);
    const auto some = tsnap::Snapshot(argv[1])["grid/cells"].read<std::int32_t>({4000}, {10});
    for (std::size_t i = 0; i < 10; i++) {
      if (some[i] != static_cast<std::int32_t>(3 * (4000 + i))) return 1;
    }
    std::printf("one process took and read\n");
    return 0;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "core_only.cpp: %s\n", error.what());
    return 1;
  }
}
