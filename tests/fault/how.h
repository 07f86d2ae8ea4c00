// How the takes of a fault program are made: TSNAP_TEST_HOW=sync, async, or driven (in the background as well, but MPI allows one
// thread only, so that its calls wait for the application's). The same faults must end with the same codes.
#pragma once

#include <cstdlib>
#include <cstring>
#include <string>

#include <tsnap.h>

#include "check.h"
#include "fault_state.h"

namespace tsnap::test {

enum class How { kSync, kAsync, kDriven };

inline How TheHow() {
  static const How how = [] {
    const char* text = std::getenv("TSNAP_TEST_HOW");
    const std::string word = text == nullptr || *text == '\0' ? "sync" : text;
    CHECK_TEXT(word == "sync" || word == "async" || word == "driven", "TSNAP_TEST_HOW=" + word);
    return word == "sync" ? How::kSync : word == "async" ? How::kAsync : How::kDriven;
  }();
  return how;
}
inline bool InBackground() { return TheHow() != How::kSync; }

// How it goes on after a fault: now as the takes are, now in the foreground.
inline How NowAndThen(int64_t number) { return number % 2 == 0 ? TheHow() : How::kSync; }

// Waits, twice, and frees: it ends once, and says the same whenever it is asked. Allocates nothing: memory may be short.
inline int32_t EndOf(tsnap_request** request) {
  const int32_t code = tsnap_request_wait(*request);
  char said[4096];
  std::snprintf(said, sizeof said, "%s", tsnap_last_error());
  int32_t done = 0;
  CHECK(tsnap_request_test(*request, &done) == TSNAP_OK && done == 1);
  CHECK(tsnap_request_wait(*request) == code);
  CHECK(tsnap_request_free(request) == code && *request == nullptr);
  CHECK(code == TSNAP_OK || std::strncmp(said, tsnap_last_error(), sizeof said - 1) == 0);
  return code;
}

// One take from its call to its end. Of one in the background the state changes at once; what it stored must not.
inline int32_t TakeBy(How how, tsnap_context* context, const std::string& place, FaultState& state, const tsnap_take_options* options) {
  if (how == How::kSync) return tsnap_take(context, place.c_str(), state.get(), options);
  tsnap_request* request = nullptr;
  const int32_t begun = tsnap_take_async(context, place.c_str(), state.get(), options, &request);
  CHECK((begun == TSNAP_OK) == (request != nullptr));
  if (begun != TSNAP_OK) return begun;
  state.Scribble();
  return EndOf(&request);
}
inline int32_t TakeAnyhow(tsnap_context* context, const std::string& place, FaultState& state, const tsnap_take_options* options) {
  return TakeBy(TheHow(), context, place, state, options);
}

}  // namespace tsnap::test
