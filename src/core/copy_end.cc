#include "core/copy_end.h"

#include <utility>

#include <fmt/format.h>

#include "format/native/commit_record.h"
#include "format/native/names.h"

namespace tsnap {

Result<std::shared_ptr<Store>> OpenEnd(Engine& engine, const CopyEnd& end) {
  const auto opened = std::make_shared<std::shared_ptr<Store>>();
  TSNAP_TRY(engine.Watched([opened, end] {
    TSNAP_ASSIGN(*opened, end.open());
    return Status::Ok();
  }));
  return *opened;
}

Status CheckIsThere(Engine& engine, const std::shared_ptr<Store>& source,
                    const std::shared_ptr<const Bytes>& record_text) {
  return engine.Watched(
      [from = source, text = record_text]() -> Status {
        const Result<Bytes> now = from->Get(native::kRecordKey, native::kMaxRecordBytes, nullptr);
        if (now.ok() && *now == *text) return Status::Ok();
        const Code code = now.status().code();
        if (!now.ok() && code != Code::kNotFound && code != Code::kCorrupt)
          return Status(now.status()).While("reading the commit record again of", from->url());
        return NotFound(fmt::format("copying {}: the snapshot there was {} while it was copied",
                                    from->url(), code == Code::kNotFound ? "removed" : "replaced"));
      },
      source);
}

Status ExplainMissing(Engine& engine, const std::shared_ptr<Store>& source,
                      const std::shared_ptr<const Bytes>& record_text, Status failure) {
  if (failure.code() != Code::kNotFound || engine.stuck()) return failure;
  TSNAP_TRY(CheckIsThere(engine, source, record_text));
  return Corrupt(fmt::format("copying {}: a file of the snapshot is missing: {}", source->url(),
                             failure.message()));
}

}  // namespace tsnap
