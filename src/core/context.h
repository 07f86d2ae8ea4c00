// Context: one application's use of tsnap: its communicator, buffers, threads and the report of its
// last restore.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/knobs.h"
#include "base/log.h"
#include "base/status.h"
#include "comm/comm.h"
#include "engine/engine.h"

namespace tsnap {

// What the last restore could not do, by qualified path. Each list is sorted.
struct Report {
  std::vector<std::string> missing, unexpected, mismatched, not_restored;
  bool complete = true;  // false: memory ran out while it was made
};

class Context {
 public:
  // Not collective; knobs are resolved. When it throws, comm is still the caller's, who has others
  // to tell.
  Context(std::unique_ptr<Comm>&& comm, const Knobs& knobs, Log log)
      : knobs_(WithMachineDefaults(knobs, comm->local_ranks())), log_(log) {
    comm->set_timeout_seconds(knobs_.collective_timeout_seconds);
    engine_ = std::make_unique<Engine>(knobs_, knobs_.memory_budget_bytes);
    comm_ = std::move(comm);
  }

  Comm& comm() { return *comm_; }
  Engine& engine() { return *engine_; }
  const Knobs& knobs() const { return knobs_; }
  const Log& log() const { return log_; }
  Report& report() { return report_; }
  // Number of the next collective call; ranks that count differently have called different things.
  uint64_t NextSequence() { return ++sequence_; }

 private:
  Knobs knobs_;
  Log log_;
  std::unique_ptr<Comm> comm_;
  std::unique_ptr<Engine> engine_;
  Report report_;
  uint64_t sequence_ = 0;
};

}  // namespace tsnap
