#include "store/object/put.h"

#include <array>

#include "store/http/crypto.h"

namespace tsnap::object {

std::string ChecksumText(uint32_t crc32c) {
  const std::array<std::byte, 4> big_endian{std::byte(crc32c >> 24), std::byte(crc32c >> 16),
                                            std::byte(crc32c >> 8), std::byte(crc32c)};
  return http::Base64(big_endian);
}

Call PutCall(const Dialect& dialect, const std::string& key, ConstByteSpan bytes,
             std::optional<uint32_t> crc32c) {
  Call call;
  call.action = "writing";
  call.method = "PUT";
  call.key = key;
  call.body = {bytes};
  if (crc32c) {
    call.headers = {{std::string(dialect.checksum_header),
                     std::string(dialect.checksum_prefix) + ChecksumText(*crc32c)}};
  }
  return call;
}

Status PutWhole(Bucket& bucket, const std::string& key, ConstByteSpan bytes,
                std::optional<uint32_t> crc32c, StoreCounters* counters) {
  const Call call = PutCall(bucket.dialect(), key, bytes, crc32c);
  TSNAP_ASSIGN(const Answer answer, bucket.Send(call, counters));
  return answer.ok() ? Status::Ok() : bucket.Failure(call, answer);
}

}  // namespace tsnap::object
