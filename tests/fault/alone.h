// What fault programs of one process without MPI share: a case by name, and a context.
#pragma once

#include <map>
#include <string>

#include <tsnap.h>

#include "check.h"
#include "how.h"

namespace tsnap::test {

class Alone {
 public:
  explicit Alone(bool tight = false) {
    tsnap_config config = TSNAP_CONFIG_INIT;
    config.memory_budget_bytes = tight ? 512 << 10 : 64 << 20;   // of transfers: two, or as many as there are
    config.io_timeout_seconds = 10;
    CHECK_OK(tsnap_context_open_self(&config, &context_));
  }
  ~Alone() { CHECK_OK(tsnap_context_close(&context_)); }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;
  tsnap_context* get() { return context_; }

 private:
  tsnap_context* context_ = nullptr;
};

inline tsnap_take_options SmallSlabs(bool overwrite = false) {
  tsnap_take_options options = TSNAP_TAKE_OPTIONS_INIT;
  options.overwrite = overwrite ? TSNAP_ON : TSNAP_OFF;
  options.chunk_bytes = 256 << 10;
  options.slab_bytes = 256 << 10;
  options.codec = TestCodec();
  return options;
}

using Cases = std::map<std::string, void (*)()>;

inline int RunAlone(int argc, char** argv, const Cases& cases) {
  if (argc != 2 || cases.count(argv[1]) == 0) {
    std::fprintf(stderr, "usage: %s CASE; cases:\n", argv[0]);
    for (const auto& one : cases) std::fprintf(stderr, "  %s\n", one.first.c_str());
    return 2;
  }
  cases.at(argv[1])();
  return 0;
}

}  // namespace tsnap::test
