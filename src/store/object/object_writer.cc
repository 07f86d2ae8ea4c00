#include "store/object/object_writer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/protect.h"
#include "store/object/put.h"
#include "store/object/upload.h"

namespace tsnap::object {

Result<std::unique_ptr<StoreWriter>> ObjectWriter::Create(std::shared_ptr<Bucket> bucket,
                                                          std::string key,
                                                          const WriteLayout& layout,
                                                          StoreCounters* counters) {
  if (layout.offsets.size() > kMostParts)
    return Invalid(
        fmt::format("creating {}: an upload has at most {} parts, this one wants {}: "
                    "make slabs smaller, or the memory budget larger",
                    bucket->UrlOf(key), kMostParts, layout.offsets.size()));
  return std::unique_ptr<StoreWriter>(
      new ObjectWriter(std::move(bucket), std::move(key), layout, counters));
}

ObjectWriter::ObjectWriter(std::shared_ptr<Bucket> bucket, std::string key,
                           const WriteLayout& layout, StoreCounters* counters)
    : bucket_(std::move(bucket)),
      key_(std::move(key)),
      offsets_(layout.offsets),
      counters_(counters),
      parts_(std::max<size_t>(1, layout.offsets.size())) {}

ObjectWriter::~ObjectWriter() {
  if (!finished_ && !upload_id_.empty()) Abort();
}

Result<size_t> ObjectWriter::NumberOf(uint64_t offset) const {
  if (!in_parts() && offset == 0) return size_t{0};
  const auto found = std::lower_bound(offsets_.begin(), offsets_.end(), offset);
  if (found != offsets_.end() && *found == offset)
    return static_cast<size_t>(found - offsets_.begin());
  return Internal(
      fmt::format("writing {} at byte {}: no part begins there", bucket_->UrlOf(key_), offset));
}

Status ObjectWriter::WriteAt(uint64_t offset, ConstByteSpan bytes, std::optional<uint32_t> crc32c) {
  TSNAP_ASSIGN(const size_t number, NumberOf(offset));
  TSNAP_TRY(in_parts() ? PutPart(number, bytes, crc32c)
                       : PutWhole(*bucket_, key_, bytes, crc32c, counters_));
  std::lock_guard lock(mutex_);
  parts_[number].bytes = bytes.size();
  parts_[number].written = true;
  ++counters_->write_calls;
  counters_->written_bytes += bytes.size();
  return Status::Ok();
}

Status ObjectWriter::Begin() {
  std::lock_guard lock(mutex_);  // the others have nothing to send before it is known
  if (!upload_id_.empty()) return Status::Ok();
  // Each part would wait for as long as the first did.
  if (!begun_.ok()) return begun_;
  Result<std::string> id = BeginUpload(*bucket_, key_, /*with_checksums=*/true, counters_);
  if (!id.ok()) return begun_ = std::move(id).status();
  upload_id_ = std::move(id).value();
  return Status::Ok();
}

Status ObjectWriter::PutPart(size_t number, ConstByteSpan bytes, std::optional<uint32_t> crc32c) {
  TSNAP_TRY(Begin());
  Call call = PutCall(bucket_->dialect(), key_, bytes, crc32c);
  call.action = fmt::format("writing part {} of", number + 1);
  call.query = {{"partNumber", std::to_string(number + 1)}, {"uploadId", upload_id_}};
  TSNAP_ASSIGN(const Answer answer, bucket_->Send(call, counters_));
  if (!answer.ok()) return bucket_->Failure(call, answer);
  UploadedPart uploaded;
  uploaded.number = number + 1;
  uploaded.tag = answer.response.header("etag");
  if (uploaded.tag.empty())
    return Corrupt(fmt::format("{} {}: the server took it, but gave no ETag", call.action,
                               bucket_->UrlOf(key_)));
  if (crc32c && bucket_->dialect().checksums_in_completion)
    uploaded.checksum = ChecksumText(*crc32c);
  std::lock_guard lock(mutex_);
  parts_[number].uploaded = std::move(uploaded);
  return Status::Ok();
}

Status ObjectWriter::Finish(uint64_t size_bytes, bool) {
  uint64_t end = 0;
  {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < parts_.size(); ++i) {
      const uint64_t begin = in_parts() ? offsets_[i] : 0;
      if (begin != end || (in_parts() && !parts_[i].written))
        return Internal(fmt::format("finishing {}: part {} of {} is missing or too short",
                                    bucket_->UrlOf(key_), i + 1, parts_.size()));
      end = begin + parts_[i].bytes;
    }
  }
  if (end != size_bytes)
    return Internal(fmt::format("finishing {}: {} bytes were written, it should have {}",
                                bucket_->UrlOf(key_), end, size_bytes));
  if (in_parts()) {
    TSNAP_TRY(Complete(size_bytes));
  } else if (!parts_[0].written) {
    TSNAP_TRY(PutWhole(*bucket_, key_, {}, std::nullopt, counters_));
  }
  finished_ = true;
  return Status::Ok();
}

Status ObjectWriter::Complete(uint64_t size_bytes) {
  std::vector<UploadedPart> uploaded;
  {
    std::lock_guard lock(mutex_);
    for (const Part& part : parts_) uploaded.push_back(part.uploaded);
  }
  return CompleteUpload(*bucket_, key_, upload_id_, uploaded, size_bytes, counters_);
}

void ObjectWriter::Abort() noexcept {
  const Status aborted =
      Protect([&] { return AbortUpload(*bucket_, key_, upload_id_, counters_); });
  if (aborted.ok()) return;
  static_cast<void>(Protect([&] {
    bucket_->log().Write(LogLevel::kWarning, aborted.message() + " (tsnap gc does it later)");
    return Status::Ok();
  }));
}

}  // namespace tsnap::object
