#include "format/one_file/chunk_filter.h"

#include <fmt/format.h>
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <new>

#ifdef TSNAP_HAS_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif
#ifdef TSNAP_HAS_LZ4
#include <lz4.h>
#endif

namespace tsnap::one_file {

namespace {

struct Filter {
  Codec codec;
  uint64_t (*bound)(uint64_t raw_bytes);
  Result<uint64_t> (*apply)(ConstByteSpan raw, ByteSpan out);
  Result<uint64_t> (*claimed)(ConstByteSpan stored);
  Status (*undo)(ConstByteSpan stored, ByteSpan raw);
};

Status Bad(const char* filter, const char* cause) {
  return Corrupt(fmt::format("decompressing a chunk ({}): {}", filter, cause));
}

// ISA-L takes no const, and changes nothing.
uint8_t* Raw(ConstByteSpan bytes) {
  return reinterpret_cast<uint8_t*>(const_cast<std::byte*>(bytes.data()));
}

// Blocks that do not shrink are stored, each with 5 bytes in front.
uint64_t DeflateBound(uint64_t raw_bytes) {
  constexpr uint64_t kAroundBytes = 64, kBlockBytes = 32768;
  return raw_bytes + kAroundBytes + 8 * CeilDiv(raw_bytes, kBlockBytes);
}

Result<uint64_t> Deflate(ConstByteSpan raw, ByteSpan out) {
  struct Work {
    isal_zstream stream;
    uint8_t level[ISAL_DEF_LVL1_DEFAULT];
  };
  // In zeros: igzip looks at what it has not set, and equal chunks are to become equal bytes.
  const std::unique_ptr<Work> work(new (std::nothrow) Work());
  if (work == nullptr) return Status::NoMemory();
  isal_zstream& stream = work->stream;
  isal_deflate_stateless_init(&stream);
  stream.level = 1;
  stream.level_buf = work->level;
  stream.level_buf_size = sizeof(work->level);
  stream.gzip_flag = IGZIP_ZLIB;
  stream.end_of_stream = 1;
  stream.flush = NO_FLUSH;
  stream.next_in = Raw(raw);
  stream.avail_in = static_cast<uint32_t>(raw.size());
  stream.next_out = Raw(out);
  stream.avail_out = static_cast<uint32_t>(std::min<uint64_t>(out.size(), UINT32_MAX));
  if (const int status = isal_deflate_stateless(&stream); status != COMP_OK)
    return Internal(fmt::format("compressing with deflate: igzip says {}", status));
  return uint64_t{stream.total_out};
}

Result<uint64_t> NotClaimed(ConstByteSpan) {
  return Unsupported("deflate does not say how many bytes it becomes");
}

Status Inflate(ConstByteSpan stored, ByteSpan raw) {
  const std::unique_ptr<inflate_state> state(new (std::nothrow) inflate_state);
  if (state == nullptr) return Status::NoMemory();
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_ZLIB;
  state->next_in = Raw(stored);
  state->avail_in = static_cast<uint32_t>(std::min<uint64_t>(stored.size(), UINT32_MAX));
  state->next_out = Raw(raw);
  state->avail_out = static_cast<uint32_t>(raw.size());
  const int status = isal_inflate_stateless(state.get());
  if (status == ISAL_INCORRECT_CHECKSUM) return Bad("deflate", "its checksum is another");
  if (status == ISAL_OUT_OVERFLOW) return Bad("deflate", "it becomes more bytes than a chunk has");
  if (status == ISAL_END_INPUT) return Bad("deflate", "it is cut short");
  if (status != ISAL_DECOMP_OK || state->block_state != ISAL_BLOCK_FINISH)
    return Bad("deflate", "it is no zlib stream");
  if (state->avail_out != 0) return Bad("deflate", "it becomes fewer bytes than a chunk has");
  return state->avail_in == 0 ? Status::Ok() : Bad("deflate", "it is too long");
}

#ifdef TSNAP_HAS_ZSTD
constexpr int kZstdLevel = 1;  // the fastest: a checkpoint waits for it

uint64_t ZstdBound(uint64_t raw_bytes) { return ZSTD_compressBound(raw_bytes); }

Result<uint64_t> ZstdApply(ConstByteSpan raw, ByteSpan out) {
  const size_t size = ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), kZstdLevel);
  if (!ZSTD_isError(size)) return static_cast<uint64_t>(size);
  if (ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation) return Status::NoMemory();
  return Internal(fmt::format("compressing with zstd: {}", ZSTD_getErrorName(size)));
}

Result<uint64_t> ZstdClaimed(ConstByteSpan stored) {
  const unsigned long long bytes = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (bytes == ZSTD_CONTENTSIZE_ERROR) return Bad("zstd", "it is no frame");
  if (bytes == ZSTD_CONTENTSIZE_UNKNOWN)
    return Unsupported("a zstd frame does not say how many bytes it becomes");
  return uint64_t{bytes};
}

Status ZstdUndo(ConstByteSpan stored, ByteSpan raw) {
  const size_t size = ZSTD_decompress(raw.data(), raw.size(), stored.data(), stored.size());
  if (ZSTD_isError(size)) {
    if (ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation) return Status::NoMemory();
    return Bad("zstd", ZSTD_getErrorName(size));
  }
  return size == raw.size() ? Status::Ok() : Bad("zstd", "it becomes fewer bytes than a chunk has");
}
#endif

#ifdef TSNAP_HAS_LZ4
constexpr uint64_t kLz4HeaderBytes = 12, kLz4SizeBytes = 4;
constexpr uint64_t kLz4BlockBytes = uint64_t{1} << 30;  // LZ4 takes less than 2 GiB

void PutBigEndian(uint64_t value, ByteSpan to) {
  for (size_t i = to.size(); i-- > 0; value >>= 8) to[i] = static_cast<std::byte>(value & 0xff);
}

uint64_t GetBigEndian(ConstByteSpan from) {
  uint64_t value = 0;
  for (const std::byte byte : from) value = value << 8 | static_cast<uint64_t>(byte);
  return value;
}

const char* Chars(ConstByteSpan bytes) { return reinterpret_cast<const char*>(bytes.data()); }
char* Chars(ByteSpan bytes) { return reinterpret_cast<char*>(bytes.data()); }

uint64_t Lz4Bound(uint64_t raw_bytes) {
  return kLz4HeaderBytes + raw_bytes + kLz4SizeBytes * CeilDiv(raw_bytes, kLz4BlockBytes);
}

Result<uint64_t> Lz4Apply(ConstByteSpan raw, ByteSpan out) {
  const uint64_t block_bytes = std::min<uint64_t>(raw.size(), kLz4BlockBytes);
  PutBigEndian(raw.size(), out.first(8));
  PutBigEndian(block_bytes, out.subspan(8, 4));
  uint64_t at = kLz4HeaderBytes;
  while (!raw.empty()) {
    const ConstByteSpan block = raw.first(std::min<uint64_t>(raw.size(), block_bytes));
    const ByteSpan room = out.subspan(at + kLz4SizeBytes, block.size());
    // A block of its own size is one that was stored.
    auto size = static_cast<uint64_t>(LZ4_compress_default(Chars(block), Chars(room),
                                                           static_cast<int>(block.size()),
                                                           static_cast<int>(block.size() - 1)));
    if (size == 0) {
      std::copy(block.begin(), block.end(), room.begin());
      size = block.size();
    }
    PutBigEndian(size, out.subspan(at, kLz4SizeBytes));
    at += kLz4SizeBytes + size;
    raw = raw.subspan(block.size());
  }
  return at;
}

Result<uint64_t> Lz4Claimed(ConstByteSpan stored) {
  if (stored.size() < kLz4HeaderBytes) return Bad("lz4", "it is cut short");
  return GetBigEndian(stored.first(8));
}

Status Lz4Undo(ConstByteSpan stored, ByteSpan raw) {
  TSNAP_ASSIGN(const uint64_t claimed, Lz4Claimed(stored));
  if (claimed != raw.size())
    return Bad("lz4", "it becomes another number of bytes than a chunk has");
  const uint64_t block_bytes = GetBigEndian(stored.subspan(8, 4));
  if (block_bytes == 0 && !raw.empty()) return Bad("lz4", "its blocks are empty");
  stored = stored.subspan(kLz4HeaderBytes);
  while (!raw.empty()) {
    const ByteSpan block = raw.first(std::min<uint64_t>(raw.size(), block_bytes));
    if (stored.size() < kLz4SizeBytes) return Bad("lz4", "it is cut short");
    const uint64_t size = GetBigEndian(stored.first(kLz4SizeBytes));
    stored = stored.subspan(kLz4SizeBytes);
    if (size > stored.size()) return Bad("lz4", "it is cut short");
    if (size == block.size()) {
      std::copy(stored.begin(), stored.begin() + static_cast<std::ptrdiff_t>(size), block.begin());
    } else {
      constexpr uint64_t kMost = std::numeric_limits<int>::max();
      const int got = size > kMost || block.size() > kMost
                          ? -1
                          : LZ4_decompress_safe(Chars(stored), Chars(block), static_cast<int>(size),
                                                static_cast<int>(block.size()));
      if (got < 0 || static_cast<uint64_t>(got) != block.size())
        return Bad("lz4", "a block of it is damaged");
    }
    stored = stored.subspan(size);
    raw = raw.subspan(block.size());
  }
  return stored.empty() ? Status::Ok() : Bad("lz4", "it is too long");
}
#endif

constexpr Filter kFilters[] = {
    {Codec::kDeflate, DeflateBound, Deflate, NotClaimed, Inflate},
#ifdef TSNAP_HAS_ZSTD
    {Codec::kZstd, ZstdBound, ZstdApply, ZstdClaimed, ZstdUndo},
#endif
#ifdef TSNAP_HAS_LZ4
    {Codec::kLz4, Lz4Bound, Lz4Apply, Lz4Claimed, Lz4Undo},
#endif
};

const Filter* Find(Codec codec) noexcept {
  for (const Filter& filter : kFilters)
    if (filter.codec == codec) return &filter;
  return nullptr;
}

Status Missing() { return Unsupported("built without what this chunk is compressed with"); }

}  // namespace

bool HasFilter(Codec codec) noexcept { return Find(codec) != nullptr; }

uint64_t FilterBound(Codec codec, uint64_t raw_bytes) {
  const Filter* filter = Find(codec);
  return filter == nullptr ? raw_bytes : filter->bound(raw_bytes);
}

Result<uint64_t> ApplyFilter(Codec codec, ConstByteSpan raw, ByteSpan out) {
  const Filter* filter = Find(codec);
  if (filter == nullptr) return Missing();
  if (raw.size() > UINT32_MAX) return Invalid("a chunk of HDF5 has less than 4 GiB");
  if (out.size() < filter->bound(raw.size()))
    return Internal("too little room for a compressed chunk");
  return filter->apply(raw, out);
}

Result<uint64_t> BytesBeforeFilter(Codec codec, ConstByteSpan stored) {
  const Filter* filter = Find(codec);
  return filter == nullptr ? Missing() : filter->claimed(stored);
}

Status UndoFilter(Codec codec, ConstByteSpan stored, ByteSpan raw) {
  const Filter* filter = Find(codec);
  if (filter == nullptr) return Missing();
  if (raw.size() > UINT32_MAX) return Invalid("a chunk of HDF5 has less than 4 GiB");
  return filter->undo(stored, raw);
}

}  // namespace tsnap::one_file
