// Fuzz target of the commit record's reader. The checksum would stop nearly every mutant at the door, so each input is
// also tried with a correct one. What is accepted must come out the same after writing and reading it once more.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/checksum.h"
#include "format/native/commit_record.h"

namespace {

void Check(std::string_view text) {
  using namespace tsnap;
  const auto record = native::DecodeRecord(AsBytes(text));
  if (!record.ok()) {
    const Code code = record.status().code();
    if (code != Code::kCorrupt && code != Code::kUnsupported) std::abort();
    return;
  }
  const auto again = native::EncodeRecord(*record);
  if (!again.ok()) std::abort();
  const auto reread = native::DecodeRecord(AsBytes(*again));
  if (!reread.ok() || reread->id != record->id || reread->metadata != record->metadata ||
      reread->parts.size() != record->parts.size() || reread->world_size != record->world_size ||
      reread->object_count != record->object_count || reread->hashed_slab_names != record->hashed_slab_names) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Check(text);
  const std::string body(text.substr(0, text.rfind(",\"crc32c\":\"")));
  Check(body + fmt::format(",\"crc32c\":\"{:08x}\"}}\n", tsnap::Crc32c(tsnap::AsBytes(body))));
  return 0;
}
