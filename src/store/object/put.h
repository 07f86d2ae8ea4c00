// Put: bytes on their way to a service, with the checksum that it verifies on arrival.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "store/object/bucket.h"
#include "store/store.h"

namespace tsnap::object {

std::string ChecksumText(uint32_t crc32c);  // Base64, big-endian

// A whole object, or (with a query) a part of one. bytes: borrowed.
Call PutCall(const Dialect& dialect, const std::string& key, ConstByteSpan bytes,
             std::optional<uint32_t> crc32c);
// A whole object, over whatever is there.
Status PutWhole(Bucket& bucket, const std::string& key, ConstByteSpan bytes,
                std::optional<uint32_t> crc32c, StoreCounters* counters);

}  // namespace tsnap::object
