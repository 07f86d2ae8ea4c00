// What the second take of a structure saves: seconds of each phase that blocks, and what this
// process gives to MPI meanwhile, of the first and the second take of a context.
//
// At MPI_THREAD_FUNNELED, so that nothing is sent in the background between the call and its
// return.
#include <cstring>
#include <string>
#include <vector>

#include "../mpi/pmpi_probe.h"
#include "arrays_state.h"

namespace {

constexpr int32_t kPhases[] = {TSNAP_PHASE_DESCRIBE, TSNAP_PHASE_OPEN, TSNAP_PHASE_AGREE,
                               TSNAP_PHASE_PLAN, TSNAP_PHASE_STAGE};

struct Value {
  std::string name;
  double value;
};

// Names begin with that of the take: "first_plan", "second_bytes".
void MeasureTake(const BenchRun& run, tsnap_context* context, tsnap_state* state,
                 const std::string& take, std::vector<Value>* values) {
  char url[4096];
  BenchPath(&run, "snapshot", url, sizeof url);
  const tsnap::test::MpiTraffic before = tsnap::test::Traffic();
  const double begin = BenchMeet();
  tsnap_request* request = TakeAsync(&run, context, url, state);
  const double blocked = BenchSlowest(MPI_Wtime() - begin);
  const tsnap::test::MpiTraffic after = tsnap::test::Traffic();
  FinishTake(&run, &request);
  const tsnap_statistics statistics = StatisticsOf(&run, context);
  values->push_back({take + "_seconds", blocked});
  for (const int32_t phase : kPhases)
    values->push_back(
        {take + "_" + tsnap_phase_name(phase), BenchSlowest(statistics.phase_seconds[phase])});
  values->push_back({take + "_reused", static_cast<double>(statistics.plan_reused)});
  const uint64_t calls = after.messages + after.collectives - before.messages - before.collectives;
  const uint64_t bytes =
      after.message_bytes + after.collective_bytes - before.message_bytes - before.collective_bytes;
  values->push_back({take + "_mpi_calls", BenchSlowest(static_cast<double>(calls))});
  values->push_back({take + "_mpi_bytes", BenchSlowest(static_cast<double>(bytes))});
  RemoveSnapshot(&run, url);
}

}  // namespace

int main(int argc, char** argv) {
  BenchRun run;
  BenchStart(&argc, &argv, &run);
  BenchFill(&run);
  std::vector<const char*> names;
  std::vector<double> numbers;
  std::vector<Value> values;
  for (size_t round = 0; round <= run.rounds; ++round) {
    tsnap_state* state = BuildState(&run);
    tsnap_context* context = OpenContextForState(&run, UINT64_MAX);
    values.clear();
    MeasureTake(run, context, state, "first", &values);
    MeasureTake(run, context, state, "second", &values);
    BenchMeet();
    tsnap_state_destroy(&state);
    ExpectOk(&run, tsnap_context_close(&context), "tsnap_context_close");
    if (round == 0) continue;  // that one made everything warm
    for (const Value& value : values) numbers.push_back(value.value);
  }
  for (const Value& value : values) names.push_back(value.name.c_str());
  BenchReportRounds(&run, names.size(), names.data(), numbers.data());
  BenchFinish(&run);
  return 0;
}
