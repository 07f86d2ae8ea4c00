// How: a SAX handler walks the text once. Each place in the record (top, placement, one part) has a
// table of the members it knows; unknown members are skipped without being kept, known ones may
// stand there once.
#include "format/native/record_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <variant>
#include <vector>

#include "format/native/names.h"

namespace tsnap::native {
namespace {

constexpr int kMaxDepth = 64;
constexpr uint64_t kMaxParts = 1u << 24;
constexpr uint64_t kMaxInt64 = std::numeric_limits<int64_t>::max();
constexpr uint64_t kMaxInt32 = std::numeric_limits<int32_t>::max();
constexpr size_t kMaxShortText = 256;

enum class Place { kOutside, kTop, kPlacement, kParts, kPart };

// One member that is known at a place: its name, its range and where its value goes. `opens` stands
// for members whose value is an object or array of its own.
struct Member {
  std::string_view name;
  std::variant<std::monostate, uint64_t*, int64_t*, std::string*> target;
  uint64_t min = 0, max = 0;  // of a number; of a text: its length
  Place opens = Place::kOutside;
  bool optional = false;
  bool seen = false;
};

class RecordReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Status Finish();
  CommitRecord TakeRecord() { return std::move(record_); }

  bool null() override { return Odd("null"); }
  bool boolean(bool) override { return Odd("a boolean"); }
  bool number_float(double, const std::string&) override { return Odd("a fraction, or too large"); }
  bool binary(nlohmann::json::binary_t&) override { return Odd("binary"); }
  bool number_integer(int64_t value) override;
  bool number_unsigned(uint64_t value) override;
  bool string(std::string& value) override;
  bool key(std::string& name) override;
  bool start_object(size_t) override { return Open(false); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(true); }
  bool end_array() override { return Close(); }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    return Fail(fmt::format("no valid JSON at byte {}", position));
  }

 private:
  bool Fail(std::string why);
  bool Odd(const char* what);
  bool Open(bool array);
  bool Close();
  bool EndPart();
  std::vector<Member>* members();
  static const Member* FirstMissing(const std::vector<Member>& members);

  CommitRecord record_;
  std::string format_, part_crc_, slab_names_;
  uint64_t version_ = 0;
  uint64_t bytes_in_parts_ = 0;
  PartInfo part_;
  std::vector<Member> top_ = {
      {"format", &format_, 1, kMaxShortText},
      {"format_version", &version_, 1, kMaxInt32},
      {"id", &record_.id, 1, kMaxShortText},
      {"library_version", &record_.library_version, 0, kMaxShortText},
      {"byte_order", &record_.byte_order, 1, kMaxShortText},
      {"world_size", &record_.world_size, 1, kMaxInt32},
      {"created_unix_seconds", &record_.created_unix_seconds, 0, kMaxInt64},
      {"object_count", &record_.object_count, 0, kMaxInt64},
      {"raw_bytes", &record_.raw_bytes, 0, kMaxInt64},
      {"stored_bytes", &record_.stored_bytes, 0, kMaxInt64},
      {"slab_names", &slab_names_, 1, kMaxShortText, Place::kOutside, true},
      {"placement", {}, 0, 0, Place::kPlacement},
      {"parts", {}, 0, 0, Place::kParts},
      {"metadata", &record_.metadata, 0, kMaxRecordBytes, Place::kOutside, true},
      {"crc32c", &part_crc_, 8, 8},
  };
  std::vector<Member> placement_ = {
      {"parts", &record_.placement.parts, 1, kMaxParts},
      {"private_buckets", &record_.placement.private_buckets, 1, kMaxParts},
      {"tile_bytes", &record_.placement.tile_bytes, 0, kMaxInt64},
  };
  std::vector<Member> in_part_ = {
      {"bytes", &part_.bytes, 0, kMaxInt32},
      {"crc32c", &part_crc_, 8, 8},
  };

  Place place_ = Place::kOutside;
  Member* current_ = nullptr;  // the member whose value comes next; null = one that we do not know
  int skipped_ = 0;            // open brackets inside an unknown member
  bool newer_ = false;
  std::optional<std::string> failure_;
};

bool RecordReader::Fail(std::string why) {
  if (!failure_) failure_ = std::move(why);
  return false;
}

// A value that no known member has.
bool RecordReader::Odd(const char* what) {
  if (skipped_ > 0) return true;
  if (place_ == Place::kOutside || place_ == Place::kParts)
    return Fail(fmt::format("{} stands in place of an object", what));
  if (current_ == nullptr) return true;
  return Fail(fmt::format("its member \"{}\" is {}", current_->name, what));
}

bool RecordReader::number_integer(int64_t value) {
  return value < 0 ? Odd("a negative number") : number_unsigned(static_cast<uint64_t>(value));
}

bool RecordReader::number_unsigned(uint64_t value) {
  if (skipped_ > 0 || place_ == Place::kParts || current_ == nullptr) return Odd("a number");
  if (value < current_->min || value > current_->max) return Odd("out of range");
  if (auto** wide = std::get_if<uint64_t*>(&current_->target)) {
    **wide = value;
  } else if (auto** number = std::get_if<int64_t*>(&current_->target)) {
    **number = static_cast<int64_t>(value);
  } else {
    return Odd("a number");
  }
  newer_ = version_ > static_cast<uint64_t>(kFormatVersion);
  return !newer_;  // of a newer version we promise to understand nothing else
}

bool RecordReader::string(std::string& value) {
  if (skipped_ > 0 || place_ == Place::kParts || current_ == nullptr) return Odd("a text");
  auto** text = std::get_if<std::string*>(&current_->target);
  if (text == nullptr) return Odd("a text");
  if (value.size() < current_->min || value.size() > current_->max) return Odd("of a wrong length");
  **text = std::move(value);
  return true;
}

std::vector<Member>* RecordReader::members() {
  switch (place_) {
    case Place::kTop:
      return &top_;
    case Place::kPlacement:
      return &placement_;
    case Place::kPart:
      return &in_part_;
    case Place::kOutside:
    case Place::kParts:
      break;
  }
  return nullptr;
}

bool RecordReader::key(std::string& name) {
  if (skipped_ > 0) return true;
  current_ = nullptr;
  for (Member& member : *members()) {
    if (member.name != name) continue;
    if (member.seen) return Fail(fmt::format("its member \"{}\" stands there twice", name));
    member.seen = true;
    current_ = &member;
  }
  return true;
}

bool RecordReader::Open(bool array) {
  if (skipped_ > 0) return ++skipped_ <= kMaxDepth || Fail("it is nested too deeply");
  if (place_ == Place::kOutside && !array) {
    place_ = Place::kTop;
  } else if (place_ == Place::kParts && !array) {
    if (record_.parts.size() >= kMaxParts) return Fail("it has too many index parts");
    place_ = Place::kPart;
    part_ = {};
    for (Member& member : in_part_) member.seen = false;
  } else if (place_ == Place::kOutside || place_ == Place::kParts) {
    return Odd("an array");
  } else if (current_ == nullptr) {
    skipped_ = 1;
  } else if (current_->opens != Place::kOutside && array == (current_->opens == Place::kParts)) {
    place_ = current_->opens;
  } else {
    return Odd(array ? "an array" : "an object");
  }
  return true;
}

const Member* RecordReader::FirstMissing(const std::vector<Member>& members) {
  const auto missing = std::find_if(members.begin(), members.end(),
                                    [](const Member& m) { return !m.seen && !m.optional; });
  return missing == members.end() ? nullptr : &*missing;
}

bool RecordReader::EndPart() {
  if (!ParseCrc(part_crc_, &part_.crc32c))
    return Fail("the checksum of an index part is not 8 hexadecimal digits");
  bytes_in_parts_ += part_.bytes;  // at most 2^24 * 2^31
  record_.parts.push_back(part_);
  return true;
}

bool RecordReader::Close() {
  if (skipped_ > 0) {
    --skipped_;
    return true;
  }
  if (const std::vector<Member>* known = members()) {
    if (const Member* missing = FirstMissing(*known))
      return Fail(fmt::format("its member \"{}\" is missing", missing->name));
  }
  if (place_ == Place::kPart) {
    place_ = Place::kParts;
    return EndPart();
  }
  place_ = place_ == Place::kTop ? Place::kOutside : Place::kTop;
  return true;
}

// What can only be checked when all members are there.
Status RecordReader::Finish() {
  if (newer_) {
    return Unsupported(
        fmt::format("the snapshot was written by a newer tsnap (format {}): this one reads format "
                    "{}; read it with the newer tsnap",
                    version_, kFormatVersion));
  }
  if (!failure_ && format_ != "tsnap") failure_ = "it is not a tsnap record";
  if (!failure_ && !IsId(record_.id))
    failure_ = "its snapshot id is not 32 lower-case hexadecimal digits";
  if (!failure_ && record_.byte_order != "little" && record_.byte_order != "big")
    failure_ = "its byte order is unknown";
  record_.hashed_slab_names = slab_names_ == "hashed" && version_ >= 2;
  record_.foreign = slab_names_ == "foreign" && version_ >= 3;
  record_.datasets = record_.foreign || (slab_names_ == "datasets" && version_ >= 3);
  if (!failure_ && !slab_names_.empty() && !record_.hashed_slab_names && !record_.datasets)
    failure_ = "its slabs have names of an unknown kind";
  if (!failure_ && record_.parts.size() != record_.placement.parts) {
    failure_ = fmt::format("it lists {} index parts, but places objects in {}",
                           record_.parts.size(), record_.placement.parts);
  }
  if (!failure_ && record_.object_count > 0 && bytes_in_parts_ == 0)
    failure_ = "it counts objects, but its index is empty";
  if (failure_) return Corrupt("the commit record is damaged: " + *failure_);
  record_.format_version = static_cast<int>(version_);
  record_.has_metadata = std::any_of(
      top_.begin(), top_.end(), [](const Member& m) { return m.name == "metadata" && m.seen; });
  return Status::Ok();
}

}  // namespace

bool ParseCrc(std::string_view text, uint32_t* out) {
  if (text.size() != 8) return false;
  uint32_t value = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9')
      value = value << 4 | static_cast<uint32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value = value << 4 | static_cast<uint32_t>(c - 'a' + 10);
    else
      return false;
  }
  *out = value;
  return true;
}

Result<CommitRecord> ReadRecordText(std::string_view text) {
  RecordReader reader;
  try {
    // What it returns is also in the reader: a failure, or a version that stopped it.
    (void)nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  } catch (const nlohmann::json::exception& error) {
    return Corrupt(fmt::format("the commit record is damaged: no valid JSON (error {})", error.id));
  }
  TSNAP_TRY(reader.Finish());
  return reader.TakeRecord();
}

}  // namespace tsnap::native
