#include "store/object/removal.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "store/http/crypto.h"
#include "store/object/conditional_put.h"
#include "store/object/listing.h"

namespace tsnap::object {

namespace {

constexpr uint64_t kMostDeletionBytes = uint64_t{8} << 20;  // of an answer that names failures

Call DeleteCall(const std::string& key) {
  Call call;
  call.action = "removing";
  call.method = "DELETE";
  call.key = key;
  return call;
}

Status Judge(const Bucket& bucket, const Call& call, const Result<Answer>& answer) {
  if (!answer.ok()) return answer.status();
  const bool gone =
      answer->ok() || (answer->status() == 404 && answer->error.code != "NoSuchBucket");
  return gone ? Status::Ok() : bucket.Failure(call, *answer);
}

Status RemoveSideBySide(Bucket& bucket, const std::vector<std::string>& keys,
                        StoreCounters* counters) {
  std::vector<Call> calls;
  for (const std::string& key : keys) calls.push_back(DeleteCall(key));
  const std::vector<Result<Answer>> answers = bucket.SendAll(calls, counters);
  for (size_t i = 0; i < calls.size(); ++i) {
    TSNAP_TRY(Judge(bucket, calls[i], answers[i]));
    ++counters->removed_names;
  }
  return Status::Ok();
}

// In one request; what the server did not manage is tried again one by one.
Status RemoveTogether(Bucket& bucket, const std::vector<std::string>& keys,
                      StoreCounters* counters) {
  const std::string xml = DeletionXml(keys);
  TSNAP_ASSIGN(const auto digest, http::Md5(AsBytes(xml)));
  Call call;
  call.action = "removing objects of";
  call.method = "POST";
  call.query = {{"delete", ""}};
  call.headers = {{"Content-Type", "application/xml"}, {"Content-MD5", http::Base64(digest)}};
  call.body = {AsBytes(xml)};
  call.most_body_bytes = kMostDeletionBytes;
  TSNAP_ASSIGN(const Answer answer, bucket.Send(call, counters));
  const bool not_understood = answer.status() == 400 && (answer.error.code == "MalformedXML" ||
                                                         answer.error.code == "InvalidRequest" ||
                                                         answer.error.code == "InvalidArgument");
  if (answer.status() == 501 || answer.status() == 405 || not_understood) {
    bucket.lacks_multi_delete = true;
    return RemoveSideBySide(bucket, keys, counters);
  }
  if (!answer.ok()) return bucket.Failure(call, answer);
  Result<std::vector<FailedDelete>> failed = ParseDeletion(answer.response.body);
  if (!failed.ok()) return std::move(failed).status().While(call.action, bucket.UrlOf(""));
  counters->removed_names += keys.size() - std::min(keys.size(), failed->size());
  std::vector<std::string> left;
  for (const FailedDelete& one : *failed) {
    // Only what was asked for.
    if (std::find(keys.begin(), keys.end(), one.key) != keys.end()) left.push_back(one.key);
  }
  // One under a name that was not asked for: each is removed by its own name.
  if (left.size() < failed->size()) left = keys;
  return left.empty() ? Status::Ok() : RemoveSideBySide(bucket, left, counters);
}

Status RemoveKeys(Bucket& bucket, const std::vector<std::string>& keys, StoreCounters* counters) {
  for (size_t begin = 0; begin < keys.size(); begin += kMostDeletes) {
    const size_t end = std::min(keys.size(), begin + kMostDeletes);
    const std::vector<std::string> some(keys.begin() + static_cast<ptrdiff_t>(begin),
                                        keys.begin() + static_cast<ptrdiff_t>(end));
    const bool together =
        bucket.dialect().deletes_many && !bucket.lacks_multi_delete && some.size() > 1;
    TSNAP_TRY(together ? RemoveTogether(bucket, some, counters)
                       : RemoveSideBySide(bucket, some, counters));
  }
  return Status::Ok();
}

// Looks, where the server cannot be trusted to compare; and lets it compare as well.
Status RemoveVersion(Bucket& bucket, const std::string& key, const Version& expected,
                     StoreCounters* counters) {
  Call look = DeleteCall(key);
  look.method = "HEAD";
  TSNAP_ASSIGN(const Answer found, bucket.Send(look, counters));
  if (!found.ok()) return bucket.Failure(look, found);
  const Status another =
      Exists(fmt::format("removing {}: another one is there", bucket.UrlOf(key)));
  if (VersionOf(bucket.dialect(), found.response) != expected.tag) return another;
  for (const bool quoted : {true, false}) {
    Call call = DeleteCall(key);
    call.headers = {ConditionOn(bucket.dialect(), expected, quoted)};
    call.once = true;
    TSNAP_ASSIGN(const Answer answer, bucket.Send(call, counters));
    if (answer.status() == 501) return RemoveOne(bucket, key, nullptr, counters);
    // A try whose answer was lost has done it.
    if (answer.status() == 404 && answer.uncertain) return Status::Ok();
    if (answer.status() != 412) return answer.ok() ? Status::Ok() : bucket.Failure(call, answer);
    TSNAP_ASSIGN(const Answer again, bucket.Send(look, counters));
    if (!again.ok()) return bucket.Failure(look, again);
    if (VersionOf(bucket.dialect(), again.response) != expected.tag) return another;
  }
  return another;
}

}  // namespace

Status RemoveOne(Bucket& bucket, const std::string& key, const Version* expected,
                 StoreCounters* counters) {
  if (expected != nullptr) return RemoveVersion(bucket, key, *expected, counters);
  const Call call = DeleteCall(key);
  return Judge(bucket, call, bucket.Send(call, counters));
}

Status RemoveBelow(Bucket& bucket, const std::string& prefix, StoreCounters* counters) {
  TSNAP_TRY(ListPages(bucket, prefix, false, 0, counters, [&](const ListPage& page) {
    std::vector<std::string> keys;
    for (const ListedObject& object : page.objects) {
      if (object.key.starts_with(prefix)) keys.push_back(object.key);
    }
    return RemoveKeys(bucket, keys, counters);
  }));
  const Status aborted = AbortUploads(
      bucket, prefix, std::numeric_limits<int64_t>::max(), [](std::string_view) { return true; },
      counters);
  // The objects are gone, which is what was asked for; not everybody may list uploads.
  if (!aborted.ok())
    bucket.log().Write(LogLevel::kWarning, aborted.message() + " (tsnap gc does it later)");
  return Status::Ok();
}

Status AbortUploads(Bucket& bucket, const std::string& prefix, int64_t before_unix_seconds,
                    const std::function<bool(std::string_view key)>& dead,
                    StoreCounters* counters) {
  return ListUploads(bucket, prefix, counters, [&](const UploadsPage& page) -> Status {
    std::vector<Call> calls;
    for (const ListedUpload& upload : page.uploads) {
      // What a server lists without being asked is not ours to touch.
      if (!upload.key.starts_with(prefix)) continue;
      if (upload.initiated_unix_seconds >= before_unix_seconds ||
          !dead(std::string_view(upload.key).substr(prefix.size())))
        continue;
      Call& call = calls.emplace_back(DeleteCall(upload.key));
      call.action = "aborting the upload of";
      call.query = {{"uploadId", upload.upload_id}};
    }
    const std::vector<Result<Answer>> answers = bucket.SendAll(calls, counters);
    for (size_t i = 0; i < calls.size(); ++i) TSNAP_TRY(Judge(bucket, calls[i], answers[i]));
    return Status::Ok();
  });
}

}  // namespace tsnap::object
