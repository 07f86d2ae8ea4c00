// CRC32C by ISA-L, its combination by polynomial arithmetic, and XXH3.
#include "base/checksum.h"

#include <algorithm>
#include <new>

#include <isa-l/crc.h>
#include <xxhash.h>

namespace tsnap {
namespace {

// Polynomials over GF(2) modulo Castagnoli's, reflected: bit 31 is the coefficient of x^0.
constexpr uint32_t kPolynomial = 0x82F63B78;
constexpr uint32_t kOne = 1u << 31;

constexpr uint32_t MultiplyModP(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t mask = kOne; mask != 0; mask >>= 1) {
    if (a & mask) product ^= b;
    b = (b >> 1) ^ (b & 1 ? kPolynomial : 0);
  }
  return product;
}

// x^(8 * 2^k): appends 2^k zero bytes.
constexpr std::array<uint32_t, 64> MakeZeroByteOperators() {
  std::array<uint32_t, 64> operators{};
  uint32_t power = kOne >> 8;
  for (uint32_t& one : operators) {
    one = power;
    power = MultiplyModP(power, power);
  }
  return operators;
}
constexpr std::array<uint32_t, 64> kZeroByteOperators = MakeZeroByteOperators();

}  // namespace

uint32_t Crc32cExtend(uint32_t crc, ConstByteSpan bytes) noexcept {
  constexpr size_t kMaxCallBytes = size_t{1} << 30;  // ISA-L counts in int
  uint32_t state = ~crc;                             // and leaves both inversions to its caller
  while (!bytes.empty()) {
    const size_t call_bytes = std::min(bytes.size(), kMaxCallBytes);
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    state = crc32_iscsi(data, static_cast<int>(call_bytes), state);
    bytes = bytes.subspan(call_bytes);
  }
  return ~state;
}

uint32_t Crc32c(ConstByteSpan bytes) noexcept { return Crc32cExtend(0, bytes); }

uint32_t Crc32cCombine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b) noexcept {
  // The inversions of crc_a (extended by length_b zeros) and of crc_b cancel: what is left is
  // linear.
  for (size_t k = 0; length_b != 0; ++k, length_b >>= 1)
    if (length_b & 1) crc_a = MultiplyModP(kZeroByteOperators[k], crc_a);
  return crc_a ^ crc_b;
}

uint64_t Hash64(ConstByteSpan bytes) noexcept { return XXH3_64bits(bytes.data(), bytes.size()); }

Hash128 HashContent(ConstByteSpan bytes) noexcept {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

void ContentHasher::FreeState::operator()(void* state) const noexcept {
  XXH3_freeState(static_cast<XXH3_state_t*>(state));
}

ContentHasher::ContentHasher() : state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(static_cast<XXH3_state_t*>(state_.get()));
}

void ContentHasher::Add(ConstByteSpan bytes) noexcept {
  XXH3_128bits_update(static_cast<XXH3_state_t*>(state_.get()), bytes.data(), bytes.size());
}

Hash128 ContentHasher::Finish() const noexcept {
  const XXH128_hash_t hash = XXH3_128bits_digest(static_cast<const XXH3_state_t*>(state_.get()));
  return {hash.low64, hash.high64};
}

}  // namespace tsnap
