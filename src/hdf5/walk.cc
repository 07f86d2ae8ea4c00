// Walk: every dataset of a file once, whatever its groups look like.
#include <fmt/format.h>
#include <hdf5.h>

#include <unordered_set>
#include <vector>

#include "hdf5/file.h"
#include "hdf5/notes.h"
#include "hdf5/scope.h"

namespace tsnap::hdf5 {

namespace {

using namespace one_file;

// Deeper groups are reported as what cannot be read.
constexpr int kMaxDepth = 64;

herr_t KeepHardLink(hid_t, const char* name, const H5L_info_t* info, void* data) {
  if (info->type == H5L_TYPE_HARD) static_cast<std::vector<std::string>*>(data)->push_back(name);
  return 0;
}

FoundDataset Unreadable(std::string name, std::string why) {
  FoundDataset found;
  found.name = std::move(name);
  found.readable = false;
  found.why_not = std::move(why);
  return found;
}

// Each visit is outside of HDF5: it may ask this file for more.
class Walker {
 public:
  Walker(const OpenedFile& file, const std::function<Status(FoundDataset)>& visit)
      : file_(file), visit_(visit) {}

  Status Group(const std::string& path, int depth) {
    std::vector<std::string> names;
    {
      Scope scope;
      const Handle group(
          H5Gopen2(file_.file.get(), path.empty() ? "/" : path.c_str(), file_.groups.get()),
          H5Gclose);
      hsize_t position = 0;
      if (!group.ok() ||
          H5Literate(group.get(), H5_INDEX_NAME, H5_ITER_INC, &position, KeepHardLink, &names) < 0)
        return Failure(Code::kCorrupt,
                       fmt::format("listing the group {}/ of {}", path, file_.path));
    }
    for (const std::string& name : names) TSNAP_TRY(Member(path + "/" + name, name, depth));
    return Status::Ok();
  }

 private:
  Status Member(const std::string& path, const std::string& name, int depth) {
    if (path == kHiddenGroup) return Status::Ok();
    // HDF5 itself takes such names apart: they would lead elsewhere.
    if (name.empty() || name == "." || name.find('/') != std::string::npos)
      return visit_(Unreadable(path, "its name cannot be that of an object"));
    H5O_info_t info;
    std::string why;
    bool known = false;
    {
      Scope scope;
      if (H5Oget_info_by_name2(file_.file.get(), path.c_str(), &info, H5O_INFO_BASIC,
                               file_.links.get()) < 0)
        why = Failure(Code::kCorrupt, "asking what it is").message();
      else
        known = !seen_.insert(info.addr).second;
    }
    if (!why.empty()) return visit_(Unreadable(path, std::move(why)));
    if (known) return Status::Ok();
    if (info.type == H5O_TYPE_DATASET) return visit_(Describe(path));
    if (info.type != H5O_TYPE_GROUP) return Status::Ok();
    if (depth == kMaxDepth)
      return visit_(Unreadable(path, fmt::format("it is a group below {} others", kMaxDepth)));
    return Group(path, depth + 1);
  }

  FoundDataset Describe(const std::string& path) {
    Scope scope;
    const Result<Found> opened = FindDataset(file_, path);
    if (!opened.ok()) return Unreadable(path, opened.status().message());
    FoundDataset found;
    found.name = path;
    found.why_not = opened->why_not;
    // tsnap names objects by paths, which are UTF-8 without "..".
    if (const Status status = CheckPath(path.substr(1), false);
        found.why_not.empty() && !status.ok())
      found.why_not = status.message();
    found.readable = found.why_not.empty();
    found.type = opened->is_text ? Type::kString : Type::kArray;
    found.dtype = opened->dtype;
    found.item_bytes = opened->item_bytes;
    found.ndim = opened->ndim;
    found.shape = opened->shape;
    if (opened->is_text && found.readable) {
      const Result<int64_t> length = LengthOfText(file_, *opened);
      if (!length.ok()) return Unreadable(path, length.status().message());
      found.shape[0] = *length;
    }
    found.stored_bytes = opened->stored_bytes;
    found.attributes = ReadAttributes(opened->dataset.get());
    return found;
  }

  const OpenedFile& file_;
  const std::function<Status(FoundDataset)>& visit_;
  std::unordered_set<haddr_t> seen_;  // objects can have many names, and groups contain themselves
};

}  // namespace

Status OpenFile::Walk(const std::function<Status(FoundDataset)>& visit) {
  return Walker(file_, visit).Group("", 1);
}

}  // namespace tsnap::hdf5
