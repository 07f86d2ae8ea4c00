"""Where an array lies: any array-like object as address, shape, strides and element type. No array is copied.

Known are NumPy arrays and what exports a writable buffer, PyTorch tensors, __cuda_array_interface__ (CuPy, Numba, PyTorch)
and __dlpack__.
"""

from __future__ import annotations

import array as builtin_array
import sys
from typing import Any, NamedTuple, Optional, Tuple

import numpy as np

from . import abi, dlpack, dtypes, errors


# What calls that timed out were given: storage that hangs may still be read from, or written to, by a thread of C, so it lives as
# long as the process does.
LEFT_BEHIND: list = []


ALL_STREAMS = 0  # as a handle: what the contexts of the memory were given in any stream is waited for


class Memory(NamedTuple):
    """An array in memory. `owner` keeps it there; `stream` is the CUDA stream to order work with, None for none."""

    address: int
    code: int
    item_bytes: int
    shape: Tuple[int, ...]
    strides_bytes: Tuple[int, ...]
    owner: Any
    writable: bool = True
    on_device: bool = False
    stream: Optional[int] = None
    record: Optional[str] = None


def is_array(value) -> bool:
    """Whether `locate` can tell where it lies; of NumPy's own scalars the values are stored, as arrays without axes."""
    return (isinstance(value, (np.ndarray, builtin_array.array, memoryview)) or is_tensor(value)
            or (not isinstance(value, (np.generic, type))
                and (hasattr(value, "__cuda_array_interface__") or hasattr(value, "__dlpack__"))))


def is_tensor(value) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def locate(value, path: str) -> Memory:
    """Where `value` lies; TypeError, naming the path, for what is no array or one that cannot be described."""
    if isinstance(value, (builtin_array.array, memoryview)):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        return _of_numpy(value, path)
    if is_tensor(value):
        return _of_torch(value, path)
    if hasattr(value, "__cuda_array_interface__"):
        return _of_cuda(value, path)
    if hasattr(value, "__dlpack__"):
        capsule, address, code, shape, strides, on_device, writable = dlpack.read(value, path)
        item_bytes = dtypes.to_numpy(code, 0).itemsize
        return Memory(address, code, item_bytes, shape, strides or c_strides(shape, item_bytes), (value, capsule), writable, on_device,
                      ALL_STREAMS if on_device else None)
    raise TypeError(f"{path}: {type(value).__name__} is no array")


def _of_numpy(value, path):
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{path}: masks are not stored; give value.data and value.mask under names of their own")
    code, item_bytes = dtypes.from_numpy(value.dtype, path)
    record = dtypes.record_text(value.dtype) if code == abi.OPAQUE else None
    return Memory(value.__array_interface__["data"][0], code, item_bytes, value.shape, value.strides, value,
                  value.flags.writeable, record=record)


def _of_torch(value, path):
    torch = sys.modules["torch"]
    if value.layout != torch.strided or value.is_quantized:
        raise TypeError(f"{path}: only dense tensors can be stored, not {value.layout}{' quantized' if value.is_quantized else ''}")
    if value.is_conj() or value.is_neg():
        raise TypeError(f"{path}: this tensor is a lazy view; pass tensor.resolve_conj().resolve_neg()")
    if value.device.type not in ("cpu", "cuda"):
        raise TypeError(f"{path}: memory of device {value.device} is unknown to tsnap; pass tensor.cpu()")
    item_bytes = value.element_size()
    on_device = value.device.type == "cuda"
    stream = torch.cuda.current_stream(value.device).cuda_stream if on_device else None
    return Memory(value.data_ptr(), dtypes.from_torch(value.dtype, path), item_bytes, tuple(value.shape),
                  tuple(stride * item_bytes for stride in value.stride()), value, True, on_device, stream)


def _of_cuda(value, path):
    interface = value.__cuda_array_interface__
    if interface.get("mask") is not None:
        raise TypeError(f"{path}: masks are not stored; give data and mask under names of their own")
    dtype = np.dtype(interface["typestr"])
    code, item_bytes = dtypes.from_numpy(dtype, path)
    shape = tuple(int(length) for length in interface["shape"])
    address, read_only = interface["data"]
    return Memory(int(address or 0), code, item_bytes, shape, tuple(interface.get("strides") or c_strides(shape, item_bytes)), value,
                  not read_only, True, interface.get("stream"),
                  record=dtypes.record_text(dtype) if code == abi.OPAQUE else None)


class _Bytes:
    def __init__(self, place):
        self.place = place  # whose owner keeps the memory
        self.__array_interface__ = {"version": 3, "data": (place.address, False), "shape": place.shape, "strides": place.strides_bytes,
                                    "typestr": f"|V{place.item_bytes}"}


def bytes_at(place: Memory) -> np.ndarray:
    """Host memory as a NumPy array of plain bytes."""
    return np.asarray(_Bytes(place))


def c_strides(shape, item_bytes: int) -> Tuple[int, ...]:
    """Strides of contiguous memory in C order."""
    strides = []
    for length in reversed(shape):
        strides.append(item_bytes)
        item_bytes *= max(length, 1)
    return tuple(reversed(strides))


def stream_of(places) -> Optional[int]:
    """The CUDA stream that all of these arrays are ordered with; that of PyTorch where they do not say. None: with all of them."""
    streams = {place.stream for place in places if place.on_device and place.stream is not None}
    if ALL_STREAMS in streams:
        return None
    if len(streams) > 1:
        raise ValueError(f"the arrays belong to {len(streams)} CUDA streams, and a call is ordered with one: synchronise, and give "
                         "them one stream, or none")
    if streams:
        return streams.pop()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return torch.cuda.current_stream().cuda_stream
    return None


def describe(memory: Memory, path: str, offset=None) -> abi.array:
    """The tsnap_array of it."""
    if len(memory.shape) > abi.MAX_DIMS:
        raise ValueError(f"{path}: {len(memory.shape)} dimensions; tsnap stores at most {abi.MAX_DIMS}")
    out = abi.array(dtype=memory.code, ndim=len(memory.shape), item_bytes=memory.item_bytes, data=memory.address or None)
    # All zero means C order. Of an axis with one element the stride says nothing, and NumPy leaves odd ones there.
    matters = [axis for axis, length in enumerate(memory.shape) if length > 1 and 0 not in memory.shape]
    contiguous = c_strides(memory.shape, memory.item_bytes)
    if any(memory.strides_bytes[axis] != contiguous[axis] for axis in matters):
        if not any(memory.strides_bytes[axis] for axis in matters):
            raise ValueError(f"{path}: all elements are one in memory (a broadcast array); pass numpy.ascontiguousarray(array)")
        for axis in matters:
            out.strides_bytes[axis] = memory.strides_bytes[axis]
    for axis, length in enumerate(memory.shape):
        out.shape[axis] = length
    for axis, start in enumerate(offset or ()):
        out.offset[axis] = start
    return out
