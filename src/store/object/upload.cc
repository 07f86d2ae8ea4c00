#include "store/object/upload.h"

#include <string_view>
#include <utility>

namespace tsnap::object {

namespace {

Result<bool> IsThere(Bucket& bucket, const std::string& key, uint64_t size_bytes,
                     StoreCounters* counters) {
  Call look;
  look.action = "looking for";
  look.method = "HEAD";
  look.key = key;
  TSNAP_ASSIGN(const Answer found, bucket.Send(look, counters));
  if (!found.ok() && found.status() != 404) return bucket.Failure(look, found);
  const std::string size = std::to_string(size_bytes);
  return found.ok() && found.response.header("content-length") == std::string_view(size);
}

}  // namespace

Result<std::string> BeginUpload(Bucket& bucket, const std::string& key, bool with_checksums,
                                StoreCounters* counters) {
  Call call;
  call.action = "beginning the upload of";
  call.method = "POST";
  call.key = key;
  call.query = {{"uploads", ""}};
  if (with_checksums && bucket.dialect().checksums_in_completion)
    call.headers = {{"x-amz-checksum-algorithm", "CRC32C"}};
  TSNAP_ASSIGN(const Answer answer, bucket.Send(call, counters));
  if (!answer.ok()) return bucket.Failure(call, answer);
  Result<std::string> id = ParseUploadId(answer.response.body);
  if (!id.ok()) return std::move(id).status().While(call.action, bucket.UrlOf(key));
  return id;
}

Status AbortUpload(Bucket& bucket, const std::string& key, const std::string& upload_id,
                   StoreCounters* counters) {
  Call call;
  call.action = "aborting the upload of";
  call.method = "DELETE";
  call.key = key;
  call.query = {{"uploadId", upload_id}};
  call.may_be_left = true;
  TSNAP_ASSIGN(const Answer answer, bucket.Send(call, counters));
  return answer.ok() || answer.status() == 404 ? Status::Ok() : bucket.Failure(call, answer);
}

Status CompleteUpload(Bucket& bucket, const std::string& key, const std::string& upload_id,
                      const std::vector<UploadedPart>& parts, uint64_t size_bytes,
                      StoreCounters* counters) {
  std::string xml = CompletionXml(parts);
  Call call;
  call.action = "completing the upload of";
  call.method = "POST";
  call.key = key;
  call.query = {{"uploadId", upload_id}};
  call.headers = {{"Content-Type", "application/xml"}};
  call.body = {AsBytes(xml)};
  call.slow = true;
  Result<Answer> answer = bucket.Send(call, counters);
  if (answer.ok() && answer->error.code == "MalformedXML") {
    // A server that knows no checksums does not want to hear of them.
    std::vector<UploadedPart> plain = parts;
    for (UploadedPart& part : plain) part.checksum.clear();
    xml = CompletionXml(plain);
    call.body = {AsBytes(xml)};
    answer = bucket.Send(call, counters);
  }
  if (answer.ok() && answer->ok() && IsCompletion(answer->response.body)) return Status::Ok();
  const bool in_doubt = !answer.ok() ? answer.status().code() == Code::kNetwork
                                     : answer->ok() || answer->uncertain || answer->status() == 404;
  Status failure = !answer.ok()   ? answer.status()
                   : answer->ok() ? Corrupt("the server's answer to a completion makes no sense")
                                        .While(call.action, bucket.UrlOf(key))
                                  : bucket.Failure(call, *answer);
  if (!in_doubt) return failure;
  const Result<bool> there = IsThere(bucket, key, size_bytes, counters);
  return there.ok() && *there ? Status::Ok() : failure;
}

}  // namespace tsnap::object
