#include "stage/cuda_file.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "stage/cuda_context.h"
#include "stage/cuda_file_api.h"
#include "stage/cuda_pointer.h"

namespace tsnap::cuda {
namespace {

constexpr const char* kLibrary = "libcufile.so.0";
constexpr uint64_t kMostCallBytes = uint64_t{1} << 30;

struct FileLibrary {
#define TSNAP_CUFILE_MEMBER(name, symbol, result, arguments) result(*name) arguments = nullptr;
  TSNAP_CUFILE_FUNCTIONS(TSNAP_CUFILE_MEMBER)
#undef TSNAP_CUFILE_MEMBER
};

struct Found {
  std::mutex mutex;
  bool looked = false;        // guarded by mutex
  std::string why;            // it cannot be used; guarded by mutex
  FileLibrary library;        // written before is_open
  FileProperties properties;  // likewise
  bool is_open = false;       // guarded by mutex
};

// As long as the process: operations may end after its statics are gone.
Found& TheFound() {
  static Found* const found = new Found;
  return *found;
}

const char* NameOf(int code) {
  switch (code) {
#define TSNAP_CUFILE_NAME(number, name) \
  case number:                          \
    return #name;
    TSNAP_CUFILE_CODES(TSNAP_CUFILE_NAME)
#undef TSNAP_CUFILE_NAME
    default:
      return "an unknown error";
  }
}

std::string TextOf(const FileError& error) {
  std::string text = fmt::format("cuFile says {} ({})", NameOf(error.code), error.code);
  if (error.driver_code != 0) text += fmt::format(", the CUDA driver {}", error.driver_code);
  return text;
}

void Load(Found* found) {
  found->looked = true;
  const char* named = std::getenv("TSNAP_CUFILE_LIBRARY");
  const char* name = named != nullptr && *named != '\0' ? named : kLibrary;
  void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);  // to the end of the process
  if (library == nullptr) {
    found->why = fmt::format("cuFile cannot be loaded: {}", dlerror());
    return;
  }
#define TSNAP_CUFILE_LOAD(function, symbol, result, arguments)                   \
  found->library.function =                                                      \
      reinterpret_cast<decltype(FileLibrary::function)>(dlsym(library, symbol)); \
  if (found->library.function == nullptr && found->why.empty())                  \
    found->why = fmt::format("{} lacks {}: install a newer cuFile", name, symbol);
  TSNAP_CUFILE_FUNCTIONS(TSNAP_CUFILE_LOAD)
#undef TSNAP_CUFILE_LOAD
}

// Where cuFile moves bytes itself, by file system (linux/magic.h and the headers of the others),
// and what it calls that.
struct Native {
  long magic;
  unsigned status;
};
constexpr unsigned kFileDisks = kFileNvme | kFileNvmeof | kFileScsi | kFileScaleflux | kFileNvmesh;
constexpr Native kNative[] = {
    {0xef53, kFileDisks},       // ext4
    {0x58465342, kFileDisks},   // XFS
    {0x0bd00bd0, kFileLustre},  // Lustre
    {0x47504653, kFileGpfs},    // Spectrum Scale
    {0x6969, kFileNfs},         // NFS
    {0x19830326, kFileBeegfs},  // BeeGFS
};

bool AllowsCompatible(const FileProperties& properties) {
  return (properties.control & kFileAllowsCompatible) != 0;
}

// Whether cuFile will not go through buffers of the host itself. Without its compatibility mode it
// refuses the files that it would have to.
Status CheckNative(const FileProperties& properties, int descriptor) {
  if (!AllowsCompatible(properties)) return Status::Ok();
  struct statfs info {};
  if (::fstatfs(descriptor, &info) != 0)
    return Status::FromErrno(errno, "asking for the file system of a file");
  const bool is_native =
      std::any_of(std::begin(kNative), std::end(kNative), [&](const Native& native) {
        return static_cast<long>(info.f_type) == native.magic &&
               (properties.status & native.status) != 0;
      });
  if (!is_native)
    return Unsupported(
        "cuFile serves this file system in its compatibility mode only, through host memory");
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || (flags & O_DIRECT) == 0)
    return Unsupported(
        "the file is not open for direct I/O, which cuFile needs: switch direct_io on");
  return Status::Ok();
}

// Once in a process; what has failed is tried again.
Status Open(Found* found) {
  if (found->is_open) return Status::Ok();
  if (!found->looked) Load(found);
  if (!found->why.empty()) return Unsupported(found->why);
  const FileError opened = found->library.DriverOpen();
  if (opened.code != kFileSuccess && opened.code != kFileDriverAlreadyOpen)
    return Unsupported(fmt::format("cuFile's driver cannot be opened: {}", TextOf(opened)));
  const FileError asked = found->library.DriverGetProperties(&found->properties);
  if (asked.code != kFileSuccess)
    return Unsupported(fmt::format("cuFile does not tell its properties: {}", TextOf(asked)));
  found->is_open = true;
  return Status::Ok();
}

class CudaFile final : public DeviceFile {
 public:
  CudaFile(const Driver& driver, const FileLibrary& library, FileHandle handle)
      : driver_(driver), library_(library), handle_(handle) {}
  ~CudaFile() override { library_.HandleDeregister(handle_); }

  Status Write(const std::byte* memory, uint64_t bytes, uint64_t offset) override {
    return Move("writing", memory, bytes, offset, [&](uint64_t done, uint64_t size) {
      return library_.Write(handle_, memory + done, size, static_cast<off_t>(offset + done), 0);
    });
  }
  Status Read(std::byte* memory, uint64_t bytes, uint64_t offset) override {
    return Move("reading", memory, bytes, offset, [&](uint64_t done, uint64_t size) {
      return library_.Read(handle_, memory + done, size, static_cast<off_t>(offset + done), 0);
    });
  }

 private:
  // A call may move less than it was asked to; the next one begins at a page again.
  template <class Call>
  Status Move(const char* action, const std::byte* memory, uint64_t bytes, uint64_t offset,
              Call call) {
    if (((bytes | offset) % kDeviceFileAlignment) != 0)
      return Internal(
          fmt::format("{} {} bytes at {} by cuFile: they are not aligned", action, bytes, offset));
    TSNAP_ASSIGN(const PointerFacts facts, FactsOf(driver_, memory));
    TSNAP_ASSIGN(const ContextUse context, ContextUse::Of(driver_, facts));
    CurrentContext current(driver_);
    TSNAP_TRY(current.Push(context.get()));
    for (uint64_t done = 0; done < bytes;) {
      const uint64_t size = std::min(bytes - done, kMostCallBytes);
      errno = 0;
      const ssize_t moved = call(done, size);
      if (moved < 0) return Failure(action, size, offset + done, moved, errno);
      const uint64_t whole = std::min(static_cast<uint64_t>(moved), size) / kDeviceFileAlignment *
                             kDeviceFileAlignment;
      if (whole == 0) return Ended(action, size, offset + done, moved);
      done += whole;
    }
    return Status::Ok();
  }

  static std::string What(const char* action, uint64_t bytes, uint64_t offset) {
    return fmt::format("{} {} bytes at {} between GPU and file", action, bytes, offset);
  }
  static Status Failure(const char* action, uint64_t bytes, uint64_t offset, ssize_t result,
                        int error) {
    const std::string what = What(action, bytes, offset);
    if (result == -1) return Status::FromErrno(error != 0 ? error : EIO, what);
    return {Code::kDevice, fmt::format("{}: {}", what, TextOf({static_cast<int>(-result), 0}))};
  }
  static Status Ended(const char* action, uint64_t bytes, uint64_t offset, ssize_t moved) {
    const std::string what = What(action, bytes, offset);
    if (*action == 'r')
      return Corrupt(fmt::format("{}: the file is truncated: it had {} more bytes", what, moved));
    return IoError(fmt::format("{}: cuFile wrote {} bytes, less than a page", what, moved));
  }

  const Driver& driver_;
  const FileLibrary& library_;
  const FileHandle handle_;
};

}  // namespace

Status OpenFileDriver(bool insists) {
  Found& found = TheFound();
  const std::lock_guard lock(found.mutex);
  TSNAP_TRY(Open(&found));
  if (insists || !AllowsCompatible(found.properties) || found.properties.status != 0)
    return Status::Ok();
  return Unsupported("cuFile serves no file system of this machine but in its compatibility mode");
}

Result<std::unique_ptr<DeviceFile>> OpenCudaFile(const Driver& driver, int descriptor,
                                                 bool insists) {
  const Found& found = TheFound();  // not written any more
  if (!insists) TSNAP_TRY(CheckNative(found.properties, descriptor));
  FileDescription description;
  description.type = kFileOfDescriptor;
  description.handle.descriptor = descriptor;
  FileHandle handle = nullptr;
  const FileError registered = found.library.HandleRegister(&handle, &description);
  if (registered.code != kFileSuccess)
    return Unsupported(fmt::format("cuFile does not take the file: {}", TextOf(registered)));
  return std::unique_ptr<DeviceFile>(std::make_unique<CudaFile>(driver, found.library, handle));
}

}  // namespace tsnap::cuda
