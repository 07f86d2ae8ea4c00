#include "store/object/listing.h"

#include <utility>

#include <fmt/format.h>

namespace tsnap::object {

namespace {

constexpr uint64_t kMostPageBytes = uint64_t{6} << 20;  // 1000 keys, each byte of which is escaped

Call PageCall(const std::string& prefix) {
  Call call;
  call.action = "listing";
  call.method = "GET";
  call.most_body_bytes = kMostPageBytes;
  call.query = {{"encoding-type", "url"}};
  if (!prefix.empty()) call.query.push_back({"prefix", prefix});
  return call;
}

}  // namespace

Status ListPages(Bucket& bucket, const std::string& prefix, bool by_folder, uint64_t most_keys,
                 StoreCounters* counters, const std::function<Status(const ListPage&)>& visit) {
  std::string token;
  do {
    Call call = PageCall(prefix);
    call.query.push_back({"list-type", "2"});
    if (by_folder) call.query.push_back({"delimiter", "/"});
    if (most_keys > 0) call.query.push_back({"max-keys", std::to_string(most_keys)});
    if (!token.empty()) call.query.push_back({"continuation-token", token});
    TSNAP_ASSIGN(const Answer answer, bucket.Send(call, counters));
    if (!answer.ok()) return bucket.Failure(call, answer);
    Result<ListPage> page = ParseList(answer.response.body);
    if (!page.ok()) return std::move(page).status().While("listing", bucket.UrlOf(prefix));
    if (!page->next.empty() && page->next == token)
      return Corrupt(fmt::format("listing {}: the server gives the same page again and again",
                                 bucket.UrlOf(prefix)));
    TSNAP_TRY(visit(*page));
    token = std::move(page->next);
  } while (!token.empty() && most_keys == 0);
  return Status::Ok();
}

Status ListUploads(Bucket& bucket, const std::string& prefix, StoreCounters* counters,
                   const std::function<Status(const UploadsPage&)>& visit) {
  std::string key, upload_id;
  for (;;) {
    Call call = PageCall(prefix);
    call.action = "listing the unfinished uploads of";
    call.query.push_back({"uploads", ""});
    if (!key.empty()) call.query.push_back({"key-marker", key});
    if (!upload_id.empty()) call.query.push_back({"upload-id-marker", upload_id});
    TSNAP_ASSIGN(const Answer answer, bucket.Send(call, counters));
    if (!answer.ok()) return bucket.Failure(call, answer);
    Result<UploadsPage> page = ParseUploads(answer.response.body);
    if (!page.ok()) return std::move(page).status().While(call.action, bucket.UrlOf(prefix));
    TSNAP_TRY(visit(*page));
    if (!page->more) return Status::Ok();
    if (page->next_key == key && page->next_upload_id == upload_id)
      return Corrupt(
          fmt::format("listing the uploads of {}: the server gives the same page again "
                      "and again",
                      bucket.UrlOf(prefix)));
    key = std::move(page->next_key);
    upload_id = std::move(page->next_upload_id);
  }
}

}  // namespace tsnap::object
