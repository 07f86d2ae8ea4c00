#include "hdf5/layout_driver.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <new>
#include <utility>

#include "base/bytes.h"
#include "format/one_file/dataset.h"
#include "hdf5/bytes_at.h"

namespace tsnap::hdf5 {

using one_file::kChunksBegin;

// HDF5 fills what it knows at the front.
struct LayoutFile {
  H5FD_t common;
  int fd;
  haddr_t end_of_file;
  Layout* layout;

  static LayoutFile* Of(H5FD_t* file) { return reinterpret_cast<LayoutFile*>(file); }
  static const LayoutFile* Of(const H5FD_t* file) {
    return reinterpret_cast<const LayoutFile*>(file);
  }

  static H5FD_t* Open(const char* name, unsigned flags, hid_t file_access, haddr_t) {
    const auto* const layout = static_cast<Layout* const*>(H5Pget_driver_info(file_access));
    if (layout == nullptr) return nullptr;
    const int truncated = (flags & H5F_ACC_TRUNC) != 0 ? O_TRUNC : 0;
    const int fd = ::open(name, O_RDWR | O_CLOEXEC | truncated);
    if (fd < 0) {
      (*layout)->Failed(errno);
      return nullptr;
    }
    auto* const file = new (std::nothrow) LayoutFile();
    if (file == nullptr) {
      (*layout)->Failed(ENOMEM);
      ::close(fd);
      return nullptr;
    }
    file->fd = fd;
    file->layout = *layout;
    return &file->common;
  }

  static herr_t Close(H5FD_t* file) {
    ::close(Of(file)->fd);  // of a file in memory
    delete Of(file);
    return 0;
  }

  // No two are ever the same: each has a descriptor of its own.
  static int Compare(const H5FD_t* a, const H5FD_t* b) { return a < b ? -1 : a > b; }

  static herr_t Query(const H5FD_t*, unsigned long* flags) {
    if (flags != nullptr) *flags = 0;
    return 0;
  }

  static haddr_t Allocate(H5FD_t* file, H5FD_mem_t type, hid_t, hsize_t bytes) {
    return Of(file)->layout->Allocate(type, bytes);
  }
  static haddr_t EndOfAddresses(const H5FD_t* file, H5FD_mem_t) { return Of(file)->layout->end_; }
  static herr_t SetEndOfAddresses(H5FD_t* file, H5FD_mem_t, haddr_t address) {
    Of(file)->layout->SetEnd(address);
    return 0;
  }
  static haddr_t EndOfFile(const H5FD_t* file, H5FD_mem_t) { return Of(file)->end_of_file; }

  static herr_t Read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* buffer) {
    const int error = ReadAt(Of(file)->fd, address, size, buffer);
    if (error == 0) return 0;
    Of(file)->layout->Failed(error);
    return -1;
  }

  static herr_t Write(H5FD_t* file, H5FD_mem_t type, hid_t, haddr_t address, size_t size,
                      const void* buffer) {
    Layout* const layout = Of(file)->layout;
    if (layout->IsOfChunks(address, size)) {
      if (type != H5FD_MEM_DRAW) layout->Failed(EFAULT);
      return 0;
    }
    if (const int error = WriteAt(Of(file)->fd, address, size, buffer); error != 0)
      layout->Failed(error);
    else
      Of(file)->end_of_file = std::max<haddr_t>(Of(file)->end_of_file, address + size);
    return 0;
  }

  static herr_t Truncate(H5FD_t* file, hid_t, hbool_t) {
    const haddr_t end = Of(file)->layout->end_;
    if (::ftruncate(Of(file)->fd, static_cast<off_t>(end)) != 0) Of(file)->layout->Failed(errno);
    Of(file)->end_of_file = end;
    return 0;
  }
};

namespace {

H5FD_class_t Class() {
  H5FD_class_t driver{};
#if H5_VERSION_GE(1, 13, 0)
  driver.version = H5FD_CLASS_VERSION;
  driver.value = static_cast<H5FD_class_value_t>(510);  // of those that are nobody's
#endif
  driver.name = "tsnap_layout";
  driver.maxaddr = static_cast<haddr_t>(INT64_MAX);
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.fapl_size = sizeof(Layout*);
  driver.open = LayoutFile::Open;
  driver.close = LayoutFile::Close;
  driver.cmp = LayoutFile::Compare;
  driver.query = LayoutFile::Query;
  driver.alloc = LayoutFile::Allocate;
  driver.get_eoa = LayoutFile::EndOfAddresses;
  driver.set_eoa = LayoutFile::SetEndOfAddresses;
  driver.get_eof = LayoutFile::EndOfFile;
  driver.read = LayoutFile::Read;
  driver.write = LayoutFile::Write;
  driver.truncate = LayoutFile::Truncate;
  constexpr H5FD_mem_t kMap[H5FD_MEM_NTYPES] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(kMap), std::end(kMap), driver.fl_map);
  return driver;
}

}  // namespace

// Registered anew each time that HDF5 was closed meanwhile, as an application may do.
herr_t Layout::Use(hid_t file_access) {
  static const H5FD_class_t driver = Class();
  static hid_t id = H5I_INVALID_HID;
  if (id < 0 || H5Iis_valid(id) <= 0 || H5Iget_type(id) != H5I_VFL) id = H5FDregister(&driver);
  Layout* const self = this;
  return id < 0 ? -1 : H5Pset_driver(file_access, id, &self);
}

void Layout::Expect(haddr_t address, hsize_t bytes) {
  expected_ = address;
  expected_bytes_ = bytes;
}

Status Layout::status() const {
  return error_ == 0 ? Status::Ok() : Status::FromErrno(error_, "writing the file's structure");
}

haddr_t Layout::Allocate(H5FD_mem_t type, hsize_t bytes) {
  if (end_ == 0) {  // the superblock comes first
    if (bytes > one_file::kMarkAddress) return HADDR_UNDEF;
    end_ = chunks_end_;
    return 0;
  }
  if (type == H5FD_MEM_DRAW) {
    constexpr hsize_t kAlignedBytes = 1 << 20;
    if (expected_ == HADDR_UNDEF) return Append(bytes, bytes >= kAlignedBytes ? alignment_ : 1);
    if (bytes != expected_bytes_) return HADDR_UNDEF;
    return std::exchange(expected_, HADDR_UNDEF);
  }
  // Structure lies together, not a little between any two datasets.
  constexpr hsize_t kStructureBytes = 64 << 10;
  if (structure_end_ - structure_ < bytes) {
    const hsize_t room = std::max(bytes, kStructureBytes);
    const haddr_t begin = Append(room, 1);
    if (begin == HADDR_UNDEF) return begin;
    structure_ = begin;
    structure_end_ = begin + room;
  }
  structure_ += bytes;
  return structure_ - bytes;
}

haddr_t Layout::Append(hsize_t bytes, uint64_t alignment) {
  const haddr_t begin = CeilDiv(end_, alignment) * alignment;
  if (bytes > static_cast<hsize_t>(INT64_MAX) - begin) return HADDR_UNDEF;
  end_ = begin + bytes;
  return begin;
}

// HDF5 gives back what it frees at the end, and lets grow what lies there.
void Layout::SetEnd(haddr_t address) {
  end_ = address;
  structure_end_ = std::min(structure_end_, end_);
  structure_ = std::min(structure_, structure_end_);
}

bool Layout::IsOfChunks(haddr_t address, hsize_t bytes) const {
  return address < chunks_end_ && address + bytes > kChunksBegin;
}

void Layout::Failed(int error) {
  if (error_ == 0) error_ = error;
}

}  // namespace tsnap::hdf5
