// Broadcasts of long messages by way of nodes against MPI's, in turns: `mpirun -n N bench_bcast [MIB] [ROUNDS]`. MPI's are
// those of ranks that take themselves for nodes. Prints one line for each, its median and its least time.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "comm/mpi/mpi_comm.h"

namespace {

using Clock = std::chrono::steady_clock;

std::unique_ptr<tsnap::Comm> Open(const std::string& node_name) {
  auto made = tsnap::MakeMpiComm(MPI_COMM_WORLD, 600, node_name);
  if (made.ok()) return std::move(made).value();
  std::fprintf(stderr, "%s\n", made.status().message().c_str());
  std::exit(1);
}

void Must(const tsnap::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const size_t bytes = static_cast<size_t>(argc > 1 ? std::atoi(argv[1]) : 64) << 20;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 15;
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  {
    const auto nodes = Open({}), flat = Open(std::to_string(rank));
    tsnap::Bytes message(bytes);
    std::vector<double> seconds[2];
    for (int round = -1; round < rounds; ++round) {   // one to warm up
      for (int way = 0; way < 2; ++way) {
        tsnap::Comm& comm = way == 0 ? *nodes : *flat;
        Must(comm.Barrier());
        const auto begin = Clock::now();
        for (int root = 0; root < std::min(2, comm.size()); ++root) Must(comm.Bcast(message, root));
        Must(comm.Barrier());
        if (round >= 0) seconds[way].push_back(std::chrono::duration<double>(Clock::now() - begin).count());
      }
    }
    for (int way = 0; way < 2 && rank == 0; ++way) {
      std::sort(seconds[way].begin(), seconds[way].end());
      std::printf("%-10s median %.4f s, least %.4f s\n", way == 0 ? "by nodes" : "MPI_Ibcast",
                  seconds[way][seconds[way].size() / 2], seconds[way].front());
    }
  }
  MPI_Finalize();
  return 0;
}
