#include "store/object/copy.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "store/object/upload.h"

namespace tsnap::object {

namespace {

constexpr uint64_t kCopiedPartBytes = uint64_t{1} << 30;

bool SameService(const Bucket& a, const Bucket& b) {
  return a.dialect().scheme == b.dialect().scheme && a.endpoint().scheme == b.endpoint().scheme &&
         a.endpoint().authority == b.endpoint().authority &&
         a.endpoint().base_path == b.endpoint().base_path;
}

Call CopyCall(const Bucket& from, const std::string& from_key, const Bucket& to,
              const std::string& to_key) {
  Call call;
  call.action = "copying " + from.UrlOf(from_key) + " to";
  call.method = "PUT";
  call.key = to_key;
  call.headers = {{std::string(to.dialect().copy_source),
                   http::PercentEncode("/" + from.name() + "/" + from_key, true)}};
  call.slow = true;
  return call;
}

Status CopyInParts(Bucket& from, const std::string& from_key, Bucket& to, const std::string& to_key,
                   uint64_t bytes, StoreCounters* counters) {
  TSNAP_ASSIGN(const std::string upload_id,
               BeginUpload(to, to_key, /*with_checksums=*/false, counters));
  std::vector<Call> calls;
  for (uint64_t offset = 0; offset < bytes; offset += kCopiedPartBytes) {
    Call& call = calls.emplace_back(CopyCall(from, from_key, to, to_key));
    call.query = {{"partNumber", std::to_string(calls.size())}, {"uploadId", upload_id}};
    call.headers.push_back(
        {std::string(to.dialect().range_of_copy),
         fmt::format("bytes={}-{}", offset, std::min(bytes, offset + kCopiedPartBytes) - 1)});
  }
  const Status copied = [&]() -> Status {
    std::vector<UploadedPart> parts;
    const std::vector<Result<Answer>> answers = to.SendAll(calls, counters);
    for (size_t i = 0; i < calls.size(); ++i) {
      TSNAP_TRY(answers[i].status());
      if (!answers[i]->ok()) return to.Failure(calls[i], *answers[i]);
      TSNAP_ASSIGN(std::string tag, ParseCopyTag(answers[i]->response.body));
      parts.push_back({i + 1, std::move(tag), ""});
    }
    return CompleteUpload(to, to_key, upload_id, parts, bytes, counters);
  }();
  if (!copied.ok()) static_cast<void>(AbortUpload(to, to_key, upload_id, counters));
  return copied;
}

}  // namespace

Status CopyWithin(Bucket& from, const std::string& from_key, Bucket& to, const std::string& to_key,
                  uint64_t bytes, StoreCounters* counters) {
  if (!SameService(from, to))
    return Unsupported(fmt::format("copying {} to {}: they are not of one service",
                                   from.UrlOf(from_key), to.UrlOf(to_key)));
  if (bytes > kMostPartBytes && !to.dialect().range_of_copy.empty())
    return CopyInParts(from, from_key, to, to_key, bytes, counters);
  const Call call = CopyCall(from, from_key, to, to_key);
  TSNAP_ASSIGN(const Answer answer, to.Send(call, counters));
  if (!answer.ok()) return to.Failure(call, answer);
  const Result<std::string> tag = ParseCopyTag(answer.response.body);
  return tag.ok() ? Status::Ok() : Status(tag.status()).While(call.action, to.UrlOf(to_key));
}

}  // namespace tsnap::object
