"""The C interface as it lies in include/tsnap: constants, structs and functions, by their names there.

Nothing else: no library is loaded here. tests/bindings/python/abi_drift.py compares this file with the headers, so a change
there that is not made here fails a test. What is added at the end of a struct there works without it (struct_size says what
we know), and is a line here.
"""

import ctypes
from ctypes import c_double, c_int32, c_int64, c_size_t, c_uint64, c_void_p

# The version of the headers that this file was made for (version.h).
VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH = 0, 1, 0
MAX_DIMS = 8

# status.h
OK = 0
E_INVALID = -1
E_NO_MEMORY = -2
E_NOT_FOUND = -3
E_EXISTS = -4
E_IO = -5
E_NO_SPACE = -6
E_CORRUPT = -7
E_MISMATCH = -8
E_UNSUPPORTED = -9
E_AUTH = -10
E_NETWORK = -11
E_TIMEOUT = -12
E_CANCELLED = -13
E_CALLBACK = -14
E_DEVICE = -15
E_MPI = -16
E_BUSY = -17
E_INTERNAL = -99

# array.h
BOOL, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64 = range(1, 10)
FLOAT8_E4M3, FLOAT8_E5M2, FLOAT16, BFLOAT16, FLOAT32, FLOAT64 = range(10, 16)
COMPLEX64, COMPLEX128, OPAQUE = range(16, 19)

# config.h
ON, OFF = 1, 2
LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG = range(1, 5)

# state.h, snapshot.h
PRIVATE, REPLICATED, SHARDED = 1, 2, 3
COVER_EXACT, COVER_SPARSE, COVER_DUPLICATES = 1, 2, 3
OBJECT_ARRAY, OBJECT_INT64, OBJECT_FLOAT64, OBJECT_BOOL, OBJECT_STRING, OBJECT_BYTES = range(1, 7)

# take.h, restore.h
CODEC_NONE, CODEC_ZSTD, CODEC_LZ4, CODEC_DEFLATE = range(4)
REPLICATED_CHECK_SHAPE, REPLICATED_CHECK_NONE, REPLICATED_CHECK_CONTENT = 1, 2, 3
NEW_RANKS_ERROR, NEW_RANKS_COPY_RANK_0, NEW_RANKS_LEAVE = 1, 2, 3
LOST_RANKS_ERROR, LOST_RANKS_IGNORE = 1, 2

# event.h
OPERATION_TAKE, OPERATION_TAKE_ASYNC, OPERATION_RESTORE = 1, 2, 3
PHASE_PENDING, PHASE_DESCRIBE, PHASE_OPEN, PHASE_AGREE, PHASE_PLAN, PHASE_STAGE, PHASE_WRITE = range(1, 8)
PHASE_INDEX, PHASE_SYNC, PHASE_COMMIT, PHASE_CLEAN, PHASE_RESOLVE, PHASE_READ, PHASE_LOADED = range(8, 15)
PHASE_LIMIT = 24

# Callbacks, by what they are given before the user pointer.
LOG_CALLBACK = ctypes.CFUNCTYPE(None, c_int32, ctypes.c_char_p, c_void_p)
EVENT_CALLBACK = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
PROGRESS_CALLBACK = ctypes.CFUNCTYPE(None, c_uint64, c_uint64, c_uint64, c_void_p)
DONE_CALLBACK = ctypes.CFUNCTYPE(None, c_uint64, c_uint64, c_void_p)
REMOVED_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_char_p, c_uint64, c_void_p)
DESCRIBE_CALLBACK = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p)
LOADED_CALLBACK = ctypes.CFUNCTYPE(c_int32, c_void_p)
RELEASE_CALLBACK = ctypes.CFUNCTYPE(None, c_void_p)

_DIMS = c_int64 * MAX_DIMS
_TEXT = ctypes.c_char_p


class Struct(ctypes.Structure):
    """A struct that knows its size, as the _INIT macros make it: all else is zero."""

    def __init__(self, **values):
        super().__init__(struct_size=ctypes.sizeof(self), **values)


def _struct(name, fields):
    return type(name, (Struct,), {"__doc__": f"{name} of the C interface.", "_fields_": [("struct_size", c_size_t), *fields]})


array = _struct("tsnap_array", [
    ("dtype", c_int32), ("ndim", c_int32), ("shape", _DIMS), ("strides_bytes", _DIMS), ("data", c_void_p),
    ("item_bytes", c_int64), ("offset", _DIMS)])

config = _struct("tsnap_config", [
    ("memory_budget_bytes", c_uint64), ("io_concurrency", c_int32), ("staging_threads", c_int32),
    ("collective_timeout_seconds", c_double), ("io_timeout_seconds", c_double), ("direct_io", c_int32),
    ("log_level", c_int32), ("log", LOG_CALLBACK), ("log_user", c_void_p), ("s3_endpoint", _TEXT), ("s3_region", _TEXT),
    ("s3_access_key", _TEXT), ("s3_secret_key", _TEXT), ("s3_session_token", _TEXT), ("ca_file", _TEXT),
    ("staging_prefault_bytes", c_uint64), ("trace", _TEXT), ("event", EVENT_CALLBACK), ("event_user", c_void_p)])

copy_options = _struct("tsnap_copy_options", [
    ("overwrite", c_int32), ("verify", c_int32), ("progress", DONE_CALLBACK), ("progress_user", c_void_p)])

copy_result = _struct("tsnap_copy_result", [
    ("objects_copied", c_int64), ("objects_skipped", c_int64), ("bytes_copied", c_uint64), ("bytes_skipped", c_uint64),
    ("server_side", c_int32), ("reserved", c_int32)])

event = _struct("tsnap_event", [
    ("operation_number", c_int64), ("operation", c_int32), ("phase", c_int32), ("is_end", c_int32), ("status", c_int32),
    ("unix_nanoseconds", c_int64), ("seconds", c_double), ("bytes", c_uint64)])

restore_options = _struct("tsnap_restore_options", [
    ("strict", c_int32), ("new_ranks", c_int32), ("lost_ranks", c_int32), ("verify", c_int32),
    ("progress", PROGRESS_CALLBACK), ("progress_user", c_void_p), ("cuda_stream", c_void_p)])

report = _struct("tsnap_report", [
    ("missing_count", c_size_t), ("unexpected_count", c_size_t), ("mismatched_count", c_size_t),
    ("not_restored_count", c_size_t), ("missing", ctypes.POINTER(_TEXT)), ("unexpected", ctypes.POINTER(_TEXT)),
    ("mismatched", ctypes.POINTER(_TEXT)), ("not_restored", ctypes.POINTER(_TEXT))])

snapshot_info = _struct("tsnap_snapshot_info", [
    ("id", _TEXT), ("metadata", _TEXT), ("library_version", _TEXT), ("format", _TEXT), ("created_unix_seconds", c_int64),
    ("world_size", c_int64), ("object_count", c_int64), ("bytes", c_uint64), ("stored_bytes", c_uint64)])

object_info = _struct("tsnap_object_info", [
    ("path", _TEXT), ("type", c_int32), ("kind", c_int32), ("dtype", c_int32), ("ndim", c_int32), ("rank", c_int64),
    ("shape", _DIMS), ("item_bytes", c_int64), ("bytes", c_uint64), ("stored_bytes", c_uint64), ("box_count", c_int64)])

extent_info = _struct("tsnap_extent_info", [
    ("file", _TEXT), ("writer", c_int64), ("offset_bytes", c_uint64), ("stored_bytes", c_uint64), ("bytes", c_uint64),
    ("codec", c_int32), ("ndim", c_int32), ("box_offset", _DIMS), ("box_shape", _DIMS)])

read_options = _struct("tsnap_read_options", [
    ("memory_budget_bytes", c_uint64), ("verify", c_int32), ("reserved", c_int32), ("cuda_stream", c_void_p)])

gc_options = _struct("tsnap_gc_options", [
    ("min_age_seconds", c_double), ("dry_run", c_int32), ("reserved", c_int32), ("removed", REMOVED_CALLBACK),
    ("removed_user", c_void_p)])

gc_result = _struct("tsnap_gc_result", [
    ("takes_removed", c_int64), ("takes_kept", c_int64), ("bytes_removed", c_uint64)])

stateful = _struct("tsnap_stateful", [
    ("describe", DESCRIBE_CALLBACK), ("loaded", LOADED_CALLBACK), ("release", RELEASE_CALLBACK), ("user", c_void_p)])

statistics = _struct("tsnap_statistics", [
    ("operation_number", c_int64), ("operation", c_int32), ("status", c_int32), ("plan_reused", c_int32),
    ("reserved", c_int32), ("seconds", c_double), ("blocked_seconds", c_double), ("budget_wait_seconds", c_double),
    ("rank_wait_seconds", c_double), ("bytes", c_uint64), ("stored_bytes", c_uint64), ("over_budget_bytes", c_uint64),
    ("peak_buffer_bytes", c_uint64), ("phase_seconds", c_double * PHASE_LIMIT), ("phase_bytes", c_uint64 * PHASE_LIMIT)])

take_options = _struct("tsnap_take_options", [
    ("overwrite", c_int32), ("codec", c_int32), ("verify_replicated", c_int32), ("sync", c_int32),
    ("chunk_bytes", c_uint64), ("slab_bytes", c_uint64), ("metadata", _TEXT), ("progress", PROGRESS_CALLBACK),
    ("progress_user", c_void_p), ("device_staging", c_int32), ("reserved", c_int32), ("cuda_stream", c_void_p)])

STRUCTS = (array, config, copy_options, copy_result, event, restore_options, report, snapshot_info, object_info, extent_info,
           read_options, gc_options, gc_result, stateful, statistics, take_options)

# Functions: the result, then the arguments, one letter each.
LETTERS = {"v": None, "i": c_int32, "l": c_int64, "z": c_size_t, "s": _TEXT, "p": c_void_p}
CORE_FUNCTIONS = {
    "tsnap_version": ("s", ""),
    "tsnap_status_name": ("s", "i"),
    "tsnap_last_error": ("s", ""),
    "tsnap_phase_name": ("s", "i"),
    "tsnap_context_open_self": ("i", "pp"),
    "tsnap_context_close": ("i", "p"),
    "tsnap_context_statistics": ("i", "pp"),
    "tsnap_state_create": ("i", "p"),
    "tsnap_state_destroy": ("v", "p"),
    "tsnap_state_add_private": ("i", "psp"),
    "tsnap_state_add_replicated": ("i", "psp"),
    "tsnap_state_add_sharded": ("i", "psppz"),
    "tsnap_state_set_coverage": ("i", "psip"),
    "tsnap_state_add_int64": ("i", "psip"),
    "tsnap_state_add_float64": ("i", "psip"),
    "tsnap_state_add_bool": ("i", "psip"),
    "tsnap_state_add_string": ("i", "psipz"),
    "tsnap_state_add_bytes": ("i", "psipzp"),
    "tsnap_state_set_attribute": ("i", "psss"),
    "tsnap_state_replicate": ("i", "ps"),
    "tsnap_state_add_stateful": ("i", "psp"),
    "tsnap_state_add_rng": ("i", "psp"),
    "tsnap_state_remove": ("i", "ps"),
    "tsnap_take": ("i", "pspp"),
    "tsnap_take_async": ("i", "psppp"),
    "tsnap_request_test": ("i", "pp"),
    "tsnap_request_wait": ("i", "p"),
    "tsnap_request_cancel": ("i", "p"),
    "tsnap_request_free": ("i", "p"),
    "tsnap_restore": ("i", "pspp"),
    "tsnap_restore_report": ("i", "pp"),
    "tsnap_snapshot_open": ("i", "spp"),
    "tsnap_snapshot_open_all": ("i", "psp"),
    "tsnap_snapshot_close": ("v", "p"),
    "tsnap_snapshot_info_get": ("i", "pp"),
    "tsnap_snapshot_object": ("i", "plp"),
    "tsnap_snapshot_find": ("i", "psp"),
    "tsnap_snapshot_attribute": ("i", "pssp"),
    "tsnap_snapshot_attribute_at": ("i", "pslpp"),
    "tsnap_snapshot_extent": ("i", "pslp"),
    "tsnap_snapshot_set_progress": ("i", "ppp"),
    "tsnap_snapshot_verify": ("i", "ppp"),
    "tsnap_read": ("i", "pspp"),
    "tsnap_read_int64": ("i", "psp"),
    "tsnap_read_float64": ("i", "psp"),
    "tsnap_read_bool": ("i", "psp"),
    "tsnap_read_string": ("i", "pspzp"),
    "tsnap_read_bytes": ("i", "pspzp"),
    "tsnap_copy": ("i", "spsppp"),
    "tsnap_remove": ("i", "sp"),
    "tsnap_gc": ("i", "sppp"),
}
MPI_FUNCTIONS = {"tsnap_context_open_f": ("i", "ppp")}
# MPI_Comm is another type in each MPI; the Fortran handle of the same communicator is an integer in all of them.
NOT_BOUND = {"tsnap_context_open"}


def declare(library, functions):
    """Gives the functions of a loaded library their types."""
    for name, (result, arguments) in functions.items():
        function = getattr(library, name)
        function.restype = LETTERS[result]
        function.argtypes = [LETTERS[letter] for letter in arguments]
