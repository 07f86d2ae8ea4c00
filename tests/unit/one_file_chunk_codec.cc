// Chunks as HDF5's filters leave them: every codec and item size there and back, the layouts by their own rules, and no byte
// beyond its room touched, whatever the stored bytes say.
#include <criterion/criterion.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "format/one_file/chunk_codec.h"
#include "format/one_file/shuffle.h"
#include "seeded.h"

#ifdef HAS_ZLIB
#include <zlib.h>
#endif

using namespace tsnap;
using namespace tsnap::one_file;
using namespace tsnap::test;

namespace {

constexpr Codec kCodecs[] = {
    Codec::kDeflate,
#ifdef TSNAP_HAS_ZSTD
    Codec::kZstd,
#endif
#ifdef TSNAP_HAS_LZ4
    Codec::kLz4,
#endif
};
constexpr uint64_t kItemSizes[] = {1, 2, 3, 4, 8, 16, 100};

// Bytes that end where the next page cannot be touched, neither by the tests nor by assembly.
class Fenced {
 public:
  explicit Fenced(size_t size) : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))), size_(size) {
    mapped_ = (size + page_ - 1) / page_ * page_ + page_;
    void* all = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(all, MAP_FAILED);
    all_ = static_cast<std::byte*>(all);
    cr_assert_eq(mprotect(all_ + mapped_ - page_, page_, PROT_NONE), 0);
  }
  Fenced(ConstByteSpan bytes) : Fenced(bytes.size()) { std::copy(bytes.begin(), bytes.end(), span().begin()); }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;
  ~Fenced() { munmap(all_, mapped_); }
  ByteSpan span() { return {all_ + mapped_ - page_ - size_, size_}; }

 private:
  size_t page_, size_, mapped_ = 0;
  std::byte* all_ = nullptr;
};

// Elements that grow slowly: they compress only when they are shuffled, unless they are bytes.
Bytes Ramp(size_t size, uint64_t item_bytes) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) {
    const size_t item = i / item_bytes, byte = i % item_bytes;
    bytes[i] = static_cast<std::byte>(byte < 8 ? (item * 3 + 1000) >> (8 * byte) : byte);
  }
  return bytes;
}

Bytes Noise(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// Empty: it would not be smaller.
Bytes Encode(Codec codec, uint64_t item_bytes, ConstByteSpan raw) {
  Fenced in(raw), scratch(raw.size()), out(ChunkBound(codec, raw.size()));
  Result<uint64_t> stored = EncodeChunk(codec, item_bytes, in.span(), scratch.span(), out.span());
  cr_assert(stored.ok(), "%s", stored.status().message().c_str());
  cr_assert(*stored == 0 || *stored < raw.size());
  return {out.span().begin(), out.span().begin() + static_cast<std::ptrdiff_t>(*stored)};
}

Status Decode(Codec codec, uint64_t item_bytes, ConstByteSpan stored, size_t size, Bytes* raw = nullptr) {
  Fenced in(stored), scratch(size), out(size);
  Status status = DecodeChunk(codec, item_bytes, in.span(), scratch.span(), out.span());
  if (raw != nullptr) raw->assign(out.span().begin(), out.span().end());
  return status;
}

#ifdef TSNAP_HAS_LZ4
uint64_t BigEndian(ConstByteSpan bytes) {
  uint64_t value = 0;
  for (const std::byte byte : bytes) value = value << 8 | static_cast<uint64_t>(byte);
  return value;
}
#endif

}  // namespace

Test(one_file_chunk_codec, every_codec_gives_back_what_it_got) {
  for (const Codec codec : kCodecs) {
    cr_assert(CheckChunkCodec(codec).ok());
    for (const uint64_t item : kItemSizes) {
      for (const size_t size : {size_t{4096}, size_t{4097}, size_t{99999}, size_t{1} << 20}) {
        const Bytes raw = Ramp(size, item), stored = Encode(codec, item, raw);
        cr_assert(!stored.empty(), "codec %d made nothing smaller of %zu bytes", static_cast<int>(codec), size);
        cr_assert_lt(stored.size(), size / 2 + 2048, "codec %d, items of %lu bytes: %zu", static_cast<int>(codec),
                     static_cast<unsigned long>(item), stored.size());
        Bytes back;
        const Status status = Decode(codec, item, stored, size, &back);
        cr_assert(status.ok(), "%s", status.message().c_str());
        cr_assert(back == raw, "codec %d, items of %lu bytes, %zu bytes", static_cast<int>(codec), static_cast<unsigned long>(item), size);
      }
    }
  }
}

Test(one_file_chunk_codec, what_does_not_shrink_is_left_alone) {
  for (const Codec codec : kCodecs)
    for (const uint64_t item : kItemSizes)
      for (const size_t size : {size_t{0}, size_t{1}, size_t{7}, size_t{100}, size_t{65536}, size_t{300001}})
        cr_assert(Encode(codec, item, Noise(size, 7)).empty(), "codec %d, %zu bytes", static_cast<int>(codec), size);
}

// Whatever was in the memory that the libraries work in.
Test(one_file_chunk_codec, equal_chunks_become_equal_bytes) {
  for (const Codec codec : kCodecs) {
    Bytes raw = Noise(200000, 11);
    for (size_t i = 5000; i < raw.size(); ++i) raw[i] = raw[i - 1 - i % 4999];
    const Bytes first = Encode(codec, 4, raw);
    for (int round = 0; round < 20; ++round) {
      Encode(codec, 4, Ramp(100000, 4 + static_cast<uint64_t>(round)));
      cr_assert(Encode(codec, 4, raw) == first, "codec %d", static_cast<int>(codec));
    }
  }
}

Test(one_file_chunk_codec, half_noise_comes_back) {
  for (const Codec codec : kCodecs) {
    for (const uint64_t item : kItemSizes) {
      Bytes raw = Noise(300001, 3);
      std::fill(raw.begin() + 1000, raw.begin() + 150000, std::byte{1});
      const Bytes stored = Encode(codec, item, raw);
      Bytes back;
      cr_assert(!stored.empty() && Decode(codec, item, stored, raw.size(), &back).ok() && back == raw);
    }
  }
}

Test(one_file_chunk_codec, shuffling_puts_alike_bytes_together) {
  for (const uint64_t item : kItemSizes) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{5}, size_t{160}, size_t{1599}, size_t{1600}, size_t{1601}, size_t{70003}}) {
      const Bytes raw = Noise(size, 1);
      Fenced in(raw), out(size), back(size);
      Shuffle(item, in.span(), out.span());
      const size_t items = size / item;
      for (size_t i = 0; i < size; ++i) {
        const size_t to = i < items * item ? i % item * items + i / item : i;
        cr_assert_eq(out.span()[to], raw[i], "items of %lu bytes, byte %zu of %zu", static_cast<unsigned long>(item), i, size);
      }
      Unshuffle(item, out.span(), back.span());
      cr_assert(std::equal(raw.begin(), raw.end(), back.span().begin()), "items of %lu bytes", static_cast<unsigned long>(item));
    }
  }
}

#ifdef TSNAP_HAS_LZ4
Test(one_file_chunk_codec, lz4_has_the_layout_of_its_filter) {
  const Bytes raw = Ramp(10000, 1), stored = Encode(Codec::kLz4, 1, raw);
  const ConstByteSpan all(stored);
  cr_assert_eq(BigEndian(all.first(8)), 10000);
  cr_assert_eq(BigEndian(all.subspan(8, 4)), 10000);
  cr_assert_eq(BigEndian(all.subspan(12, 4)), stored.size() - 16);
  // Several blocks, one of them stored, as other writers make them.
  Bytes several;
  const auto put = [&](uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) several.push_back(static_cast<std::byte>(value >> (8 * i)));
  };
  put(10004, 8);
  put(10000, 4);
  several.insert(several.end(), stored.begin() + 12, stored.end());
  put(4, 4);
  for (const char c : {'a', 'b', 'c', 'd'}) several.push_back(static_cast<std::byte>(c));
  Bytes back;
  const Status status = Decode(Codec::kLz4, 1, several, 10004, &back);
  cr_assert(status.ok(), "%s", status.message().c_str());
  cr_assert(std::equal(raw.begin(), raw.end(), back.begin()));
  cr_assert_eq(std::memcmp(back.data() + 10000, "abcd", 4), 0);
  // A block that claims more than there is, and blocks of nothing.
  several[several.size() - 5] = std::byte{5};
  cr_assert_eq(Decode(Codec::kLz4, 1, several, 10004).code(), Code::kCorrupt);
  Bytes empty_blocks(stored);
  std::fill(empty_blocks.begin() + 8, empty_blocks.begin() + 12, std::byte{0});
  cr_assert_eq(Decode(Codec::kLz4, 1, empty_blocks, 10000).code(), Code::kCorrupt);
}
#endif

Test(one_file_chunk_codec, another_number_of_bytes_is_corrupt) {
  for (const Codec codec : kCodecs) {
    const Bytes raw = Ramp(50000, 4);
    Bytes stored = Encode(codec, 4, raw);
    for (const size_t size : {size_t{0}, size_t{1}, size_t{49999}, size_t{50001}, size_t{1} << 20})
      cr_assert_eq(Decode(codec, 4, stored, size).code(), Code::kCorrupt, "codec %d, %zu bytes", static_cast<int>(codec), size);
    stored.push_back(std::byte{0});
    cr_assert_eq(Decode(codec, 4, stored, 50000).code(), Code::kCorrupt, "codec %d with a byte more", static_cast<int>(codec));
  }
}

Test(one_file_chunk_codec, truncated_chunks_are_corrupt) {
  for (const Codec codec : kCodecs) {
    Bytes raw = Noise(6000, 5);
    std::fill(raw.begin() + 300, raw.end(), std::byte{9});
    const Bytes stored = Encode(codec, 2, raw);
    for (size_t size = 0; size < stored.size(); ++size)
      cr_assert_eq(Decode(codec, 2, ConstByteSpan(stored).first(size), raw.size()).code(), Code::kCorrupt, "codec %d at %zu",
                   static_cast<int>(codec), size);
  }
}

Test(one_file_chunk_codec, damaged_chunks_never_write_beyond_their_room) {
  Seeded seeded;
  const auto random = [&] { return static_cast<uint32_t>(seeded.Int(0, UINT32_MAX)); };
  for (const Codec codec : kCodecs) {
    Bytes raw = Noise(8000, random());
    for (size_t i = 2000; i < raw.size(); ++i) raw[i] = raw[i - 1 - i % 1999];
    const Bytes stored = Encode(codec, 8, raw);
    int refused = 0;
    for (int round = 0; round < 20000; ++round) {
      Bytes damaged(stored);
      for (uint32_t n = 1 + random() % 4; n > 0; --n) damaged[random() % (round % 2 == 0 ? damaged.size() : 64)] = static_cast<std::byte>(random());
      if (round % 5 == 0) damaged = Noise(random() % 200, random());
      refused += Decode(codec, 8, damaged, raw.size()).code() == Code::kCorrupt;
    }
    cr_assert_gt(refused, 5000, "codec %d", static_cast<int>(codec));
  }
}

Test(one_file_chunk_codec, what_the_caller_gets_wrong_is_refused) {
  Bytes raw = Ramp(1000, 4), small(999), room(5000);
  for (const Codec codec : kCodecs) {
    cr_assert(!EncodeChunk(codec, 4, raw, small, room).ok());
    cr_assert(!EncodeChunk(codec, 4, raw, raw, ByteSpan(room).first(100)).ok());
  }
  cr_assert_eq(CheckChunkCodec(static_cast<Codec>(77)).code(), Code::kUnsupported);
  cr_assert_eq(EncodeChunk(static_cast<Codec>(77), 1, raw, small, room).status().code(), Code::kUnsupported);
}

#ifdef HAS_ZLIB
Test(one_file_chunk_codec, zlib_and_deflate_read_each_other) {
  for (const size_t size : {size_t{1000}, size_t{65537}, size_t{3} << 20}) {
    const Bytes raw = Ramp(size, 1), stored = Encode(Codec::kDeflate, 1, raw);
    Bytes back(size);
    uLongf got = size;
    cr_assert_eq(uncompress(reinterpret_cast<Bytef*>(back.data()), &got, reinterpret_cast<const Bytef*>(stored.data()), stored.size()), Z_OK);
    cr_assert(got == size && back == raw);
    for (int level = 0; level <= 9; ++level) {
      Bytes by_zlib(compressBound(size));
      uLongf bytes = by_zlib.size();
      cr_assert_eq(compress2(reinterpret_cast<Bytef*>(by_zlib.data()), &bytes, reinterpret_cast<const Bytef*>(raw.data()), size, level), Z_OK);
      by_zlib.resize(bytes);
      const Status status = Decode(Codec::kDeflate, 1, by_zlib, size, &back);
      cr_assert(status.ok() && back == raw, "level %d: %s", level, status.message().c_str());
    }
  }
}
#endif
