! tsnap_constants.f90 - the constants of the C headers, with the same names and values.
!
! Their meaning is told there. A test compares each with the headers.
module tsnap_constants
  use, intrinsic :: iso_fortran_env, only: int32
  implicit none
  private :: int32

  ! What calls return.
  integer(int32), parameter :: TSNAP_OK = 0
  integer(int32), parameter :: TSNAP_E_INVALID = -1
  integer(int32), parameter :: TSNAP_E_NO_MEMORY = -2
  integer(int32), parameter :: TSNAP_E_NOT_FOUND = -3
  integer(int32), parameter :: TSNAP_E_EXISTS = -4
  integer(int32), parameter :: TSNAP_E_IO = -5
  integer(int32), parameter :: TSNAP_E_NO_SPACE = -6
  integer(int32), parameter :: TSNAP_E_CORRUPT = -7
  integer(int32), parameter :: TSNAP_E_MISMATCH = -8
  integer(int32), parameter :: TSNAP_E_UNSUPPORTED = -9
  integer(int32), parameter :: TSNAP_E_AUTH = -10
  integer(int32), parameter :: TSNAP_E_NETWORK = -11
  integer(int32), parameter :: TSNAP_E_TIMEOUT = -12
  integer(int32), parameter :: TSNAP_E_CANCELLED = -13
  integer(int32), parameter :: TSNAP_E_CALLBACK = -14
  integer(int32), parameter :: TSNAP_E_DEVICE = -15
  integer(int32), parameter :: TSNAP_E_MPI = -16
  integer(int32), parameter :: TSNAP_E_BUSY = -17
  integer(int32), parameter :: TSNAP_E_INTERNAL = -99

  ! Element types.
  integer(int32), parameter :: TSNAP_MAX_DIMS = 8
  integer(int32), parameter :: TSNAP_BOOL = 1
  integer(int32), parameter :: TSNAP_INT8 = 2
  integer(int32), parameter :: TSNAP_INT16 = 3
  integer(int32), parameter :: TSNAP_INT32 = 4
  integer(int32), parameter :: TSNAP_INT64 = 5
  integer(int32), parameter :: TSNAP_UINT8 = 6
  integer(int32), parameter :: TSNAP_UINT16 = 7
  integer(int32), parameter :: TSNAP_UINT32 = 8
  integer(int32), parameter :: TSNAP_UINT64 = 9
  integer(int32), parameter :: TSNAP_FLOAT8_E4M3 = 10
  integer(int32), parameter :: TSNAP_FLOAT8_E5M2 = 11
  integer(int32), parameter :: TSNAP_FLOAT16 = 12
  integer(int32), parameter :: TSNAP_BFLOAT16 = 13
  integer(int32), parameter :: TSNAP_FLOAT32 = 14
  integer(int32), parameter :: TSNAP_FLOAT64 = 15
  integer(int32), parameter :: TSNAP_COMPLEX64 = 16
  integer(int32), parameter :: TSNAP_COMPLEX128 = 17
  integer(int32), parameter :: TSNAP_OPAQUE = 18

  ! Kinds of objects, and how boxes cover an array.
  integer(int32), parameter :: TSNAP_PRIVATE = 1
  integer(int32), parameter :: TSNAP_REPLICATED = 2
  integer(int32), parameter :: TSNAP_COVER_EXACT = 1
  integer(int32), parameter :: TSNAP_COVER_SPARSE = 2
  integer(int32), parameter :: TSNAP_COVER_DUPLICATES = 3

  ! Types of stored objects.
  integer(int32), parameter :: TSNAP_OBJECT_ARRAY = 1
  integer(int32), parameter :: TSNAP_OBJECT_INT64 = 2
  integer(int32), parameter :: TSNAP_OBJECT_FLOAT64 = 3
  integer(int32), parameter :: TSNAP_OBJECT_BOOL = 4
  integer(int32), parameter :: TSNAP_OBJECT_STRING = 5
  integer(int32), parameter :: TSNAP_OBJECT_BYTES = 6
  integer(int32), parameter :: TSNAP_SHARDED = 3

  ! Switches and log levels.
  integer(int32), parameter :: TSNAP_ON = 1
  integer(int32), parameter :: TSNAP_OFF = 2
  integer(int32), parameter :: TSNAP_LOG_ERROR = 1
  integer(int32), parameter :: TSNAP_LOG_WARNING = 2
  integer(int32), parameter :: TSNAP_LOG_INFO = 3
  integer(int32), parameter :: TSNAP_LOG_DEBUG = 4

  ! Operations and their phases.
  integer(int32), parameter :: TSNAP_OPERATION_TAKE = 1
  integer(int32), parameter :: TSNAP_OPERATION_TAKE_ASYNC = 2
  integer(int32), parameter :: TSNAP_OPERATION_RESTORE = 3
  integer(int32), parameter :: TSNAP_PHASE_PENDING = 1
  integer(int32), parameter :: TSNAP_PHASE_DESCRIBE = 2
  integer(int32), parameter :: TSNAP_PHASE_OPEN = 3
  integer(int32), parameter :: TSNAP_PHASE_AGREE = 4
  integer(int32), parameter :: TSNAP_PHASE_PLAN = 5
  integer(int32), parameter :: TSNAP_PHASE_STAGE = 6
  integer(int32), parameter :: TSNAP_PHASE_WRITE = 7
  integer(int32), parameter :: TSNAP_PHASE_INDEX = 8
  integer(int32), parameter :: TSNAP_PHASE_SYNC = 9
  integer(int32), parameter :: TSNAP_PHASE_COMMIT = 10
  integer(int32), parameter :: TSNAP_PHASE_CLEAN = 11
  integer(int32), parameter :: TSNAP_PHASE_RESOLVE = 12
  integer(int32), parameter :: TSNAP_PHASE_READ = 13
  integer(int32), parameter :: TSNAP_PHASE_LOADED = 14
  integer(int32), parameter :: TSNAP_PHASE_LIMIT = 24

  ! Codecs, and how replicated objects are compared.
  integer(int32), parameter :: TSNAP_CODEC_NONE = 0
  integer(int32), parameter :: TSNAP_CODEC_ZSTD = 1
  integer(int32), parameter :: TSNAP_CODEC_LZ4 = 2
  integer(int32), parameter :: TSNAP_CODEC_DEFLATE = 3
  integer(int32), parameter :: TSNAP_REPLICATED_CHECK_SHAPE = 1
  integer(int32), parameter :: TSNAP_REPLICATED_CHECK_NONE = 2
  integer(int32), parameter :: TSNAP_REPLICATED_CHECK_CONTENT = 3

  ! Ranks that are new, or gone.
  integer(int32), parameter :: TSNAP_NEW_RANKS_ERROR = 1
  integer(int32), parameter :: TSNAP_NEW_RANKS_COPY_RANK_0 = 2
  integer(int32), parameter :: TSNAP_NEW_RANKS_LEAVE = 3
  integer(int32), parameter :: TSNAP_LOST_RANKS_ERROR = 1
  integer(int32), parameter :: TSNAP_LOST_RANKS_IGNORE = 2
end module
