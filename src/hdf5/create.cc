#include "hdf5/create.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <unordered_set>

#include "hdf5/bytes_at.h"
#include "hdf5/chunks.h"
#include "hdf5/filters.h"
#include "hdf5/image.h"
#include "hdf5/layout_driver.h"
#include "hdf5/notes.h"
#include "hdf5/properties.h"
#include "hdf5/scope.h"
#include "hdf5/types.h"

namespace tsnap::hdf5 {

namespace {

using namespace one_file;

// The sizes of HDF5's types have 32 bits in the file.
constexpr int64_t kMaxItemBytes = INT64_C(0xffffffff);

DatasetSpec BytesSpec(std::string name, uint64_t bytes) {
  DatasetSpec spec;
  spec.name = std::move(name);
  spec.ndim = 1;
  spec.shape[0] = static_cast<int64_t>(bytes);
  return spec;
}

Status CheckName(const std::string& name) {
  const bool ok = name.size() > 1 && name.front() == '/' && name.back() != '/' &&
                  name.find("//") == std::string::npos && name.find('\0') == std::string::npos &&
                  (name + "/").find("/./") == std::string::npos;
  return ok ? Status::Ok() : Invalid(fmt::format("\"{}\" cannot be a name in HDF5", name));
}

class Creator {
 public:
  // layout: of a file that has its chunks, else null.
  Creator(const FilePlan& plan, Layout* layout, const std::function<void()>& progress)
      : plan_(plan), layout_(layout), progress_(progress) {}

  Status MakeFile(const std::string& path) {
    Handle access = FileAccess(layout_ == nullptr ? plan_.alignment : 1);
    // The usual driver insists on the file's real name, which an image has not. HDF5 1.8 and later
    // read the file; groups of many members are B-trees.
    if (access.ok() &&
        ((layout_ == nullptr ? H5Pset_fapl_stdio(access.get()) : layout_->Use(access.get())) < 0 ||
         H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18) < 0))
      return Failure(Code::kInternal, "preparing an HDF5 file");
    Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    link_ = LinkCreation();
    group_ = Handle(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
    dataset_ = Handle(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    // Without times, equal snapshots are equal files.
    const bool ok = access.ok() && creation.ok() && link_.ok() && group_.ok() && dataset_.ok() &&
                    H5Pset_obj_track_times(creation.get(), false) >= 0 &&
                    H5Pset_obj_track_times(group_.get(), false) >= 0 &&
                    H5Pset_obj_track_times(dataset_.get(), false) >= 0 &&
                    H5Pset_layout(dataset_.get(), H5D_CONTIGUOUS) >= 0 &&
                    H5Pset_alloc_time(dataset_.get(), H5D_ALLOC_TIME_EARLY) >= 0 &&
                    H5Pset_fill_time(dataset_.get(), H5D_FILL_TIME_NEVER) >= 0;
    if (!ok) return Failure(Code::kInternal, "preparing an HDF5 file");
    file_ = Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose);
    return file_.ok() ? Status::Ok() : Failure(Code::kIo, "making an HDF5 file");
  }

  Status MakeContents(FileMap* map) {
    for (const DatasetSpec& spec : plan_.datasets) {
      TSNAP_ASSIGN(DatasetPlace place, MakeDataset(spec));
      map->datasets.push_back(place);
      progress_();
    }
    for (size_t part = 0; part < plan_.index_bytes.size(); ++part) {
      Place place;
      if (const uint64_t bytes = plan_.index_bytes[part]; bytes > 0) {
        const std::string name = fmt::format("{}/{:05}", kIndexGroup, part);
        TSNAP_ASSIGN(const DatasetPlace made, MakeDataset(BytesSpec(name, bytes)));
        place = made.place;
      }
      map->index.push_back(place);
    }
    TSNAP_TRY(MakeNames());
    if (plan_.record_bytes > 0) {
      DatasetSpec spec;
      spec.name = kRecordName;
      spec.content = Content::kString;
      spec.item_bytes = static_cast<int64_t>(plan_.record_bytes);
      TSNAP_ASSIGN(const DatasetPlace made, MakeDataset(spec));
      map->record = made.place;
    }
    return WriteNotes(file_.get(), plan_.notes);
  }

  Status Close() {
    // An id that stays open would keep the file open, and its end unwritten.
    parent_.Close();
    if (H5Fflush(file_.get(), H5F_SCOPE_LOCAL) < 0 || file_.Close() < 0)
      return Failure(Code::kIo, "writing the HDF5 file's structure");
    return layout_ == nullptr ? Status::Ok() : layout_->status();
  }

 private:
  // The group of a dataset stays open: the next one is often in it, too.
  Status EnterGroup(const std::string& name) {
    if (parent_.ok() && name == parent_name_) return Status::Ok();
    for (size_t at = name.find('/', 1); !name.empty(); at = name.find('/', at + 1)) {
      const std::string group = name.substr(0, at);
      if (made_.insert(group).second) {
        Handle made(H5Gcreate2(file_.get(), group.c_str(), link_.get(), group_.get(), H5P_DEFAULT),
                    H5Gclose);
        if (!made.ok()) return Failure(Code::kIo, "making the group " + group);
      }
      if (at == std::string::npos) break;
    }
    parent_ =
        Handle(H5Gopen2(file_.get(), name.empty() ? "/" : name.c_str(), H5P_DEFAULT), H5Gclose);
    if (!parent_.ok()) return Failure(Code::kIo, "opening the group " + name);
    parent_name_ = name;
    return Status::Ok();
  }

  Status MakeTypeAndSpace(const DatasetSpec& spec, Handle* type, Handle* space,
                          DatasetPlace* place) {
    place->ndim = spec.ndim;
    place->shape = spec.shape;
    place->item_bytes = spec.item_bytes;
    if (spec.content == Content::kString) {
      *type = TextType(static_cast<uint64_t>(std::max<int64_t>(spec.item_bytes, 1)));
      *space = Handle(H5Screate(spec.item_bytes == 0 ? H5S_NULL : H5S_SCALAR), H5Sclose);
      place->ndim = 1;
      place->shape = Index{spec.item_bytes};
      place->item_bytes = 1;
    } else {
      if (spec.content == Content::kRankRows) {
        place->item_bytes = sizeof(RankRow);
        *type = RankRowType();
      } else {
        if (spec.dtype != Dtype::kOpaque) place->item_bytes = DtypeBytes(spec.dtype);
        *type = TypeOf(spec.dtype, spec.item_bytes);
      }
      TSNAP_TRY(CheckBox(WholeBox(spec.ndim, spec.shape), place->item_bytes));
      std::array<hsize_t, kMaxDims> dims{};
      std::copy(spec.shape.begin(), spec.shape.end(), dims.begin());
      *space = Handle(spec.ndim == 0 ? H5Screate(H5S_SCALAR)
                                     : H5Screate_simple(spec.ndim, dims.data(), nullptr),
                      H5Sclose);
    }
    return type->ok() && space->ok() ? Status::Ok()
                                     : Failure(Code::kInternal, "describing its elements");
  }

  static Status SetFill(hid_t creation, const DatasetSpec& spec, hid_t type, int64_t item_bytes) {
    if (spec.fill.empty()) return Status::Ok();
    if (spec.fill.size() > kMostFillBytes)
      return spec.codec == Codec::kNone
                 ? Status::Ok()
                 : Unsupported(fmt::format(
                       "an array whose fill value has more than {} bytes cannot be compressed",
                       kMostFillBytes));
    if (spec.fill.size() != static_cast<size_t>(item_bytes) ||
        H5Pset_fill_value(creation, type, spec.fill.data()) < 0)
      return Failure(Code::kInternal, "setting its fill value");
    return Status::Ok();
  }

  Result<DatasetPlace> MakeDataset(const DatasetSpec& spec) {
    Result<DatasetPlace> made = TryDataset(spec);
    if (!made.ok()) return std::move(made).status().While("making the dataset", spec.name);
    return made;
  }

  Result<DatasetPlace> TryDataset(const DatasetSpec& spec) {
    TSNAP_TRY(CheckName(spec.name));
    if (spec.item_bytes < 0 || spec.item_bytes > kMaxItemBytes)
      return Unsupported(fmt::format("one element has {} bytes, HDF5 can have at most {}",
                                     spec.item_bytes, kMaxItemBytes));
    DatasetPlace place;
    Handle type, space;
    TSNAP_TRY(MakeTypeAndSpace(spec, &type, &space, &place));
    const size_t slash = spec.name.rfind('/');
    TSNAP_TRY(EnterGroup(spec.name.substr(0, slash)));
    const auto item_bytes = static_cast<uint64_t>(place.item_bytes);
    const bool is_chunked = spec.codec != Codec::kNone;
    Handle own;
    if (is_chunked || !spec.fill.empty()) {
      own = Handle(H5Pcopy(dataset_.get()), H5Pclose);
      if (!own.ok()) return Failure(Code::kInternal, "preparing it");
      TSNAP_TRY(SetFill(own.get(), spec, type.get(), place.item_bytes));
      if (is_chunked) TSNAP_TRY(SetChunked(own.get(), spec, item_bytes));
    }
    const hid_t creation = own.ok() ? own.get() : dataset_.get();
    Handle dataset(H5Dcreate2(parent_.get(), spec.name.c_str() + slash + 1, type.get(), space.get(),
                              link_.get(), creation, H5P_DEFAULT),
                   H5Dclose);
    if (!dataset.ok()) return Failure(Code::kIo, "laying it out");
    if (is_chunked)
      TSNAP_TRY(
          InsertChunks(dataset.get(), spec, item_bytes, plan_.chunks_end, layout_, progress_));
    place.place.bytes = Volume(WholeBox(static_cast<int>(place.ndim), place.shape)) * item_bytes;
    if (place.place.bytes > 0 && !is_chunked) {
      const haddr_t address = H5Dget_offset(dataset.get());
      if (address == HADDR_UNDEF) return Failure(Code::kInternal, "asking for its address");
      place.place.address = address;
    }
    TSNAP_TRY(WriteNotes(dataset.get(), spec.notes));
    return place;
  }

  Status MakeNames() {
    std::string names;
    for (const DatasetSpec& spec : plan_.datasets) names.append(spec.name).push_back('\0');
    TSNAP_ASSIGN(const DatasetPlace made, MakeDataset(BytesSpec(kNamesName, names.size())));
    if (made.place.bytes == 0) return Status::Ok();
    Handle dataset(H5Dopen2(file_.get(), kNamesName, H5P_DEFAULT), H5Dclose);
    const bool ok = dataset.ok() && H5Dwrite(dataset.get(), H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL,
                                             H5P_DEFAULT, names.data()) >= 0;
    return ok ? Status::Ok() : Failure(Code::kIo, "writing the names of the datasets");
  }

  const FilePlan& plan_;
  Layout* const layout_;
  const std::function<void()>& progress_;
  Handle file_, link_, group_, dataset_;  // property lists but for the first; it closes last
  Handle parent_;
  std::string parent_name_;
  std::unordered_set<std::string> made_;
};

Status CheckLength(int fd, const FileMap& map) {
  uint64_t end = map.record.bytes == 0 ? 0 : map.record.address + map.record.bytes;
  for (const DatasetPlace& dataset : map.datasets)
    if (dataset.place.address != kNoAddress)
      end = std::max(end, dataset.place.address + dataset.place.bytes);
  for (const Place& part : map.index)
    if (part.bytes > 0) end = std::max(end, part.address + part.bytes);
  struct stat info {};
  if (fstat(fd, &info) != 0) return Status::FromErrno(errno, "asking for its length");
  return static_cast<uint64_t>(info.st_size) >= end
             ? Status::Ok()
             : Internal("its last dataset ends behind the end of the file");
}

Status LayOut(const FilePlan& plan, const std::function<void()>& progress, int fd, FileMap* map) {
  const Image image;
  TSNAP_TRY(image.status());
  Layout layout(plan.chunks_end, std::max<uint64_t>(plan.alignment, 1));
  {
    Scope scope;
    RegisterFilters();
    Creator creator(plan, plan.chunks_end == 0 ? nullptr : &layout, progress);
    TSNAP_TRY(creator.MakeFile(image.path()));
    TSNAP_TRY(creator.MakeContents(map));
    TSNAP_TRY(creator.Close());
  }
  TSNAP_TRY(image.CopyTo(fd, kChunksBegin, plan.chunks_end));
  const int error =
      plan.chunks_end == 0 ? 0 : WriteAt(fd, kMarkAddress, kMark.size(), kMark.data());
  return error == 0 ? Status::Ok() : Status::FromErrno(error, "writing its mark");
}

}  // namespace

Status Create(const std::string& path, const FilePlan& plan, const std::function<void()>& progress,
              FileMap* map) {
  // Made here and not by HDF5, so that what is removed after a failure is ours.
  const bool is_new = plan.chunks_end == 0;
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | (is_new ? O_CREAT | O_EXCL : 0), 0666);
  if (fd < 0) return Status::FromErrno(errno, "making " + path);
  FileMap made;
  Status status = LayOut(plan, progress, fd, &made);
  // Other processes write into it from now on: it must be as long as its datasets say.
  if (status.ok()) status = CheckLength(fd, made);
  close(fd);
  if (!status.ok()) {
    if (is_new) unlink(path.c_str());
    return std::move(status).While("making", path);
  }
  *map = std::move(made);
  return Status::Ok();
}

}  // namespace tsnap::hdf5
