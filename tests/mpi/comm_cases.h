// What the programs that test the communicator share: a case is a function by name, run as `program
// CASE [SEED]` under mpirun, because MPI starts only once in a process. A failed check ends the
// whole job with its text.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "comm/mpi/mpi_comm.h"

namespace tsnap::test {

#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::_Exit(1);                                                                     \
    }                                                                                    \
  } while (false)

#define CHECK_OK(expression)                                                                   \
  do {                                                                                         \
    const ::tsnap::Status check_status = (expression);                                         \
    if (!check_status.ok()) {                                                                  \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, check_status.message().c_str()); \
      std::_Exit(1);                                                                           \
    }                                                                                          \
  } while (false)

struct Case {
  const char* name;
  int ranks;  // the least that it makes sense on
  void (*run)();
};

// node_name: for ranks of one machine that are to take themselves for ranks of several.
inline std::unique_ptr<Comm> Open(double timeout_seconds = 60, const std::string& node_name = {}) {
  Result<std::unique_ptr<Comm>> made = MakeMpiComm(MPI_COMM_WORLD, timeout_seconds, node_name);
  CHECK_OK(made.status());
  return std::move(made).value();
}

inline int WorldRank() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

inline int WorldSize() {
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

// TSNAP_TEST_SEED or the clock of rank 0, printed, the same on all ranks.
inline uint64_t Seed() {
  const char* text = std::getenv("TSNAP_TEST_SEED");
  uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10)
                                  : static_cast<uint64_t>(
                                        std::chrono::system_clock::now().time_since_epoch().count());
  MPI_Bcast(&seed, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  if (WorldRank() == 0)
    std::printf("TSNAP_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

template <size_t N>
int RunCase(int argc, char** argv, const Case (&cases)[N]) {
  if (argc != 2) return 2;
  for (const Case& one : cases) {
    if (std::strcmp(one.name, argv[1]) != 0) continue;
    MPI_Init(&argc, &argv);
    CHECK(WorldSize() >= one.ranks);
    one.run();
    MPI_Finalize();
    return 0;
  }
  std::fprintf(stderr, "no such case: %s\n", argv[1]);
  return 2;
}

}  // namespace tsnap::test
