// Fuzz target of the index part's reader. What is accepted must come out the same after writing and reading it once more.
#include <cstdint>
#include <cstdlib>

#include "format/native/index_part.h"
#include "unit/format_samples.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tsnap;
  const ConstByteSpan bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto part = native::DecodeIndexPart(bytes);
  if (!part.ok() && part.status().code() != Code::kCorrupt) std::abort();
  if (part.ok()) {
    const auto again = native::DecodeIndexPart(native::EncodeIndexPart(*part));
    if (!again.ok() || !samples::Same(*part, *again)) std::abort();
  }
  const auto message = native::DecodeMessage(bytes);
  if (!message.ok() && message.status().code() != Code::kCorrupt) std::abort();
  if (part.ok() && !message.ok()) std::abort();
  if (message.ok()) {
    const auto again = native::DecodeMessage(native::EncodeMessage(*message));
    if (!again.ok() || !samples::Same(*message, *again)) std::abort();
  }
  return 0;
}
