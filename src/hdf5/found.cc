#include "hdf5/found.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>

#include "base/bytes.h"

namespace tsnap::hdf5 {

namespace {

// Longer strings are not searched for their end.
constexpr int64_t kMaxTrimmedBytes = 1 << 20;

std::string Describe(const OpenedFile& file, const std::string& name) {
  return fmt::format("opening the dataset {} of {}", name, file.path);
}

bool IsLink(const OpenedFile& file, const std::string& name) {
  H5L_info_t link;
  return H5Lget_info(file.file.get(), name.c_str(), &link, file.links.get()) >= 0 &&
         link.type != H5L_TYPE_HARD;
}

// Which of the ways of not being there, or not being read, it is. HDF5 reports all alike.
Status WhyNotOpen(const OpenedFile& file, const std::string& name) {
  Status failure = Failure(Code::kCorrupt, Describe(file, name));
  if (failure.code() != Code::kCorrupt) return failure;  // the storage failed: nothing is known
  for (size_t at = name.find('/', 1);; at = name.find('/', at + 1)) {
    const std::string part = name.substr(0, at);
    if (H5Lexists(file.file.get(), part.c_str(), file.links.get()) == 0)
      return NotFound(Describe(file, name) + ": there is none of this name");
    const Handle object(H5Oopen(file.file.get(), part.c_str(), file.links.get()), H5Oclose);
    const H5I_type_t kind = object.ok() ? H5Iget_type(object.get()) : H5I_BADID;
    const bool is_last = at == std::string::npos;
    if (object.ok() && kind != (is_last ? H5I_DATASET : H5I_GROUP))
      return NotFound(fmt::format("{}: {} is no {}", Describe(file, name), part,
                                  is_last ? "dataset" : "group"));
    if (object.ok() && !is_last) continue;
    if (!object.ok() && IsLink(file, part))
      return NotFound(Describe(file, name) + ": it is a link to what is not in this file");
    return failure;
  }
}

std::string MissingFilter(hid_t creation) {
  const int filters = H5Pget_nfilters(creation);
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0;
    size_t values = 0;
    unsigned config = 0;
    char name[64] = "";
    const H5Z_filter_t id = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values,
                                           nullptr, sizeof(name), name, &config);
    if (id < 0) return "its filters cannot be read";
    if (H5Zfilter_avail(id) > 0) continue;
    name[sizeof(name) - 1] = '\0';
    return fmt::format("its filter {} (\"{}\") is not installed: set HDF5_PLUGIN_PATH",
                       static_cast<int>(id), name);
  }
  return "";
}

void SetShape(Found* found) {
  const Handle space(H5Dget_space(found->dataset.get()), H5Sclose);
  found->dtype = found->elements.dtype;
  found->item_bytes = found->elements.item_bytes;
  found->is_text = false;
  const int ndim = space.ok() ? H5Sget_simple_extent_ndims(space.get()) : -1;
  if (ndim < 0) {
    found->why_not = "its shape cannot be read";
    return;
  }
  const bool is_null = H5Sget_simple_extent_type(space.get()) == H5S_NULL;
  const bool is_one = is_null || ndim == 0;
  if (found->elements.text != Elements::Text::kNone && is_one) {
    found->is_text = true;
    found->dtype = Dtype::kUint8;
    found->ndim = 1;
    found->shape[0] = is_null ? 0 : found->item_bytes;  // of variable length: set later
    found->item_bytes = 1;
    return;
  }
  if (found->elements.text == Elements::Text::kVariable)
    found->why_not = "its elements are strings of variable length";
  if (ndim > kMaxDims) {
    found->why_not = fmt::format("it has {} dimensions, at most {} can be read", ndim, kMaxDims);
    return;
  }
  hsize_t dims[H5S_MAX_RANK] = {};
  if (H5Sget_simple_extent_dims(space.get(), dims, nullptr) < 0) {
    found->why_not = "its shape cannot be read";
    return;
  }
  found->ndim = is_null ? 1 : ndim;  // without any element
  for (int axis = 0; axis < ndim; ++axis)
    found->shape[static_cast<size_t>(axis)] = static_cast<int64_t>(
        std::min<hsize_t>(dims[axis], static_cast<hsize_t>(std::numeric_limits<int64_t>::max())));
  if (!CheckBox(found->box(), found->item_bytes).ok()) {
    found->why_not = "its shape is larger than any memory";
    found->ndim = 0;
    found->shape = {};
  }
}

uint64_t ChunkBytes(hid_t creation, const Found& found) {
  std::array<hsize_t, kMaxDims> dims{};
  if (H5Pget_chunk(creation, kMaxDims, dims.data()) != found.ndim) return UINT64_MAX;
  uint64_t bytes = H5Tget_size(found.file_type.get());
  for (int axis = 0; axis < found.ndim; ++axis)
    if (!CheckedMul(bytes, dims[static_cast<size_t>(axis)], &bytes)) return UINT64_MAX;
  return bytes;
}

void SetPlace(const OpenedFile& file, Found* found) {
  const Handle creation(H5Dget_create_plist(found->dataset.get()), H5Pclose);
  const H5D_layout_t layout = creation.ok() ? H5Pget_layout(creation.get()) : H5D_LAYOUT_ERROR;
  found->stored_bytes = H5Dget_storage_size(found->dataset.get());
  if (layout == H5D_LAYOUT_ERROR) {
    found->why_not = "its layout cannot be read";
    return;
  }
  if (layout == H5D_VIRTUAL || H5Pget_external_count(creation.get()) != 0) {
    found->why_not = "its bytes are in other files";
    return;
  }
  if (std::string missing = MissingFilter(creation.get()); !missing.empty()) {
    found->why_not = missing;
    return;
  }
  if (layout == H5D_CHUNKED && ChunkBytes(creation.get(), *found) > kMostChunkBytes) {
    found->why_not = "its chunks are larger than 512 MiB";
    return;
  }
  // Of one that was never written, the address is none, or one that is off by the user block.
  H5D_space_status_t status = H5D_SPACE_STATUS_NOT_ALLOCATED;
  if (layout != H5D_CONTIGUOUS || H5Dget_space_status(found->dataset.get(), &status) < 0 ||
      status == H5D_SPACE_STATUS_NOT_ALLOCATED)
    return;
  const haddr_t address = H5Dget_offset(found->dataset.get());
  if (address == HADDR_UNDEF) return;
  const uint64_t stored_item = H5Tget_size(found->file_type.get());
  const uint64_t items = found->is_text ? 1 : Volume(found->box());
  uint64_t end = 0, needed = 0;
  found->is_cut = !CheckedMul(stored_item, items, &needed) || needed > found->stored_bytes ||
                  !CheckedAdd(address, needed, &end) || end > file.bytes;
  if (found->elements.as_stored && found->bytes() > 0) found->address = address;
}

}  // namespace

Result<std::string> ReadText(const OpenedFile& file, const Found& found) {
  const std::string action = "reading a string of " + file.path;
  if (found.elements.text == Elements::Text::kVariable) {
    // What the file says of the length is not to be believed: the file has to be as long.
    uint64_t limit = file.bytes;
    const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
    const auto allocate = [](size_t bytes, void* data) -> void* {
      return bytes > *static_cast<uint64_t*>(data) ? nullptr
                                                   : std::malloc(std::max<size_t>(bytes, 1));
    };
    const auto release = [](void* memory, void*) { std::free(memory); };
    char* text = nullptr;
    const bool ok =
        transfer.ok() &&
        H5Pset_vlen_mem_manager(transfer.get(), allocate, &limit, release, nullptr) >= 0 &&
        H5Dread(found.dataset.get(), found.elements.memory.get(), H5S_ALL, H5S_ALL, transfer.get(),
                &text) >= 0;
    const std::unique_ptr<char, decltype(&std::free)> owner(ok ? text : nullptr, std::free);
    if (!ok) return Failure(Code::kCorrupt, action);
    return std::string(text == nullptr ? "" : text);
  }
  const size_t bytes = H5Tget_size(found.file_type.get());
  if (found.is_cut || bytes > file.bytes)
    return Corrupt(fmt::format("{}: it claims {} bytes, more than the file has", action, bytes));
  std::string text(bytes, '\0');
  if (H5Dread(found.dataset.get(), found.elements.memory.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
              text.data()) < 0)
    return Failure(Code::kCorrupt, action);
  return text;
}

Result<int64_t> LengthOfText(const OpenedFile& file, const Found& found) {
  const bool padded = found.is_text && found.why_not.empty() && !found.is_cut &&
                      found.elements.text == Elements::Text::kFixed && found.shape[0] > 0 &&
                      found.shape[0] <= kMaxTrimmedBytes;
  const H5T_str_t padding = padded ? H5Tget_strpad(found.file_type.get()) : H5T_STR_ERROR;
  if (padding != H5T_STR_NULLPAD && padding != H5T_STR_SPACEPAD) return found.shape[0];
  TSNAP_ASSIGN(const std::string text, ReadText(file, found));
  const size_t last = text.find_last_not_of(padding == H5T_STR_NULLPAD ? '\0' : ' ');
  return static_cast<int64_t>(last == std::string::npos ? 0 : last + 1);
}

Result<Found> FindDataset(const OpenedFile& file, const std::string& name) {
  if (name.empty() || name.front() != '/' || name.find('\0') != std::string::npos)
    return NotFound(Describe(file, name) + ": that cannot be the name of one");
  Found found;
  found.dataset = Handle(H5Dopen2(file.file.get(), name.c_str(), file.datasets.get()), H5Dclose);
  if (!found.dataset.ok()) return WhyNotOpen(file, name);
  found.file_type = Handle(H5Dget_type(found.dataset.get()), H5Tclose);
  if (!found.file_type.ok()) return Failure(Code::kCorrupt, Describe(file, name));
  found.elements = Understand(found.file_type.get());
  found.why_not = found.elements.why_not;
  SetShape(&found);
  SetPlace(file, &found);
  if (!found.why_not.empty() || !found.is_text || found.shape[0] == 0) return found;
  // Only the bytes that belong to the string; those of tsnap do in full.
  const bool variable = found.elements.text == Elements::Text::kVariable;
  const bool ends_early = H5Tget_strpad(found.file_type.get()) == H5T_STR_NULLTERM &&
                          found.shape[0] <= kMaxTrimmedBytes && !found.is_cut;
  if (!variable && !ends_early) return found;
  Result<std::string> text = ReadText(file, found);
  if (!text.ok() && text.status().code() != Code::kCorrupt) return std::move(text).status();
  if (!text.ok()) {
    found.why_not = text.status().message();
    return found;
  }
  found.shape[0] =
      static_cast<int64_t>(variable ? text->size() : strnlen(text->data(), text->size()));
  if (variable || found.shape[0] == 0) found.address = one_file::kNoAddress;
  return found;
}

}  // namespace tsnap::hdf5
