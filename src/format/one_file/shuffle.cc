#include "format/one_file/shuffle.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

namespace tsnap::one_file {

namespace {

using Lane = uint8_t __attribute__((vector_size(16)));
constexpr uint64_t kLaneBytes = sizeof(Lane);

Lane Load(const std::byte* from) noexcept {
  Lane lane;
  std::memcpy(&lane, from, kLaneBytes);
  return lane;
}

void Store(const Lane& lane, std::byte* to) noexcept { std::memcpy(to, &lane, kLaneBytes); }

// Calls f for 0, 1, ..., unrolled, whatever the compiler's switches: lanes stay in registers.
template <uint64_t kTimes, class F>
void Unrolled(const F& f) noexcept {
  [&]<uint64_t... kEach>(std::integer_sequence<uint64_t, kEach...>) {
    (f(std::integral_constant<uint64_t, kEach>()), ...);
  }
  (std::make_integer_sequence<uint64_t, kTimes>());
}

template <uint64_t kItemBytes>
using Lanes = std::array<Lane, kItemBytes>;

// Both halves of all the lanes' bytes, one byte of each in turn: of a byte's place, written in
// binary, the first digit becomes the last one.
template <uint64_t kItemBytes>
void Interleave(Lanes<kItemBytes>* lanes) noexcept {
  Lanes<kItemBytes> turned;
  Unrolled<kItemBytes / 2>([&](auto i) {
    const Lane &a = (*lanes)[i], &b = (*lanes)[i + kItemBytes / 2];
    turned[2 * i] =
        __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    turned[2 * i + 1] =
        __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  });
  *lanes = turned;
}

constexpr uint64_t Digits(uint64_t power_of_two) noexcept {
  return power_of_two == 1 ? 0 : 1 + Digits(power_of_two / 2);
}

// Sixteen elements at a time: byte b of element i is at (i, b), and is to be at (b, i). i has four
// binary digits, so four turns bring it behind b, and as many as b has bring it back. Return how
// many elements were done.
template <uint64_t kItemBytes>
uint64_t ShuffleLanes(const std::byte* in, uint64_t items, std::byte* out) noexcept {
  uint64_t done = 0;
  for (; items - done >= kLaneBytes; done += kLaneBytes) {
    Lanes<kItemBytes> lanes;
    Unrolled<kItemBytes>([&](auto i) { lanes[i] = Load(in + done * kItemBytes + i * kLaneBytes); });
    Unrolled<Digits(kLaneBytes)>([&](auto) { Interleave<kItemBytes>(&lanes); });
    Unrolled<kItemBytes>([&](auto i) { Store(lanes[i], out + i * items + done); });
  }
  return done;
}

template <uint64_t kItemBytes>
uint64_t UnshuffleLanes(const std::byte* in, uint64_t items, std::byte* out) noexcept {
  uint64_t done = 0;
  for (; items - done >= kLaneBytes; done += kLaneBytes) {
    Lanes<kItemBytes> lanes;
    Unrolled<kItemBytes>([&](auto i) { lanes[i] = Load(in + i * items + done); });
    Unrolled<Digits(kItemBytes)>([&](auto) { Interleave<kItemBytes>(&lanes); });
    Unrolled<kItemBytes>(
        [&](auto i) { Store(lanes[i], out + done * kItemBytes + i * kLaneBytes); });
  }
  return done;
}

// Elements of any size, from one on; few at a time, so that they stay in the cache.
constexpr uint64_t kItemsPerTurn = 256;

void ShuffleRest(uint64_t item_bytes, const std::byte* in, uint64_t begin, uint64_t items,
                 std::byte* out) noexcept {
  for (; begin < items; begin += kItemsPerTurn) {
    const uint64_t end = std::min(items, begin + kItemsPerTurn);
    for (uint64_t byte = 0; byte < item_bytes; ++byte)
      for (uint64_t item = begin; item < end; ++item)
        out[byte * items + item] = in[item * item_bytes + byte];
  }
}

void UnshuffleRest(uint64_t item_bytes, const std::byte* in, uint64_t begin, uint64_t items,
                   std::byte* out) noexcept {
  for (; begin < items; begin += kItemsPerTurn) {
    const uint64_t end = std::min(items, begin + kItemsPerTurn);
    for (uint64_t byte = 0; byte < item_bytes; ++byte)
      for (uint64_t item = begin; item < end; ++item)
        out[item * item_bytes + byte] = in[byte * items + item];
  }
}

void CopyTail(uint64_t begin, ConstByteSpan in, ByteSpan out) noexcept {
  std::copy(in.begin() + static_cast<std::ptrdiff_t>(begin), in.end(),
            out.begin() + static_cast<std::ptrdiff_t>(begin));
}

}  // namespace

void Shuffle(uint64_t item_bytes, ConstByteSpan in, ByteSpan out) noexcept {
  const uint64_t items = item_bytes == 0 ? 0 : in.size() / item_bytes;
  uint64_t done = 0;
  if (item_bytes == 2) done = ShuffleLanes<2>(in.data(), items, out.data());
  if (item_bytes == 4) done = ShuffleLanes<4>(in.data(), items, out.data());
  if (item_bytes == 8) done = ShuffleLanes<8>(in.data(), items, out.data());
  if (item_bytes == 16) done = ShuffleLanes<16>(in.data(), items, out.data());
  ShuffleRest(item_bytes, in.data(), done, items, out.data());
  CopyTail(items * item_bytes, in, out);
}

void Unshuffle(uint64_t item_bytes, ConstByteSpan in, ByteSpan out) noexcept {
  const uint64_t items = item_bytes == 0 ? 0 : in.size() / item_bytes;
  uint64_t done = 0;
  if (item_bytes == 2) done = UnshuffleLanes<2>(in.data(), items, out.data());
  if (item_bytes == 4) done = UnshuffleLanes<4>(in.data(), items, out.data());
  if (item_bytes == 8) done = UnshuffleLanes<8>(in.data(), items, out.data());
  if (item_bytes == 16) done = UnshuffleLanes<16>(in.data(), items, out.data());
  UnshuffleRest(item_bytes, in.data(), done, items, out.data());
  CopyTail(items * item_bytes, in, out);
}

}  // namespace tsnap::one_file
