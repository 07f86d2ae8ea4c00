"""DLPack: what an object of another library that exports __dlpack__ says about its memory.

The structs are those of the DLPack specification (DLManagedTensorVersioned of ABI 1, which says whether the memory may be
written, and DLManagedTensor of ABI 0, which does not). The capsule is kept, not consumed: its owner frees the tensor when the
capsule goes.
"""

from __future__ import annotations

import ctypes

from . import abi

CPU, CUDA, CUDA_HOST, CUDA_MANAGED = 1, 2, 3, 13


class DLTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class DLManagedTensor(ctypes.Structure):
    _fields_ = [("tensor", DLTensor), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class DLManagedTensorVersioned(ctypes.Structure):
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p),
                ("flags", ctypes.c_uint64), ("tensor", DLTensor)]


READ_ONLY, IS_COPIED = 1, 2  # what is written to a copy is lost

# (type code, bits) of the specification.
CODES = {
    (0, 8): abi.INT8, (0, 16): abi.INT16, (0, 32): abi.INT32, (0, 64): abi.INT64,
    (1, 8): abi.UINT8, (1, 16): abi.UINT16, (1, 32): abi.UINT32, (1, 64): abi.UINT64,
    (2, 16): abi.FLOAT16, (2, 32): abi.FLOAT32, (2, 64): abi.FLOAT64, (4, 16): abi.BFLOAT16,
    (5, 64): abi.COMPLEX64, (5, 128): abi.COMPLEX128, (6, 8): abi.BOOL, (10, 8): abi.FLOAT8_E4M3, (12, 8): abi.FLOAT8_E5M2}

_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.restype, _is_valid.argtypes = ctypes.c_int, [ctypes.py_object, ctypes.c_char_p]
_pointer_of.restype, _pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def read(value, path: str):
    """(capsule, address, code, shape, strides in bytes or None, on a device?, writable?) of an object with __dlpack__."""
    device = int(value.__dlpack_device__()[0])
    if device not in (CPU, CUDA, CUDA_HOST, CUDA_MANAGED):
        raise TypeError(f"{path}: memory of DLPack device type {device} is unknown to tsnap; copy it to the host")
    try:
        capsule = value.__dlpack__(max_version=(1, 0))
    except TypeError:  # of before ABI 1
        capsule = value.__dlpack__()
    writable = True
    if _is_valid(capsule, b"dltensor_versioned"):
        managed = DLManagedTensorVersioned.from_address(_pointer_of(capsule, b"dltensor_versioned"))
        if managed.major > 1:
            raise TypeError(f"{path}: DLPack {managed.major}.{managed.minor} is newer than tsnap knows (1)")
        writable = not managed.flags & (READ_ONLY | IS_COPIED)
        tensor = managed.tensor
    else:
        tensor = DLManagedTensor.from_address(_pointer_of(capsule, b"dltensor")).tensor
    code = CODES.get((tensor.code, tensor.bits))
    if code is None or tensor.lanes != 1:
        raise TypeError(f"{path}: elements of DLPack type {tensor.code}, {tensor.bits} bits, {tensor.lanes} lanes cannot be stored")
    shape = tuple(tensor.shape[axis] for axis in range(tensor.ndim))
    item_bytes = tensor.bits // 8
    strides = tuple(tensor.strides[axis] * item_bytes for axis in range(tensor.ndim)) if tensor.strides else None
    return capsule, (tensor.data or 0) + tensor.byte_offset, code, shape, strides, device in (CUDA, CUDA_MANAGED), writable
