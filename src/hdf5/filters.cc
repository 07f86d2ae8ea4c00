#include "hdf5/filters.h"

#include <memory>
#include <new>

#include "base/bytes.h"
#include "format/one_file/chunk_codec.h"
#include "format/one_file/chunk_filter.h"
#include "hdf5/found.h"
#include "hdf5/scope.h"

namespace tsnap::hdf5 {

namespace {

using namespace one_file;

// As they are registered with The HDF Group.
constexpr H5Z_filter_t kZstdFilter = 32015, kLz4Filter = 32004;

struct Free {
  void operator()(void* memory) const { H5free_memory(memory); }
};
using Memory = std::unique_ptr<void, Free>;

// HDF5 allocates and frees what filters give each other.
Memory Allocate(uint64_t bytes) {
  return Memory(bytes == 0 ? nullptr : H5allocate_memory(bytes, false));
}

// Returns how many bytes *made has then; 0: it failed.
template <Codec kCodec>
uint64_t Undo(ConstByteSpan in, Memory* made, uint64_t* room) {
  const Result<uint64_t> claimed = BytesBeforeFilter(kCodec, in);
  if (!claimed.ok() || *claimed > kMostChunkBytes) return 0;
  *room = *claimed;
  *made = Allocate(*room);
  if (*made == nullptr) return 0;
  const ByteSpan out(static_cast<std::byte*>(made->get()), *room);
  return UndoFilter(kCodec, in, out).ok() ? *room : 0;
}

template <Codec kCodec>
uint64_t Apply(ConstByteSpan in, Memory* made, uint64_t* room) {
  *room = FilterBound(kCodec, in.size());
  *made = Allocate(*room);
  if (*made == nullptr) return 0;
  const Result<uint64_t> stored =
      ApplyFilter(kCodec, in, {static_cast<std::byte*>(made->get()), *room});
  return stored.ok() ? *stored : 0;
}

// Both ways: the application's own HDF5 has it then, too, and may write with it.
template <Codec kCodec>
size_t Run(unsigned flags, size_t, const unsigned*, size_t size, size_t* room, void** bytes) {
  try {
    const ConstByteSpan in(static_cast<const std::byte*>(*bytes), size);
    Memory made;
    uint64_t made_room = 0;
    const uint64_t made_bytes = (flags & H5Z_FLAG_REVERSE) != 0
                                    ? Undo<kCodec>(in, &made, &made_room)
                                    : Apply<kCodec>(in, &made, &made_room);
    if (made_bytes == 0) return 0;
    H5free_memory(*bytes);
    *bytes = made.release();
    *room = static_cast<size_t>(made_room);
    return static_cast<size_t>(made_bytes);
  } catch (const std::bad_alloc&) {
    return 0;  // HDF5 knows no exceptions
  }
}

template <Codec kCodec>
void Register(H5Z_filter_t id, const char* name) {
  if (!HasFilter(kCodec) || H5Zfilter_avail(id) > 0) return;
  const H5Z_class2_t filter = {
      H5Z_CLASS_T_VERS, id, 1, 1, name, nullptr, nullptr, Run<kCodec>,
  };
  // Where that fails, whoever needs the filter is told that it is not there.
  static_cast<void>(H5Zregister(&filter));
}

}  // namespace

void RegisterFilters() {
  Register<Codec::kZstd>(kZstdFilter, "zstd");
  Register<Codec::kLz4>(kLz4Filter, "lz4");
}

Codec CodecOf(H5Z_filter_t id) noexcept {
  if (id == kZstdFilter) return Codec::kZstd;
  if (id == kLz4Filter) return Codec::kLz4;
  return id == H5Z_FILTER_DEFLATE ? Codec::kDeflate : Codec::kNone;
}

Status AddFilters(hid_t creation, Codec codec, uint64_t item_bytes) {
  TSNAP_TRY(CheckChunkCodec(codec));
  const H5Z_filter_t id = codec == Codec::kZstd  ? kZstdFilter
                          : codec == Codec::kLz4 ? kLz4Filter
                                                 : H5Z_FILTER_DEFLATE;
  if (H5Zfilter_avail(id) <= 0)
    return Unsupported(
        "this HDF5 lacks the filter that its chunks are compressed with: build HDF5 "
        "with zlib, or take another codec");
  // Levels are for programs that write into the dataset later.
  const unsigned level = codec == Codec::kZstd ? 3 : 4;
  const bool ok =
      (item_bytes <= 1 || H5Pset_shuffle(creation) >= 0) &&
      H5Pset_filter(creation, id, H5Z_FLAG_OPTIONAL, codec == Codec::kLz4 ? 0 : 1, &level) >= 0;
  return ok ? Status::Ok() : Failure(Code::kInternal, "setting its filters");
}

}  // namespace tsnap::hdf5
