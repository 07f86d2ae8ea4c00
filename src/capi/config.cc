// Reads tsnap_config; what a range is, the core's knobs know.
#include "capi/config.h"

#include <fmt/format.h>

#include "capi/structs.h"

namespace tsnap::capi {
namespace {

void CopyText(const char* text, std::string* out) {
  if (text != nullptr) *out = text;
}

tsnap_event PublicEvent(const Event& event) {
  tsnap_event told = TSNAP_EVENT_INIT;
  told.operation_number = event.operation_number;
  told.operation = static_cast<int32_t>(event.operation);
  told.phase = event.phase;
  told.is_end = event.is_end;
  told.status = static_cast<int32_t>(event.status);
  told.unix_nanoseconds = event.unix_nanoseconds;
  told.seconds = event.seconds;
  told.bytes = event.bytes;
  return told;
}

}  // namespace

Status ReadConfig(const tsnap_config* config, Knobs* knobs, Log* log, EventCallback* event) {
  tsnap_config full;
  TSNAP_TRY(ReadStruct(config, &full, "tsnap_config"));
  if (full.log_level < 0)
    return Invalid(fmt::format("checking the configuration: log_level is {}, it must be 0 to 4",
                               full.log_level));
  knobs->memory_budget_bytes = full.memory_budget_bytes;
  knobs->io_concurrency = full.io_concurrency;
  knobs->staging_threads = full.staging_threads;
  knobs->collective_timeout_seconds = full.collective_timeout_seconds;
  knobs->io_timeout_seconds = full.io_timeout_seconds;
  knobs->direct_io = full.direct_io;
  knobs->log_level = full.log_level;
  CopyText(full.s3_endpoint, &knobs->s3_endpoint);
  CopyText(full.s3_region, &knobs->s3_region);
  CopyText(full.s3_access_key, &knobs->s3_access_key);
  CopyText(full.s3_secret_key, &knobs->s3_secret_key);
  CopyText(full.s3_session_token, &knobs->s3_session_token);
  CopyText(full.ca_file, &knobs->ca_file);
  knobs->staging_prefault_bytes = full.staging_prefault_bytes;
  CopyText(full.trace, &knobs->trace);
  if (full.reserved != 0)
    return Unsupported(
        fmt::format("checking the configuration: reserved is {}, it must be 0", full.reserved));
  knobs->gpu_direct_storage = full.gpu_direct_storage;
  TSNAP_TRY(ResolveKnobs(knobs));
  if (log != nullptr) *log = Log(full.log, full.log_user, knobs->log_level);
  if (event != nullptr && full.event != nullptr) {
    *event = [call = full.event, user = full.event_user](const Event& happened) {
      const tsnap_event told = PublicEvent(happened);
      call(&told, user);
    };
  }
  return Status::Ok();
}

Status ReadSwitch(int32_t value, bool fallback, const char* name, bool* out) {
  if (value < 0 || value > TSNAP_OFF)
    return Invalid(fmt::format(
        "checking the options: {} is {}, it must be 0, TSNAP_ON or TSNAP_OFF", name, value));
  *out = value == 0 ? fallback : value == TSNAP_ON;
  return Status::Ok();
}

}  // namespace tsnap::capi
