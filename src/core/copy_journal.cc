#include "core/copy_journal.h"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/checksum.h"
#include "format/native/names.h"

namespace tsnap {

namespace {
constexpr uint64_t kMostNoteBytes = uint64_t{256} << 20;  // a million objects
constexpr std::string_view kChecksum = "crc32c ";

std::string ChecksumLine(std::string_view lines) {
  return fmt::format("{}{:08x}\n", kChecksum, Crc32c(AsBytes(lines)));
}
}  // namespace

CopyJournal::CopyJournal(std::shared_ptr<Store> store, std::string id, std::string owner)
    : store_(std::move(store)),
      id_prefix_(id + "/"),
      prefix_(native::CopiedFolder(id) + "/"),
      own_prefix_(prefix_ + owner + ".") {}

Result<ObjectSizes> CopyJournal::ReadNotesOf(const std::string& earlier_owner) {
  ObjectSizes sizes;
  if (earlier_owner.empty()) return sizes;
  const std::string begin = prefix_ + earlier_owner + ".";
  std::vector<std::string> keys;
  TSNAP_TRY(store_->List(prefix_, [&](const Entry& entry) {
    if (entry.key.starts_with(begin)) keys.push_back(entry.key);
    return Status::Ok();
  }));
  for (const std::string& key : keys) {
    const Result<Bytes> text = store_->Get(key, kMostNoteBytes, nullptr);
    if (text.ok()) Decode(AsText(*text), &sizes);
    const Code code = text.status().code();
    // What cannot be believed is copied again.
    if (code != Code::kOk && code != Code::kNotFound && code != Code::kCorrupt)
      return text.status();
  }
  return sizes;
}

void CopyJournal::Decode(std::string_view text, ObjectSizes* sizes) const {
  const size_t checksum = text.rfind(kChecksum);
  if (checksum == std::string_view::npos) return;
  std::string_view lines = text.substr(0, checksum);
  if (text.substr(checksum) != ChecksumLine(lines)) return;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    uint64_t bytes = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), bytes);
    const auto digits = static_cast<size_t>(end - line.data());
    if (error == std::errc() && digits < line.size() && line[digits] == ' ')
      (*sizes)[id_prefix_ + std::string(line.substr(digits + 1))] = bytes;
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
  }
}

Status CopyJournal::Write(const std::vector<Entry>& finished) {
  std::string text;
  for (const Entry& entry : finished) {
    // A name that would break the lines is copied again after an interruption.
    if (entry.key.find('\n') == std::string::npos)
      text += fmt::format("{} {}\n", entry.bytes, entry.key.substr(id_prefix_.size()));
  }
  text += ChecksumLine(text);
  TSNAP_TRY(store_->Put(fmt::format("{}{}", own_prefix_, notes_), AsBytes(text), false)
                .While("noting what is copied"));
  ++notes_;
  return Status::Ok();
}

}  // namespace tsnap
