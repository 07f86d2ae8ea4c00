// Removing a snapshot: only the one that was looked at goes, though another job takes to the same
// place; and what a take could not remove is told.
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

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

// A take that committed is a success; what it could not clean up is said in the log, where warnings
// are asked for.
void WhatCannotBeRemovedIsAWarning() {
  struct Case {
    int32_t level;
    bool warns;
  };
  for (const Case& one : {Case{0, true}, Case{2, true}, Case{4, true}, Case{1, false}}) {
    Where() = "log_level " + std::to_string(one.level);
    const Folder folder(NewFolder());
    const std::string place = folder / "a";
    std::vector<std::string> warnings;
    tsnap_config config = TSNAP_CONFIG_INIT;
    config.log_level = one.level;
    config.log = [](int32_t level, const char* message, void* user) {
      if (level == 2) static_cast<std::vector<std::string>*>(user)->push_back(message);
    };
    config.log_user = &warnings;
    tsnap_context* context = nullptr;
    CHECK_OK(tsnap_context_open_self(&config, &context));
    FaultState state(0, 1, kSmallSizes);
    state.Fill(1);
    CHECK_OK(tsnap_take(context, place.c_str(), state.get(), nullptr));
    CHECK(warnings.empty());
    state.Fill(2);
    const tsnap_take_options options = SmallSlabs(true);
    IoFault::Arm("op=unlink,n=1,errno=EIO,count=all,path=/data/");
    const int32_t code = tsnap_take(context, place.c_str(), state.get(), &options);
    CHECK(IoFault::Disarm() > 0);
    CHECK_TEXT(code == TSNAP_OK, tsnap_last_error());
    CHECK(warnings.size() == (one.warns ? 1u : 0u));
    if (one.warns) CHECK_TEXT(Contains(warnings[0], place), warnings[0]);
    CheckPlaceHolds(place, 1, 2, kSmallSizes);
    CHECK_OK(tsnap_context_close(&context));
  }
}

}  // namespace
}  // namespace tsnap::test

int main(int argc, char** argv) {
  using namespace tsnap::test;
  return RunAlone(argc, argv,
                  {{"what_another_commits_meanwhile_stays", WhatAnotherCommitsMeanwhileStays},
                   {"what_cannot_be_removed_is_a_warning", WhatCannotBeRemovedIsAWarning}});
}
