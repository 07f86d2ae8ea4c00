// What the tests of the HDF5 module share: a folder that goes away, and short ways to make plans
// and files.
#pragma once

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "format/one_file/library.h"

namespace tsnap::test {

using namespace tsnap::one_file;

class Folder {
 public:
  Folder() : path_((std::filesystem::temp_directory_path() / "tsnap-hdf5-XXXXXX").string()) {
    cr_assert_not_null(mkdtemp(path_.data()));
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline const Library& TheLibrary() {
  Result<const Library*> library = LoadLibrary();
  cr_assert(library.ok(), "%s", library.status().message().c_str());
  return **library;
}

inline std::unique_ptr<File> OpenOrFail(const std::string& path) {
  Result<std::unique_ptr<File>> file = TheLibrary().Open(path, path);
  cr_assert(file.ok(), "%s", file.status().message().c_str());
  return std::move(file).value();
}

inline FileMap CreateOrFail(const std::string& path, const FilePlan& plan) {
  FileMap map;
  const Status status = TheLibrary().Create(path, plan, [] {}, &map);
  cr_assert(status.ok(), "%s", status.message().c_str());
  return map;
}

inline DatasetSpec Spec(std::string name, Dtype dtype, std::vector<int64_t> shape, int64_t item_bytes = 1) {
  DatasetSpec spec;
  spec.name = std::move(name);
  spec.dtype = dtype;
  spec.item_bytes = item_bytes;
  spec.ndim = static_cast<int>(shape.size());
  for (size_t axis = 0; axis < shape.size(); ++axis) spec.shape[axis] = shape[axis];
  return spec;
}

inline DatasetSpec TextSpec(std::string name, int64_t bytes) {
  DatasetSpec spec = Spec(std::move(name), Dtype::kUint8, {}, bytes);
  spec.content = Content::kString;
  return spec;
}

// As another process of the job does: without HDF5.
inline void WriteAt(const std::string& path, uint64_t address, const void* bytes, size_t size) {
  const int fd = open(path.c_str(), O_WRONLY);
  cr_assert_geq(fd, 0);
  cr_assert_eq(pwrite(fd, bytes, size, static_cast<off_t>(address)), static_cast<ssize_t>(size));
  close(fd);
}

inline Bytes ReadAt(const std::string& path, uint64_t address, size_t size) {
  const int fd = open(path.c_str(), O_RDONLY);
  Bytes bytes(size);
  cr_assert_eq(pread(fd, bytes.data(), size, static_cast<off_t>(address)), static_cast<ssize_t>(size));
  close(fd);
  return bytes;
}

inline std::vector<FoundDataset> WalkAll(File& file) {
  std::vector<FoundDataset> all;
  const Status status = file.Walk([&](FoundDataset found) {
    all.push_back(std::move(found));
    return Status::Ok();
  });
  cr_assert(status.ok(), "%s", status.message().c_str());
  return all;
}

inline const FoundDataset& FindIn(const std::vector<FoundDataset>& all, const std::string& name) {
  for (const FoundDataset& found : all)
    if (found.name == name) return found;
  cr_assert_fail("%s was not found", name.c_str());
  return all.front();
}

// The elements of a whole dataset, through HDF5.
template <class T>
std::vector<T> ReadAll(File& file, const FoundDataset& found) {
  cr_assert(found.readable, "%s: %s", found.name.c_str(), found.why_not.c_str());
  const Box box = WholeBox(found.ndim, found.shape);
  cr_assert_eq(Volume(box) * static_cast<uint64_t>(found.item_bytes) % sizeof(T), 0);
  std::vector<T> values(Volume(box) * static_cast<uint64_t>(found.item_bytes) / sizeof(T));
  const Status status = file.Read(found.name, box, std::as_writable_bytes(std::span(values)));
  cr_assert(status.ok(), "%s", status.message().c_str());
  return values;
}

}  // namespace tsnap::test
