// Takes of more than the memory budget, many at a time so that the threads of each meet in every order: who copies waits for
// who writes, and never the other way round too.
#include <string>
#include <thread>
#include <vector>

#include "alone.h"
#include "fault_state.h"

namespace tsnap::test {
namespace {

constexpr Sizes kSizes{24, 1536, 20000, 30000};
constexpr double kStallSeconds = 5;   // a take lasts some milliseconds

// Two transfers fill the memory, one moves at a time, and several threads copy.
void TakeOften(const std::string& place, int takes) {
  tsnap_config config = TSNAP_CONFIG_INIT;
  config.memory_budget_bytes = 512 << 10;
  config.io_concurrency = 1;
  config.staging_threads = 4;
  config.io_timeout_seconds = kStallSeconds;
  tsnap_context* context = nullptr;
  CHECK_OK(tsnap_context_open_self(&config, &context));
  FaultState state(0, 1, kSizes);
  const tsnap_take_options options = SmallSlabs(true);
  for (int i = 1; i <= takes; ++i) {
    state.Fill(1);
    CHECK_OK(TakeBy(How::kAsync, context, place, state, &options));
  }
  CHECK_OK(tsnap_context_close(&context));
  CheckPlaceHolds(place, 1, 1, kSizes);
}

void CopiesAndWritesDoNotWaitForEachOther() {
  const Folder folder(NewFolder());
  std::vector<std::thread> takers;
  for (int i = 0; i < 8; ++i)
    takers.emplace_back([place = folder / std::to_string(i)] { TakeOften(place, LongMode() ? 5000 : 600); });
  for (std::thread& taker : takers) taker.join();
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunAlone(argc, argv, {{"copies_and_writes_do_not_wait_for_each_other", CopiesAndWritesDoNotWaitForEachOther}});
}
