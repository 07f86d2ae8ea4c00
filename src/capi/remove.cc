// The functions of tsnap/snapshot.h that remove: a snapshot, and what takes left behind that never
// committed.
#include "capi/config.h"
#include "capi/guard.h"
#include "capi/options.h"
#include "capi/structs.h"
#include "core/snapshot.h"
#include "tsnap/snapshot.h"

namespace tsnap::capi {
namespace {

Status Remove(const char* url, const tsnap_config* config) {
  if (url == nullptr) return Invalid("removing a snapshot: url is NULL");
  Knobs knobs;
  Log log;
  TSNAP_TRY(ReadConfig(config, &knobs, &log, nullptr));
  return RemoveSnapshot(url, knobs, log);
}

Status Collect(const char* url, const tsnap_config* config, const tsnap_gc_options* options,
               tsnap_gc_result* out) {
  if (url == nullptr) return Invalid("collecting garbage: url is NULL");
  if (out != nullptr) TSNAP_TRY(CheckOut(out, "tsnap_gc_result"));
  Knobs knobs;
  Log log;
  TSNAP_TRY(ReadConfig(config, &knobs, &log, nullptr));
  GcOptions full_options;
  TSNAP_TRY(ReadGcOptions(options, &full_options));
  GcResult result;
  TSNAP_TRY(CollectGarbage(url, knobs, log, full_options, &result));
  if (out == nullptr) return Status::Ok();
  tsnap_gc_result full = TSNAP_GC_RESULT_INIT;
  full.takes_removed = result.takes_removed;
  full.takes_kept = result.takes_kept;
  full.bytes_removed = result.bytes_removed;
  WriteStruct(full, out);
  return Status::Ok();
}

}  // namespace
}  // namespace tsnap::capi

extern "C" {

int32_t tsnap_remove(const char* url, const tsnap_config* config) {
  return tsnap::capi::Guard([&] { return tsnap::capi::Remove(url, config); });
}

int32_t tsnap_gc(const char* url, const tsnap_config* config, const tsnap_gc_options* options,
                 tsnap_gc_result* out) {
  return tsnap::capi::Guard([&] { return tsnap::capi::Collect(url, config, options, out); });
}

}  // extern "C"
