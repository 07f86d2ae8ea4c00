// CRC32C (Castagnoli, reflected, initial value and final xor all ones; RFC 3720) and the 64/128-bit
// content hashes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/bytes.h"

namespace tsnap {

uint32_t Crc32c(ConstByteSpan bytes) noexcept;
// The checksum of a followed by b, from crc(a), crc(b) and the length of b.
uint32_t Crc32cCombine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b) noexcept;
// Continues a checksum: Crc32cExtend(Crc32c(a), b) == Crc32c(a + b).
uint32_t Crc32cExtend(uint32_t crc, ConstByteSpan bytes) noexcept;

// XXH3, seed 0: placement (which owner) and equality of replicated sets and contents.
uint64_t Hash64(ConstByteSpan bytes) noexcept;
inline uint64_t Hash64(std::string_view text) noexcept { return Hash64(AsBytes(text)); }

struct Hash128 {
  uint64_t low = 0, high = 0;
  bool operator==(const Hash128&) const = default;
};
Hash128 HashContent(ConstByteSpan bytes) noexcept;

// HashContent of bytes that come piece by piece.
class ContentHasher {
 public:
  ContentHasher();  // throws std::bad_alloc
  void Add(ConstByteSpan bytes) noexcept;
  Hash128 Finish() const noexcept;

 private:
  struct FreeState {
    void operator()(void* state) const noexcept;
  };
  std::unique_ptr<void, FreeState> state_;  // a type of the library, which no header of ours names
};

}  // namespace tsnap
