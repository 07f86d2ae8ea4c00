// What src/stage/cuda_api.h declares of the driver, and src/stage/cuda_file_api.h of cuFile, against the toolkit's own headers. Compiled where there is one; it does nothing.
#include <cuda.h>

#include <cstddef>
#include <iterator>

#include "stage/cuda_api.h"
#include "stage/cuda_driver.h"

using namespace tsnap;

#define SAME(ours, theirs) static_assert(static_cast<long long>(ours) == static_cast<long long>(theirs), #ours)

SAME(cuda::kSuccess, CUDA_SUCCESS);
SAME(cuda::kOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
SAME(cuda::kNotInitialized, CUDA_ERROR_NOT_INITIALIZED);
SAME(cuda::kPointerContext, CU_POINTER_ATTRIBUTE_CONTEXT);
SAME(cuda::kPointerMemoryType, CU_POINTER_ATTRIBUTE_MEMORY_TYPE);
SAME(cuda::kPointerIsManaged, CU_POINTER_ATTRIBUTE_IS_MANAGED);
SAME(cuda::kPointerDeviceOrdinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL);
SAME(cuda::kMemoryHost, CU_MEMORYTYPE_HOST);
SAME(cuda::kMemoryDevice, CU_MEMORYTYPE_DEVICE);
SAME(cuda::kStreamNonBlocking, CU_STREAM_NON_BLOCKING);
SAME(cuda::kEventBlockingSync, CU_EVENT_BLOCKING_SYNC);
SAME(cuda::kEventDisableTiming, CU_EVENT_DISABLE_TIMING);
SAME(cuda::kRegisterPortable, CU_MEMHOSTREGISTER_PORTABLE);
SAME(cuda::kCaptureRelaxed, CU_STREAM_CAPTURE_MODE_RELAXED);
static_assert(sizeof(cuda::Device) == sizeof(CUdevice) && sizeof(cuda::DeviceAddress) == sizeof(CUdeviceptr));
static_assert(sizeof(cuda::DriverCode) == sizeof(CUresult) && sizeof(int) == sizeof(CUpointer_attribute));

SAME(sizeof(cuda::BoxCopy), sizeof(CUDA_MEMCPY3D));
#define SAME_MEMBER(ours, theirs) SAME(offsetof(cuda::BoxCopy, ours), offsetof(CUDA_MEMCPY3D, theirs))
SAME_MEMBER(src_x_bytes, srcXInBytes);
SAME_MEMBER(src_y, srcY);
SAME_MEMBER(src_z, srcZ);
SAME_MEMBER(src_lod, srcLOD);
SAME_MEMBER(src_memory_type, srcMemoryType);
SAME_MEMBER(src_host, srcHost);
SAME_MEMBER(src_device, srcDevice);
SAME_MEMBER(src_array, srcArray);
SAME_MEMBER(reserved0, reserved0);
SAME_MEMBER(src_pitch, srcPitch);
SAME_MEMBER(src_height, srcHeight);
SAME_MEMBER(dst_x_bytes, dstXInBytes);
SAME_MEMBER(dst_y, dstY);
SAME_MEMBER(dst_z, dstZ);
SAME_MEMBER(dst_lod, dstLOD);
SAME_MEMBER(dst_memory_type, dstMemoryType);
SAME_MEMBER(dst_host, dstHost);
SAME_MEMBER(dst_device, dstDevice);
SAME_MEMBER(dst_array, dstArray);
SAME_MEMBER(reserved1, reserved1);
SAME_MEMBER(dst_pitch, dstPitch);
SAME_MEMBER(dst_height, dstHeight);
SAME_MEMBER(width_bytes, WidthInBytes);
SAME_MEMBER(height, Height);
SAME_MEMBER(depth, Depth);

// Each function takes and gives what our table says: the table is assigned from the toolkit's declarations. Handles and codes are
// types of our own, so that only sizes and their number can be compared.
template <class Function>
struct Arity;
template <class Return, class... Arguments>
struct Arity<Return (*)(Arguments...)> {
  static constexpr size_t kBytes[] = {sizeof(Return), sizeof(Arguments)...};
};

template <class Ours, class Theirs>
constexpr bool IsAlike() {
  constexpr size_t kCount = std::size(Arity<Ours>::kBytes);
  if (kCount != std::size(Arity<Theirs>::kBytes)) return false;
  for (size_t i = 0; i < kCount; ++i)
    if (Arity<Ours>::kBytes[i] != Arity<Theirs>::kBytes[i]) return false;
  return true;
}
// The toolkit's names stand for the symbols that programs link: the _v2 where there is one.
#define ALIKE(name, symbol, arguments) \
  static_assert(IsAlike<decltype(cuda::Driver::name), decltype(&cu##name)>(), symbol);
TSNAP_CUDA_FUNCTIONS(ALIKE)
TSNAP_CUDA_KERNEL_FUNCTIONS(ALIKE)

// cuFile, where the toolkit has it.
#if __has_include(<cufile.h>)
#include <cufile.h>
#include "stage/cuda_file_api.h"

#define SAME_CODE(number, name) SAME(number, name);
TSNAP_CUFILE_CODES(SAME_CODE)
SAME(cuda::kFileSuccess, CU_FILE_SUCCESS);
SAME(cuda::kFileDriverAlreadyOpen, CU_FILE_DRIVER_ALREADY_OPEN);
SAME(cuda::kFileOfDescriptor, CU_FILE_HANDLE_TYPE_OPAQUE_FD);
SAME(cuda::kFileLustre, 1U << CU_FILE_LUSTRE_SUPPORTED);
SAME(cuda::kFileNfs, 1U << CU_FILE_NFS_SUPPORTED);
SAME(cuda::kFileGpfs, 1U << CU_FILE_GPFS_SUPPORTED);
SAME(cuda::kFileNvme, 1U << CU_FILE_NVME_SUPPORTED);
SAME(cuda::kFileNvmeof, 1U << CU_FILE_NVMEOF_SUPPORTED);
SAME(cuda::kFileScsi, 1U << CU_FILE_SCSI_SUPPORTED);
SAME(cuda::kFileScaleflux, 1U << CU_FILE_SCALEFLUX_CSD_SUPPORTED);
SAME(cuda::kFileNvmesh, 1U << CU_FILE_NVMESH_SUPPORTED);
SAME(cuda::kFileBeegfs, 1U << CU_FILE_BEEGFS_SUPPORTED);
SAME(cuda::kFileAllowsCompatible, 1U << CU_FILE_ALLOW_COMPAT_MODE);
SAME(offsetof(cuda::FileProperties, major), offsetof(CUfileDrvProps_t, nvfs.major_version));
SAME(offsetof(cuda::FileProperties, status), offsetof(CUfileDrvProps_t, nvfs.dstatusflags));
SAME(offsetof(cuda::FileProperties, control), offsetof(CUfileDrvProps_t, nvfs.dcontrolflags));
static_assert(sizeof(cuda::FileProperties) >= sizeof(CUfileDrvProps_t));
SAME(sizeof(cuda::FileDescription), sizeof(CUfileDescr_t));
SAME(offsetof(cuda::FileDescription, handle), offsetof(CUfileDescr_t, handle));
SAME(offsetof(cuda::FileDescription, operations), offsetof(CUfileDescr_t, fs_ops));
SAME(sizeof(cuda::FileError), sizeof(CUfileError_t));
SAME(offsetof(cuda::FileError, driver_code), offsetof(CUfileError_t, cu_err));

struct FileLibrary {
#define MEMBER(name, symbol, result, arguments) result(*name) arguments;
  TSNAP_CUFILE_FUNCTIONS(MEMBER)
};
template <class... Arguments>
struct Arity<void (*)(Arguments...)> {
  static constexpr size_t kBytes[] = {0, sizeof(Arguments)...};
};
#define FILE_ALIKE(name, symbol, result, arguments) \
  static_assert(IsAlike<decltype(FileLibrary::name), decltype(&cuFile##name)>(), symbol);
TSNAP_CUFILE_FUNCTIONS(FILE_ALIKE)
#endif

int main() { return 0; }
