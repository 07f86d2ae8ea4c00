// The functions of tsnap/context.h, take.h, restore.h and statistics.h, and tsnap_take_async. Only
// a context that cannot talk (NULL, closed, of the parent process, in use) returns at once: every
// other bad argument is taken along into the call, where all ranks learn of it.
#include "tsnap/context.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "capi/config.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/options.h"
#include "capi/structs.h"
#include "comm/private_open.h"
#include "core/agree.h"
#include "core/close.h"
#include "core/restore.h"
#include "core/take.h"
#include "core/trace.h"
#include "tsnap/request.h"
#include "tsnap/restore.h"
#include "tsnap/statistics.h"
#include "tsnap/take.h"

namespace tsnap::capi {
namespace {

// Opening: what this rank can do alone; *comm stays filled when it fails.
Status PrepareContext(std::unique_ptr<Comm>* comm, const tsnap_config* config, tsnap_context** out,
                      std::unique_ptr<tsnap_context>* handle) {
  if (out == nullptr) return Invalid("opening a context: out is NULL");
  Knobs knobs;
  Log log;
  EventCallback event;
  TSNAP_TRY(ReadConfig(config, &knobs, &log, &event));
  *handle = std::make_unique<tsnap_context>();
  (*handle)->context = std::make_unique<Context>(std::move(*comm), knobs, log, std::move(event));
  return Status::Ok();
}

Status OpenContext(std::unique_ptr<Comm> comm, const tsnap_config* config, tsnap_context** out) {
  std::unique_ptr<tsnap_context> handle;
  const Status local = Protect([&] { return PrepareContext(&comm, config, out, &handle); });
  TSNAP_TRY(Agree(comm != nullptr ? *comm : handle->context->comm(), local));
  TSNAP_TRY(AgreeOnTrace(*handle->context));
  *out = handle.release();
  return Status::Ok();
}

Status CloseContext(tsnap_context** ctx) {
  if (ctx == nullptr || *ctx == nullptr) return Status::Ok();
  // The parent's threads and communicator are not here: its copy is left alone, and lost.
  Status usable = CheckIdle(*ctx, kContextMagic, "context");
  if (usable.ok()) usable = CheckNotInside((*ctx)->context->IsBackgroundThread());
  if (!usable.ok()) {
    if (usable.code() != Code::kBusy) *ctx = nullptr;
    return usable;
  }
  const std::unique_ptr<tsnap_context> handle(std::exchange(*ctx, nullptr));
  return Protect([&] { return Close(*handle->context); });
}

// What take and restore are told besides their options.
struct Target {
  std::string url;
  State empty;  // stands in for a state that cannot be used
  State* state = &empty;
  InUse state_in_use;
};

Status ReadArguments(const char* url, tsnap_state* state, Target* out) {
  // The state first: a restore that fails here reports its objects.
  TSNAP_TRY(CheckHandle(state, kStateMagic, "state"));
  TSNAP_TRY(out->state_in_use.Take(state, "state"));
  out->state = state->state;
  if (url == nullptr) return Invalid("reading the arguments: url is NULL");
  out->url = url;
  return Status::Ok();
}

// Where memory ran out there was none for a text: what was being done is said here.
Status Named(Status status, const char* action, const std::string& url) noexcept {
  if (status.code() != Code::kNoMemory) return status;
  Status named = Protect([&] { return Status(status).While(action, url); });
  return named.code() == Code::kNoMemory && !named.message().empty() ? named : status;
}

Status TakeSnapshot(tsnap_context* ctx, const char* url, tsnap_state* state,
                    const tsnap_take_options* options) {
  InUse in_use;
  TSNAP_TRY(EnterContext(ctx, &in_use));
  Target target;
  TakeOptions full;
  const Status argument = Protect([&]() -> Status {
    TSNAP_TRY(ReadArguments(url, state, &target));
    return ReadTakeOptions(options, &full);
  });
  return Named(Take(*ctx->context, target.url, *target.state, full, argument),
               "taking a snapshot at", target.url);
}

Status BeginTake(tsnap_context* ctx, const char* url, tsnap_state* state,
                 const tsnap_take_options* options, tsnap_request** out) {
  InUse in_use;
  TSNAP_TRY(EnterContext(ctx, &in_use));
  Target target;
  TakeOptions full;
  std::unique_ptr<tsnap_request> request;
  const Status argument = Protect([&]() -> Status {
    TSNAP_TRY(ReadArguments(url, state, &target));
    if (out == nullptr) return Invalid("reading the arguments: out is NULL");
    request = std::make_unique<tsnap_request>();
    return ReadTakeOptions(options, &full);
  });
  std::shared_ptr<PendingTake> take;
  TSNAP_TRY(Named(TakeAsync(*ctx->context, target.url, *target.state, full, argument, &take),
                  "taking a snapshot at", target.url));
  request->take = std::move(take);
  request->background = &ctx->context->background();
  *out = request.release();
  return Status::Ok();
}

Status RestoreState(tsnap_context* ctx, const char* url, tsnap_state* state,
                    const tsnap_restore_options* options) {
  InUse in_use;
  TSNAP_TRY(EnterContext(ctx, &in_use));
  ctx->report_listed = false;
  Target target;
  RestoreOptions full;
  const Status argument = Protect([&]() -> Status {
    TSNAP_TRY(ReadArguments(url, state, &target));
    return ReadRestoreOptions(options, &full);
  });
  return Named(Restore(*ctx->context, target.url, *target.state, full, argument), "restoring from",
               target.url);
}

Status FillStatistics(tsnap_context* ctx, tsnap_statistics* out) {
  TSNAP_TRY(CheckIdle(ctx, kContextMagic, "context"));
  TSNAP_TRY(CheckNotInside(ctx->context->IsBackgroundThread()));
  ctx->context->VisitPending();
  TSNAP_TRY(CheckOut(out, "tsnap_statistics"));
  static_assert(kPhaseLimit == TSNAP_PHASE_LIMIT);
  const Statistics last = ctx->context->observer().last();
  tsnap_statistics full = TSNAP_STATISTICS_INIT;
  full.operation_number = last.operation_number;
  full.operation = static_cast<int32_t>(last.operation);
  full.status = static_cast<int32_t>(last.status);
  full.plan_reused = last.plan_reused;
  full.seconds = last.seconds;
  full.blocked_seconds = last.blocked_seconds;
  full.budget_wait_seconds = last.budget_wait_seconds;
  full.rank_wait_seconds = last.rank_wait_seconds;
  full.bytes = last.bytes;
  full.stored_bytes = last.stored_bytes;
  full.over_budget_bytes = last.over_budget_bytes;
  full.peak_buffer_bytes = last.peak_buffer_bytes;
  std::copy(std::begin(last.phase_seconds), std::end(last.phase_seconds), full.phase_seconds);
  std::copy(std::begin(last.phase_bytes), std::end(last.phase_bytes), full.phase_bytes);
  WriteStruct(full, out);
  return Status::Ok();
}

std::vector<const char*> List(const std::vector<std::string>& texts) {
  std::vector<const char*> list;
  list.reserve(texts.size());
  for (const std::string& text : texts) list.push_back(text.c_str());
  return list;
}

Status FillReport(tsnap_context* ctx, tsnap_report* out) {
  TSNAP_TRY(CheckIdle(ctx, kContextMagic, "context"));
  TSNAP_TRY(CheckNotInside(ctx->context->IsBackgroundThread()));
  ctx->context->VisitPending();
  TSNAP_TRY(CheckOut(out, "tsnap_report"));
  const Report& report = ctx->context->report();
  if (!report.complete)
    return {Code::kNoMemory,
            "reporting on the last restore: memory ran out while the report was made; take every "
            "object as not restored"};
  if (!ctx->report_listed) {
    ctx->missing = List(report.missing);
    ctx->unexpected = List(report.unexpected);
    ctx->mismatched = List(report.mismatched);
    ctx->not_restored = List(report.not_restored);
    ctx->report_listed = true;
  }
  tsnap_report full = TSNAP_REPORT_INIT;
  full.missing_count = ctx->missing.size();
  full.unexpected_count = ctx->unexpected.size();
  full.mismatched_count = ctx->mismatched.size();
  full.not_restored_count = ctx->not_restored.size();
  full.missing = ctx->missing.data();
  full.unexpected = ctx->unexpected.data();
  full.mismatched = ctx->mismatched.data();
  full.not_restored = ctx->not_restored.data();
  WriteStruct(full, out);
  return Status::Ok();
}

}  // namespace
}  // namespace tsnap::capi

using namespace tsnap;  // NOLINT: the functions below are those of the C interface, outside of
                        // every namespace
using namespace tsnap::capi;  // NOLINT

extern "C" {

int32_t tsnap_context_open_self(const tsnap_config* config, tsnap_context** out) {
  if (out != nullptr) *out = nullptr;
  return Guard([&] { return OpenContext(MakeSelfComm(), config, out); });
}

int32_t tsnap_private_context_open_comm(void* comm, const tsnap_config* config, const char* failure,
                                        int32_t failure_code, tsnap_context** out) {
  std::unique_ptr<Comm> owned(static_cast<Comm*>(comm));
  if (out != nullptr) *out = nullptr;
  return Guard([&]() -> Status {
    if (owned == nullptr) return {static_cast<Code>(failure_code), failure};
    return OpenContext(std::move(owned), config, out);
  });
}

int32_t tsnap_context_close(tsnap_context** ctx) {
  return Guard([&] { return CloseContext(ctx); });
}

int32_t tsnap_take(tsnap_context* ctx, const char* url, tsnap_state* state,
                   const tsnap_take_options* options) {
  return Guard([&] { return TakeSnapshot(ctx, url, state, options); });
}

int32_t tsnap_take_async(tsnap_context* ctx, const char* url, tsnap_state* state,
                         const tsnap_take_options* options, tsnap_request** out) {
  if (out != nullptr) *out = nullptr;
  return Guard([&] { return BeginTake(ctx, url, state, options, out); });
}

int32_t tsnap_restore(tsnap_context* ctx, const char* url, tsnap_state* state,
                      const tsnap_restore_options* options) {
  return Guard([&] { return RestoreState(ctx, url, state, options); });
}

int32_t tsnap_context_statistics(tsnap_context* ctx, tsnap_statistics* out) {
  return Guard([&] { return FillStatistics(ctx, out); });
}

const char* tsnap_phase_name(int32_t phase) { return PhaseName(phase); }

int32_t tsnap_restore_report(tsnap_context* ctx, tsnap_report* out) {
  return Guard([&] { return FillReport(ctx, out); });
}

}  // extern "C"
