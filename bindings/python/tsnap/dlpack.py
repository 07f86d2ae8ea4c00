"""DLPack: what an object of another library that exports __dlpack__ says about its memory.

The structs are those of the DLPack specification (DLManagedTensor, ABI 0). The capsule is kept, not consumed: its owner
frees the tensor when the capsule goes.
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


# (type code, bits) of the specification.
CODES = {
    (0, 8): abi.INT8, (0, 16): abi.INT16, (0, 32): abi.INT32, (0, 64): abi.INT64,
    (1, 8): abi.UINT8, (1, 16): abi.UINT16, (1, 32): abi.UINT32, (1, 64): abi.UINT64,
    (2, 16): abi.FLOAT16, (2, 32): abi.FLOAT32, (2, 64): abi.FLOAT64, (4, 16): abi.BFLOAT16,
    (5, 64): abi.COMPLEX64, (5, 128): abi.COMPLEX128, (6, 8): abi.BOOL, (10, 8): abi.FLOAT8_E4M3, (12, 8): abi.FLOAT8_E5M2}

_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype, _pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def read(value, path: str):
    """(capsule, address, code, shape, strides in bytes or None, on a device?) of an object with __dlpack__."""
    device = int(value.__dlpack_device__()[0])
    if device not in (CPU, CUDA, CUDA_HOST, CUDA_MANAGED):
        raise TypeError(f"{path}: memory of DLPack device type {device} is unknown to tsnap; copy it to the host")
    capsule = value.__dlpack__()
    tensor = DLManagedTensor.from_address(_pointer_of(capsule, b"dltensor")).tensor
    code = CODES.get((tensor.code, tensor.bits))
    if code is None or tensor.lanes != 1:
        raise TypeError(f"{path}: elements of DLPack type {tensor.code}, {tensor.bits} bits, {tensor.lanes} lanes cannot be stored")
    shape = tuple(tensor.shape[axis] for axis in range(tensor.ndim))
    item_bytes = tensor.bits // 8
    strides = tuple(tensor.strides[axis] * item_bytes for axis in range(tensor.ndim)) if tensor.strides else None
    return capsule, (tensor.data or 0) + tensor.byte_offset, code, shape, strides, device in (CUDA, CUDA_MANAGED)
