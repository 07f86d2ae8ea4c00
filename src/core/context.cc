#include "core/context.h"

#include <utility>

#include <fmt/format.h>

#include "base/protect.h"

namespace tsnap {

Context::Context(std::unique_ptr<Comm>&& comm, const Knobs& knobs, Log log, EventCallback event)
    : knobs_(WithMachineDefaults(knobs, comm->local_ranks())),
      log_(log),
      observer_(std::move(event)) {
  comm->set_timeout_seconds(knobs_.collective_timeout_seconds);
  session_ = std::make_shared<StoreSession>(knobs_, log_, comm->node_memory());
  engine_ = std::make_unique<Engine>(knobs_, knobs_.memory_budget_bytes);
  engine_->buffers()->Prefault(knobs_.staging_prefault_bytes);
  comm_ = std::move(comm);
}

Context::~Context() {
  if (HasPending()) GiveUpPending();
  // Freeing a communicator wants the others, who may be dead: a broken context leaves the twin's
  // too.
  if (comm_ != nullptr && comm_->broken() && background_ != nullptr &&
      background_->twin() != nullptr)
    background_->twin()->Break();
}

void Context::StartTrace() {
  observer_.StartTrace();
  comm_->set_timeline(observer_.timeline().get());
  engine_->set_timeline(observer_.timeline());
}

Status Context::StartBackground() {
  if (background_ == nullptr)
    background_ = std::make_unique<Background>(observer_.timeline().get());
  return background_->Start();
}

bool Context::HasPending() const {
  return background_ != nullptr && background_->pending() != nullptr &&
         !background_->pending()->done();
}

void Context::GiveUpPending() {
  background_->pending()->Cancel();
  background_->twin()->Break();
  background_->Wait(*background_->pending());
}

void Context::TellOfTheUnheard() {
  PendingTake* take = background_ != nullptr ? background_->pending().get() : nullptr;
  if (take == nullptr || take->heard()) return;
  take->set_heard();
  const Status outcome = take->outcome();
  if (outcome.ok() || !log_.wants(LogLevel::kError)) return;
  static_cast<void>(Protect([&] {
    log_.Write(LogLevel::kError,
               fmt::format("an asynchronous take that nobody has waited for so far has failed: {}",
                           outcome.message()));
    return Status::Ok();
  }));
}

void Context::FinishPending() {
  if (HasPending()) {
    if (comm_->broken()) {
      GiveUpPending();
    } else {
      background_->Wait(*background_->pending());
    }
  }
  if (background_ != nullptr && background_->twin() != nullptr && background_->twin()->broken())
    comm_->Break();
  TellOfTheUnheard();
}

void Context::FinishPending(Operation& operation) {
  if (HasPending()) {
    static_cast<void>(operation.In(Phase::kPending, [&] {
      FinishPending();
      return Status::Ok();
    }));
  } else {
    FinishPending();
  }
}

}  // namespace tsnap
