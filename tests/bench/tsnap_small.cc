// Many small objects: as many numbers equal on all ranks as each rank has arrays of its own; one
// durable take, or one restore, and what each rank gives to MPI meanwhile. In mode "h5" to or from
// one HDF5 file.
//
// At MPI_THREAD_FUNNELED, where all that is sent is sent by this thread.
#include <cstdio>
#include <string>

#include "../mpi/pmpi_probe.h"
#include "arrays_state.h"
#include "small_state.h"

namespace {

tsnap_state* BuildAll(const BenchRun& run, int64_t* numbers) {
  tsnap_state* state = BuildState(&run);
  for (size_t i = 0; i < run.array_count; ++i) {
    char path[64];
    std::snprintf(path, sizeof path, "numbers_%03zu/number_%03zu", i / 1000, i % 1000);
    ExpectOk(&run, tsnap_state_add_int64(state, path, TSNAP_REPLICATED, &numbers[i]),
             "registering a number");
  }
  return state;
}

}  // namespace

int main(int argc, char** argv) {
  BenchRun run;
  BenchStart(&argc, &argv, &run);
  char url[4096];
  BenchPath(&run, std::string(run.mode) == "h5" ? "snapshot.h5" : "snapshot", url, sizeof url);
  const bool writes = std::string(run.op) == "write";
  int64_t* numbers = SmallNumbers(&run);
  const auto poison = [&] {
    BenchPoison(&run);
    PoisonSmallNumbers(&run, numbers);
  };
  if (writes) {
    BenchFill(&run);
    FillSmallNumbers(&run, numbers);
  } else {
    poison();
  }
  tsnap_context* context = OpenContext(&run);
  tsnap_state* state = BuildAll(run, numbers);
  const tsnap::test::MpiTraffic before = tsnap::test::Traffic();
  const double begin = BenchMeet();
  if (writes)
    Take(&run, context, url, state);
  else
    Restore(&run, context, url, state);
  const tsnap::test::MpiTraffic after = tsnap::test::Traffic();
  const double seconds = BenchMeet() - begin;
  if (writes) {
    poison();
    Restore(&run, context, url, state);
  }
  BenchCheck(&run);
  CheckSmallNumbers(&run, numbers);
  BenchMeet();
  tsnap_state_destroy(&state);
  ExpectOk(&run, tsnap_context_close(&context), "tsnap_context_close");
  const char* names[] = {"seconds", "mpi_collectives", "mpi_messages", "mpi_bytes"};
  const double values[] = {
      seconds, BenchSlowest(static_cast<double>(after.collectives - before.collectives)),
      BenchSlowest(static_cast<double>(after.messages - before.messages)),
      BenchSlowest(static_cast<double>(after.message_bytes + after.collective_bytes -
                                       before.message_bytes - before.collective_bytes))};
  BenchReport(&run, 4, names, values);
  free(numbers);
  BenchFinish(&run);
  return 0;
}
