// What is needed of cuFile (GPUDirect Storage), declared here rather than taken from the toolkit's
// cufile.h, as cuda_api.h does for the driver; tests/gpu/declarations.cc compares it with cufile.h
// where there is one.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace tsnap::cuda {

// CUfileOpError: what tsnap tells apart or names. Transfers return them negative.
#define TSNAP_CUFILE_CODES(X)                                                                     \
  X(5001, CU_FILE_DRIVER_NOT_INITIALIZED)                                                         \
  X(5002, CU_FILE_DRIVER_INVALID_PROPS)                                                           \
  X(5003, CU_FILE_DRIVER_UNSUPPORTED_LIMIT)                                                       \
  X(5004, CU_FILE_DRIVER_VERSION_MISMATCH) X(5005, CU_FILE_DRIVER_VERSION_READ_ERROR)             \
      X(5006, CU_FILE_DRIVER_CLOSING) X(5007, CU_FILE_PLATFORM_NOT_SUPPORTED)                     \
          X(5008, CU_FILE_IO_NOT_SUPPORTED) X(5009, CU_FILE_DEVICE_NOT_SUPPORTED) X(              \
              5010, CU_FILE_NVFS_DRIVER_ERROR) X(5011, CU_FILE_CUDA_DRIVER_ERROR)                 \
              X(5012, CU_FILE_CUDA_POINTER_INVALID) X(5013, CU_FILE_CUDA_MEMORY_TYPE_INVALID) X(  \
                  5014, CU_FILE_CUDA_POINTER_RANGE_ERROR) X(5015, CU_FILE_CUDA_CONTEXT_MISMATCH)  \
                  X(5016, CU_FILE_INVALID_MAPPING_SIZE) X(5017, CU_FILE_INVALID_MAPPING_RANGE)    \
                      X(5018, CU_FILE_INVALID_FILE_TYPE) X(5019, CU_FILE_INVALID_FILE_OPEN_FLAG)  \
                          X(5020, CU_FILE_DIO_NOT_SET) X(5022, CU_FILE_INVALID_VALUE)             \
                              X(5023, CU_FILE_MEMORY_ALREADY_REGISTERED)                          \
                                  X(5024, CU_FILE_MEMORY_NOT_REGISTERED)                          \
                                      X(5025, CU_FILE_PERMISSION_DENIED)                          \
                                          X(5026, CU_FILE_DRIVER_ALREADY_OPEN)                    \
                                              X(5027, CU_FILE_HANDLE_NOT_REGISTERED)              \
                                                  X(5028, CU_FILE_HANDLE_ALREADY_REGISTERED)      \
                                                      X(5029, CU_FILE_DEVICE_NOT_FOUND)           \
                                                          X(5030, CU_FILE_INTERNAL_ERROR)         \
                                                              X(5031, CU_FILE_GETNEWFD_FAILED) X( \
                                                                  5033, CU_FILE_NVFS_SETUP_ERROR) \
                                                                  X(5034, CU_FILE_IO_DISABLED)

inline constexpr int kFileSuccess = 0;
inline constexpr int kFileDriverAlreadyOpen = 5026;

struct FileError {  // CUfileError_t, which C functions return
  int code;
  int driver_code;  // of CUDA, where the code is CU_FILE_CUDA_DRIVER_ERROR
};

// CUfileDriverStatusFlags: bits of FileProperties::status.
inline constexpr unsigned kFileLustre = 1U << 0, kFileNfs = 1U << 2, kFileGpfs = 1U << 3,
                          kFileNvme = 1U << 4, kFileNvmeof = 1U << 5, kFileScsi = 1U << 6,
                          kFileScaleflux = 1U << 7, kFileNvmesh = 1U << 8, kFileBeegfs = 1U << 9;
inline constexpr unsigned kFileAllowsCompatible = 1U << 1;  // of FileProperties::control

// The beginning of CUfileDrvProps_t, and room for what newer libraries write behind it.
struct FileProperties {
  unsigned major = 0, minor = 0;
  size_t poll_threshold = 0, most_direct = 0;
  unsigned status = 0, control = 0;
  unsigned more[250] = {};
};

struct FileDescription {  // CUfileDescr_t
  int type = 0;
  union {
    int descriptor;
    void* pointer;
  } handle = {};
  const void* operations = nullptr;
};
inline constexpr int kFileOfDescriptor = 1;  // CU_FILE_HANDLE_TYPE_OPAQUE_FD

using FileHandle = void*;  // CUfileHandle_t

#define TSNAP_CUFILE_FUNCTIONS(X)                                                       \
  X(DriverOpen, "cuFileDriverOpen", FileError, ())                                      \
  X(DriverGetProperties, "cuFileDriverGetProperties", FileError, (FileProperties*))     \
  X(HandleRegister, "cuFileHandleRegister", FileError, (FileHandle*, FileDescription*)) \
  X(HandleDeregister, "cuFileHandleDeregister", void, (FileHandle))                     \
  X(Read, "cuFileRead", ssize_t, (FileHandle, void*, size_t, off_t, off_t))             \
  X(Write, "cuFileWrite", ssize_t, (FileHandle, const void*, size_t, off_t, off_t))

}  // namespace tsnap::cuda
