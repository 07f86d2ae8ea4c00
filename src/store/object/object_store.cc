#include "store/object/object_store.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/checksum.h"
#include "store/http/time_text.h"
#include "store/object/conditional_put.h"
#include "store/object/copy.h"
#include "store/object/listing.h"
#include "store/object/object_writer.h"
#include "store/object/put.h"
#include "store/object/removal.h"

namespace tsnap::object {

namespace {

constexpr uint64_t kReadTransferBytes = uint64_t{16} << 20;
constexpr int kConcurrency = 8;
constexpr int kMostCutTries = 3;

bool IsOurs(std::string_view key) {
  if (key.empty()) return false;
  for (;;) {
    const size_t end = std::min(key.find('/'), key.size());
    const std::string_view part = key.substr(0, end);
    if (part.empty() || part == "." || part == "..") return false;
    if (end == key.size()) return true;
    key.remove_prefix(end + 1);
  }
}

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

// What the server says of a whole body, where it says anything.
std::optional<std::string> ChecksumOf(const Dialect& dialect, const http::Response& response) {
  for (const http::Header& header : response.headers) {
    if (header.name != dialect.checksum_header) continue;
    std::string_view value = header.value;
    const size_t found = value.find(dialect.checksum_prefix);
    if (found == std::string_view::npos) continue;
    value = value.substr(found + dialect.checksum_prefix.size());
    value = value.substr(0, value.find(','));
    if (value.size() == 8) return std::string(value);  // one of parts ends in "-<number>"
  }
  return {};
}

class ObjectStore final : public Store, public Place {
 public:
  ObjectStore(std::shared_ptr<Bucket> bucket, std::string prefix, const ObjectStoreOptions& options)
      : bucket_(std::move(bucket)),
        prefix_(std::move(prefix)),
        url_(bucket_->UrlOf(prefix_.substr(0, prefix_.size() - (prefix_.empty() ? 0 : 1)))),
        keeps_conditions_(options.keeps_conditions) {
    traits_.read_gap_bytes = options.gap_bytes;
    traits_.slab_bytes = traits_.chunk_bytes = options.slab_bytes;
    traits_.write_transfer_bytes = options.slab_bytes;
    traits_.read_transfer_bytes = kReadTransferBytes;
    traits_.io_concurrency = kConcurrency;
    traits_.least_part_bytes = kLeastPartBytes;
    traits_.wants_checksums = true;
    traits_.hashed_slab_names = true;
  }

  const StoreTraits& traits() const override { return traits_; }
  const std::string& url() const override { return url_; }
  // A request that is begun is progress too: each ends in time, and is tried again until a deadline
  // only, so that a call of several is no stall before all of them have failed.
  uint64_t moved_bytes() const override {
    return bucket_->client().moved_bytes() + counters().requests;
  }
  Bucket& bucket() override { return *bucket_; }
  const std::string& prefix() const override { return prefix_; }

  Result<std::unique_ptr<StoreWriter>> Create(const std::string& key,
                                              const WriteLayout& layout) override {
    return ObjectWriter::Create(bucket_, prefix_ + key, layout, &counters());
  }

  Status ReadAt(const std::string& key, uint64_t offset, ByteSpan out) override {
    if (out.empty()) return Stat(key).status();
    Call call = ReadCall(key);
    call.headers = {{"Range", fmt::format("bytes={}-{}", offset, offset + out.size() - 1)}};
    call.into = out;
    for (int tries = 1;; ++tries) {
      TSNAP_ASSIGN(const Answer answer, bucket_->Send(call, &counters()));
      if (!answer.ok()) return bucket_->Failure(call, answer);
      Status checked = CheckRange(call, answer, offset, out.size());
      if (checked.ok()) break;
      // It says that it sends more than has come, and did not say how much: cut short on its way.
      if (checked.code() != Code::kNetwork || tries == kMostCutTries) return checked;
    }
    ++counters().read_calls;
    counters().read_bytes += out.size();
    return Status::Ok();
  }

  Result<Bytes> Get(const std::string& key, uint64_t max_bytes, Version* version) override {
    Call call = ReadCall(key);
    call.most_body_bytes = max_bytes;
    if (bucket_->dialect().checksums_in_completion)
      call.headers = {{"x-amz-checksum-mode", "ENABLED"}};
    for (int tries = 0;; ++tries) {
      TSNAP_ASSIGN(Answer answer, bucket_->Send(call, &counters()));
      if (!answer.ok()) return bucket_->Failure(call, answer);
      const std::optional<std::string> checksum = ChecksumOf(bucket_->dialect(), answer.response);
      if (checksum && *checksum != ChecksumText(Crc32c(answer.response.body))) {
        if (tries < 2) continue;  // damaged on its way
        return Corrupt(
            fmt::format("reading {}: it does not have the checksum that the server "
                        "names",
                        bucket_->UrlOf(call.key)));
      }
      if (version != nullptr) version->tag = VersionOf(bucket_->dialect(), answer.response);
      ++counters().read_calls;
      counters().read_bytes += answer.response.body.size();
      return std::move(answer.response.body);
    }
  }

  Status Put(const std::string& key, ConstByteSpan bytes, bool) override {
    return Count(PutWhole(*bucket_, prefix_ + key, bytes, Crc32c(bytes), &counters()),
                 bytes.size());
  }

  Status PutIf(const std::string& key, ConstByteSpan bytes, const Version& expected,
               bool) override {
    ConditionalPut put(*bucket_, prefix_ + key, bytes, expected, &counters());
    return Count(put.Run(/*look_first=*/!keeps_conditions_), bytes.size());
  }

  Result<Entry> Stat(const std::string& key) override {
    Call call = ReadCall(key);
    call.action = "looking at";
    call.method = "HEAD";
    TSNAP_ASSIGN(const Answer answer, bucket_->Send(call, &counters()));
    if (!answer.ok()) return bucket_->Failure(call, answer);
    const std::optional<uint64_t> bytes = Number(answer.response.header("content-length"));
    if (!bytes)
      return Corrupt(
          fmt::format("looking at {}: the server names no size", bucket_->UrlOf(call.key)));
    return Entry{key, *bytes,
                 http::ParseHttpTime(answer.response.header("last-modified")).value_or(0)};
  }

  Status Remove(const std::string& key) override {
    return RemoveOne(*bucket_, prefix_ + key, nullptr, &counters());
  }

  Status RemoveIf(const std::string& key, const Version& expected) override {
    return RemoveOne(*bucket_, prefix_ + key, &expected, &counters());
  }

  bool HasPlace() override {
    bool found = false;
    const Status listed =
        ListPages(*bucket_, prefix_, false, 1, &counters(), [&](const ListPage& page) {
          found = found || !page.objects.empty();
          return Status::Ok();
        });
    // Whatever else is wrong, the next call tells.
    if (!listed.ok()) return listed.code() != Code::kNotFound;
    if (found) return true;
    const Status uploads =
        ListUploads(*bucket_, prefix_, &counters(), [&](const UploadsPage& page) {
          found = found || !page.uploads.empty();
          return Status::Ok();
        });
    return found || !uploads.ok();
  }

  Status List(const std::string& prefix,
              const std::function<Status(const Entry&)>& visit) override {
    return ListPages(*bucket_, prefix_ + prefix, false, 0, &counters(), [&](const ListPage& page) {
      for (const ListedObject& object : page.objects) {
        if (!object.key.starts_with(prefix_ + prefix)) continue;
        const std::string key = object.key.substr(prefix_.size());
        if (IsOurs(key)) TSNAP_TRY(visit({key, object.bytes, object.modified_unix_seconds}));
      }
      return Status::Ok();
    });
  }

  Status ListParts(const std::string& prefix,
                   const std::function<Status(const std::string&)>& visit) override {
    const std::string whole = prefix_ + prefix;
    const auto visit_part = [&](std::string_view key) {
      if (!key.starts_with(whole)) return Status::Ok();
      std::string part(key.substr(whole.size()));
      if (part.ends_with('/')) part.pop_back();
      return IsOurs(part) ? visit(part) : Status::Ok();
    };
    return ListPages(*bucket_, whole, true, 0, &counters(), [&](const ListPage& page) {
      for (const std::string& folder : page.prefixes) TSNAP_TRY(visit_part(folder));
      for (const ListedObject& object : page.objects) TSNAP_TRY(visit_part(object.key));
      return Status::Ok();
    });
  }

  Status RemoveAll(const std::string& prefix) override {
    return RemoveBelow(*bucket_, prefix_ + prefix, &counters());
  }

  Status RemoveLeftovers(const std::string& prefix, int64_t before_unix_seconds,
                         const std::function<bool(std::string_view)>& dead) override {
    return AbortUploads(*bucket_, prefix_ + prefix, before_unix_seconds, dead, &counters());
  }

  Status CopyFrom(Store& source, const std::string& key, uint64_t bytes) override {
    auto* place = dynamic_cast<Place*>(&source);
    if (place == nullptr) return Store::CopyFrom(source, key, bytes);
    return CopyWithin(place->bucket(), place->prefix() + key, *bucket_, prefix_ + key, bytes,
                      &counters());
  }

  Status SyncFolder(const std::string&) override { return Status::Ok(); }

 private:
  Call ReadCall(const std::string& key) const {
    Call call;
    call.action = "reading";
    call.method = "GET";
    call.error_in_200 = false;
    call.key = prefix_ + key;
    return call;
  }

  Status CheckRange(const Call& call, const Answer& answer, uint64_t offset, uint64_t bytes) const {
    const std::string url = bucket_->UrlOf(call.key);
    const bool whole = answer.status() == 200 && offset == 0;
    if (!whole && answer.status() != 206)
      return IoError(fmt::format("reading {}: the server answered {} to a range of bytes", url,
                                 answer.status()));
    const std::string begin = fmt::format("bytes {}-", offset);
    if (!whole && !answer.response.header("content-range").starts_with(begin))
      return IoError(
          fmt::format("reading {}: the server sent another range than bytes from {}", url, offset));
    const std::string whole_range = fmt::format("bytes {}-{}/", offset, offset + bytes - 1);
    if (answer.response.into_bytes < bytes &&
        answer.response.header("content-range").starts_with(whole_range))
      return Status(Code::kNetwork,
                    fmt::format("reading {}: only {} of {} bytes arrive: check the network", url,
                                answer.response.into_bytes, bytes));
    if (answer.response.into_bytes != bytes)
      return Corrupt(
          fmt::format("reading {}: it is truncated: it ends at byte {}, {} were recorded", url,
                      offset + answer.response.into_bytes, offset + bytes));
    return Status::Ok();
  }

  Status Count(Status status, uint64_t bytes) {
    if (!status.ok()) return status;
    ++counters().write_calls;
    counters().written_bytes += bytes;
    return status;
  }

  const std::shared_ptr<Bucket> bucket_;
  const std::string prefix_;
  const std::string url_;
  const bool keeps_conditions_;
  StoreTraits traits_;
};

}  // namespace

std::unique_ptr<Store> MakeObjectStore(std::shared_ptr<Bucket> bucket, std::string prefix,
                                       const ObjectStoreOptions& options) {
  return std::make_unique<ObjectStore>(std::move(bucket), std::move(prefix), options);
}

}  // namespace tsnap::object
