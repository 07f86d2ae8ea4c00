// The function of tsnap/copy.h.
#include "core/copy.h"

#include "capi/config.h"
#include "capi/guard.h"
#include "capi/options.h"
#include "capi/structs.h"
#include "tsnap/copy.h"

namespace tsnap::capi {
namespace {

Status Copy(const char* from_url, const tsnap_config* from_config, const char* to_url,
            const tsnap_config* to_config, const tsnap_copy_options* options,
            tsnap_copy_result* out) {
  if (from_url == nullptr) return Invalid("copying a snapshot: from_url is NULL");
  if (to_url == nullptr) return Invalid("copying a snapshot: to_url is NULL");
  if (out != nullptr) TSNAP_TRY(CheckOut(out, "tsnap_copy_result"));
  Knobs from_knobs, to_knobs;
  Log log;
  TSNAP_TRY(ReadConfig(from_config, &from_knobs, nullptr, nullptr));
  TSNAP_TRY(ReadConfig(to_config, &to_knobs, &log, nullptr));
  CopyOptions full_options;
  TSNAP_TRY(ReadCopyOptions(options, &full_options));
  CopyResult result;
  TSNAP_TRY(CopySnapshot(from_url, from_knobs, to_url, to_knobs, log, full_options, &result));
  if (out == nullptr) return Status::Ok();
  tsnap_copy_result full = TSNAP_COPY_RESULT_INIT;
  full.objects_copied = result.objects_copied;
  full.objects_skipped = result.objects_skipped;
  full.bytes_copied = result.bytes_copied;
  full.bytes_skipped = result.bytes_skipped;
  full.server_side = result.within_service ? 1 : 0;
  WriteStruct(full, out);
  return Status::Ok();
}

}  // namespace
}  // namespace tsnap::capi

extern "C" {

int32_t tsnap_copy(const char* from_url, const tsnap_config* from_config, const char* to_url,
                   const tsnap_config* to_config, const tsnap_copy_options* options,
                   tsnap_copy_result* out) {
  return tsnap::capi::Guard(
      [&] { return tsnap::capi::Copy(from_url, from_config, to_url, to_config, options, out); });
}

}  // extern "C"
