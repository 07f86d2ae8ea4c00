#include "hdf5/file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "hdf5/filters.h"
#include "hdf5/properties.h"
#include "hdf5/scope.h"

namespace tsnap::hdf5 {

using one_file::DatasetPlace;

namespace {

Status TooShort(const std::string& action) {
  return Corrupt(action + ": the file ends before its bytes do");
}

Status SelectBox(const Found& found, const Box& box, Handle* stored, Handle* memory) {
  *stored = Handle(H5Dget_space(found.dataset.get()), H5Sclose);
  if (box.ndim == 0) {
    *memory = Handle(H5Screate(H5S_SCALAR), H5Sclose);
  } else {
    std::array<hsize_t, kMaxDims> offset{}, shape{};
    std::copy(box.offset.begin(), box.offset.end(), offset.begin());
    std::copy(box.shape.begin(), box.shape.end(), shape.begin());
    *memory = Handle(H5Screate_simple(box.ndim, shape.data(), nullptr), H5Sclose);
    if (!stored->ok() || H5Sselect_hyperslab(stored->get(), H5S_SELECT_SET, offset.data(), nullptr,
                                             shape.data(), nullptr) < 0)
      return Failure(Code::kCorrupt, "selecting the box " + ToString(box));
  }
  return stored->ok() && memory->ok()
             ? Status::Ok()
             : Failure(Code::kCorrupt, "selecting the box " + ToString(box));
}

}  // namespace

Result<std::unique_ptr<one_file::File>> OpenFile::Open(const std::string& path,
                                                       const std::string& name) {
  const std::string action = "opening " + name;
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return Status::FromErrno(errno, action);
  if (!S_ISREG(info.st_mode)) return Corrupt(action + ": it is not a file");
  std::unique_ptr<OpenFile> opened(new OpenFile);
  Status status;
  {
    Scope scope;
    RegisterFilters();
    const Handle access = ReadAccess();
    opened->file_.links = LinkAccess(H5P_LINK_ACCESS);
    opened->file_.groups = LinkAccess(H5P_GROUP_ACCESS);
    opened->file_.datasets = LinkAccess(H5P_DATASET_ACCESS);
    opened->file_.path = name;
    opened->file_.bytes = static_cast<uint64_t>(info.st_size);
    opened->file_.file = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
    if (!opened->file_.file.ok()) status = Failure(Code::kCorrupt, action);
  }
  if (!status.ok()) return status;
  return std::unique_ptr<one_file::File>(std::move(opened));
}

OpenFile::~OpenFile() {
  Scope scope;
  last_.reset();
  // The members would close outside of the scope.
  file_ = OpenedFile();
}

Result<const Found*> OpenFile::Find(const std::string& name) {
  if (!last_ || last_name_ != name) {
    last_.reset();
    last_form_.reset();
    TSNAP_ASSIGN(Found found, FindDataset(file_, name));
    TSNAP_ASSIGN(last_form_, FindChunkForm(found));
    last_ = std::move(found);
    last_name_ = name;
  }
  return &*last_;
}

Result<Bytes> OpenFile::ReadWhole(const std::string& name, uint64_t max_bytes) {
  const std::string action = fmt::format("reading the dataset {} of {}", name, file_.path);
  Scope scope;
  TSNAP_ASSIGN(const Found* found, Find(name));
  if (!found->why_not.empty()) return Unsupported(action + ": " + found->why_not);
  const uint64_t bytes = found->bytes();
  if (found->is_cut) return TooShort(action);
  if (bytes > max_bytes)
    return Corrupt(
        fmt::format("{}: it has {} bytes, at most {} were expected", action, bytes, max_bytes));
  Bytes whole(bytes);
  if (Status status = ReadBox(found->box(), whole); !status.ok())
    return std::move(status).While("reading the dataset", name);
  return whole;
}

Result<DatasetPlace> OpenFile::Locate(const std::string& name) {
  Scope scope;
  // Not by Find: thousands are located one after the other, once each.
  TSNAP_ASSIGN(const Found found, FindDataset(file_, name));
  const std::string action = fmt::format("locating the dataset {} of {}", name, file_.path);
  if (!found.why_not.empty()) return Unsupported(action + ": " + found.why_not);
  if (found.is_cut) return TooShort(action);
  DatasetPlace place;
  place.place.address = found.address;
  place.place.bytes = found.bytes();
  place.item_bytes = found.item_bytes;
  place.ndim = found.ndim;
  place.shape = found.shape;
  return place;
}

Status OpenFile::Read(const std::string& name, const Box& box, ByteSpan out) {
  const std::string action = fmt::format("reading the dataset {} of {}", name, file_.path);
  Scope scope;
  TSNAP_ASSIGN(const Found* found, Find(name));
  if (!found->why_not.empty()) return Unsupported(action + ": " + found->why_not);
  TSNAP_TRY(CheckBox(box, found->item_bytes));
  if (!Contains(found->box(), box))
    return Invalid(fmt::format("{}: the box {} is not in its shape {}", action, ToString(box),
                               ShapeToString(found->ndim, found->shape)));
  if (out.size() != Volume(box) * static_cast<uint64_t>(found->item_bytes))
    return Invalid(fmt::format("{}: the box {} of items of {} bytes is not {} bytes", action,
                               ToString(box), found->item_bytes, out.size()));
  if (found->is_cut) return TooShort(action);
  return ReadBox(box, out).While("reading the dataset", name);
}

Status OpenFile::ReadBox(const Box& box, ByteSpan out) {
  if (out.empty()) return Status::Ok();
  const Found& found = *last_;
  if (found.is_text) {
    TSNAP_ASSIGN(const std::string text, ReadText(file_, found));
    const auto begin = static_cast<size_t>(box.offset[0]);
    if (begin + out.size() > text.size())
      return Corrupt("reading a string of " + file_.path + ": it has changed its length");
    std::memcpy(out.data(), text.data() + begin, out.size());
    return Status::Ok();
  }
  if (last_form_)
    return chunks_.Read(file_, last_name_, found, *last_form_, box, out)
        .While("reading", file_.path);
  Handle stored, memory;
  TSNAP_TRY(SelectBox(found, box, &stored, &memory));
  if (H5Dread(found.dataset.get(), found.elements.memory.get(), memory.get(), stored.get(),
              H5P_DEFAULT, out.data()) < 0)
    return Failure(Code::kCorrupt, "reading the box " + ToString(box) + " of " + file_.path);
  return Status::Ok();
}

}  // namespace tsnap::hdf5
