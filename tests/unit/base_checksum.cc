// Checksums against published vectors and a bitwise oracle.
#include <criterion/criterion.h>

#include <array>
#include <cstddef>
#include <vector>

#include "base/checksum.h"
#include "seeded.h"

using namespace tsnap;

namespace {

uint32_t BitwiseCrc32c(ConstByteSpan bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const std::byte b : bytes) {
    crc ^= std::to_integer<uint32_t>(b);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
  }
  return ~crc;
}

Bytes RandomBytes(test::Seeded* random, size_t size) {
  Bytes bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random->Int(0, 255));
  return bytes;
}

}  // namespace

Test(checksum, crc32c_gives_the_vectors_of_rfc_3720) {
  cr_assert_eq(Crc32c(AsBytes("123456789")), 0xE3069283u);
  cr_assert_eq(Crc32c({}), 0u);
  Bytes bytes(32, std::byte{0});
  cr_assert_eq(Crc32c(bytes), 0x8A9136AAu);
  bytes.assign(32, std::byte{0xFF});
  cr_assert_eq(Crc32c(bytes), 0x62A8AB43u);
  for (size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  cr_assert_eq(Crc32c(bytes), 0x46DD794Eu);
  for (size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(31 - i);
  cr_assert_eq(Crc32c(bytes), 0x113FDB5Cu);
}

Test(checksum, crc32c_extends_and_combines_to_that_of_the_whole) {
  test::Seeded random;
  for (int round = 0; round < 300; ++round) {
    const Bytes whole = RandomBytes(&random, static_cast<size_t>(random.Int(0, 3000)));
    const auto cut = static_cast<size_t>(random.Int(0, static_cast<int64_t>(whole.size())));
    const ConstByteSpan a = ConstByteSpan(whole).first(cut), b = ConstByteSpan(whole).subspan(cut);
    const uint32_t expected = BitwiseCrc32c(whole);
    cr_assert_eq(Crc32c(whole), expected, "seed %llu", random.seed());
    cr_assert_eq(Crc32cExtend(Crc32c(a), b), expected, "seed %llu", random.seed());
    cr_assert_eq(Crc32cCombine(Crc32c(a), Crc32c(b), b.size()), expected, "seed %llu",
                 random.seed());
  }
}

Test(checksum, crc32c_combines_lengths_of_all_magnitudes) {
  // Doubling a run of zeros by combination must agree with appending them one power of two at a
  // time.
  const uint32_t a = Crc32c(AsBytes("tsnap"));
  uint32_t zeros = Crc32c(Bytes(1, std::byte{0}));
  for (uint64_t length = 1; length < (uint64_t{1} << 62); length *= 2) {
    const uint32_t doubled = Crc32cCombine(zeros, zeros, length);
    cr_assert_eq(Crc32cCombine(Crc32cCombine(a, zeros, length), zeros, length),
                 Crc32cCombine(a, doubled, 2 * length));
    zeros = doubled;
    if (2 * length == (1 << 20)) cr_assert_eq(zeros, Crc32c(Bytes(1 << 20, std::byte{0})));
  }
}

Test(checksum, hashes_are_xxh3_with_seed_0) {
  cr_assert_eq(Hash64(""), 0x2D06800538D394C2ull);
  const Hash128 empty = HashContent({});
  cr_assert_eq(empty.low, 0x6001C324468D497Full);
  cr_assert_eq(empty.high, 0x99AA06D3014798D8ull);
  cr_assert(Hash64("a") != Hash64("b"));
}
