#include "hdf5/read_driver.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <new>
#include <utility>

#include "hdf5/bytes_at.h"

namespace tsnap::hdf5 {

namespace {

thread_local int read_error = 0;

// HDF5 fills what it knows at the front.
struct ReadFile {
  H5FD_t common;
  int fd;
  haddr_t end_of_file, end_of_addresses;
};

const ReadFile* Of(const H5FD_t* file) { return reinterpret_cast<const ReadFile*>(file); }
ReadFile* Of(H5FD_t* file) { return reinterpret_cast<ReadFile*>(file); }

H5FD_t* Open(const char* name, unsigned flags, hid_t, haddr_t) {
  if ((flags & (H5F_ACC_RDWR | H5F_ACC_TRUNC | H5F_ACC_CREAT | H5F_ACC_EXCL)) != 0) return nullptr;
  const int fd = ::open(name, O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (fd < 0 || ::fstat(fd, &info) != 0) {
    read_error = errno;
    if (fd >= 0) ::close(fd);
    return nullptr;
  }
  auto* const file = new (std::nothrow) ReadFile();
  if (file == nullptr) {
    read_error = ENOMEM;
    ::close(fd);
    return nullptr;
  }
  file->fd = fd;
  file->end_of_file = static_cast<haddr_t>(info.st_size);
  return &file->common;
}

herr_t Close(H5FD_t* file) {
  ::close(Of(file)->fd);  // nothing was written: no failure of it matters
  delete Of(file);
  return 0;
}

// No two are ever the same: each has a descriptor of its own.
int Compare(const H5FD_t* a, const H5FD_t* b) { return a < b ? -1 : a > b; }

herr_t Query(const H5FD_t*, unsigned long* flags) {
  if (flags != nullptr)
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE;
  return 0;
}

haddr_t EndOfAddresses(const H5FD_t* file, H5FD_mem_t) { return Of(file)->end_of_addresses; }
herr_t SetEndOfAddresses(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  Of(file)->end_of_addresses = address;
  return 0;
}
haddr_t EndOfFile(const H5FD_t* file, H5FD_mem_t) { return Of(file)->end_of_file; }

herr_t Read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* buffer) {
  if (address > static_cast<haddr_t>(INT64_MAX) - size) return -1;
  const int error = ReadAt(Of(file)->fd, address, size, buffer);
  if (error == 0) return 0;
  read_error = error;
  return -1;
}

herr_t Write(H5FD_t*, H5FD_mem_t, hid_t, haddr_t, size_t, const void*) { return -1; }

H5FD_class_t Class() {
  H5FD_class_t driver{};
#if H5_VERSION_GE(1, 13, 0)
  driver.version = H5FD_CLASS_VERSION;
  driver.value = static_cast<H5FD_class_value_t>(511);  // of those that are nobody's
#endif
  driver.name = "tsnap_read";
  driver.maxaddr = static_cast<haddr_t>(INT64_MAX);
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.open = Open;
  driver.close = Close;
  driver.cmp = Compare;
  driver.query = Query;
  driver.get_eoa = EndOfAddresses;
  driver.set_eoa = SetEndOfAddresses;
  driver.get_eof = EndOfFile;
  driver.read = Read;
  driver.write = Write;
  constexpr H5FD_mem_t kMap[H5FD_MEM_NTYPES] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(kMap), std::end(kMap), driver.fl_map);
  return driver;
}

}  // namespace

// Registered anew each time that HDF5 was closed meanwhile, as an application may do.
herr_t UseReadDriver(hid_t file_access) {
  static const H5FD_class_t driver = Class();
  static hid_t id = H5I_INVALID_HID;
  if (id < 0 || H5Iis_valid(id) <= 0 || H5Iget_type(id) != H5I_VFL) id = H5FDregister(&driver);
  return id < 0 ? -1 : H5Pset_driver(file_access, id, nullptr);
}

int TakeReadError() { return std::exchange(read_error, 0); }

}  // namespace tsnap::hdf5
