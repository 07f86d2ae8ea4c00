#include "hdf5/chunk_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "format/one_file/chunk_codec.h"
#include "format/one_file/shuffle.h"
#include "hdf5/filters.h"

namespace tsnap::hdf5 {

namespace {

using Offset = std::array<hsize_t, kMaxDims>;

// The filters alone; false: they are not all known.
bool SetFilters(hid_t creation, uint64_t item_bytes, ChunkForm* form) {
  const int filters = H5Pget_nfilters(creation);
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0, config = 0;
    std::array<unsigned, 8> values{};
    size_t count = values.size();
    const H5Z_filter_t id = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &count,
                                           values.data(), 0, nullptr, &config);
    const Codec codec = CodecOf(id);
    const bool is_shuffle = i == 0 && id == H5Z_FILTER_SHUFFLE && count == 1;
    const bool is_last = i + 1 == filters;
    if (is_shuffle && values[0] == item_bytes)
      form->shuffled = true;
    else if (is_last && codec != Codec::kNone && one_file::CheckChunkCodec(codec).ok())
      form->codec = codec;
    else
      return false;
  }
  return filters > 0;
}

Status SetFill(hid_t creation, const Found& found, ChunkForm* form) {
  form->fill.assign(static_cast<size_t>(found.item_bytes), std::byte{0});
  H5D_fill_value_t defined = H5D_FILL_VALUE_ERROR;
  const bool ok =
      H5Pfill_value_defined(creation, &defined) >= 0 &&
      (defined == H5D_FILL_VALUE_UNDEFINED ||
       H5Pget_fill_value(creation, found.elements.memory.get(), form->fill.data()) >= 0);
  return ok ? Status::Ok() : Failure(Code::kCorrupt, "reading its fill value");
}

// Whether a size could not be had because there is no such chunk, which HDF5 calls an error: one
// that nothing below that very function has caused.
bool SaysThereIsNone() {
  std::string_view innermost;
  const auto look = [](unsigned, const H5E_error2_t* error, void* data) -> herr_t {
    *static_cast<std::string_view*>(data) = error->func_name == nullptr ? "" : error->func_name;
    return 1;  // the first is the innermost
  };
  return H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, look, &innermost) >= 0 &&
         innermost == "H5D__get_chunk_storage_size";
}

// 0: there is none.
Result<uint64_t> StoredBytes(const Found& found, const Offset& offset) {
  hsize_t bytes = 0;
  const bool ok = H5Dget_chunk_storage_size(found.dataset.get(), offset.data(), &bytes) >= 0;
  if (ok && bytes > 0) return uint64_t{bytes};
  if (!ok && SaysThereIsNone()) return uint64_t{0};
#if H5_VERSION_GE(1, 10, 5)
  // That looks at every chunk, but tells one of no bytes from none.
  unsigned mask = 0;
  haddr_t address = HADDR_UNDEF;
  if (H5Dget_chunk_info_by_coord(found.dataset.get(), offset.data(), &mask, &address, &bytes) < 0)
    return Failure(Code::kCorrupt, "looking for a chunk");
  if (address == HADDR_UNDEF) return uint64_t{0};
#endif
  return Corrupt("a chunk has no bytes");
}

Status Decode(const ChunkForm& form, uint64_t item_bytes, uint32_t skipped, ConstByteSpan stored,
              ByteSpan scratch, ByteSpan raw) {
  const bool has_codec = form.codec != Codec::kNone;
  const uint32_t codec_bit = has_codec ? (form.shuffled ? 2 : 1) : 0;
  const uint32_t all = codec_bit | (form.shuffled ? 1 : 0);
  if (skipped == all) return one_file::DecodeChunk(Codec::kNone, item_bytes, stored, scratch, raw);
  if (skipped == 0 && has_codec)
    return one_file::DecodeChunk(form.codec, form.shuffled ? item_bytes : 1, stored, scratch, raw);
  // HDF5 leaves a chunk that its codec could not make smaller shuffled.
  if (skipped != codec_bit)
    return Corrupt(fmt::format("a chunk has skipped filters that it cannot have ({:#x})", skipped));
  if (stored.size() != raw.size()) return Corrupt("a chunk has another size than its elements");
  one_file::Unshuffle(item_bytes, stored, raw);
  return Status::Ok();
}

// Other compressors than ours have other bounds, and a block more than it needs; nobody's chunk is
// twice as long as ours at its worst.
Status CheckStoredBytes(const OpenedFile& file, const ChunkForm& form, uint64_t stored) {
  const uint64_t most = std::min(file.bytes, 2 * one_file::ChunkBound(form.codec, form.bytes));
  if (stored <= most) return Status::Ok();
  return Corrupt(fmt::format("a chunk claims {} bytes, at most {} can be", stored, most));
}

Result<Bytes> ReadChunk(const Found& found, const ChunkForm& form, const Offset& offset,
                        uint64_t stored_bytes, Bytes* scratch) {
  Bytes stored(stored_bytes);
  uint32_t skipped = 0;
  if (H5Dread_chunk(found.dataset.get(), H5P_DEFAULT, offset.data(), &skipped, stored.data()) < 0)
    return Failure(Code::kCorrupt, "reading a chunk");
  Bytes raw(form.bytes);
  if (form.shuffled) scratch->resize(raw.size());
  TSNAP_TRY(Decode(form, static_cast<uint64_t>(found.item_bytes), skipped, stored, *scratch, raw));
  return raw;
}

// For each longest run of items of `part` that is one both in `chunk` and in `box`: where it is in
// either, and of how many items.
template <typename Visit>
void ForEachPiece(const Box& chunk, const Box& box, const Box& part, const Visit& visit) {
  auto axes = static_cast<size_t>(part.ndim);
  auto items = static_cast<uint64_t>(part.shape[axes - 1]);
  while (axes > 1 && part.shape[axes - 1] == chunk.shape[axes - 1] &&
         part.shape[axes - 1] == box.shape[axes - 1]) {
    --axes;
    items *= static_cast<uint64_t>(part.shape[axes - 1]);
  }
  const auto linear = [&](const Index& at, const Box& in) {
    uint64_t number = 0;
    for (size_t axis = 0; axis < static_cast<size_t>(in.ndim); ++axis)
      number = number * static_cast<uint64_t>(in.shape[axis]) +
               static_cast<uint64_t>(at[axis] - in.offset[axis]);
    return number;
  };
  Index at = part.offset;
  for (;;) {
    visit(linear(at, chunk), linear(at, box), items);
    size_t axis = axes - 1;
    for (; axis > 0; --axis) {
      if (++at[axis - 1] < part.offset[axis - 1] + part.shape[axis - 1]) break;
      at[axis - 1] = part.offset[axis - 1];
    }
    if (axis == 0) return;
  }
}

}  // namespace

Result<std::optional<ChunkForm>> FindChunkForm(const Found& found) {
  std::optional<ChunkForm> none;
  if (!found.why_not.empty() || found.is_text || !found.elements.as_stored || found.ndim == 0)
    return none;
  const Handle creation(H5Dget_create_plist(found.dataset.get()), H5Pclose);
  const auto item_bytes = static_cast<uint64_t>(found.item_bytes);
  Offset shape{};
  unsigned options = 0;
  ChunkForm form;
  // With options, HDF5 leaves the chunks at the edge alone.
  if (!creation.ok() || H5Pget_layout(creation.get()) != H5D_CHUNKED ||
      H5Pget_chunk(creation.get(), kMaxDims, shape.data()) != found.ndim ||
      H5Pget_chunk_opts(creation.get(), &options) < 0 || options != 0 ||
      H5Tget_size(found.file_type.get()) != item_bytes ||
      !SetFilters(creation.get(), item_bytes, &form))
    return none;
  std::copy(shape.begin(), shape.end(), form.shape.begin());
  form.bytes = Volume(WholeBox(found.ndim, form.shape)) * item_bytes;
  if (form.bytes == 0) return none;
  TSNAP_TRY(SetFill(creation.get(), found, &form));
  return std::optional<ChunkForm>(std::move(form));
}

Status ChunkReader::Read(const OpenedFile& file, const std::string& name, const Found& found,
                         const ChunkForm& form, const Box& box, ByteSpan out) {
  const auto item = static_cast<uint64_t>(found.item_bytes);
  const auto ndim = static_cast<size_t>(box.ndim);
  // Chunk numbers: those of the grid that covers the dataset, and those that the box meets.
  Index grid{};
  Box met = WholeBox(box.ndim, grid);
  for (size_t axis = 0; axis < ndim; ++axis) {
    grid[axis] = (found.shape[axis] - 1) / form.shape[axis] + 1;
    met.offset[axis] = box.offset[axis] / form.shape[axis];
    met.shape[axis] =
        (box.offset[axis] + box.shape[axis] - 1) / form.shape[axis] + 1 - met.offset[axis];
  }
  Bytes scratch;
  Index at = met.offset;
  for (uint64_t left = Volume(met); left > 0; --left) {
    Box chunk = WholeBox(box.ndim, form.shape);
    Box inside = chunk;  // what of it the dataset has
    Offset offset{};
    uint64_t number = 0;
    for (size_t axis = 0; axis < ndim; ++axis) {
      chunk.offset[axis] = at[axis] * form.shape[axis];
      offset[axis] = static_cast<hsize_t>(chunk.offset[axis]);
      inside.offset[axis] = chunk.offset[axis];
      inside.shape[axis] = std::min(chunk.shape[axis], found.shape[axis] - chunk.offset[axis]);
      number = number * static_cast<uint64_t>(grid[axis]) + static_cast<uint64_t>(at[axis]);
    }
    const Bytes* raw = cache_.Find({name, number});
    if (raw == nullptr) {
      TSNAP_ASSIGN(const uint64_t stored, StoredBytes(found, offset));
      if (stored > 0) {
        TSNAP_TRY(CheckStoredBytes(file, form, stored));
        TSNAP_ASSIGN(Bytes made, ReadChunk(found, form, offset, stored, &scratch));
        raw = cache_.Keep({name, number}, std::move(made));
      }
    }
    ForEachPiece(chunk, box, Intersect(inside, box),
                 [&](uint64_t from, uint64_t to, uint64_t items) {
                   std::byte* into = out.data() + to * item;
                   if (raw != nullptr) {
                     std::memcpy(into, raw->data() + from * item, items * item);
                   } else {
                     for (uint64_t i = 0; i < items; ++i)
                       std::memcpy(into + i * item, form.fill.data(), item);
                   }
                 });
    for (size_t axis = ndim; axis-- > 0;) {
      if (++at[axis] < met.offset[axis] + met.shape[axis]) break;
      at[axis] = met.offset[axis];
    }
  }
  return Status::Ok();
}

}  // namespace tsnap::hdf5
