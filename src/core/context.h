// Context: one application's use of tsnap: its communicator, buffers and threads, what is pending
// in the background, and what is remembered of the last take and the last restore.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/knobs.h"
#include "base/log.h"
#include "base/status.h"
#include "comm/comm.h"
#include "core/background.h"
#include "core/operation.h"
#include "core/structure.h"
#include "engine/engine.h"
#include "store/session.h"

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
  Context(std::unique_ptr<Comm>&& comm, const Knobs& knobs, Log log, EventCallback event);
  // Local. What is pending in the background is given up.
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Comm& comm() { return *comm_; }
  Engine& engine() { return *engine_; }
  const Knobs& knobs() const { return knobs_; }
  const Log& log() const { return log_; }
  // What its stores keep from one operation to the next.
  const std::shared_ptr<StoreSession>& session() const { return session_; }
  Observer& observer() { return observer_; }
  Report& report() { return report_; }
  PlannedTake& planned() { return planned_; }
  // Number of the next collective call; ranks that count differently have called different things.
  uint64_t NextSequence() { return ++sequence_; }

  // From here on what the threads do is kept for a trace.
  void StartTrace();

  // The background: started by the first asynchronous take.
  Status StartBackground();
  Background& background() { return *background_; }
  bool IsBackgroundThread() const { return background_ && background_->IsThisThread(); }
  bool HasPending() const;
  // Every collective call begins with it, whether something is pending or not: waits for it, which
  // is bounded; gives it up where the context is broken, and breaks the context where the
  // background is.
  void FinishPending();
  // The same, as a phase of an operation where there is something to wait for.
  void FinishPending(Operation& operation);
  // Lets the background talk, where it cannot by itself.
  void VisitPending() {
    if (HasPending()) background_->Visit();
  }

 private:
  void GiveUpPending();
  // What is pending has failed, nobody asked, and the next call is here: it goes into the log.
  void TellOfTheUnheard();

  Knobs knobs_;
  Log log_;
  Observer observer_;
  std::unique_ptr<Comm> comm_;
  std::shared_ptr<StoreSession> session_;
  std::unique_ptr<Engine> engine_;
  Report report_;
  PlannedTake planned_;
  uint64_t sequence_ = 0;
  std::unique_ptr<Background> background_;  // uses all of the above
};

}  // namespace tsnap
