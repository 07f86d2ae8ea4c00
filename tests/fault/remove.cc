// Removing beside a take to the same place: only the snapshot that was looked at goes.
#include <unistd.h>

#include <string>
#include <thread>

#include "alone.h"
#include "fault_state.h"
#include "io_fault.h"

namespace tsnap::test {
namespace {

// The remover has read the record and comes late to its lock; meanwhile another job overwrites.
void WhatAnotherCommitsMeanwhileStays() {
  const Folder folder(NewFolder());
  Alone alone;
  FaultState state(0, 1, kSmallSizes);
  const std::string place = folder / "a";
  state.Fill(1);
  CHECK_OK(tsnap_take(alone.get(), place.c_str(), state.get(), nullptr));
  IoFault::Arm("op=open,n=1,sleep=2,path=/.tsnap-lock");
  int32_t code = TSNAP_OK;
  std::string message;
  std::thread remover([&] {
    code = tsnap_remove(place.c_str(), nullptr);
    message = tsnap_last_error();
  });
  const double begin = Now();
  while (IoFault::Seen() == 0 && Now() - begin < 20) usleep(1000);
  const bool waited = IoFault::Seen() == 1;
  state.Fill(2);
  const tsnap_take_options options = SmallSlabs(true);
  const int32_t taken = tsnap_take(alone.get(), place.c_str(), state.get(), &options);
  const std::string reason = tsnap_last_error();
  remover.join();
  IoFault::Disarm();
  CHECK_TEXT(waited, "the remover asked for no lock");
  CHECK_TEXT(taken == TSNAP_OK, reason);
  CHECK_TEXT(code == TSNAP_E_EXISTS, std::string(tsnap_status_name(code)) + " " + message);
  CHECK_TEXT(Contains(message, place) && Contains(message, "another job"), message);
  CheckPlaceHolds(place, 1, 2, kSmallSizes);
  CHECK_OK(tsnap_remove(place.c_str(), nullptr));
  CHECK(!std::filesystem::exists(place));
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunAlone(argc, argv,
                  {{"what_another_commits_meanwhile_stays", WhatAnotherCommitsMeanwhileStays}});
}
