// RecordReader: takes a commit record's JSON text apart, member by member, straight into a
// CommitRecord. Checks every member's type and range, and never holds more than the record itself,
// however hostile the text. Knows nothing of the record's checksum.
#pragma once

#include <string_view>

#include "base/status.h"
#include "format/native/commit_record.h"

namespace tsnap::native {

// `text` is a whole JSON object. kCorrupt when malformed, kUnsupported when of a newer format
// version.
Result<CommitRecord> ReadRecordText(std::string_view text);

// Eight lower-case hexadecimal digits, as checksums are written in records.
bool ParseCrc(std::string_view text, uint32_t* out);

}  // namespace tsnap::native
