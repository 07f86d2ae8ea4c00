// What one thread of each kernel does, in C++ that compilers for devices and hosts take alike: no
// headers, no shared memory, no thread waits for another. So a host that runs the threads one after
// the other (the stand-in of the tests) gets what a device gets.
#pragma once

#if defined(__CUDA__) || defined(__CUDACC__)
#define TSNAP_ON_DEVICE __attribute__((device))
#else
#define TSNAP_ON_DEVICE
#endif

namespace tsnap::cuda::kernel {

using Word = unsigned;            // 32 bits
using Long = unsigned long long;  // 64 bits, as addresses are

inline constexpr Word kThreads = 256;  // of a block

// --- strided copies
// --------------------------------------------------------------------------------

inline constexpr Word kMostAxes = 9;

// A box of units: counts from the outermost axis to the innermost, strides in bytes.
struct BoxTask {
  Long to = 0, from = 0;  // addresses of the first unit
  Word units = 0;         // the product of the counts
  Word axes = 0;
  Word counts[kMostAxes] = {};
  long long to_strides[kMostAxes] = {};
  long long from_strides[kMostAxes] = {};
};

// Whatever lies there is copied as a unit of this type.
template <class Value>
struct __attribute__((may_alias)) Unit {
  Value value;
};
struct alignas(16) Pair {
  Long low, high;
};

template <class Value>
TSNAP_ON_DEVICE void CopyUnits(const BoxTask& task, Long thread, Long threads) {
  for (Long number = thread; number < task.units; number += threads) {
    Word rest = static_cast<Word>(number);
    Long to = task.to, from = task.from;
    for (Word axis = task.axes; axis-- > 0;) {
      const Word outer = rest / task.counts[axis];
      const long long index = rest - outer * task.counts[axis];
      to += static_cast<Long>(index * task.to_strides[axis]);
      from += static_cast<Long>(index * task.from_strides[axis]);
      rest = outer;
    }
    reinterpret_cast<Unit<Value>*>(to)->value = reinterpret_cast<const Unit<Value>*>(from)->value;
  }
}

// --- CRC32C
// ------------------------------------------------------------------------------------------

// A block is checksummed in slices, one by each thread; the checksums of neighbours are then
// folded, kFold at a time, until one is left of each block. All without the inversions at both
// ends, so that zeros in front change nothing: a block that is short is one with zeros in front.
inline constexpr Word kSliceBytes = 1024;
inline constexpr Word kSlicesPerBlock = 256;
inline constexpr Word kFold = 16;
inline constexpr Word kBlock = kSliceBytes * kSlicesPerBlock;
static_assert(kFold * kFold == kSlicesPerBlock);

// Polynomials over GF(2) modulo Castagnoli's, reflected: bit 31 is the coefficient of x^0.
inline constexpr Word kPolynomial = 0x82F63B78;

struct Tables {
  Word of[4][256];  // a byte, followed by 0 to 3 bytes of zeros
};

constexpr Tables MakeTables() {
  Tables tables{};
  for (Word byte = 0; byte < 256; ++byte) {
    Word crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables.of[0][byte] = crc;
  }
  for (Word byte = 0; byte < 256; ++byte)
    for (int zeros = 1; zeros < 4; ++zeros)
      tables.of[zeros][byte] =
          (tables.of[zeros - 1][byte] >> 8) ^ tables.of[0][tables.of[zeros - 1][byte] & 255];
  return tables;
}

TSNAP_ON_DEVICE constexpr Tables kTables = MakeTables();

#if defined(__CUDA__) || defined(__CUDACC__)
__attribute__((host)) __attribute__((device))
#endif
constexpr Word
Multiply(Word a, Word b) {
  Word product = 0;
  for (Word mask = Word{1} << 31; mask != 0; mask >>= 1) {
    if ((a & mask) != 0) product ^= b;
    b = (b >> 1) ^ ((b & 1) != 0 ? kPolynomial : 0);
  }
  return product;
}

// What a checksum is multiplied by when so many bytes follow, a power of two.
constexpr Word Shift(Word bytes) {
  Word power = Word{1} << 23;  // x^8
  for (; bytes > 1; bytes >>= 1) power = Multiply(power, power);
  return power;
}

TSNAP_ON_DEVICE inline Word AddByte(Word crc, unsigned char byte) {
  return (crc >> 8) ^ kTables.of[0][(crc ^ byte) & 255];
}

TSNAP_ON_DEVICE inline Word AddWord(Word crc, Word word) {
  crc ^= word;
  return kTables.of[3][crc & 255] ^ kTables.of[2][(crc >> 8) & 255] ^
         kTables.of[1][(crc >> 16) & 255] ^ kTables.of[0][crc >> 24];
}

// slices has room for kSlicesPerBlock of each block.
TSNAP_ON_DEVICE inline void ChecksumSlices(Long data, Long bytes, Long slices, Long thread,
                                           Long threads) {
  const Long count = (bytes + kBlock - 1) / kBlock * kSlicesPerBlock;
  for (Long number = thread; number < count; number += threads) {
    const Long block = number / kSlicesPerBlock * kBlock;
    const Long size = bytes - block < kBlock ? bytes - block : kBlock;
    const Long behind = (kSlicesPerBlock - 1 - number % kSlicesPerBlock) * kSliceBytes;
    Word crc = 0;
    if (behind < size) {
      const Long end = data + block + size - behind;
      Long at = size - behind < kSliceBytes ? data + block : end - kSliceBytes;
      for (; at < end && at % 4 != 0; ++at)
        crc = AddByte(crc, reinterpret_cast<const Unit<unsigned char>*>(at)->value);
      for (; at + 4 <= end; at += 4)
        crc = AddWord(crc, reinterpret_cast<const Unit<Word>*>(at)->value);
      for (; at < end; ++at)
        crc = AddByte(crc, reinterpret_cast<const Unit<unsigned char>*>(at)->value);
    }
    reinterpret_cast<Unit<Word>*>(slices)[number].value = crc;
  }
}

// Each of `count` results is the checksum of kFold neighbours; all but the first of them are
// followed by it: shift is that of the bytes that one stands for.
TSNAP_ON_DEVICE inline void FoldChecksums(Long from, Long to, Word count, Word shift, Long thread,
                                          Long threads) {
  for (Long number = thread; number < count; number += threads) {
    const Unit<Word>* parts = reinterpret_cast<const Unit<Word>*>(from) + number * kFold;
    Word crc = 0;
    for (Word i = 0; i < kFold; ++i) crc = Multiply(crc, shift) ^ parts[i].value;
    reinterpret_cast<Unit<Word>*>(to)[number].value = crc;
  }
}

}  // namespace tsnap::cuda::kernel
